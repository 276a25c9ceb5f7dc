"""Which story an entry belongs to. Pure: the stories that may be it come in, an assignment with its reason goes out.

The ladder, cheapest and surest first: the same item, the same text, near-duplicate wording, the same happening told in
other words.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from itertools import product

from services.classifier.fingerprint import figure_term
from services.classifier.likeness import (
    WEIGHTS,
    WINDOW,
    Corpus,
    Likeness,
    Weights,
    contradict,
    decay,
    kin,
    likeness,
    resemblance,
)
from shared.models.entry import Entry
from shared.models.story import Article, Decision, Fingerprint, Story, same_figure

COPY_AT = 0.30
# A headline alone has few shingles, and headlines resemble each other by chance.
_SHORT, _SHORT_COPY_AT = 12, 0.60
# Kinds of terms that together tell a happening: `benchmarks/assigning.py` counts how often they find its story.
_TELLING = (
    ("figure", "place"),
    ("figure", "event"),
    ("figure", "voice"),
    ("figure", "aspect"),
    ("place", "aspect"),
    ("place", "event", "voice"),
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """`story_id` is None when the entry opens a story of its own; `beside` is then the story that it is related to."""

    story_id: str | None
    decision: Decision
    similarity: float
    reason: str
    derived_from: str | None = None
    beside: str | None = None


def assign(
    entry: Entry,
    fingerprint: Fingerprint,
    candidates: Sequence[Story],
    corpus: Corpus,
    now: datetime,
    weights: Weights = WEIGHTS,
) -> Assignment:
    """The first rung of the ladder that holds. Only the last needs the happening to lie within the window."""
    moment = min(entry.published or entry.seen_at, now)
    return (
        _same_item(entry, candidates)
        or _same_text(fingerprint, candidates)
        or _near_copy(fingerprint, candidates)
        or _successor(fingerprint, moment, candidates)
        or _same_happening(fingerprint, moment, candidates, corpus, weights)
    )


def identities(entry: Entry, fingerprint: Fingerprint) -> tuple[str, ...]:
    """What makes another entry the same item or text, short enough for a key; the surest first."""
    named = [
        f"guid {entry.guid}" if entry.guid and _is_global(entry.guid) else "",
        f"address {_address(entry.url)}" if entry.url and _address(entry.url) else "",
        f"text {fingerprint.text_hash}" if fingerprint.text_hash else "",
    ]
    return tuple(sha256(name.encode()).hexdigest()[:16] for name in named if name)


def index_terms(fingerprint: Fingerprint) -> tuple[str, ...]:
    """By what a story is found that may be this article's."""
    return (*fingerprint.terms, *(f"word:{word}" for word in fingerprint.words))


def index_sets(fingerprint: Fingerprint) -> tuple[tuple[str, ...], ...]:
    """What few stories say together, of terms each of which many say."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for term in fingerprint.terms:
        by_kind[term.partition(":")[0]].append(term)
    return tuple(together for kinds in _TELLING for together in product(*(by_kind[kind] for kind in kinds)))


def _same_item(entry: Entry, candidates: Iterable[Story]) -> Assignment | None:
    for story in candidates:
        for article in story.articles:
            if how := _identity(entry, article):
                return _exact(story, article, f"{how} as {article.feed_name}'s")
    return None


def _exact(story: Story, article: Article, reason: str) -> Assignment:
    return Assignment(story.id, Decision.EXACT, 1.0, reason, derived_from=article.source)


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
                return _exact(story, article, f"the same text as {article.feed_name}'s")
    return None


def _near_copy(fingerprint: Fingerprint, candidates: Iterable[Story]) -> Assignment | None:
    nearest: tuple[float, Story, Article] | None = None
    enough = COPY_AT if len(fingerprint.shingles) > _SHORT else _SHORT_COPY_AT
    for story, article in _told_otherwise(fingerprint, candidates):
        alike = resemblance(fingerprint.shingles, article.fingerprint.shingles)
        if alike >= enough and (nearest is None or alike > nearest[0]):
            nearest = alike, story, article
    if nearest is None:
        return None
    alike, story, article = nearest
    reason = f"{alike:.0%} of the wording is {article.feed_name}'s"
    return Assignment(story.id, Decision.COPY, alike, reason, derived_from=article.source)


def _successor(fingerprint: Fingerprint, moment: datetime, candidates: Iterable[Story]) -> Assignment | None:
    """However late: "now 2,000, up from the 600 that it reported in April", said by who said the 600."""
    for story in candidates:
        first = story.articles[0]
        old = first.fingerprint
        if moment - first.moment <= WINDOW or not kin(fingerprint.voices, old.voices):
            continue
        for role in fingerprint.figures.keys() & old.figures.keys():
            cited = [value for value in old.figures[role] if _has(fingerprint.figures[role], value)]
            newer = [value for value in fingerprint.figures[role] if not _has(old.figures[role], value)]
            if cited and newer:
                reason = f"tells on: {role.replace('_', ' ')} {cited[0]:,.0f}, now {newer[0]:,.0f}"
                return Assignment(story.id, Decision.SAME_STORY, 1.0, reason)
    return None


def _has(values: Sequence[float], value: float) -> bool:
    return any(same_figure(value, other) for other in values)


def _same_happening(
    fingerprint: Fingerprint, moment: datetime, candidates: Sequence[Story], corpus: Corpus, weights: Weights
) -> Assignment:
    rarity = corpus.rarity(weights)
    background = _background(corpus.figures)
    nearest, found = Likeness(0.0), None
    for story, article in _told_otherwise(fingerprint, candidates):
        alike = likeness(fingerprint, article.fingerprint, rarity, background=background(story.id), weights=weights)
        value = alike.value * decay(abs(article.moment - moment))
        if value > nearest.value:
            nearest, found = Likeness(value, alike.why), story
    if found is None:
        return Assignment(None, Decision.NEW, 0.0, "nothing like it is told")
    if nearest.value >= weights.same_story_at:
        reason = f"the same happening, {nearest.value:.2f}: {nearest.why}"
        return Assignment(found.id, Decision.SAME_STORY, nearest.value, reason)
    if nearest.value >= weights.related_at:
        reason = f"beside {found.id}, {nearest.value:.2f} < {weights.same_story_at:.2f}: {nearest.why}"
        return Assignment(None, Decision.RELATED, nearest.value, reason, beside=found.id)
    reason = f"nearest is {found.id}, {nearest.value:.2f} < {weights.related_at:.2f}"
    return Assignment(None, Decision.NEW, nearest.value, reason)


def _background(figures: Mapping[str, str]) -> Callable[[str], frozenset[str]]:
    """The figures that other stories than this one told: there are many, and few stories to ask for."""
    told: dict[str, set[str]] = defaultdict(set)
    for figure, story_id in figures.items():
        told[_term(figure)].add(story_id)

    @cache
    def of_others(story_id: str) -> frozenset[str]:
        return frozenset(term for term, story_ids in told.items() if story_ids != {story_id})

    return of_others


def _term(figure: str) -> str:
    role, _, value = figure.rpartition("=")
    return figure_term(role, float(value))


def _told_otherwise(fingerprint: Fingerprint, candidates: Iterable[Story]) -> Iterator[tuple[Story, Article]]:
    """The articles in their own words that could tell the same happening."""
    for story in candidates:
        for article in story.articles:
            if _is_compared(article.fingerprint) and not contradict(fingerprint, article.fingerprint):
                yield story, article


def _is_compared(fingerprint: Fingerprint) -> bool:
    return bool(fingerprint.terms or fingerprint.words)
