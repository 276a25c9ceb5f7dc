"""When a story rings. Pure: a story before and after an article come in; a ring or a silence with its reason goes out.

A story remembers every claim ever made in it, and the topic every figure that ever rang, so that neither what rang once
nor the background paragraph that repeats old figures for days rings again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations

from services.classifier.fingerprint import LEAD
from services.classifier.likeness import kin
from shared.models.story import (
    AlertType,
    Article,
    Decision,
    KnownClaim,
    Reason,
    Status,
    Story,
    figure_key,
    is_among,
    same_figure,
)
from shared.models.topic import Certainty, Reply

FRESH = timedelta(hours=48)
# Until then the picture completes: what the first reports leave out is no news.
HOLD = timedelta(hours=12)
# From then on what one article tells otherwise is taken for news, not for another way to tell the same.
FOLLOWS = timedelta(hours=36)
CORROBORATION = 3  # sources: over labelled stories two still agreed by chance, see benchmarks/story_quality.py
CORRECTION = 3.5
GROWTH = 1.5
_SMALL = 20


_REPLIES = {
    Reply.CORRECTED: Reason.CORRECTED,
    Reply.DENIED: Reason.DENIED,
    Reply.CONFIRMED: Reason.CONFIRMED,
}
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


def decide(
    before: Story | None,
    after: Story,
    entry_id: str,
    now: datetime,
    *,
    beside: Story | None = None,
    rung: Collection[str] = (),
) -> Ring | Silent:
    """`before` is None when the entry opened the story; otherwise `after` is `before` with the entry's article, which
    is new there, or has been read anew or withdrawn.

    `beside`: the story that this one is related to. `rung`: the figures (`figure_key`) that rang in other stories.
    """
    article = after.article(entry_id)
    if article is None or (before and article is before.article(entry_id)):
        return Silent(Reason.EXACT, "this entry is in the story already")
    if before and after.status is Status.RETRACTED is not before.status:
        return _retraction(before, article)
    if article.withdrawn:
        return _withdrawal(before, after, article)
    if now - article.moment > FRESH:
        return Silent(Reason.STALE, f"published {(now - article.moment).total_seconds() / 3600:.0f} h ago")
    if before is None or not before.revisions:
        return _first_ring(article, after, beside)
    return _update(before, after, article, rung, now)


def _retraction(before: Story, article: Article) -> Ring | Silent:
    detail = f"nobody stands by it any more: {article.feed_name}, {article.withdrawn}"
    return Ring(AlertType.RETRACTED, Reason.RETRACTED, detail) if before.revisions else Silent(Reason.RETRACTED, detail)


def _withdrawal(before: Story | None, after: Story, article: Article) -> Ring | Silent:
    """Of the article with which it began, or on which alone a figure stood."""
    lone = [claim for claim in after.claims if claim.value and claim.only_by(article.entry_id)]
    detail = f"{article.feed_name}, {article.withdrawn}"
    if before is None or not before.revisions or not (lone or article is after.articles[0]):
        return Silent(Reason.WITHDRAWN, detail)
    figures = ", ".join(f"{_role(claim)} {claim.value:,.0f}" for claim in lone)
    return Ring(AlertType.UPDATED, Reason.WITHDRAWN, f"{detail}; only there: {figures}" if lone else detail)


def _first_ring(article: Article, story: Story, beside: Story | None) -> Ring | Silent:
    """A fresh copy of a text that was stale when it came is an old article resurfacing. What happened beside a story
    that is told already must say something else, or be said by a second source."""
    if article.derived_from is not None:
        return Silent(Reason(article.decision.value), article.reason)
    new = Ring(AlertType.CREATED, Reason.NEW_STORY, f"first told by {story.articles[0].feed_name}")
    if beside is None or story.independent_sources > 1:
        return new
    other = next(_otherwise(story, beside), None)
    return (
        Ring(AlertType.CREATED, Reason.NEW_STORY, f"{new.detail}; {other}")
        if other
        else Silent(Reason.RELATED, article.reason)
    )


def _otherwise(story: Story, beside: Story) -> Iterator[str]:
    """What is said up front that the other story does not hold."""
    events = {event for article in beside.articles for event in (*article.events, article.event_type)}
    if story.event_type and story.event_type not in events:
        yield story.event_type
    places = {claim.region for claim in beside.claims}
    for claim in story.claims:
        if claim.position > LEAD:
            continue
        if claim.value is not None and not is_among(claim.value, (held.value for held in beside.claims)):
            yield f"{_role(claim)} {claim.value:,.0f}"
        if claim.region and claim.region not in places:
            yield claim.region
        if claim.attribution and not kin([claim.attribution], _voices(beside.claims)):
            yield claim.attribution


def _update(before: Story, after: Story, article: Article, rung: Collection[str], now: datetime) -> Ring | Silent:
    news = sorted(_news(before, after, article, rung, now), key=lambda fact: not fact.corrects)
    if not news:
        derived = article.derived_from is not None and article.decision in (Decision.EXACT, Decision.COPY)
        return Silent(Reason(article.decision.value) if derived else Reason.NOTHING_NEW, article.reason)
    detail = "; ".join(dict.fromkeys(fact.detail for fact in news))
    if now - before.first_seen_at > HOLD or any(fact.corrects for fact in news):
        return Ring(AlertType.UPDATED, news[0].reason, detail)
    return Silent(Reason.COMPLETING, detail)


def _news(before: Story, after: Story, article: Article, rung: Collection[str], now: datetime) -> Iterator[News]:
    """What the article adds, the gravest first."""
    said = [claim for claim in after.claims if not any(claim.restates(known) for known in before.claims)]
    upfront = [claim for claim in said if claim.position <= LEAD]
    figures = [fact for claim in said if (fact := _figure(claim, before.claims, article, rung))]
    yield from sorted(figures, key=lambda fact: not fact.corrects)
    yield from _verdicts(before, after)
    yield from _replies(before, article)
    yield from _corroborated(before, after, article)
    if now - before.articles[0].moment > FOLLOWS and article.derived_from is None:
        yield from _followed(upfront, before, article)


def _figure(claim: KnownClaim, known: Sequence[KnownClaim], article: Article, rung: Collection[str]) -> News | None:
    """A figure known in any role is no news, nor what known ones make together: outlets differ in what they call the
    same men, and in what they add up. But what is told as the change of a known one is news, whatever else is known."""
    value = claim.value
    if value is None:
        return None
    others = [other for other in known if not other.only_by(claim.entry_id)]  # nobody corrects himself in one article
    of_role = [other for other in others if other.role == claim.role and other.value]
    stated = article.fingerprint.figures.get(claim.role or "", ())
    cited = [other for other in of_role if claim.position <= LEAD and is_among(other.value, stated)]
    near = [other.value for other in known if other.value and (not cited or other.position <= LEAD)]
    if _is_made_of(value, near) or (figure_key(claim.role, value) in rung and not cited):
        return None
    if not of_role:
        new = News(Reason.NEW_FIGURE, f"{_role(claim)} {value:,.0f}")
        return new if claim.position == 0 else None
    # What stood further down was background, and may have counted something else, if it is not near the new one.
    told = [other for other in of_role if other.position <= LEAD + 1 or claim.position == 0 or _is_near(value, other)]
    if not told or claim.said_at < max(other.said_at for other in of_role):
        return None
    nearest = min((other.value or 0.0 for other in told), key=lambda held: abs(held - value))
    grown = any(value > (other.value or 0.0) for other in cited)
    if _is_vaguer(claim, nearest) or not (grown or _supersedes(claim, nearest)):
        return None
    return News(Reason.FIGURE_CHANGED, f"{_role(claim)} {nearest:,.0f} → {value:,.0f}", corrects=True)


def _is_near(value: float, other: KnownClaim) -> bool:
    return other.value is not None and max(value, other.value) <= GROWTH * min(value, other.value)


def _is_made_of(value: float, held: Sequence[float]) -> bool:
    """One of them, or the sum or the difference of two."""
    pairs = ((max(a, b), min(a, b)) for a, b in combinations(sorted(set(held)), 2))
    return is_among(value, held) or any(
        same_figure(value, more + less) or same_figure(value, more - less) for more, less in pairs
    )


def _role(claim: KnownClaim) -> str:
    return (claim.role or claim.kind).replace("_", " ")


def _supersedes(claim: KnownClaim, known: float) -> bool:
    """Upfront a figure that could be the same count corrected; just after the lead only a grown one.

    Further down all is background, and a figure out of proportion counts something else: guns, brigades, a part.
    """
    change = (claim.value or 0.0) / known
    if change < 1 and claim.value and claim.value < _SMALL:  # "one of the two" is no correction
        return False
    if claim.position <= LEAD:
        return 1 / CORRECTION <= change <= CORRECTION
    return claim.position == LEAD + 1 and 1 < change <= GROWTH


def _is_vaguer(claim: KnownClaim, known: float) -> bool:
    """ "Dozens" does not correct 30."""
    return claim.qualifier == "over" and (claim.value or 0.0) < known


def _verdicts(before: Story, after: Story) -> Iterator[News]:
    """A confirmation or denial by somebody who has not given it yet. Who claimed a thing does not confirm it by saying
    it again."""
    for claim in after.claims:
        of_kind = [other for other in before.claims if other.kind == claim.kind]
        if claim.certainty not in _VERDICTS or claim.position > LEAD or not of_kind:
            continue
        agreeing = [other for other in of_kind if other.certainty is claim.certainty]
        if claim.certainty is Certainty.CONFIRMED:
            agreeing += [other for other in of_kind if other.certainty is Certainty.CLAIMED]
        known = _voices(agreeing)
        new = [voice for voice in claim.voices if not kin([voice], known)]
        if new or not (claim.voices or agreeing):
            speaker = f" by {new[0]}" if new else ""
            detail = f"{claim.kind} {claim.certainty}{speaker}"
            yield News(_VERDICTS[claim.certainty], detail, corrects=claim.certainty is Certainty.DENIED)


def _replies(before: Story, article: Article) -> Iterator[News]:
    """The article as a whole denies, confirms or puts right what was said: once for each side that does."""
    if article.reply is None:
        return
    answered = {voice for other in before.articles if other.reply is article.reply for voice in other.voices}
    claimed = {voice for other in before.articles for voice in other.voices}
    known = claimed if article.reply is Reply.CONFIRMED else answered
    if any(other.reply is article.reply for other in before.articles) and not article.voices:
        return
    if set(article.voices) <= known and (article.reply is not Reply.CORRECTED or answered):
        return
    sides = ", ".join(voice for voice in article.voices if voice not in known)
    corrects = article.reply is not Reply.CONFIRMED
    yield News(_REPLIES[article.reply], f"{article.reply}{f' by {sides}' if sides else ''}", corrects=corrects)


def _voices(claims: Iterable[KnownClaim]) -> list[str]:
    return [voice for claim in claims for voice in claim.voices]


def _corroborated(before: Story, after: Story, article: Article) -> Iterator[News]:
    """What an article is about as a whole rings when enough sources see it so: one outlet's wording is no event."""
    first = before.articles[0]
    graver = article.severity.rank > first.severity.rank
    if graver and _tips(before, after, lambda other: other.severity.rank >= article.severity.rank):
        yield News(Reason.SEVERITY_RAISED, f"severity {first.severity} → {article.severity}")


def _tips(before: Story, after: Story, agrees: Callable[[Article], bool]) -> bool:
    """Not enough sources agreed before, and now they do."""
    then, now = ({article.source for article in story.articles if agrees(article)} for story in (before, after))
    return len(then) < CORROBORATION <= len(now)


def _followed(claims: Sequence[KnownClaim], before: Story, article: Article) -> Iterator[News]:
    """Days later: another event, a place beside others (the first only completes the story), somebody who had not
    spoken."""
    events = {event for held in before.articles for event in (*held.events, held.event_type)}
    events |= {held.kind for held in before.claims}
    for event in (article.event_type, *article.events):
        if event and event not in events:
            yield News(Reason.NEW_EVENT_TYPE, f"also {event}")
    places = {held.region for held in before.claims if held.region}
    for claim in claims:
        if places and claim.region and claim.region not in places:
            yield News(Reason.NEW_PLACE, f"also {claim.region}")
    spoken = {voice for held in before.articles for voice in held.voices}
    for voice in article.voices:
        if voice not in {*spoken, "outlet", "other"}:
            yield News(Reason.NEW_VOICE, f"now speaks: {voice}")
