"""One attempt: freeze, send, note.

Between freezing a message and noting how its attempt ended lies the network; a crash there sends the same bytes again.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from math import inf

from services.notifier import endpoint as machine
from services.notifier.briefing import DIGEST_BATCH, readable_stories
from services.notifier.calendar import Period, next_digest
from services.notifier.channels.base import Sent
from services.notifier.conclude import Conclusion, Tried, acknowledged, conclude
from services.notifier.latency import Way, is_measured, stages
from services.notifier.subjects import HANDSHAKE, TEST, Ready
from services.notifier.tenure import Tenure
from shared import metrics
from shared.logs import get_logger
from shared.models.endpoint import EndpointStatus
from shared.models.story import Stage
from shared.models.subscription import Delivery, DeliveryStatus, Envelope
from shared.store.due import Command

# Looked up once, for each delivery needs them all.
_LATENCY = {stage: metrics.ALERT_LATENCY_SECONDS.labels(stage=stage) for stage in Stage}
log = get_logger()


async def attempt(tenure: Tenure, ready: Ready) -> None:
    """Whoever has lost the lease sends nothing. Raises LeaseLost, StoreUnavailable."""
    envelope = ready.delivery.envelope
    assert envelope is not None
    ready = await _frozen(tenure, ready)
    at, start = tenure.clock(), time.monotonic()
    sent = await tenure.endpoint.sender.send(envelope, tenure.endpoint.secrets(at))
    tried = Tried(_as_test(ready.subject, sent), tenure.clock(), time.monotonic() - start)
    await _note(tenure, ready, envelope, tried)


async def _frozen(tenure: Tenure, ready: Ready) -> Ready:
    fresh = {"status": DeliveryStatus.PENDING, "retry_at": None}
    began = ready.delivery.model_copy(update=fresh)
    # Whoever finds it under way, after a crash, cannot know whether it arrived.
    under_way = began.model_copy(update={"doubtful": True})
    obeyed = tenure.obeyed([ready.subject, *ready.carries])
    await tenure.write([*tenure.stores.deliveries.save_commands(under_way), *obeyed])
    return replace(ready, delivery=began)


def _as_test(subject: str, sent: Sent) -> Sent:
    """A test is tried once: who asked for it is waiting for the answer."""
    once = subject.startswith(TEST) and subject != HANDSHAKE
    return replace(sent, final=True) if once and not sent.ok else sent


async def _note(tenure: Tenure, ready: Ready, envelope: Envelope, tried: Tried) -> None:
    told, outdated = await _covered(tenure, envelope, tried) if tried.sent.ok else ([], [])
    held_back = await _held_back(tenure, tried)
    # From here on nothing is waited for: other attempts may change the state meanwhile.
    before, is_test = tenure.state, ready.subject.startswith(TEST)
    tried = replace(tried, spent=machine.spends(before, tried.sent, is_test=is_test))
    draw = random.random()  # noqa: S311  jitter, not a secret
    after = machine.judged(before, tried.sent, is_test, tenure.pacing.rules, tried.at, draw)
    held = tenure.desk.held(tried.at)
    concluded = conclude(ready.delivery, tried, ready.newest, tenure.pacing.persistence, draw, held)
    commands = [
        *(command for each in (concluded.delivery, *told) for command in tenure.stores.deliveries.save_commands(each)),
        tenure.stores.endpoints.log_command(tenure.id, concluded.attempt),
        *_released(tenure, ready, concluded, outdated),
    ]
    if after.status is EndpointStatus.ACTIVE and before.status is not EndpointStatus.ACTIVE:
        commands += tenure.stores.endpoints.hasten_commands(tenure.id, held_back, tried.at.timestamp())
    await tenure.change(after, commands)
    if not tenure.is_shown:
        return
    _report(tenure.id, envelope, tried, concluded)
    if tried.sent.ok and ready.way:
        _measure(tenure, ready.delivery, ready.way, tried.at, held)


async def _covered(tenure: Tenure, digest: Envelope, tried: Tried) -> tuple[list[Delivery], list[str]]:
    """The stories that a digest has told, and those of them of which there is more to tell by now."""
    ids = list(digest.covers)
    deliveries = await tenure.stores.deliveries.load_many(tenure.id, ids)
    now = await readable_stories(tenure, ids)
    revisions = {each: story.revision if story else 0 for each, story in now.items()}
    outdated = [each for each in ids if revisions.get(each, inf) > digest.covers[each]]
    return [acknowledged(each, digest, tried.at) for each in deliveries], outdated


async def _held_back(tenure: Tenure, tried: Tried) -> list[str]:
    """What waits for its next try, and need not if the endpoint turns out to be well."""
    if tenure.state.status is EndpointStatus.ACTIVE:
        return []
    if tenure.endpoint.subscription.digest is None:
        return await tenure.stores.endpoints.later(tenure.id, tried.at.timestamp())
    # What is to go into the next digest waits for that.
    return list(await tenure.stores.endpoints.due(tenure.id, _next_digest(tenure) - 1, DIGEST_BATCH))


def _released(tenure: Tenure, ready: Ready, concluded: Conclusion, outdated: Sequence[str]) -> list[Command]:
    """The subject is no longer under way, nor are the stories of a digest.

    Those that were not told are looked at again: at once, with the next try, or else in the next digest.
    """
    at = concluded.next_at.timestamp() if concluded.next_at else None
    released = tenure.put([ready.subject], at)
    if concluded.delivery.status is not DeliveryStatus.DELIVERED:
        return [*released, *tenure.put(ready.carries, _next_digest(tenure) if at is None else at)]
    told = ready.told
    untold = [each for each in ready.carries if each not in told]
    again = [*tenure.put(untold, concluded.attempt.at.timestamp()), *tenure.put(outdated, _next_digest(tenure))]
    return [*released, *tenure.put(told, None), *again]


def _next_digest(tenure: Tenure) -> float:
    subscription, now = tenure.endpoint.subscription, tenure.clock()
    digest = subscription.digest
    return (next_digest(digest, subscription.timezone, now) if digest else now).timestamp()


def _measure(tenure: Tenure, delivery: Delivery, way: Way, at: datetime, held: Sequence[Period]) -> None:
    interval = tenure.pacing.timing.update_interval
    if is_measured(tenure.endpoint.subscription, delivery, way, at, held, interval):
        for stage, seconds in stages(way, at).items():
            _LATENCY[stage].observe(seconds)


def _report(subscription_id: str, envelope: Envelope, tried: Tried, concluded: Conclusion) -> None:
    sent, after = tried.sent, concluded.delivery
    metrics.DELIVERY_ATTEMPTS.labels(subscription=subscription_id, outcome=sent.outcome).inc()
    metrics.DELIVERY_SECONDS.labels(subscription=subscription_id).observe(tried.seconds)
    if after.status is not DeliveryStatus.PENDING:
        metrics.DELIVERIES.labels(result=after.status.value).inc()
    (log.info if sent.ok else log.warning)(
        "alert.delivered" if sent.ok else "alert.not_delivered",
        subscription=subscription_id,
        story_id=after.subject,
        revision=envelope.revision,
        type=envelope.type.value,
        outcome=sent.outcome,
        detail=sent.detail,
        webhook_id=envelope.webhook_id,
        next_at=concluded.next_at.isoformat() if concluded.next_at else None,
    )
