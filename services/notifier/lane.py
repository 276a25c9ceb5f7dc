"""A lane: one endpoint, claimed by this notifier, is brought up to date with all that waits for it.

Between freezing a message and noting how its attempt ended lies the network; a crash there sends the same bytes again.
All writes are fenced by the endpoint's lease and done in order, so its state has a single writer.
"""

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.notifier import endpoint as machine
from services.notifier.book import Endpoint
from services.notifier.calendar import next_digest
from services.notifier.channels.base import Sent
from services.notifier.conclude import Conclusion, Persistence, Tried, conclude
from services.notifier.endpoint import Gate, Rules
from services.notifier.plan import Timing
from services.notifier.ports import Clock, Deliveries, DueEndpoints, Endpoints, Stories
from services.notifier.subjects import DIGEST, ENDPOINT, HANDSHAKE, TEST, Desk, Later, Prepared, Ready
from shared import metrics
from shared.logs import get_logger
from shared.models.endpoint import EndpointNotice, EndpointState, EndpointStatus, Order
from shared.models.story import Story
from shared.models.subscription import DeliveryStatus, Envelope
from shared.store.alerts import notice_command
from shared.store.due import Command, Lease
from shared.store.endpoints import ITSELF

DIGEST_BATCH = 500
TESTS_LOOKED_FOR = 10_000
STOPPING_SECONDS = 2.0
log = get_logger()


@dataclass(frozen=True, slots=True)
class Pacing:
    """`tick_seconds`: how often a lane that is at work looks for more."""

    concurrency: int
    lease_seconds: float
    timing: Timing
    persistence: Persistence
    rules: Rules
    base_url: str | None = None
    tick_seconds: float = 0.25


@dataclass(frozen=True, slots=True)
class Stores:
    stories: Stories
    deliveries: Deliveries
    endpoints: Endpoints
    due: DueEndpoints


@dataclass(slots=True)
class Lane:
    stores: Stores
    pacing: Pacing
    clock: Clock
    endpoint: Endpoint
    lease: Lease
    state: EndpointState = field(default_factory=EndpointState)
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _orders: dict[str, Order] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.endpoint.subscription.id

    async def run(self, stop: asyncio.Event) -> None:
        """Until nothing is due any more, or the endpoint is to be left alone. Raises LeaseLost, StoreUnavailable."""
        try:
            await self._open()
            while not stop.is_set():
                await self._begin_due()
                if not self._running:
                    break
                await self._until_something_ends(stop)
            await self._wait_for_running()
            await self._close()
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _open(self) -> None:
        self.state = await self.stores.endpoints.load(self.id)
        if await self.stores.endpoints.has_strays(self.id):
            await self._write(self.stores.endpoints.take_back_commands(self.id))
        await self._heed()

    async def _heed(self) -> bool:
        """What people have asked for is known from here on; whether they have enabled or disabled the endpoint."""
        self._orders = await self.stores.endpoints.orders(self.id)
        order = self._orders.get(ITSELF)
        if order is None:
            return False
        now = self.clock()
        by_hand = machine.disabled(self.state, "by_hand", now)
        state = by_hand if order is Order.DISABLE else machine.enabled(self.state, now)
        await self._change(state, self._obeyed(ITSELF))
        return True

    async def _close(self) -> None:
        gate = self._gate()
        at = await self.stores.endpoints.next_at(self.id)
        if at is not None:
            at = max(at, self.clock().timestamp() + self._must_pause())
        if gate.slots == 0:
            at = self._opens(gate, at)
        _observe(self.id, self.state)
        await self.stores.due.commit(self.lease, next_at=at)

    def _opens(self, gate: Gate, at: float | None) -> float | None:
        """A disabled endpoint is probed even if nothing waits for it."""
        opens = gate.until.timestamp() if gate.until else None
        if opens is None or self.state.status is EndpointStatus.DISABLED:
            return opens
        return None if at is None else max(at, opens)

    async def _until_something_ends(self, stop: asyncio.Event) -> None:
        await asyncio.wait(
            self._running.values(), timeout=self.pacing.tick_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        self._reap()
        if self.lease.expires_at - self.clock().timestamp() < self.pacing.lease_seconds / 2:
            await self._write([])

    def _reap(self) -> None:
        """Raises what a delivery has raised."""
        for subject, task in list(self._running.items()):
            if task.done():
                del self._running[subject]
                task.result()

    async def _wait_for_running(self) -> None:
        """A message on its way is worth waiting for; what does not end in time is sent again unchanged."""
        if self._running:
            await asyncio.wait(self._running.values(), timeout=STOPPING_SECONDS)
            self._reap()

    # What is due.

    async def _begin_due(self) -> None:
        """As much as there is room for."""
        while self._has_room(gate := self._gate()) and not self._must_pause():
            subjects = await self._take(gate, gate.slots - len(self._running))
            if not subjects:
                return
            now = self.clock()
            if await self._heed():
                await self._write(self._put(subjects, now.timestamp()))
                continue
            for subject, prepared in (await self._prepare(subjects, now)).items():
                if isinstance(prepared, Later):
                    await self._put_off(subject, prepared)
                elif self._must_pause():
                    await self._write(self._put([subject, *prepared.carries], now.timestamp()))
                else:
                    self.state = machine.spent(self.state, self.endpoint.subscription.per_minute, now)
                    self._running[subject] = asyncio.create_task(self._attempt(prepared))

    def _has_room(self, gate: Gate) -> bool:
        """A closed endpoint has some for a test."""
        return gate.slots > len(self._running) or not self._running

    def _must_pause(self) -> float:
        """Seconds until its allowance of messages a minute lets another one go."""
        return machine.allowance(self.state, self.endpoint.subscription.per_minute, self.clock())

    async def _take(self, gate: Gate, n: int) -> dict[str, float]:
        """What is due now and may be sent; it is under way from here on."""
        now = self.clock().timestamp()
        if gate.probe and not self._running:
            await self.stores.endpoints.add({self.id: {f"{TEST}probe-{self.state.resume_at:%Y%m%dT%H%M%S}": now}})
        many = TESTS_LOOKED_FOR if n <= 0 else DIGEST_BATCH if self.endpoint.subscription.digest else n
        due = await self.stores.endpoints.due(self.id, now, many)
        if n <= 0:
            due = {subject: at for subject, at in due.items() if subject.startswith(TEST)}
        if due:
            await self._write(self.stores.endpoints.take_commands(self.id, list(due), now))
        return due

    async def _prepare(self, subjects: dict[str, float], now: datetime) -> dict[str, Prepared]:
        stories = [each for each in subjects if ":" not in each and each != DIGEST]
        others = [each for each in subjects if ":" in each]
        prepared = {each: await self._prepare_other(each, now) for each in others}
        if DIGEST in subjects or (self.endpoint.subscription.digest and stories):
            return prepared | await self._prepare_digest(stories, now)
        return prepared | await self._prepare_stories(stories, now)

    async def _prepare_stories(self, ids: Sequence[str], now: datetime) -> dict[str, Prepared]:
        stories = await self.stores.stories.load_many(ids)
        deliveries = await self.stores.deliveries.load_many(self.id, ids)
        found = dict[str, Prepared]()
        for subject, story, delivery in zip(ids, stories, deliveries, strict=True):
            known = story is not None and delivery.sent_revision == 0 and await self._heard_of_merged(story)
            found[subject] = self._desk().story(delivery, story, known, self._orders.get(subject), now)
        return found

    async def _prepare_digest(self, ids: Sequence[str], now: datetime) -> dict[str, Prepared]:
        delivery = await self.stores.deliveries.load(self.id, DIGEST)
        if delivery.envelope:
            frozen: Prepared = Ready(delivery, delivery.envelope.revision, tuple(ids))
            if delivery.retry_at and now < delivery.retry_at:
                frozen = Later(delivery.retry_at, "retry")
            return {DIGEST: frozen} | (dict.fromkeys(ids, frozen) if isinstance(frozen, Later) else {})
        stories = await self.stores.stories.load_many(ids)
        deliveries = await self.stores.deliveries.load_many(self.id, ids)
        parts = [(story, each) for story, each in zip(stories, deliveries, strict=True) if story]
        ready, later = self._desk().digest(delivery, parts, now, self._orders)
        carried = set(ready.carries) if ready else set[str]()
        left = {each: later.get(each, Later(None if ready is None else now, "next_message")) for each in ids}
        found: dict[str, Prepared] = {each: left[each] for each in ids if each not in carried}
        return found | ({DIGEST: ready} if ready else {DIGEST: Later(None, "up_to_date")})

    async def _prepare_other(self, subject: str, now: datetime) -> Prepared:
        delivery = await self.stores.deliveries.load(self.id, subject)
        if subject.startswith(TEST):
            return self._desk().test(delivery, now)
        name = subject.removeprefix(ENDPOINT)
        other = await self.stores.endpoints.load(name)
        (waiting,) = await self.stores.endpoints.waiting([name])
        return self._desk().notice(delivery, other, waiting, now)

    async def _heard_of_merged(self, story: Story) -> bool:
        """Whether the subscription was told of a story that this one has taken over."""
        told = await self.stores.deliveries.load_many(self.id, story.merged_from)
        return any(delivery.sent_revision for delivery in told)

    async def _put_off(self, subject: str, later: Later) -> None:
        at = later.at.timestamp() if later.at else None
        if at is None:
            metrics.ALERTS_SUPPRESSED.labels(cause=later.reason).inc()
            log.debug("alert.not_sent", subscription=self.id, subject=subject, reason=later.reason)
        await self._write([*self._put([subject], at), *([] if later.at else self._obeyed(subject))])

    # One attempt: freeze, send, note.

    async def _attempt(self, ready: Ready) -> None:
        """Whoever has lost the lease sends nothing."""
        subject, envelope = ready.delivery.subject, ready.delivery.envelope
        assert envelope is not None
        fresh = {"status": DeliveryStatus.PENDING, "refused": False, "retry_at": None}
        began = ready.delivery.model_copy(update=fresh)
        obeyed = [command for each in (subject, *ready.carries) for command in self._obeyed(each)]
        await self._write([*self.stores.deliveries.save_commands(began), *obeyed])
        at, start = self.clock(), time.monotonic()
        sent = await self.endpoint.sender.send(envelope, self.endpoint.secrets(at))
        tried = Tried(self._as_test(subject, sent), self.clock(), time.monotonic() - start)
        await self._note(replace(ready, delivery=began), envelope, tried)

    @staticmethod
    def _as_test(subject: str, sent: Sent) -> Sent:
        """A test is tried once: who asked for it is waiting for the answer."""
        once = subject.startswith(TEST) and subject != HANDSHAKE
        return replace(sent, final=True) if once and not sent.ok else sent

    async def _note(self, ready: Ready, envelope: Envelope, tried: Tried) -> None:
        before, subject, sent = self.state, ready.delivery.subject, tried.sent
        tried = replace(tried, spent=machine.spends(before, sent, is_test=subject.startswith(TEST)))
        rules, draw = self.pacing.rules, random.random()  # noqa: S311  jitter, not a secret
        after = machine.judged(before, sent, subject.startswith(TEST), rules, tried.at, draw)
        held = self._desk().held(tried.at)
        concluded = conclude(ready.delivery, tried, ready.newest, self.pacing.persistence, draw, held)
        commands = [
            *self.stores.deliveries.save_commands(concluded.delivery),
            self.stores.endpoints.log_command(self.id, concluded.attempt),
            *(await self._released(ready, envelope, concluded, sent)),
        ]
        if after.status is EndpointStatus.ACTIVE and before.status is not EndpointStatus.ACTIVE:
            waiting = await self.stores.endpoints.later(self.id, tried.at.timestamp())
            commands += self.stores.endpoints.hasten_commands(self.id, waiting, tried.at.timestamp())
        await self._change(after, commands)
        self._report(subject, envelope, tried, concluded)

    async def _released(self, ready: Ready, envelope: Envelope, concluded: Conclusion, sent: Sent) -> list[Command]:
        """The subject is no longer under way, nor are the stories of a digest."""
        at = concluded.next_at.timestamp() if concluded.next_at else None
        if ready.delivery.subject != DIGEST:
            return self._put([ready.delivery.subject], at)
        if not sent.ok:
            gave_up = concluded.delivery.envelope is None
            later = self._next_digest() if gave_up else at
            return [*self._put([DIGEST], at), *self._put(ready.carries, later)]
        told = await self.stores.deliveries.load_many(self.id, list(envelope.covers))
        saved = [
            command
            for each in told
            for command in self.stores.deliveries.save_commands(
                each.model_copy(
                    update={
                        "status": DeliveryStatus.DELIVERED,
                        "sent_revision": max(each.sent_revision, envelope.covers[each.subject]),
                        "sent_at": concluded.attempt.at,
                    }
                )
            )
        ]
        # Those that were not in it are looked at again.
        rest = [each for each in ready.carries if each not in envelope.covers]
        done = [each for each in ready.carries if each in envelope.covers]
        now = concluded.attempt.at.timestamp()
        return [*saved, *self._put([DIGEST, *done], None), *self._put(rest, now)]

    def _next_digest(self) -> float:
        subscription, now = self.endpoint.subscription, self.clock()
        digest = subscription.digest
        return (next_digest(digest, subscription.timezone, now) if digest else now).timestamp()

    # Writing.

    async def _change(self, state: EndpointState, commands: Sequence[Command]) -> None:
        """Save the endpoint's state with what goes along; a change that others want to know of is announced."""
        before, self.state = self.state, state
        saved = [*commands, self.stores.endpoints.save_command(self.id, state)]
        if state.notice > before.notice:
            saved.append(notice_command(EndpointNotice(endpoint=self.id, notice=state.notice, at=self.clock())))
        await self._write(saved)
        if (state.status, state.reason) != (before.status, before.reason):
            metrics.ENDPOINT_TRANSITIONS.labels(state=state.status.value, reason=state.reason).inc()
            _observe(self.id, state)
            (log.info if state.status is EndpointStatus.ACTIVE else log.warning)(
                f"endpoint.{state.status.value}",
                subscription=self.id,
                reason=state.reason,
                failures=state.failures,
                detail=state.last_detail,
                resume_at=state.resume_at.isoformat() if state.resume_at else None,
            )

    async def _write(self, commands: Iterable[Command]) -> None:
        self.lease = await self.stores.due.renew(self.lease, self.pacing.lease_seconds, commands=commands)

    def _put(self, subjects: Iterable[str], at: float | None) -> list[Command]:
        return [command for each in subjects for command in self.stores.endpoints.put_commands(self.id, each, at)]

    def _obeyed(self, subject: str) -> list[Command]:
        if self._orders.pop(subject, None) is None:
            return []
        return [self.stores.endpoints.obeyed_command(self.id, subject)]

    def _gate(self) -> Gate:
        return machine.gate(self.state, self.clock())

    def _desk(self) -> Desk:
        return Desk(
            self.endpoint.subscription, self.endpoint.sender, self.state, self.pacing.timing, self.pacing.base_url
        )

    def _report(self, subject: str, envelope: Envelope, tried: Tried, concluded: Conclusion) -> None:
        sent, after = tried.sent, concluded.delivery
        metrics.DELIVERY_ATTEMPTS.labels(subscription=self.id, outcome=sent.outcome).inc()
        if after.status is not DeliveryStatus.PENDING:
            metrics.DELIVERIES.labels(result=after.status.value).inc()
        (log.info if sent.ok else log.warning)(
            "alert.delivered" if sent.ok else "alert.not_delivered",
            subscription=self.id,
            story_id=subject,
            revision=envelope.revision,
            type=envelope.type.value,
            outcome=sent.outcome,
            detail=sent.detail,
            webhook_id=envelope.webhook_id,
            next_at=concluded.next_at.isoformat() if concluded.next_at else None,
        )


def _observe(subscription_id: str, state: EndpointState) -> None:
    for status in EndpointStatus:
        metrics.ENDPOINT_STATE.labels(subscription=subscription_id, state=status.value).set(status is state.status)
