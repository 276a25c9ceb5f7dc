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
from services.notifier.conclude import conclude
from services.notifier.plan import Again, Nothing, Timing, Wait, next_step
from services.notifier.ports import Alerts, Deliveries, DuePairs, Stories
from services.notifier.render import render
from services.notifier.route import refusal
from shared import metrics
from shared.errors import LeaseLost
from shared.logs import get_logger
from shared.models.story import Alert, Story
from shared.models.subscription import Delivery, DeliveryStatus, Envelope, Subscription
from shared.store.alerts import Record
from shared.store.deliveries import member, parts
from shared.store.due import Lease
from shared.store.patience import StoreUnavailable, patiently

TICK_SECONDS = 0.25
FAN_OUT_BATCH = 100
FAN_OUT_WAIT_MILLISECONDS = 1000
PER_ENDPOINT = 4
BUSY_SECONDS = 1.0
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
        await self.alerts.acknowledge([record for record in records if await self._fan_out_patiently(record)])

    async def _fan_out_patiently(self, record: Record) -> bool:
        """Whether that is done; what is not stays pending, and is taken again later."""
        try:
            await self._fan_out_alert(record.alert)
        except StoreUnavailable:
            raise
        except Exception:  # one record's trouble must not keep back the others
            log.exception("alert.not_fanned_out", record_id=record.id, story_id=record.alert.story_id)
            return False
        return True

    async def _fan_out_alert(self, alert: Alert) -> None:
        story = await self.stories.load(alert.story_id)
        if story is None:
            return
        # Only the first report is held back. Whether an update waits, and how long, is for `plan` to say.
        at = alert.at.timestamp() + (self.pacing.timing.hold if alert.revision == 1 else 0.0)
        wanted: dict[str, float] = {}
        for endpoint in self.endpoints.values():
            reason = refusal(endpoint.subscription, story)
            if reason is None:
                wanted[member(endpoint.subscription.id, story.id)] = at
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
        await asyncio.gather(*running, return_exceptions=True)

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
        if endpoint is None or not endpoint.subscription.enabled:
            await self._drop(lease, "no_such_subscription" if endpoint is None else "disabled")
        elif endpoint.slots.locked():
            # Whoever waited here would hold a lease and a place that other endpoints need.
            await self.due.commit(lease, next_at=time.time() + BUSY_SECONDS * (0.5 + random.random()))  # noqa: S311
        else:
            async with endpoint.slots:
                story = await self.stories.load(story_id)
                if story is None:
                    await self._drop(lease, "no_such_story")
                else:
                    await self._advance(lease, endpoint, story, await self.deliveries.load(subscription_id, story_id))

    async def _drop(self, lease: Lease, reason: str) -> None:
        await self.due.commit(lease, next_at=None)
        log.info("delivery.dropped", pair=lease.member, reason=reason)

    async def _advance(self, lease: Lease, endpoint: Endpoint, story: Story, delivery: Delivery) -> None:
        known = delivery.sent_revision == 0 and await self._heard_of_merged(delivery, story)
        step = next_step(delivery, story, self.pacing.timing, _now(), known=known)
        if isinstance(step, Wait):
            await self.due.commit(lease, next_at=step.until.timestamp())
        elif isinstance(step, Nothing):
            await self.due.commit(lease, next_at=None)
        else:
            envelope = (
                step.envelope
                if isinstance(step, Again)
                else render(story, delivery, step, _now(), endpoint.subscription.languages)
            )
            await self._attempt(lease, endpoint, story, delivery, envelope)

    async def _heard_of_merged(self, delivery: Delivery, story: Story) -> bool:
        """Whether the subscription was told of a story that this one has taken over."""
        for story_id in story.merged_from:
            if (await self.deliveries.load(delivery.subscription_id, story_id)).sent_revision:
                return True
        return False

    async def _attempt(
        self, lease: Lease, endpoint: Endpoint, story: Story, delivery: Delivery, envelope: Envelope
    ) -> None:
        """Freeze, send, log. Whoever has lost the lease sends nothing."""
        began = delivery.model_copy(
            update={"envelope": envelope, "status": DeliveryStatus.PENDING, "refused": False, "retry_at": None}
        )
        lease = await self.due.renew(lease, self.pacing.lease_seconds, commands=self.deliveries.save_commands(began))
        sent = await endpoint.sender.send(envelope)
        metrics.DELIVERY_ATTEMPTS.labels(subscription=endpoint.subscription.id, outcome=sent.outcome).inc()
        draw = random.random()  # noqa: S311  jitter, not a secret
        after = conclude(began, sent, story, self.pacing.timing, self.pacing.retry_scale, _now(), draw)
        next_at = after.next_at.timestamp() if after.next_at else None
        await self.due.commit(lease, next_at=next_at, commands=self.deliveries.save_commands(after.delivery))
        self._report(endpoint, envelope, sent, after.delivery, story)

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
