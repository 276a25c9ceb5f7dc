"""When a story rings. Pure: a story before and after an article come in; a ring or a silence with its reason goes out.

A story remembers every claim ever made in it, so that whatever rang once, and the background paragraph that repeats
old figures for days, never rings again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.models.story import AlertType, Article, KnownClaim, Relation, Story, same_figure
from shared.models.topic import Certainty

FRESH = timedelta(hours=48)
HOLD = timedelta(minutes=10)
LEAD = 1
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
    """`before` is None when the article opened the story; otherwise `after` is `before` and one article more."""
    if before is not None and len(before.articles) == len(after.articles):
        return Silent(Reason.DUPLICATE, "this entry is in the story already")
    article = after.articles[-1]
    if now - article.moment > FRESH:
        return Silent(Reason.STALE, f"published {(now - article.moment).total_seconds() / 3600:.0f} h ago")
    if before is None or not before.revisions:
        return _first_ring(article, after)
    return _update(before, after, article, now)


def _first_ring(article: Article, story: Story) -> Ring | Silent:
    """A fresh copy of a text that was stale when it came is an old article resurfacing."""
    if article.relation in (Relation.DUPLICATE, Relation.COPY):
        return Silent(Reason(article.relation.value), article.reason)
    return Ring(AlertType.CREATED, Reason.NEW_STORY, f"first told by {story.articles[0].feed_name}")


def _update(before: Story, after: Story, article: Article, now: datetime) -> Ring | Silent:
    news = list(_news(before, after))
    if not news:
        known = article.relation in (Relation.DUPLICATE, Relation.COPY)
        return Silent(Reason(article.relation.value) if known else Reason.NOTHING_NEW, article.reason)
    detail = "; ".join(dict.fromkeys(fact.detail for fact in news))
    if now - before.first_seen_at > HOLD or any(fact.corrects for fact in news):
        return Ring(AlertType.UPDATED, news[0].reason, detail)
    return Silent(Reason.COMPLETING, detail)


def _news(before: Story, after: Story) -> Iterator[News]:
    """What the article adds, the gravest first."""
    said = [claim for claim in after.claims if not any(claim.restates(known) for known in before.claims)]
    upfront = [claim for claim in said if claim.position <= LEAD]
    figures = [fact for claim in said if (fact := _figure(claim, before.claims))]
    yield from sorted(figures, key=lambda fact: not fact.corrects)
    yield from _certainties(upfront, before.claims)
    yield from _others(upfront, before)
    if after.severity.rank > before.severity.rank:
        yield News(Reason.SEVERITY_RAISED, f"severity {before.severity} → {after.severity}")


def _figure(claim: KnownClaim, known: Iterable[KnownClaim]) -> News | None:
    """A figure known in any role is no news: outlets differ in what they call the same men."""
    value = claim.value
    if value is None or any(same_figure(value, other.value) for other in known):
        return None
    of_role = [(other.value, other.said_at) for other in known if other.role == claim.role and other.value]
    name = (claim.role or claim.kind).replace("_", " ")
    if not of_role:
        new = News(Reason.NEW_FIGURE, f"{name} {value:,.0f}")
        return new if claim.position <= LEAD else None
    nearest = min((held for held, _ in of_role), key=lambda held: abs(held - value))
    if claim.said_at < max(said_at for _, said_at in of_role) or not _supersedes(claim, nearest):
        return None
    return News(Reason.FIGURE_CHANGED, f"{name} {nearest:,.0f} → {value:,.0f}", corrects=True)


def _supersedes(claim: KnownClaim, known: float) -> bool:
    """Upfront any other figure is news; just after the lead only a grown one; further down all is background."""
    grown = claim.value is not None and known < claim.value <= GROWTH * known
    return claim.position <= LEAD or (claim.position == LEAD + 1 and grown)


def _certainties(claims: Iterable[KnownClaim], known: Sequence[KnownClaim]) -> Iterator[News]:
    for claim in claims:
        held = {other.certainty for other in known if other.kind == claim.kind}
        if held and claim.certainty in _VERDICTS and claim.certainty not in held:
            speaker = f" by {claim.attribution}" if claim.attribution else ""
            detail = f"{claim.kind} {claim.certainty}{speaker}"
            yield News(_VERDICTS[claim.certainty], detail, corrects=claim.certainty is Certainty.DENIED)


def _others(claims: Iterable[KnownClaim], before: Story) -> Iterator[News]:
    kinds = {claim.kind for claim in before.claims} | {before.event_type}
    places = {claim.place for claim in before.claims}
    for claim in claims:
        if claim.kind not in kinds:
            yield News(Reason.NEW_EVENT_TYPE, f"also {claim.kind}")
        if claim.place and claim.place not in places:
            yield News(Reason.NEW_PLACE, f"also {claim.place}")
