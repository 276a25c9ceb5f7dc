"""The poller's shell: claim due feeds, poll each, commit each poll in one step, whatever its outcome."""

import asyncio
import random
import time
from asyncio import FIRST_COMPLETED
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from services.poller.canary import pace_of
from services.poller.conclude import (
    Around,
    Conclusion,
    Known,
    Limits,
    body_hash,
    conclude_expired,
    conclude_read,
    conclude_unread,
)
from services.poller.fetch import fetch, pushed
from services.poller.health import EXPIRIES_BORNE
from services.poller.identity import SeenWindow
from services.poller.outcome import Fetched
from services.poller.parse import Document, NotAFeed
from services.poller.ports import DueFeeds, Entries, Feeds, Hosts, HttpClient, Parser, Pushes, Queue
from services.poller.schedule import RETRY_AFTER_CAP_SECONDS, Pace
from services.poller.storm import Storm
from shared import metrics
from shared.errors import LeaseLost
from shared.logs import get_logger
from shared.models import canary
from shared.models.entry import EntryResult
from shared.models.feed import Feed, Outcome
from shared.store.due import Lease
from shared.store.feeds import StoredFeed
from shared.store.hosts import Turn, host_of
from shared.store.patience import StoreUnavailable, patiently
from shared.store.websub import Push

# Short against any interval: a tick as long as the interval polls a 60-minute feed every 120 minutes.
TICK_SECONDS = 0.25
SHORTEST_REST = 0.005
# Where one place is free others soon are, and a claim costs the same for all. Little against any fetch.
GATHERING_SECONDS = 0.02
log = get_logger()


@dataclass(frozen=True, slots=True)
class Pacing:
    """How fast the whole poller goes."""

    concurrency: int
    lease_seconds: float
    pace: Pace
    limits: Limits


@dataclass(frozen=True, slots=True)
class Claim:
    """A feed in hand: the lease on it, what is stored of it, and its turn at its host."""

    lease: Lease
    stored: StoredFeed
    turn: Turn | None
    push: Push | None = None

    @property
    def wait(self) -> float:
        return self.turn.wait if self.turn else 0.0


@dataclass(frozen=True, slots=True)
class Poller:
    http: HttpClient
    parser: Parser
    due: DueFeeds
    feeds: Feeds
    hosts: Hosts
    entries: Entries
    queue: Queue
    pacing: Pacing
    pushes: Pushes | None = None
    storm: Storm = field(default_factory=Storm)

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until `stop`; then give back what was begun, for others to poll at once."""
        polls: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            free = self.pacing.concurrency - len(polls)
            claims = await patiently(partial(self._claim, free), stop) if free else []
            for claim in claims or []:
                task = asyncio.create_task(self._poll_patiently(claim, stop))
                polls.add(task)
                task.add_done_callback(polls.discard)
            if not claims:
                await self._rest(polls, stop)
        for task in polls:
            task.cancel()
        await asyncio.gather(*polls, return_exceptions=True)

    async def _rest(self, polls: set[asyncio.Task[None]], stop: asyncio.Event) -> None:
        """Until the next feed is due, a place is free again, or a tick has passed."""
        full = len(polls) >= self.pacing.concurrency
        with suppress(*StoreUnavailable):
            next_at = None if full else await self.due.next_at()
            pause = TICK_SECONDS if next_at is None else min(TICK_SECONDS, max(SHORTEST_REST, next_at - time.time()))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({stopping, *(polls if full else ())}, timeout=pause, return_when=FIRST_COMPLETED)
            stopping.cancel()
        if full:
            await asyncio.sleep(GATHERING_SECONDS)

    async def _claim(self, n: int) -> list[Claim]:
        """Three round trips, however many feeds. Leases whose claim is lost on the way run out."""
        leases = await self.due.claim(n, self.pacing.lease_seconds)
        stored = await self.feeds.load([lease.member for lease in leases])
        turns = await self.hosts.enter_many(
            {
                lease.member: host_of(kept.state.adopted_url or kept.feed.url)
                for lease, kept in zip(leases, stored, strict=True)
                if kept.feed and kept.feed.enabled and lease.expiries < EXPIRIES_BORNE
            }
        )
        return [
            Claim(lease, kept, turns.get(lease.member), await self._push(lease.member, kept))
            for lease, kept in zip(leases, stored, strict=True)
        ]

    async def _push(self, feed_id: str, stored: StoredFeed) -> Push | None:
        return await self.pushes.take(feed_id) if self.pushes and stored.state.push_offer else None

    async def _poll_patiently(self, claim: Claim, stop: asyncio.Event) -> None:
        lease = claim.lease
        try:
            await self._poll(claim, stop)
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

    async def _poll(self, claim: Claim, stop: asyncio.Event) -> None:
        started, lease, stored = time.time(), claim.lease, claim.stored
        if stored.feed is None or not stored.feed.enabled:
            await self.due.commit(lease, next_at=None)
            return
        if claim.wait and claim.push is None:
            # Whoever waited here would hold a lease and a place that feeds of other hosts need.
            await self.due.postpone(lease, started + claim.wait)
            return
        metrics.FEED_DUE_LAG_SECONDS.observe(max(0.0, started - lease.due_at))
        if 0 < lease.expiries < EXPIRIES_BORNE:
            metrics.FEED_POLLS.labels(outcome=Outcome.LEASE_EXPIRED.value).inc()
        known = Known(stored.feed, stored.state)
        if lease.expiries >= EXPIRIES_BORNE:
            conclusion = conclude_expired(known, await self._around(known, claim))
        else:
            conclusion = await self._read_push(known, claim) or await self._fetch_and_conclude(known, claim)
        await patiently(lambda: self._commit(claim, conclusion, started), stop)
        self._report(known.feed, conclusion, time.time() - started)

    async def _read_push(self, known: Known, claim: Claim) -> Conclusion | None:
        """What a hub has sent, if it can be read; else None, and the feed is fetched."""
        if claim.push is None:
            return None
        fetched = pushed(claim.push)
        try:
            document = await self.parser.parse(fetched.body, fetched.url, fetched.charset)
        except Exception as error:  # noqa: BLE001  a hub's mistake is no fault of the feed
            log.warning("push.unreadable", feed=known.feed.name, error=repr(error)[:200])
            return None
        return await self._conclude_read(known, document, fetched, claim)

    async def _fetch_and_conclude(self, known: Known, claim: Claim) -> Conclusion:
        fetched = await fetch(self.http, known.feed, known.state, _now())
        if fetched.failure is Outcome.THROTTLED and claim.turn:
            asked = min(fetched.retry_after or self.pacing.pace.backoff, RETRY_AFTER_CAP_SECONDS)
            await self.hosts.slow_down(claim.turn.host, asked)
        if not fetched.unchanged:
            fetched = replace(fetched, digest=body_hash(fetched.body))
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
                self.storm.note(Outcome.NEW, time.time())
                metrics.FEED_PARSES.labels(path=document.path.value).inc()
                # What is concluded may be large as well: the body need not lie beside it.
                fetched = replace(fetched, body=b"")
                return await self._conclude_read(known, document, fetched, claim)
        around = replace(await self._around(known, claim), storm=self.storm.note(outcome, time.time()))
        return conclude_unread(known, outcome, fetched, around)

    async def _conclude_read(self, known: Known, document: Document, fetched: Fetched, claim: Claim) -> Conclusion:
        # Only being cancelled ends this patience, as when the poller stops: no window is not an empty one.
        stored = await patiently(partial(self.feeds.seen, known.feed.id), asyncio.Event())
        seen = SeenWindow.from_bytes(stored)
        return conclude_read(replace(known, seen=seen), document, fetched, await self._around(known, claim))

    @staticmethod
    def _known_body(known: Known, fetched: Fetched) -> Outcome | None:
        if fetched.unchanged:
            return Outcome.UNCHANGED
        return Outcome.SAME_BODY if known.state.body_hash == fetched.digest else None

    async def _around(self, known: Known, claim: Claim) -> Around:
        now = _now()
        return Around(
            now=now,
            draw=random.random(),  # noqa: S311  jitter, not a secret
            pace=pace_of(known.feed, self.pacing.pace, now.timestamp()),
            limits=self.pacing.limits,
            expiries=claim.lease.expiries,
            hubs=self.pushes is not None,
            subscription=await self.pushes.load(known.feed.id) if self.pushes and known.state.push_offer else None,
        )

    async def _commit(self, claim: Claim, conclusion: Conclusion, started: float) -> None:
        """Entries, their place in the queue, seen window, validators and next due time: all or nothing."""
        seen = conclusion.seen.to_bytes() if conclusion.seen is not None else None
        commands = [
            *self.entries.save_commands(conclusion.entries),
            *self.queue.batch_commands([entry.id for entry in conclusion.entries]),
            *self.feeds.state_commands(claim.lease.member, conclusion.state, seen, conclusion.record),
        ]
        if claim.turn:
            commands.append(self.hosts.leave_command(claim.turn))
        if claim.push and self.pushes:
            commands += self.pushes.done_commands(claim.push)
        if self.pushes and conclusion.state.push_offer != claim.stored.state.push_offer:
            commands += self.pushes.offer_commands(claim.lease.member, conclusion.state.push_offer)
        wait = 0.0 if claim.push and claim.push.more else conclusion.next_after
        await self.due.commit(claim.lease, next_at=time.time() + wait, commands=commands)
        metrics.FEED_POLL_SECONDS.observe(time.time() - started)

    @staticmethod
    def _report(feed: Feed, conclusion: Conclusion, seconds: float) -> None:
        metrics.FEED_POLLS.labels(outcome=conclusion.outcome.value).inc()
        if feed.id == canary.FEED_ID:
            tell = log.debug if conclusion.outcome.succeeded else log.warning
            tell("canary.polled", outcome=conclusion.outcome.value, detail=conclusion.record.detail)
            return
        metrics.ENTRIES.labels(result=EntryResult.NEW).inc(len(conclusion.entries))
        seeded = conclusion.outcome is Outcome.SEEDED
        metrics.ENTRIES.labels(result=EntryResult.SEEDED if seeded else EntryResult.PASSED).inc(conclusion.passed)
        if conclusion.outcome is Outcome.IDENTITY_BREAK:
            log.warning("feed.identity_break", feed=feed.name, marked_as_seen=conclusion.passed)
        log.info(
            "feed.polled",
            feed=feed.name,
            outcome=conclusion.outcome.value,
            new=len(conclusion.entries),
            detail=conclusion.record.detail,
            health=conclusion.state.health.value,
            seconds=round(seconds, 3),
        )


def _now() -> datetime:
    return datetime.now(UTC)
