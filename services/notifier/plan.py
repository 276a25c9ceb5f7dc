"""What a subscription must be told of a story now (pure): the level-triggered decision.

Not events are delivered but levels: the story as it is now is compared with what this subscription has acknowledged.
Coalescing, superseding of stale revisions and recovery after a crash follow from that by themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notifier.calendar import Period, age
from shared.models.endpoint import Order
from shared.models.story import AlertType, Revision, Status, Story
from shared.models.subscription import Cause, Delivery, DeliveryStatus, Envelope

# These must not wait for the quiet time between updates to pass.
URGENT_TYPES = frozenset({AlertType.MERGED, AlertType.RETRACTED})
URGENT_REASONS = frozenset({"severity_raised"})


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    hold: float
    update_interval: float
    max_age: float


@dataclass(frozen=True, slots=True)
class Situation:
    """What else bears on a subscription and a story.

    `known`: it was told of a story that this one has taken over. `quiet_until`: the story must not ring before then.
    `held`: when nothing could be sent, which makes nothing older. `order`: what a person has asked for.
    """

    known: bool = False
    quiet_until: datetime | None = None
    held: tuple[Period, ...] = ()
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Tell of the story's current revision, as this type. `detail`: all that is news, in words."""

    type: AlertType
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """Send the frozen message once more, unchanged."""

    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Wait:
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Nothing:
    reason: Cause


Plan = Send | Wait | Nothing


def next_step(delivery: Delivery, story: Story, timing: Timing, now: datetime, situation: Situation) -> Plan | Again:
    """As `plan`, for a subscription that may have a message about the story under way.

    That message goes first, for it may have arrived unheard of; one that was certainly refused makes way for news.
    """
    frozen = delivery.envelope
    if frozen is None or story.merged_into:
        return plan(delivery, story, timing, now, situation)
    if delivery.retry_at and now < delivery.retry_at and situation.order is None:
        return Wait(delivery.retry_at, "retry")
    if situation.quiet_until:
        return Wait(situation.quiet_until, "quiet_hours")
    superseded = not delivery.doubtful and story.revision > frozen.revision
    return plan(delivery, story, timing, now, situation) if superseded else Again(frozen)


def plan(delivery: Delivery, story: Story, timing: Timing, now: datetime, situation: Situation = Situation()) -> Plan:
    """Decide for one pair. A subscription that never got `created` is told of any revision as `created`; as `merged` if
    it has known the story under the id of one that was merged into it."""
    news = [revision for revision in story.revisions if revision.number > delivery.sent_revision]
    if not news and situation.order is Order.REDELIVER and story.revisions:
        return _told(story.revisions[-1].type, story.revisions[-1:])
    if reason := _nothing(delivery, story, news, timing, now, situation):
        return Nothing(reason)
    if situation.quiet_until:
        return Wait(situation.quiet_until, "quiet_hours")
    if delivery.sent_revision == 0:
        return _told(AlertType.MERGED, news) if situation.known else _first(story, news, timing, now, situation)
    urgent = _at_once(situation) or any(_urgent(revision) for revision in news)
    pause = None if urgent else _after(delivery.sent_at or now, timing.update_interval, now, "update_interval")
    return pause or _told(news[-1].type, news)


def _nothing(
    delivery: Delivery, story: Story, news: Sequence[Revision], timing: Timing, now: datetime, situation: Situation
) -> Cause | None:
    """Why there is nothing to tell."""
    if story.merged_into:
        return Cause.MERGED
    if not news:
        return Cause.UP_TO_DATE
    if situation.order is not None:
        return None
    if delivery.status is DeliveryStatus.GAVE_UP and delivery.tried_revision >= story.revision:
        return Cause.GIVEN_UP
    return Cause.TOO_OLD if age(news[-1].at, now, situation.held) > timedelta(seconds=timing.max_age) else None


def _at_once(situation: Situation) -> bool:
    """Whoever asks for a story wants it now."""
    return situation.order is Order.REDELIVER


def _first(story: Story, news: Sequence[Revision], timing: Timing, now: datetime, situation: Situation) -> Plan:
    """Who never got `created` is told of any revision as `created`, but not of what nobody stands by any more."""
    if story.status is Status.RETRACTED:
        return Nothing(Cause.RETRACTED)
    hold = None if _at_once(situation) else _after(story.revisions[0].at, timing.hold, now, "hold")
    return hold or _told(AlertType.CREATED, news)


def _told(type_: AlertType, news: Sequence[Revision]) -> Send:
    """Of several revisions the last gives the reason; what each of them changed is told."""
    return Send(type_, news[-1].reason, "; ".join(dict.fromkeys(revision.detail for revision in news)))


def _urgent(revision: Revision) -> bool:
    return revision.type in URGENT_TYPES or revision.reason in URGENT_REASONS


def _after(moment: datetime, seconds: float, now: datetime, reason: str) -> Wait | None:
    until = moment + timedelta(seconds=seconds)
    return Wait(until, reason) if now < until else None
