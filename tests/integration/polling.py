"""A poller in a test: real Redis and queue, a real client, feeds on the loopback network."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from redis import Redis as SyncRedis
from redis.asyncio import Redis

from services.poller.conclude import Limits
from services.poller.parse import Document, parse
from services.poller.poller import Pacing, Poller
from services.poller.schedule import Pace
from shared.http import GuardedClient
from shared.models.entry import Entry
from shared.models.feed import Feed, FeedState
from shared.queue import JobQueue
from shared.store.due import DueSet, Lease
from shared.store.entries import EntryStore
from shared.store.feeds import DUE_FEEDS, FeedStore
from shared.store.hosts import HostGovernor
from tests.servers import Answer, loopback_client, until

HOUR = 3600.0
PACING = Pacing(
    concurrency=8,
    lease_seconds=30,
    pace=Pace(least=HOUR, most=HOUR, jitter=0, backoff=60, backoff_cap=6 * HOUR),
    limits=Limits(seed_max_age_seconds=24 * HOUR, seed_max_entries=20, max_entries=1000),
)


class ParsingHere:
    """The same function, without the two seconds that a process takes to start."""

    async def parse(self, body: bytes, base_url: str, charset: str | None = None) -> Document:
        return parse(body, base_url, charset)


def rss(*titles: str, ago: float = 60, headers: Mapping[str, str] | None = None) -> Answer:
    date = format_datetime(datetime.now(UTC) - timedelta(seconds=ago))
    items = "".join(
        f"<item><title>{title}</title><link>/{title}</link><guid isPermaLink='false'>{title}</guid>"
        f"<pubDate>{date}</pubDate></item>"
        for title in titles
    )
    body = f"<?xml version='1.0'?><rss version='2.0'><channel><title>Test</title>{items}</channel></rss>"
    return Answer(200, body.encode(), {"Content-Type": "application/rss+xml"} | dict(headers or {}))


@dataclass(frozen=True)
class House:
    """What stands around a poller."""

    redis: Redis
    sync_redis: SyncRedis
    http: GuardedClient
    due: DueSet
    feeds: FeedStore

    def poller(self, pacing: Pacing = PACING, *, per_host: int = 8, gap: float = 0.001) -> Poller:
        return Poller(
            http=self.http,
            parser=ParsingHere(),
            due=self.due,
            feeds=self.feeds,
            hosts=HostGovernor(self.redis, concurrent=per_host, gap_seconds=gap, slot_seconds=30),
            entries=EntryStore(self.sync_redis, retention_seconds=3600),
            queue=JobQueue(self.sync_redis, batch_size=50),
            pacing=pacing,
        )

    async def configure(self, *feeds: Feed) -> None:
        now = (await self.redis.time())[0]
        await self.feeds.configure(feeds, now=now - 1, spread_seconds=0)

    async def state(self, of: Feed) -> FeedState:
        return (await self.feeds.load([of.id]))[0].state

    async def poll(self, poller: Poller, of: Feed) -> FeedState:
        """One poll of a feed; its state after."""
        await self.due.schedule({of.id: 0})
        before = (await self.state(of)).polled_at

        async def polled() -> bool:
            return (await self.state(of)).polled_at != before

        async with running(poller):
            await until(polled)
        return await self.state(of)

    def entries(self) -> list[Entry]:
        """What waits for the classifier, in order."""
        jobs = JobQueue(self.sync_redis).queue.get_jobs()
        return EntryStore(self.sync_redis, retention_seconds=1).load([name for job in jobs for name in job.args[0]])

    def titles(self) -> list[str]:
        return [entry.title for entry in self.entries()]


@asynccontextmanager
async def housed(redis: Redis, sync_redis: SyncRedis) -> AsyncIterator[House]:
    due = DueSet(redis, DUE_FEEDS)
    async with loopback_client(total_seconds=20) as http:
        yield House(redis, sync_redis, http, due, FeedStore(redis, due))


@asynccontextmanager
async def running(*pollers: Poller) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(poller.run(stop)) for poller in pollers]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def killed(poller: Poller, at: asyncio.Event) -> None:
    """Run until `at`, and then not a step further; not even to give the leases back."""
    before = asyncio.all_tasks()
    task = asyncio.create_task(replace(poller, due=Dying(poller.due)).run(asyncio.Event()))
    await asyncio.wait_for(at.wait(), 20)
    for left in asyncio.all_tasks() - before:
        left.cancel()
    with suppress(asyncio.CancelledError):
        await task


class Dying:
    """The due-set of a process that is killed: it can give nothing back."""

    def __init__(self, due: object) -> None:
        assert isinstance(due, DueSet)
        self.claim, self.commit, self.next_at = due.claim, due.commit, due.next_at
        self.postpone = due.postpone

    async def release(self, lease: Lease) -> None:
        """A killed process releases nothing."""
