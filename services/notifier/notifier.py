"""The notifier's shell: fan alerts out to the pairs (subscription, story), and bring each due pair up to date."""

import asyncio
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from services.notifier.channels.base import ChannelSender, Sent
from services.notifier.plan import Nothing, Timing, Wait, plan
from services.notifier.ports import Alerts, Deliveries, DuePairs, Stories
from services.notifier.render import render
from services.notifier.retry import retry_gap, too_late
from services.notifier.route import refusal
from shared import metrics
from shared.errors import LeaseLost
from shared.logs import get_logger
from shared.models.story import Story
from shared.models.subscription import Attempt, Delivery, DeliveryStatus, Envelope, Subscription
from shared.store.deliveries import member, parts
from shared.store.due import Lease
from shared.store.patience import StoreUnavailable, patiently

TICK_SECONDS = 0.25
FAN_OUT_BATCH = 100
FAN_OUT_WAIT_MILLISECONDS = 1000
ATTEMPTS_KEPT = 20
PER_ENDPOINT = 4
log = get_logger()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A subscription, the sender of its channel, and how many of its deliveries may run at once."""

    subscription: Subscription
    sender: ChannelSender
    slots: asyncio.Semaphore


@dataclass(frozen=True, slots=True)
class Pacing:
    concurrency: int
    lease_seconds: float
    retry_scale: float
    timing: Timing


@dataclass(frozen=True, slots=True)
class Notifier:
    name: str
    alerts: Alerts
    stories: Stories
    deliveries: Deliveries
    due: DuePairs
    endpoints: Mapping[str, Endpoint]
    pacing: Pacing

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`."""
        await asyncio.gather(self._fan_out(stop), self._deliver(stop))

    # Fan-out: repeated after a crash, harmlessly, for it only says "look at this pair".

    async def _fan_out(self, stop: asyncio.Event) -> None:
        await patiently(self.alerts.join, stop)
        while not stop.is_set():
            await patiently(self._fan_out_batch, stop)

    async def _fan_out_batch(self) -> None:
        records = await self.alerts.take(self.name, FAN_OUT_BATCH, FAN_OUT_WAIT_MILLISECONDS)
        for record in records:
            story = await self.stories.load(record.alert.story_id)
            if story is None:
                continue
            await self._fan_out_story(story, record.alert.at.timestamp())
        await self.alerts.acknowledge(records)

    async def _fan_out_story(self, story: Story, at: float) -> None:
        wanted: dict[str, float] = {}
        for endpoint in self.endpoints.values():
            reason = refusal(endpoint.subscription, story)
            if reason is None:
                wanted[member(endpoint.subscription.id, story.id)] = at + self.pacing.timing.hold
            else:
                log.debug("alert.not_wanted", subscription=endpoint.subscription.id, story_id=story.id, reason=reason)
        if wanted:
            await self.due.schedule(wanted)

    # Delivery

    async def _deliver(self, stop: asyncio.Event) -> None:
        running: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            free = self.pacing.concurrency - len(running)
            leases = await patiently(partial(self.due.claim, free, self.pacing.lease_seconds), stop) if free else []
            for lease in leases or []:
                task = asyncio.create_task(self._bring_patiently(lease))
                running.add(task)
                task.add_done_callback(running.discard)
            if not leases:
                await self._observe_oldest()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), TICK_SECONDS)
        if running:
            # A message on its way is worth waiting for; what does not end in time is sent again unchanged.
            await asyncio.wait(running, timeout=2)
        for task in running:
            task.cancel()

    async def _observe_oldest(self) -> None:
        with suppress(*StoreUnavailable):
            next_at = await self.due.next_at()
            metrics.DELIVERY_OLDEST_SECONDS.set(max(0.0, time.time() - next_at) if next_at else 0.0)

    async def _bring_patiently(self, lease: Lease) -> None:
        try:
            await self._bring_up_to_date(lease)
        except LeaseLost:
            log.warning("delivery.lease_lost", pair=lease.member)
        except StoreUnavailable as error:
            # The lease runs out, and the frozen message goes out again unchanged.
            log.warning("redis.unavailable", error=str(error)[:200])
        except Exception:  # the shell's last line: one pair's trouble must not end the notifier
            log.exception("delivery.failed", pair=lease.member)

    async def _bring_up_to_date(self, lease: Lease) -> None:
        subscription_id, story_id = parts(lease.member)
        endpoint = self.endpoints.get(subscription_id)
        story = await self.stories.load(story_id)
        if endpoint is None or story is None:
            await self.due.commit(lease, next_at=None)
            return
        async with endpoint.slots:
            delivery = await self.deliveries.load(subscription_id, story_id)
            await self._advance(lease, endpoint, story, delivery)

    async def _advance(self, lease: Lease, endpoint: Endpoint, story: Story, delivery: Delivery) -> None:
        now = _now()
        envelope = delivery.envelope
        if envelope is None:
            step = plan(delivery, story, self.pacing.timing, now)
            if isinstance(step, Wait):
                await self.due.commit(lease, next_at=step.until.timestamp())
                return
            if isinstance(step, Nothing):
                await self.due.commit(lease, next_at=None)
                return
            envelope = render(story, delivery, step, now)
            delivery = delivery.model_copy(update={"envelope": envelope, "status": DeliveryStatus.PENDING})
            lease = await self.due.renew(
                lease, self.pacing.lease_seconds, commands=self.deliveries.save_commands(delivery)
            )
        sent = await endpoint.sender.send(envelope)
        metrics.DELIVERY_ATTEMPTS.labels(subscription=endpoint.subscription.id, outcome=sent.outcome).inc()
        after, next_at = self._after(delivery, envelope, sent, story, _now())
        await self.due.commit(lease, next_at=next_at, commands=self.deliveries.save_commands(after))
        self._report(endpoint, envelope, sent, after, story)

    def _after(
        self, delivery: Delivery, envelope: Envelope, sent: Sent, story: Story, now: datetime
    ) -> tuple[Delivery, float | None]:
        """The pair's new state, and when to look at it again."""
        attempt = Attempt(at=now, revision=envelope.revision, outcome=sent.outcome, detail=sent.detail[:200])
        update: dict[str, object] = {"attempts": (*delivery.attempts, attempt)[-ATTEMPTS_KEPT:]}
        if sent.ok:
            update |= {
                "status": DeliveryStatus.DELIVERED,
                "sent_revision": envelope.revision,
                "sent_at": now,
                "failures": 0,
                "first_failed_at": None,
                "envelope": None,
            }
            after = delivery.model_copy(update=update)
            step = plan(after, story, self.pacing.timing, now)
            return after, step.until.timestamp() if isinstance(step, Wait) else None
        failures = delivery.failures + 1
        first_failed_at = delivery.first_failed_at or now
        # A message whose fate is known may be superseded by a newer revision; any other must stay as it is.
        kept = None if sent.known else envelope
        update |= {
            "failures": failures,
            "first_failed_at": first_failed_at,
            "envelope": kept,
        }
        gap = retry_gap(failures, sent.retry_after, self.pacing.retry_scale, random.random())  # noqa: S311  jitter
        if sent.final or gap is None or too_late(first_failed_at, now, self.pacing.timing.max_age):
            update |= {"status": DeliveryStatus.GAVE_UP, "envelope": None, "failures": 0, "first_failed_at": None}
            return delivery.model_copy(update=update), None
        return delivery.model_copy(update=update), now.timestamp() + gap

    @staticmethod
    def _report(endpoint: Endpoint, envelope: Envelope, sent: Sent, after: Delivery, story: Story) -> None:
        if after.status is not DeliveryStatus.PENDING:
            metrics.DELIVERIES.labels(result=after.status.value).inc()
        (log.info if sent.ok else log.warning)(
            "alert.delivered" if sent.ok else "alert.not_delivered",
            subscription=endpoint.subscription.id,
            story_id=story.id,
            revision=envelope.revision,
            type=envelope.type.value,
            outcome=sent.outcome,
            detail=sent.detail,
            webhook_id=envelope.webhook_id,
        )


def _now() -> datetime:
    return datetime.now(UTC)
