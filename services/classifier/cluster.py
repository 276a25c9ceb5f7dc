"""Which story an entry belongs to. Pure: the live stories come in, an assignment with its reason goes out.

The ladder, cheapest and surest first: the same item, the same text, near-duplicate wording, the same happening told in
other words. Background paragraphs are repeated by everybody, so what decides stands in the title and the lead.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from math import exp, log
from zlib import crc32

from services.classifier.text import Span, fold, is_cjk, is_word, sentence_at, sentences
from shared.models.entry import Entry
from shared.models.story import FIGURE_TOLERANCE, Article, Fingerprint, Relation, Story
from shared.models.topic import TopicMatch

WINDOW = timedelta(hours=96)
COPY_AT = 0.30
SAME_STORY_AT = 0.40

LEAD = 1
_POSITION_WEIGHTS = (1.2, 1.0, 0.5)
_BACKGROUND_WEIGHT = 0.2
_KIND_WEIGHTS = {"event": 1.0, "figure": 1.0, "voice": 1.0, "place": 0.5, "concept": 0.3}
_SHINGLE = 3
_SKETCH = 128
# A headline alone has few shingles, and headlines resemble each other by chance.
_SHORT, _SHORT_COPY_AT = 12, 0.60
# Two reports give figures of one role: how far apart they may lie and still be one happening that grows.
_SPREAD_SAME_VOICE, _SPREAD_UNKNOWN_VOICE = 3.0, 1.5
_PRIOR, _PRIOR_SHARE = 10, 0.3

Rarity = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class Assignment:
    """`story_id` is None when the entry opens a story of its own."""

    story_id: str | None
    relation: Relation
    similarity: float
    reason: str


def position(entry: Entry, offset: int) -> int:
    """Where in the entry's text an offset lies: 0 the title, 1 the lead, then the sentences after it."""
    rest = len(entry.title) + 1
    return 0 if offset < rest else 1 + sentence_at(_sentences(entry.whole[rest:]), offset - rest)


@lru_cache(maxsize=4)
def _sentences(text: str) -> tuple[Span, ...]:
    """The same text is asked about again and again, for each statement in it."""
    return sentences(text)


def fingerprint(entry: Entry, match: TopicMatch) -> Fingerprint:
    headline = [claim for claim in match.claims if position(entry, claim.start) <= LEAD]
    figures: dict[str, set[float]] = {}
    for claim in headline:
        if claim.value is not None:
            figures.setdefault(claim.role or "", set()).add(claim.value)
    told = _title_and_lead(entry)
    return Fingerprint(
        terms=_terms(entry, match),
        figures={role: tuple(sorted(values)) for role, values in figures.items()},
        voices=tuple(sorted({claim.attribution for claim in headline if claim.attribution})),
        shingles=_sketch(told.split()),
        text_hash=sha256(told.encode()).hexdigest()[:16] if told else "",
    )


def assign(entry: Entry, fingerprint: Fingerprint, candidates: Sequence[Story], now: datetime) -> Assignment:
    """The first rung of the ladder that holds. Only the last needs the happening to lie within the window."""
    return (
        _same_item(entry, candidates)
        or _same_text(fingerprint, candidates)
        or _near_copy(fingerprint, candidates)
        or _same_happening(fingerprint, min(entry.published or entry.seen_at, now), candidates)
    )


def similarity(a: Fingerprint, b: Fingerprint, rarity: Rarity = lambda _: 1.0) -> float:
    """Weighted Jaccard (Ruzicka) of the terms, 0 to 1; `rarity` multiplies the weight of a term."""
    shared = total = 0.0
    for term in a.terms.keys() | b.terms.keys():
        weights = a.terms.get(term, 0.0), b.terms.get(term, 0.0)
        shared += min(weights) * rarity(term)
        total += max(weights) * rarity(term)
    return shared / total if total else 0.0


def _title_and_lead(entry: Entry) -> str:
    """Folded to single-spaced words, so that punctuation and markup make no difference."""
    spans = sentences(entry.summary)[:LEAD]
    lead = entry.summary[: spans[-1][1]] if spans else ""
    return " ".join(_words(fold(f"{entry.title}\n{lead}").text))


def _words(folded: str) -> list[str]:
    """In scripts without spaces between words each character stands for one."""
    return "".join(f" {char} " if is_cjk(char) else char if is_word(char) else " " for char in folded).split()


def _sketch(words: Sequence[str]) -> tuple[int, ...]:
    """The smallest hashes of all 3-word shingles: a bottom-k sketch (Broder 1997), exact for texts this short."""
    shingles = (" ".join(words[at : at + _SHINGLE]) for at in range(max(1, len(words) - _SHINGLE + 1)))
    return tuple(sorted({crc32(shingle.encode()) for shingle in shingles if shingle})[:_SKETCH])


def _resemblance(a: Sequence[int], b: Sequence[int]) -> float:
    """The Jaccard similarity of the shingle sets, estimated from their sketches."""
    both = sorted(set(a) | set(b))[:_SKETCH]
    return len(set(a) & set(b) & set(both)) / len(both) if both else 0.0


def _terms(entry: Entry, match: TopicMatch) -> dict[str, float]:
    """Each term once, at its most prominent place: many mentions are no news."""
    weights: dict[str, float] = {}
    for kind, value, at in _statements(entry, match):
        place = _POSITION_WEIGHTS[at] if at < len(_POSITION_WEIGHTS) else _BACKGROUND_WEIGHT
        term = f"{kind}:{value}"
        weights[term] = max(weights.get(term, 0.0), place * _KIND_WEIGHTS[kind])
    return weights


def _statements(entry: Entry, match: TopicMatch) -> Iterator[tuple[str, str, int]]:
    if match.event_type:
        yield "event", match.event_type, LEAD
    for evidence in match.evidence:
        yield "concept", evidence.concept, position(entry, evidence.start)
    for claim in match.claims:
        at = position(entry, claim.start)
        yield "event", claim.kind, at
        if claim.value is not None:
            yield "figure", f"{claim.role}={claim.value:.2g}", at
        if claim.region:
            yield "place", claim.region, at
        if claim.attribution:
            yield "voice", claim.attribution_class or claim.attribution, at


def _same_item(entry: Entry, candidates: Iterable[Story]) -> Assignment | None:
    for story in candidates:
        for article in story.articles:
            if how := _identity(entry, article):
                return Assignment(story.id, Relation.DUPLICATE, 1.0, f"{how} as {article.feed_name}'s")
    return None


def _identity(entry: Entry, article: Article) -> str | None:
    if entry.id == article.entry_id:
        return "the same entry"
    if entry.guid and entry.guid == article.guid and _is_global(entry.guid):
        return "the same guid"
    if entry.url and article.url and _address(entry.url) == _address(article.url) != "":
        return "the same address"
    return None


def _is_global(guid: str) -> bool:
    """A bare number is unique within its feed only."""
    return guid.startswith(("http://", "https://", "urn:", "tag:"))


def _address(url: str) -> str:
    """A page without what two feeds may spell differently: scheme, www, the closing slash, the fragment, tracking.

    Empty for a site's front page, to which some feeds link all their items.
    """
    page, _, query = url.partition("#")[0].partition("?")
    host, _, path = page.partition("://")[2].rstrip("/").partition("/")
    kept = "&".join(pair for pair in query.split("&") if not pair.startswith("utm_"))
    return f"{host.lower().removeprefix('www.')}/{path}?{kept}" if path or kept else ""


def _same_text(fingerprint: Fingerprint, candidates: Iterable[Story]) -> Assignment | None:
    for story in candidates:
        for article in story.articles:
            if article.fingerprint.text_hash == fingerprint.text_hash != "":
                return Assignment(story.id, Relation.DUPLICATE, 1.0, f"the same text as {article.feed_name}'s")
    return None


def _near_copy(fingerprint: Fingerprint, candidates: Iterable[Story]) -> Assignment | None:
    nearest = Assignment(None, Relation.COPY, 0.0, "")
    enough = COPY_AT if len(fingerprint.shingles) > _SHORT else _SHORT_COPY_AT
    for story, article in _told_otherwise(fingerprint, candidates):
        resemblance = _resemblance(fingerprint.shingles, article.fingerprint.shingles)
        if resemblance >= enough and resemblance > nearest.similarity:
            reason = f"{resemblance:.0%} of the wording is {article.feed_name}'s"
            nearest = Assignment(story.id, Relation.COPY, resemblance, reason)
    return nearest if nearest.story_id else None


def _same_happening(fingerprint: Fingerprint, moment: datetime, candidates: Sequence[Story]) -> Assignment:
    rarity = _rarity(candidates)
    nearest, story_id = 0.0, None
    for story, article in _told_otherwise(fingerprint, candidates):
        alike = similarity(fingerprint, article.fingerprint, rarity) * _decay(abs(article.moment - moment))
        if alike > nearest:
            nearest, story_id = alike, story.id
    if nearest >= SAME_STORY_AT:
        return Assignment(story_id, Relation.INDEPENDENT, nearest, f"the same happening: {nearest:.2f}")
    reason = f"nearest is {story_id}: {nearest:.2f} < {SAME_STORY_AT:.2f}" if story_id else "nothing like it is live"
    return Assignment(None, Relation.FIRST, nearest, reason)


def _told_otherwise(fingerprint: Fingerprint, candidates: Iterable[Story]) -> Iterator[tuple[Story, Article]]:
    """The independent articles that could tell the same happening."""
    for story in candidates:
        for article in story.articles:
            if article.fingerprint.terms and not _contradict(fingerprint, article.fingerprint):
                yield story, article


def _contradict(a: Fingerprint, b: Fingerprint) -> bool:
    """Both have a figure of one role up front, and no two agree: 30 killed by one voice, 300 by another."""
    spread = _spread(a.voices, b.voices)
    return any(
        all(max(x, y) > spread * min(x, y) for x in a.figures[role] for y in b.figures[role])
        for role in a.figures.keys() & b.figures.keys()
    )


def _spread(voices: Sequence[str], others: Sequence[str]) -> float:
    if not voices or not others:
        return _SPREAD_UNKNOWN_VOICE
    kin = any(a.startswith(b) or b.startswith(a) for a in voices for b in others)  # Ukraine, Ukraine's General Staff
    return _SPREAD_SAME_VOICE if kin else 1 + FIGURE_TOLERANCE


def _rarity(candidates: Sequence[Story]) -> Rarity:
    """Inverse document frequency of the terms over the live stories: what all of them say tells none apart.

    Smoothed as if `_PRIOR` stories were known beforehand, for often there is only one.
    """
    holding = Counter(term for story in candidates for term in _vocabulary(story))
    stories = len(candidates) + _PRIOR
    return lambda term: log(stories / (holding[term] + _PRIOR * _PRIOR_SHARE))


def _vocabulary(story: Story) -> frozenset[str]:
    return frozenset(term for article in story.articles for term in article.fingerprint.terms)


def _decay(apart: timedelta) -> float:
    return 0.0 if apart > WINDOW else exp(-max(0.0, apart / timedelta(days=1) - 1) / 4)
