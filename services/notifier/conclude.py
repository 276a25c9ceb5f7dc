"""What follows from one attempt (pure): the subject's new state, and when to look at it again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notifier.calendar import Period
from services.notifier.channels.base import Sent
from services.notifier.retry import HALFWAY, retry_gap, too_late
from shared.models.subscription import Attempt, Delivery, DeliveryStatus, Envelope

ATTEMPTS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt that has ended. `seconds`: how long it took; `spent`: whether it counts among the message's tries."""

    sent: Sent
    at: datetime
    seconds: float
    spent: bool = True


@dataclass(frozen=True, slots=True)
class Persistence:
    """How long it is tried. `scale` multiplies the gaps between attempts; `max_age` is in seconds."""

    scale: float
    max_age: float


@dataclass(frozen=True, slots=True)
class Conclusion:
    """`next_at` is None when there is nothing more to do before there is more to tell."""

    delivery: Delivery
    attempt: Attempt
    next_at: datetime | None


def conclude(
    delivery: Delivery,
    tried: Tried,
    newest: int,
    persistence: Persistence,
    draw: float,
    held: tuple[Period, ...] = (),
) -> Conclusion:
    """Judge the attempt on `delivery.envelope`.

    Args:
        delivery: as it was when the attempt began, with its envelope.
        newest: the revision that the subject had then; what came since is announced by itself.
        draw: a uniform random number in [0, 1).
        held: when nothing could be sent, which makes nothing older.
    """
    if delivery.envelope is None:
        raise ValueError("nothing was attempted")
    after, next_at = _after(delivery, delivery.envelope, tried, newest, persistence, draw, held)
    attempt = Attempt(
        at=tried.at,
        subject=delivery.subject,
        webhook_id=delivery.envelope.webhook_id,
        revision=delivery.envelope.revision,
        type=delivery.envelope.type,
        outcome=tried.sent.outcome,
        detail=tried.sent.detail[:200],
        seconds=round(tried.seconds, 3),
        next_at=next_at,
    )
    kept = (*delivery.attempts, attempt)[-ATTEMPTS_KEPT:]
    return Conclusion(after.model_copy(update={"attempts": kept}), attempt, next_at)


def acknowledged(delivery: Delivery, digest: Envelope, now: datetime) -> Delivery:
    """Of one of the stories that a digest has told."""
    return _arrived(delivery, digest, digest.covers[delivery.subject], now)


def anew(delivery: Delivery, released_at: datetime | None) -> Delivery:
    """Without what failed before the endpoint came back from being closed: that was the endpoint's fault, and not the
    message's. But when it has closed the endpoint by itself, because nobody can read it, it must not do so again."""
    last = delivery.attempts[-1].at if delivery.attempts else None
    if delivery.envelope is None or last is None or released_at is None or last > released_at:
        return delivery
    failures = min(delivery.failures, HALFWAY)
    return delivery.model_copy(update={"failures": failures, "first_failed_at": None, "retry_at": None})


def _after(
    delivery: Delivery,
    envelope: Envelope,
    tried: Tried,
    newest: int,
    persistence: Persistence,
    draw: float,
    held: tuple[Period, ...],
) -> tuple[Delivery, datetime | None]:
    sent, now = tried.sent, tried.at
    if sent.ok:
        return _arrived(delivery, envelope, envelope.revision, now), now if newest > envelope.revision else None
    if sent.too_large and not envelope.thin:
        return delivery.model_copy(update={"envelope": None, "thin": True, "doubtful": False}), now
    doubtful = delivery.doubtful or not sent.known
    if not tried.spent:
        return delivery.model_copy(update={"doubtful": doubtful}), now
    failures, since = delivery.failures + 1, delivery.first_failed_at or now
    gap = retry_gap(failures, persistence.scale, draw)
    if sent.final or sent.too_large or gap is None or too_late(since, now, persistence.max_age, held):
        news = now if newest > envelope.revision and not sent.final else None
        return _settled(delivery, DeliveryStatus.GAVE_UP), news
    retry_at = now + timedelta(seconds=gap)
    update = {"failures": failures, "first_failed_at": since, "doubtful": doubtful, "retry_at": retry_at}
    return delivery.model_copy(update=update), retry_at


def _arrived(delivery: Delivery, envelope: Envelope, revision: int, now: datetime) -> Delivery:
    told = {
        "sent_revision": max(revision, delivery.sent_revision),
        "sent_at": now,
        "sent_articles": envelope.articles.get(delivery.subject, 0),
    }
    return _settled(delivery, DeliveryStatus.DELIVERED).model_copy(update=told)


def _settled(delivery: Delivery, status: DeliveryStatus) -> Delivery:
    """Nothing is under way any more."""
    clean = {
        "failures": 0,
        "first_failed_at": None,
        "envelope": None,
        "doubtful": False,
        "retry_at": None,
        "thin": False,
    }
    return delivery.model_copy(update={"status": status} | clean)
