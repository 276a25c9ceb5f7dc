"""When a story rings. Pure: a story before and after an article come in; a ring or a silence with its reason goes out.

A story remembers every claim ever made in it, so that whatever rang once, and the background paragraph that repeats
old figures for days, never rings again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import zip_longest

from shared.models.story import AlertType, Article, KnownClaim, Relation, Story, same_figure
from shared.models.topic import Certainty

FRESH = timedelta(hours=48)
HOLD = timedelta(minutes=10)
LEAD = 1
CORROBORATION = 3  # sources: over labelled stories two still agreed by chance, see benchmarks/story_quality.py
CORRECTION = 3.0
GROWTH = 1.5


class Reason(StrEnum):
    """Why a story rang, or did not: the label under which the decision is counted."""

    NEW_STORY = "new_story"
    FIGURE_CHANGED = "figure_changed"
    DENIED = "denied"
    CONFIRMED = "confirmed"
    NEW_FIGURE = "new_figure"
    NEW_EVENT_TYPE = "new_event_type"
    NEW_PLACE = "new_place"
    SEVERITY_RAISED = "severity_raised"
    STALE = "stale"
    COMPLETING = "completing"
    DUPLICATE = "duplicate"
    COPY = "copy"
    NOTHING_NEW = "nothing_new"


_VERDICTS = {Certainty.DENIED: Reason.DENIED, Certainty.CONFIRMED: Reason.CONFIRMED}


@dataclass(frozen=True, slots=True)
class Ring:
    type: AlertType
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Silent:
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """A fact that the story did not hold before; `corrects` when it contradicts one that it held."""

    reason: Reason
    detail: str
    corrects: bool = False


def decide(before: Story | None, after: Story, now: datetime) -> Ring | Silent:
    """`before` is None when the article opened the story; otherwise `after` is `before` and one article more, or one
    that has been read anew."""
    article = _told(before, after)
    if article is None:
        return Silent(Reason.DUPLICATE, "this entry is in the story already")
    if now - article.moment > FRESH:
        return Silent(Reason.STALE, f"published {(now - article.moment).total_seconds() / 3600:.0f} h ago")
    if before is None or not before.revisions:
        return _first_ring(article, after)
    return _update(before, after, article, now)


def _told(before: Story | None, after: Story) -> Article | None:
    """The article that was put there, even if it reads as before: what it states may be new all the same."""
    held = before.articles if before else ()
    return next((new for old, new in zip_longest(held, after.articles) if new is not old), None)


def _first_ring(article: Article, story: Story) -> Ring | Silent:
    """A fresh copy of a text that was stale when it came is an old article resurfacing."""
    if article.relation in (Relation.DUPLICATE, Relation.COPY):
        return Silent(Reason(article.relation.value), article.reason)
    return Ring(AlertType.CREATED, Reason.NEW_STORY, f"first told by {story.articles[0].feed_name}")


def _update(before: Story, after: Story, article: Article, now: datetime) -> Ring | Silent:
    news = list(_news(before, after, article))
    if not news:
        known = article.relation in (Relation.DUPLICATE, Relation.COPY)
        return Silent(Reason(article.relation.value) if known else Reason.NOTHING_NEW, article.reason)
    detail = "; ".join(dict.fromkeys(fact.detail for fact in news))
    if now - before.first_seen_at > HOLD or any(fact.corrects for fact in news):
        return Ring(AlertType.UPDATED, news[0].reason, detail)
    return Silent(Reason.COMPLETING, detail)


def _news(before: Story, after: Story, article: Article) -> Iterator[News]:
    """What the article adds, the gravest first."""
    said = [claim for claim in after.claims if not any(claim.restates(known) for known in before.claims)]
    upfront = [claim for claim in said if claim.position <= LEAD]
    figures = [fact for claim in said if (fact := _figure(claim, before.claims))]
    yield from sorted(figures, key=lambda fact: not fact.corrects)
    yield from _certainties(upfront, before.claims)
    yield from _corroborated(before, after, article)
    yield from _places(upfront, before.claims)


def _figure(claim: KnownClaim, known: Iterable[KnownClaim]) -> News | None:
    """A figure known in any role is no news: outlets differ in what they call the same men."""
    value = claim.value
    if value is None or any(same_figure(value, other.value) for other in known):
        return None
    others = [other for other in known if not other.only_by(claim.entry_id)]  # nobody corrects himself in one article
    of_role = [(other.value, other.said_at) for other in others if other.role == claim.role and other.value]
    name = (claim.role or claim.kind).replace("_", " ")
    if not of_role:
        new = News(Reason.NEW_FIGURE, f"{name} {value:,.0f}")
        return new if claim.position <= LEAD else None
    nearest = min((held for held, _ in of_role), key=lambda held: abs(held - value))
    if claim.said_at < max(said_at for _, said_at in of_role) or not _supersedes(claim, nearest):
        return None
    return News(Reason.FIGURE_CHANGED, f"{name} {nearest:,.0f} → {value:,.0f}", corrects=True)


def _supersedes(claim: KnownClaim, known: float) -> bool:
    """Upfront a figure that could be the same count corrected; just after the lead only a grown one.

    Further down all is background, and a figure out of proportion counts something else: guns, brigades, a part.
    """
    change = (claim.value or 0.0) / known
    if claim.qualifier == "over" and change < 1:  # "dozens" does not correct 30
        return False
    if claim.position <= LEAD:
        return 1 / CORRECTION <= change <= CORRECTION
    return claim.position == LEAD + 1 and 1 < change <= GROWTH


def _certainties(claims: Iterable[KnownClaim], known: Sequence[KnownClaim]) -> Iterator[News]:
    for claim in claims:
        of_kind = [other for other in known if other.kind == claim.kind and not other.only_by(claim.entry_id)]
        held = {other.certainty for other in of_kind}
        if held and claim.certainty in _VERDICTS and claim.certainty not in held:
            speaker = f" by {claim.attribution}" if claim.attribution else ""
            detail = f"{claim.kind} {claim.certainty}{speaker}"
            yield News(_VERDICTS[claim.certainty], detail, corrects=claim.certainty is Certainty.DENIED)


def _corroborated(before: Story, after: Story, article: Article) -> Iterator[News]:
    """What an article is about as a whole rings when enough sources see it so: one outlet's wording is no event."""
    first = before.articles[0]
    graver = article.severity.rank > first.severity.rank
    if graver and _tips(before, after, lambda other: other.severity.rank >= article.severity.rank):
        yield News(Reason.SEVERITY_RAISED, f"severity {first.severity} → {article.severity}")
    other_event = article.event_type and article.event_type != before.event_type
    if other_event and _tips(before, after, lambda other: other.event_type == article.event_type):
        yield News(Reason.NEW_EVENT_TYPE, f"also {article.event_type}")


def _tips(before: Story, after: Story, agrees: Callable[[Article], bool]) -> bool:
    """Not enough sources agreed before, and now they do."""
    then, now = ({article.source for article in story.articles if agrees(article)} for story in (before, after))
    return len(then) < CORROBORATION <= len(now)


def _places(claims: Iterable[KnownClaim], known: Iterable[KnownClaim]) -> Iterator[News]:
    """A place beside others; the first place of a story only completes it."""
    places = {claim.region for claim in known if claim.region}
    for claim in claims:
        if places and claim.region and claim.region not in places:
            yield News(Reason.NEW_PLACE, f"also {claim.region}")
