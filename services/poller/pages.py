"""The shell that reads the pages of relevant entries, and checks them later: claim what is due, ask, commit.

A text and the batch that has its entry classified again are committed in one step.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from services.poller.checks import conditions, followed, validators
from services.poller.fetch import charset_of
from services.poller.page import (
    Ask,
    Then,
    address,
    ended,
    failed,
    moved,
    next_step,
    origin,
    read,
    refusal,
    robots_failed,
    robots_told,
)
from services.poller.ports import DuePages, Entries, Extractor, Hosts, LimitedClient, PageRecords, Queue
from services.poller.schedule import RETRY_AFTER_CAP_SECONDS
from shared import metrics
from shared.errors import FetchError, LeaseLost
from shared.http import Limits, Response
from shared.http.headers import retry_after_seconds
from shared.http.urls import checked_url, redirect_target
from shared.logs import get_logger
from shared.models.page import PageOutcome
from shared.runtime.pausing import pause
from shared.store.due import Command, Lease
from shared.store.hosts import Turn, host_of
from shared.store.pages import StoredPage
from shared.store.patience import StoreUnavailable, patiently

TICK_SECONDS = 0.25
SLOW_DOWN_SECONDS = 60.0
ACCEPT = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
ROBOTS_BYTES = 512 * 1024  # RFC 9309, 2.5: no less may be read
log = get_logger()


@dataclass(frozen=True, slots=True)
class Reading:
    """`agent`: our product token. `limits`: of one request for a page. `checks`: seconds from the reading to each."""

    concurrency: int
    lease_seconds: float
    limits: Limits
    most_characters: int
    agent: str
    checks: Sequence[float] = ()

    def limits_for(self, ask: Ask) -> Limits:
        """Redirects of a page are steps of their own."""
        if not ask.robots:
            return replace(self.limits, max_redirects=0)
        return replace(self.limits, max_bytes=ROBOTS_BYTES, truncate=True)


@dataclass(frozen=True, slots=True)
class Claim:
    """A page in hand: the lease on it, what is stored of it, what comes next, and its turn at its host."""

    lease: Lease
    page: StoredPage
    step: Ask | Then
    turn: Turn | None

    @property
    def url(self) -> str:
        return address(self.page.entry, self.page.state)


@dataclass(frozen=True, slots=True)
class Pages:
    http: LimitedClient
    extractor: Extractor
    due: DuePages
    pages: PageRecords
    hosts: Hosts
    entries: Entries
    queue: Queue
    reading: Reading

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop`; then give back what was begun."""
        steps: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            free = self.reading.concurrency - len(steps)
            claims = await patiently(partial(self._claim, free), stop) if free else []
            for claim in claims or []:
                task = asyncio.create_task(self._advance_patiently(claim, stop))
                steps.add(task)
                task.add_done_callback(steps.discard)
            await pause(stop, TICK_SECONDS)
        for task in steps:
            task.cancel()
        await asyncio.gather(*steps, return_exceptions=True)

    async def _claim(self, n: int) -> list[Claim]:
        """Four round trips, however many pages. Leases whose claim is lost on the way run out."""
        leases = await self.due.claim(n, self.reading.lease_seconds)
        stored = dict(zip(leases, await self.pages.load([lease.member for lease in leases]), strict=True))
        origins = {lease: origin(address(page.entry, page.state)) for lease, page in stored.items()}
        robots = await self.pages.robots(filter(None, origins.values()))
        agent, now = self.reading.agent, datetime.now(UTC)
        steps = {
            lease: next_step(page.entry, page.state, robots.get(origins[lease]), agent, lease.expiries, now)
            for lease, page in stored.items()
        }
        turns = await self.hosts.enter_many(
            {lease.member: host_of(step.url) for lease, step in steps.items() if isinstance(step, Ask)}
        )
        return [Claim(lease, page, steps[lease], turns.get(lease.member)) for lease, page in stored.items()]

    async def _advance_patiently(self, claim: Claim, stop: asyncio.Event) -> None:
        try:
            await self._advance(claim, stop)
        except asyncio.CancelledError:
            with suppress(LeaseLost, *StoreUnavailable):
                await self.due.release(claim.lease)
            raise
        except LeaseLost:
            # Somebody else reads it, or the commit went through and the answer was lost.
            log.warning("page.lease_lost", entry_id=claim.lease.member)
        except Exception:  # the shell's last line: one page's trouble must not end the poller; its lease will expire
            log.exception("page.failed", entry_id=claim.lease.member)

    async def _advance(self, claim: Claim, stop: asyncio.Event) -> None:
        if claim.turn and claim.turn.wait:
            await self.due.postpone(claim.lease, time.time() + claim.turn.wait)
            return
        then = await self._ask(claim, claim.step) if isinstance(claim.step, Ask) else claim.step
        page = claim.page
        then = followed(then, page.entry, page.state, self.reading.checks, datetime.now(UTC))
        await patiently(lambda: self._commit(claim, then), stop)
        self._report(claim, then)

    async def _ask(self, claim: Claim, ask: Ask) -> Then:
        state, draw = claim.page.state, random.random()  # noqa: S311  jitter, not a secret
        headers = {"Accept": ACCEPT} | ({} if ask.robots else conditions(state))
        try:
            response = await self.http.fetch(ask.url, headers=headers, limits=self.reading.limits_for(ask))
            wait = await self._slowed(claim, response)
            if ask.robots:
                return robots_told(state, response.status, response.body, draw, wait)
            if target := redirect_target(checked_url(ask.url), response.status, response.headers):
                return moved(state, str(target))
        except FetchError as error:
            outcome = PageOutcome(error.outcome)
            return robots_failed(state, outcome, draw) if ask.robots else failed(state, outcome, draw)
        if response.status == 304 and state.check_at:
            return ended(PageOutcome.UNCHANGED)
        reason = refusal(response.status, response.headers, self.reading.agent)
        if reason:
            return failed(state, reason, draw, wait)
        return replace(await self._read(claim, response), validators=validators(response.headers))

    async def _slowed(self, claim: Claim, response: Response) -> float | None:
        """The seconds that the server asks us to wait; after a 429 the whole host is left alone for so long."""
        wait = retry_after_seconds(response.headers, datetime.now(UTC))
        if response.status == 429 and claim.turn:
            await self.hosts.slow_down(claim.turn.host, min(wait or SLOW_DOWN_SECONDS, RETRY_AFTER_CAP_SECONDS))
        return wait

    async def _read(self, claim: Claim, response: Response) -> Then:
        assert claim.page.entry is not None
        charset = charset_of(response.headers.get("content-type", ""))
        try:
            found = await self.extractor.extract(response.body, charset, self.reading.agent)
        except TimeoutError:
            return failed(claim.page.state, PageOutcome.PARSE_TIMEOUT, 0.0)
        except Exception as error:  # noqa: BLE001  whatever killed the child is this page's fault
            log.warning("page.unreadable", entry_id=claim.lease.member, error=repr(error)[:200])
            return failed(claim.page.state, PageOutcome.PARSE_ERROR, 0.0)
        return read(claim.page.entry, found, self.reading.most_characters)

    async def _commit(self, claim: Claim, then: Then) -> None:
        """The entry with its text, its place in the queue, what the host allows, and the next due time, in one step."""
        commands: list[Command] = [*self.pages.state_commands(claim.lease.member, then.state)]
        if then.entry:
            commands += self.entries.save_commands([then.entry])
            commands += self.queue.batch_commands([then.entry.id], then.entry.edition)
        if then.robots is not None:
            commands += self.pages.robots_commands(origin(claim.url), then.robots)
        if claim.turn:
            commands.append(self.hosts.leave_command(claim.turn))
        next_at = time.time() + then.after if then.state else None
        await self.due.commit(claim.lease, next_at=next_at, commands=commands)

    @staticmethod
    def _report(claim: Claim, then: Then) -> None:
        if then.outcome and not then.put_off:
            metrics.PAGES.labels(outcome=then.outcome.value).inc()
        if then.outcome:
            log.info(
                "page.put_off" if then.put_off else "page.ended",
                entry_id=claim.lease.member,
                host=host_of(claim.url),
                outcome=then.outcome.value,
                characters=len(then.entry.text) if then.entry else 0,
            )
