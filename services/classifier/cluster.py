"""Which story an entry belongs to. Pure: the stories that may be it come in, an assignment with its reason goes out.

The ladder, cheapest and surest first: the same item, the same text, near-duplicate wording, the same happening told in
other words.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
    kin,
    likeness,
    resemblance,
)
from shared.models.entry import Entry
from shared.models.story import Article, Decision, Fingerprint, Status, Story, figure_key, is_among

COPY_AT = 0.30
# A headline alone has few shingles, and headlines resemble each other by chance.
_SHORT, _SHORT_COPY_AT = 12, 0.60
# An entry must be so much more like a second story than one of its articles needs to be, for the two to be one.
_BOTH = 0.15
# And the articles that opened them at least so alike.
_MAY_BE_ONE = 0.4
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
        or _successor(fingerprint, moment, candidates, corpus)
        or _same_happening(fingerprint, moment, candidates, corpus, weights)
    )


def alone(entry: Entry, candidates: Sequence[Story]) -> Assignment:
    """For a topic whose stories gather nothing: only the same item, published once more, comes to where it was."""
    return _same_item(entry, candidates) or Assignment(None, Decision.NEW, 0.0, "its topic gathers nothing")


def twin(
    entry: Entry,
    fingerprint: Fingerprint,
    assignment: Assignment,
    candidates: Sequence[Story],
    corpus: Corpus,
    now: datetime,
    weights: Weights = WEIGHTS,
) -> Assignment | None:
    """What would surely have brought the entry into another story than the one assigned, which may be the same
    happening: then those two are one."""
    story = next((story for story in candidates if story.id == assignment.story_id), None)
    if story is None or assignment.decision not in (Decision.COPY, Decision.SAME_STORY):
        return None
    moment = min(entry.published or entry.seen_at, now)
    rarity, background = corpus.rarity(weights), others_told(corpus.figures)
    found = [
        _near_copy(fingerprint, [other]) or _same_happening(fingerprint, moment, [other], corpus, weights)
        for other in candidates
        if _may_be_one(story, other, corpus.live, rarity, background(story.id, other.id), weights)
    ]
    sure = [one for one in found if one.decision is Decision.COPY or one.similarity >= weights.same_story_at + _BOTH]
    return max(sure, key=lambda one: (one.decision is Decision.COPY, one.similarity), default=None)


def _may_be_one(
    a: Story, b: Story, live: int, rarity: Callable[[str], float], background: Collection[str], weights: Weights
) -> bool:
    """Nobody has parted them, both stand, and what opened them is related."""
    if a.id == b.id or a.id in b.apart or b.id in a.apart or Status.RETRACTED in (a.status, b.status):
        return False
    first, later = sorted((a.articles[0], b.articles[0]), key=lambda article: article.moment)
    if contradict(later.fingerprint, first.fingerprint):
        return False
    apart, printed = later.moment - first.moment, (later.fingerprint, first.fingerprint)
    alike = likeness(*printed, apart, rarity, live=live, background=background, weights=weights)
    return alike.value >= _MAY_BE_ONE


def identities(entry: Entry | Article, fingerprint: Fingerprint) -> tuple[str, ...]:
    """What makes another entry the same item or text, short enough for a key; the surest first."""
    named = [
        f"guid {entry.guid if _is_global(entry.guid) else f'{entry.feed_name} {entry.guid}'}" if entry.guid else "",
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
            if how := same_item(entry, article):
                return _exact(story, article, f"{how} as {article.feed_name}'s")
    return None


def _exact(story: Story, article: Article, reason: str) -> Assignment:
    return Assignment(story.id, Decision.EXACT, 1.0, reason, derived_from=article.source)


def same_item(entry: Entry, article: Article) -> str | None:
    """By what the two are one item; None if they are not."""
    if entry.id == article.entry_id:
        return "the same entry"
    if entry.guid and entry.guid == article.guid and (_is_global(entry.guid) or _reworded(entry, article)):
        return "the same guid"
    if entry.url and article.url and _address(entry.url) == _address(article.url) != "":
        return "the same address"
    return None


def _reworded(entry: Entry, article: Article) -> bool:
    return entry.change > 0 and entry.feed_name == article.feed_name


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


def _successor(
    fingerprint: Fingerprint, moment: datetime, candidates: Iterable[Story], corpus: Corpus
) -> Assignment | None:
    """It cites what a story counted, and counts otherwise: "62 coffins, not 48"; or, however late, if the same voice
    says it: "now 2,000, up from the 600 that it reported in April"."""
    for story in candidates:
        first = story.articles[0]
        if moment - first.moment > WINDOW and not kin(fingerprint.voices, first.fingerprint.voices):
            continue
        for role, told in first.fingerprint.figures.items():
            now = fingerprint.figures.get(role, ())
            cited = [value for value in told if is_among(value, now) and _is_its_own(role, value, story, corpus)]
            if moment - first.moment <= WINDOW:
                cited = [value for value in cited if _is_exact(value)]
            newer = [value for value in now if not is_among(value, told)]
            if cited and newer:
                reason = f"tells on: {role.replace('_', ' ')} {cited[0]:,.0f}, now {newer[0]:,.0f}"
                return Assignment(story.id, Decision.SAME_STORY, 1.0, reason)
    return None


def _is_exact(value: float) -> bool:
    """A count that hardly two happenings share: 48, but not 50 or "hundreds"."""
    return value > 20 and value % 10 != 0


def _is_its_own(role: str, value: float, story: Story, corpus: Corpus) -> bool:
    """No figure that another story told before."""
    return corpus.figures.get(figure_key(role, value), story.id) == story.id


def _same_happening(
    fingerprint: Fingerprint, moment: datetime, candidates: Sequence[Story], corpus: Corpus, weights: Weights
) -> Assignment:
    rarity = corpus.rarity(weights)
    background = others_told(corpus.figures)
    nearest, found = Likeness(0.0), None
    for story in candidates:
        alike = _to_story(fingerprint, moment, story, corpus, rarity, background(story.id), weights)
        if alike.value > nearest.value:
            nearest, found = alike, story
    enough = weights.reply_at if fingerprint.replies else weights.same_story_at
    if found is None:
        return Assignment(None, Decision.NEW, 0.0, "nothing like it is told")
    if nearest.value >= enough:
        reason = f"the same happening, {nearest.value:.2f}: {nearest.why}"
        return Assignment(found.id, Decision.SAME_STORY, nearest.value, reason)
    if nearest.value >= weights.related_at:
        reason = f"beside {found.id}, {nearest.value:.2f} < {enough:.2f}: {nearest.why}"
        return Assignment(None, Decision.RELATED, nearest.value, reason, beside=found.id)
    reason = f"nearest is {found.id}, {nearest.value:.2f} < {weights.related_at:.2f}"
    return Assignment(None, Decision.NEW, nearest.value, reason)


def _to_story(
    fingerprint: Fingerprint,
    moment: datetime,
    story: Story,
    corpus: Corpus,
    rarity: Callable[[str], float],
    background: Collection[str],
    weights: Weights,
) -> Likeness:
    """To the story as a whole as much as to its nearest article, lest it grow from one to the next into another; but a
    reply answers one article, not those that answered before."""
    found = [
        likeness(
            fingerprint,
            article.fingerprint,
            abs(article.moment - moment),
            rarity,
            live=corpus.live,
            background=background,
            weights=weights,
        )
        for article in story.articles
        if _is_compared(article.fingerprint)
    ]
    if not found:
        return Likeness(0.0)
    nearest = max(found, key=lambda alike: alike.value)
    mean = sum(alike.value for alike in found) / len(found)
    return nearest if fingerprint.replies else Likeness((nearest.value + mean) / 2, nearest.why)


def others_told(figures: Mapping[str, str]) -> Callable[..., frozenset[str]]:
    """Of figures (`figure_key` → the story that told it first) the terms that others than some stories told: there are
    many, and few stories to ask for."""
    told: dict[str, set[str]] = defaultdict(set)
    for figure, story_id in figures.items():
        role, _, value = figure.rpartition("=")
        told[figure_term(role, float(value))].add(story_id)

    @cache
    def of_others(*stories: str) -> frozenset[str]:
        return frozenset(term for term, story_ids in told.items() if not story_ids <= {*stories})

    return of_others


def _told_otherwise(fingerprint: Fingerprint, candidates: Iterable[Story]) -> Iterator[tuple[Story, Article]]:
    """The articles in their own words that could tell the same happening."""
    for story in candidates:
        for article in story.articles:
            if _is_compared(article.fingerprint) and not contradict(fingerprint, article.fingerprint):
                yield story, article


def _is_compared(fingerprint: Fingerprint) -> bool:
    return bool(fingerprint.terms or fingerprint.words)
