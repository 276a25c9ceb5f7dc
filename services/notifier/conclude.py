"""What follows from one attempt (pure): the pair's new state, and when to look at it again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notifier.channels.base import Sent
from services.notifier.plan import Send, Timing, Wait, plan
from services.notifier.retry import retry_gap, too_late
from shared.models.story import Story
from shared.models.subscription import Attempt, Delivery, DeliveryStatus, Envelope

ATTEMPTS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Conclusion:
    """`next_at` is None when there is nothing more to do before the story's next revision."""

    delivery: Delivery
    next_at: datetime | None


def conclude(
    delivery: Delivery, sent: Sent, story: Story, timing: Timing, scale: float, now: datetime, draw: float
) -> Conclusion:
    """Judge the attempt on `delivery.envelope`.

    Args:
        delivery: as it was when the attempt began, with its envelope.
        story: as it was then; what came since is announced by an alert of its own.
        scale: multiplies the gaps between attempts.
        draw: a uniform random number in [0, 1).
    """
    if delivery.envelope is None:
        raise ValueError("nothing was attempted")
    noted = _noted(delivery, delivery.envelope, sent, now)
    if sent.ok:
        return _arrived(noted, delivery.envelope, story, timing, now)
    failures, since = delivery.failures + 1, delivery.first_failed_at or now
    gap = retry_gap(failures, sent.retry_after, scale, draw)
    if sent.final or gap is None or too_late(since, now, timing.max_age):
        newer = story.revision > delivery.envelope.revision and not sent.final
        return Conclusion(_settled(noted, DeliveryStatus.GAVE_UP), now if newer else None)
    retry_at = now + timedelta(seconds=gap)
    update = {"failures": failures, "first_failed_at": since, "refused": sent.known, "retry_at": retry_at}
    return Conclusion(noted.model_copy(update=update), retry_at)


def _noted(delivery: Delivery, envelope: Envelope, sent: Sent, now: datetime) -> Delivery:
    attempt = Attempt(at=now, revision=envelope.revision, outcome=sent.outcome, detail=sent.detail[:200])
    return delivery.model_copy(update={"attempts": (*delivery.attempts, attempt)[-ATTEMPTS_KEPT:]})


def _arrived(delivery: Delivery, envelope: Envelope, story: Story, timing: Timing, now: datetime) -> Conclusion:
    after = _settled(delivery, DeliveryStatus.DELIVERED).model_copy(
        update={"sent_revision": envelope.revision, "sent_at": now}
    )
    step = plan(after, story, timing, now)
    if isinstance(step, Wait):
        return Conclusion(after, step.until)
    return Conclusion(after, now if isinstance(step, Send) else None)


def _settled(delivery: Delivery, status: DeliveryStatus) -> Delivery:
    """Nothing is under way any more."""
    clean = {"failures": 0, "first_failed_at": None, "envelope": None, "refused": False, "retry_at": None}
    return delivery.model_copy(update={"status": status} | clean)
