"""What a subscription must be told of a story now (pure): the level-triggered decision.

Not events are delivered but levels: the story as it is now is compared with what this subscription has acknowledged.
Coalescing, superseding of stale revisions and recovery after a crash follow from that by themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.models.story import AlertType, Revision, Status, Story
from shared.models.subscription import Delivery, DeliveryStatus, Envelope

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
class Send:
    """Tell of the story's current revision, as this type."""

    type: AlertType
    reason: str


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
    reason: str


Plan = Send | Wait | Nothing


def plan(delivery: Delivery, story: Story, timing: Timing, now: datetime, *, known: bool = False) -> Plan:
    """Decide for one pair. A subscription that never got `created` is told of any revision as `created`; as
    `merged` if it has `known` the story under the id of one that was merged into it."""
    news = [revision for revision in story.revisions if revision.number > delivery.sent_revision]
    if reason := _nothing(delivery, story, news, timing, now):
        return Nothing(reason)
    if delivery.sent_revision == 0 and known:
        return Send(AlertType.MERGED, news[-1].reason)
    if delivery.sent_revision == 0:
        return _first(story, timing, now)
    if not any(_urgent(revision) for revision in news):
        quiet = _after(delivery.sent_at or now, timing.update_interval, now, "update_interval")
        if quiet:
            return quiet
    return Send(news[-1].type, news[-1].reason)


def _nothing(delivery: Delivery, story: Story, news: Sequence[Revision], timing: Timing, now: datetime) -> str | None:
    """Why there is nothing to tell."""
    if story.merged_into:
        return "merged"
    if not news:
        return "up_to_date"
    tried = delivery.attempts[-1].revision if delivery.attempts else 0
    if delivery.status is DeliveryStatus.GAVE_UP and tried >= story.revision:
        return "given_up"
    return "too_old" if now - news[-1].at > timedelta(seconds=timing.max_age) else None


def next_step(delivery: Delivery, story: Story, timing: Timing, now: datetime, *, known: bool = False) -> Plan | Again:
    """As `plan`, for a pair that may have a message under way.

    That message goes first, for it may have arrived unheard of; one that was certainly refused makes way for news.
    """
    frozen = delivery.envelope
    if frozen is None or story.merged_into:
        return plan(delivery, story, timing, now, known=known)
    if delivery.retry_at and now < delivery.retry_at:
        return Wait(delivery.retry_at, "retry")
    superseded = delivery.refused and story.revision > frozen.revision
    return plan(delivery, story, timing, now, known=known) if superseded else Again(frozen)


def _first(story: Story, timing: Timing, now: datetime) -> Plan:
    """Who never got `created` is told of any revision as `created`, but not of what nobody stands by any more."""
    if story.status is Status.RETRACTED:
        return Nothing("retracted")
    hold = _after(story.revisions[0].at, timing.hold, now, "hold")
    return hold or Send(AlertType.CREATED, story.revisions[-1].reason)


def _urgent(revision: Revision) -> bool:
    return revision.type in URGENT_TYPES or revision.reason in URGENT_REASONS


def _after(moment: datetime, seconds: float, now: datetime, reason: str) -> Wait | None:
    until = moment + timedelta(seconds=seconds)
    return Wait(until, reason) if now < until else None
