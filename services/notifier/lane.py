"""A lane: one endpoint, claimed by this notifier, is brought up to date with all that waits for it."""

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from services.notifier.attempt import attempt
from services.notifier.briefing import DIGEST_BATCH, is_story, prepare
from services.notifier.endpoint import Gate
from services.notifier.subjects import DIGEST, TEST, Later
from services.notifier.tenure import Tenure
from shared import metrics
from shared.logs import get_logger
from shared.models.endpoint import EndpointStatus

TESTS_LOOKED_FOR = 10_000
STOPPING_SECONDS = 2.0
log = get_logger()


@dataclass(slots=True)
class Lane:
    tenure: Tenure
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _turn_ends: float = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Until nothing is due any more, or the endpoint is to be left alone. Raises LeaseLost, StoreUnavailable."""
        try:
            await self.tenure.begin()
            self._begin_turn()
            while not (stop.is_set() or await self._gives_way()):
                await self._begin_due()
                if not self._running:
                    break
                await self._until_something_ends()
            await self._wait_for_running()
            await self.tenure.end(await self._next_at())
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _begin_turn(self) -> None:
        """Their lengths differ, or one notifier would let go of everything at once, and the other take it all."""
        spread = random.uniform(0.5, 1.5)  # noqa: S311  jitter, not a secret
        self._turn_ends = time.monotonic() + self.tenure.pacing.turn_seconds * spread

    async def _gives_way(self) -> bool:
        """After its turn, if what is under way ends in a moment; nothing slow is waited for."""
        if time.monotonic() < self._turn_ends:
            return False
        self._begin_turn()
        if self._running:
            await asyncio.wait(self._running.values(), timeout=self.tenure.pacing.tick_seconds)
            self._reap()
        return not self._running

    async def _until_something_ends(self) -> None:
        tenure = self.tenure
        tick = tenure.pacing.tick_seconds
        await asyncio.wait(self._running.values(), timeout=tick, return_when=asyncio.FIRST_COMPLETED)
        self._reap()
        if tenure.lease.expires_at - tenure.clock().timestamp() < tenure.pacing.lease_seconds / 2:
            await tenure.write([])

    def _reap(self) -> None:
        """Raises what an attempt has raised."""
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
        while self._has_room() and (subjects := await self._take()):
            now = self.tenure.clock()
            if await self.tenure.heed():
                await self._put_back(subjects)
                continue
            for subject, prepared in (await prepare(self.tenure, subjects, now)).items():
                if isinstance(prepared, Later):
                    await self._put_off(subject, prepared)
                elif self._has_room():
                    self.tenure.spend()
                    self._running[subject] = asyncio.create_task(attempt(self.tenure, prepared))
                else:
                    await self._put_back([subject, *prepared.carries])

    def _has_room(self) -> bool:
        """A closed endpoint has some for a test."""
        slots = self.tenure.gate().slots
        return (slots > len(self._running) or not self._running) and not self.tenure.pause()

    async def _take(self) -> list[str]:
        """What is due now and may be sent; it is under way from here on."""
        gate, now = self.tenure.gate(), self.tenure.clock().timestamp()
        if gate.probe and not self._running:
            probe = f"{TEST}probe-{self.tenure.state.resume_at:%Y%m%dT%H%M%S}"
            await self.tenure.stores.endpoints.add({self.tenure.id: {probe: now}})
        due = await self.tenure.stores.endpoints.due(self.tenure.id, now, self._most(gate))
        taken = [subject for subject in due if self._may_begin(subject, gate)][: self._most(gate) - len(self._running)]
        if taken:
            await self.tenure.write(self.tenure.stores.endpoints.take_commands(self.tenure.id, taken, now))
        return taken

    def _most(self, gate: Gate) -> int:
        """How many subjects to look at in order to find as many as there is room for."""
        if gate.slots == 0:
            return TESTS_LOOKED_FOR
        return DIGEST_BATCH if self.tenure.endpoint.subscription.digest else gate.slots

    def _may_begin(self, subject: str, gate: Gate) -> bool:
        """News of what is being delivered waits until that has ended, and so do the stories of a digest."""
        if gate.slots == 0 and not subject.startswith(TEST):
            return False
        digest = self.tenure.endpoint.subscription.digest and DIGEST in self._running
        return subject not in self._running and not (digest and is_story(subject))

    async def _put_off(self, subject: str, later: Later) -> None:
        at = later.at.timestamp() if later.at else None
        if at is None and is_story(subject) and self.tenure.is_shown:
            metrics.ALERTS_SUPPRESSED.labels(cause=later.reason).inc()
            log.debug("alert.not_sent", subscription=self.tenure.id, subject=subject, reason=later.reason)
        # What people have asked for is asked still when its time has come.
        obeyed = self.tenure.obeyed([subject]) if at is None else []
        await self.tenure.write([*self.tenure.put([subject], at), *obeyed])

    async def _put_back(self, subjects: Iterable[str]) -> None:
        await self.tenure.write(self.tenure.put(subjects, self.tenure.clock().timestamp()))

    # When to come back.

    async def _next_at(self) -> float | None:
        tenure, gate, now = self.tenure, self.tenure.gate(), self.tenure.clock().timestamp()
        if self._running:
            return now
        times = [await tenure.stores.endpoints.next_at(tenure.id)] if gate.slots else await self._once_open(gate)
        known = [at for at in times if at is not None]
        return max(min(known), now + tenure.pause()) if known else None

    async def _once_open(self, gate: Gate) -> Sequence[float | None]:
        """A closed endpoint lets tests pass; one that is disabled is probed even if nothing waits for it."""
        tenure = self.tenure
        waiting = await tenure.stores.endpoints.due(tenure.id, inf, TESTS_LOOKED_FOR)
        tests = [at for subject, at in waiting.items() if subject.startswith(TEST)]
        if gate.probe:
            return [tenure.clock().timestamp()]
        if gate.until is None or not (waiting or tenure.state.status is EndpointStatus.DISABLED):
            return tests
        opens = gate.until.timestamp()
        return [*tests, opens if tenure.state.status is EndpointStatus.DISABLED else max(opens, min(waiting.values()))]
