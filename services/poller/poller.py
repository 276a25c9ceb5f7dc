"""The poller's shell: claim due feeds, poll each, commit each poll in one step, whatever its outcome."""

import asyncio
import random
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

from services.poller.conclude import (
    Conclusion,
    Known,
    Limits,
    body_hash,
    conclude_expired,
    conclude_read,
    conclude_unread,
)
from services.poller.fetch import fetch
from services.poller.identity import SeenWindow
from services.poller.outcome import Fetched, Outcome
from services.poller.parse import NotAFeed
from services.poller.ports import DueFeeds, Entries, Feeds, HttpClient, Parser, Queue
from services.poller.schedule import Pace
from shared import metrics
from shared.errors import LeaseLost
from shared.logs import get_logger
from shared.models.feed import Feed
from shared.store.due import Lease
from shared.store.patience import StoreUnavailable, patiently

# Short against any interval: a tick as long as the interval polls a 60-minute feed every 120 minutes.
TICK_SECONDS = 1.0
BUSY_SECONDS = 1.0
# A feed whose polls never end is left alone for a while; any other is hardly ever met so often by a poller's death.
EXPIRIES_BORNE = 3
log = get_logger()


@dataclass(frozen=True, slots=True)
class Pacing:
    """How fast the whole poller goes."""

    concurrency: int
    per_host: int
    lease_seconds: float
    pace: Pace
    limits: Limits


@dataclass(frozen=True, slots=True)
class Poller:
    http: HttpClient
    parser: Parser
    due: DueFeeds
    feeds: Feeds
    entries: Entries
    queue: Queue
    pacing: Pacing

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until `stop`; then give back what was begun, for others to poll at once."""
        hosts: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(self.pacing.per_host))
        polls: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            free = self.pacing.concurrency - len(polls)
            leases = await patiently(partial(self.due.claim, free, self.pacing.lease_seconds), stop) if free else []
            for lease in leases or []:
                task = asyncio.create_task(self._poll_patiently(lease, hosts, stop))
                polls.add(task)
                task.add_done_callback(polls.discard)
            if not leases:
                await _wait(stop, TICK_SECONDS / 4)
        for task in polls:
            task.cancel()
        await asyncio.gather(*polls, return_exceptions=True)

    async def _poll_patiently(self, lease: Lease, hosts: dict[str, asyncio.Semaphore], stop: asyncio.Event) -> None:
        try:
            await self._poll(lease, hosts, stop)
        except asyncio.CancelledError:
            with suppress(LeaseLost, *StoreUnavailable):
                await self.due.release(lease)
            raise
        except LeaseLost:
            # Either it took longer than its lease, or its commit went through and the answer was lost.
            metrics.FEED_POLLS.labels(outcome=Outcome.LEASE_LOST.value).inc()
            log.warning("poll.lease_lost", feed_id=lease.member)
        except Exception:  # the shell's last line: one feed's trouble must not end the poller; its lease will expire
            metrics.FEED_POLLS.labels(outcome=Outcome.INTERNAL_ERROR.value).inc()
            log.exception("poll.failed", feed_id=lease.member)

    async def _poll(self, lease: Lease, hosts: dict[str, asyncio.Semaphore], stop: asyncio.Event) -> None:
        started = time.time()
        metrics.FEED_DUE_LAG_SECONDS.observe(max(0.0, started - lease.due_at))
        if 0 < lease.expiries < EXPIRIES_BORNE:
            metrics.FEED_POLLS.labels(outcome=Outcome.LEASE_EXPIRED.value).inc()
        loaded = await patiently(lambda: self.feeds.load(lease.member), stop)
        if loaded is None:
            return
        feed, state, seen = loaded
        if feed is None or not feed.enabled:
            await self.due.commit(lease, next_at=None)
            return
        known = Known(feed, state, SeenWindow.from_bytes(seen))
        host = hosts[urlsplit(feed.url).netloc]
        if lease.expiries >= EXPIRIES_BORNE:
            conclusion = conclude_expired(known, lease.expiries, self._pace(feed), _now(), random.random())  # noqa: S311
        elif host.locked():
            # Whoever waited here would hold a lease and a place that feeds of other hosts need.
            await self.due.commit(lease, next_at=time.time() + BUSY_SECONDS * (0.5 + random.random()))  # noqa: S311
            return
        else:
            async with host:
                fetched = await fetch(self.http, feed, state, _now())
            conclusion = await self._conclude(known, fetched)
        await patiently(lambda: self._commit(lease, conclusion, started), stop)
        self._report(feed, conclusion, time.time() - started)

    async def _conclude(self, known: Known, fetched: Fetched) -> Conclusion:
        pace, draw = self._pace(known.feed), random.random()  # noqa: S311  jitter, not a secret
        outcome = fetched.failure or self._known_body(known, fetched)
        if outcome is None:
            try:
                document = await self.parser.parse(fetched.body, fetched.url, fetched.charset)
            except NotAFeed:
                outcome = Outcome.NOT_A_FEED
            except TimeoutError:
                outcome = Outcome.PARSE_TIMEOUT
            except Exception as error:  # noqa: BLE001  whatever killed the child is this document's fault
                outcome = Outcome.PARSE_ERROR
                log.warning("feed.parse_error", feed=known.feed.name, error=repr(error)[:200])
            else:
                return conclude_read(known, document, fetched, self.pacing.limits, pace, _now(), draw)
        return conclude_unread(known, outcome, fetched, pace, _now(), draw)

    @staticmethod
    def _known_body(known: Known, fetched: Fetched) -> Outcome | None:
        if fetched.unchanged:
            return Outcome.UNCHANGED
        return Outcome.SAME_BODY if known.state.body_hash == body_hash(fetched.body) else None

    def _pace(self, feed: Feed) -> Pace:
        pace = self.pacing.pace
        return (
            pace
            if feed.interval_seconds is None
            else Pace(feed.interval_seconds, pace.jitter, min(pace.backoff, feed.interval_seconds), pace.backoff_cap)
        )

    async def _commit(self, lease: Lease, conclusion: Conclusion, started: float) -> None:
        """Entries, their place in the queue, seen window, validators and next due time: all or nothing."""
        seen = conclusion.seen.to_bytes() if conclusion.seen is not None else None
        commands = [
            *self.entries.save_commands(conclusion.entries),
            *self.queue.batch_commands([entry.id for entry in conclusion.entries]),
            *self.feeds.state_commands(lease.member, conclusion.state, seen),
        ]
        await self.due.commit(lease, next_at=time.time() + conclusion.next_after, commands=commands)
        metrics.FEED_POLL_SECONDS.observe(time.time() - started)

    @staticmethod
    def _report(feed: Feed, conclusion: Conclusion, seconds: float) -> None:
        metrics.FEED_POLLS.labels(outcome=conclusion.outcome.value).inc()
        metrics.ENTRIES.labels(result="new").inc(len(conclusion.entries))
        metrics.ENTRIES.labels(result="seeded" if conclusion.outcome is Outcome.SEEDED else "passed").inc(
            conclusion.passed
        )
        log.info(
            "feed.polled",
            feed=feed.name,
            outcome=conclusion.outcome.value,
            new=len(conclusion.entries),
            detail=conclusion.detail,
            seconds=round(seconds, 3),
        )


def _now() -> datetime:
    return datetime.now(UTC)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
