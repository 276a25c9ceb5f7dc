"""What one poll costs in Redis, and what one feed takes there: 100,000 feeds beside 1,000.

    python -m benchmarks.scale [--many N] [--few N] [--polls N] [--rounds N]

Each number of feeds has a server of its own. A poll is the poller's calls without HTTP: claim, load, a turn at the
host, and the commit of an unchanged feed. Counted is CPU, ours and that server's. Memory is of feeds that were polled
as often as their history reaches back, without their seen windows, which have 10 bytes for each mark.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random

from redis import Redis as SyncRedis

from benchmarks.measure import Contestant, Row, in_turn, private_redis, progress, row, table
from shared import keys
from shared.models.feed import Feed, FeedState, PollRecord
from shared.store.connection import connect, connect_sync
from shared.store.due import DueSet, Lease
from shared.store.feeds import DUE_FEEDS, POLLS_KEPT, FeedStore
from shared.store.hosts import HostGovernor, Turn, host_of

MANY, FEW, POLLS, ROUNDS = 100_000, 1_000, 1_000, 7
CONCURRENCY, LEASE_SECONDS, INTERVAL_SECONDS = 50, 60.0, 86400.0
NOW = datetime.now(UTC)
RECORD = PollRecord(
    at=NOW, outcome="unchanged", detail="HTTP 304", seconds=0.183, next_after=1843.2, next_reason="rhythm"
)


def _feed(number: int) -> Feed:
    url = f"https://www.newspaper-{number}.example/rss/world-news.xml"
    return Feed(url=url, name=f"The Newspaper {number}: World", language="en", country="GB")


def _state(feed: Feed) -> FeedState:
    """As a feed's state looks that is doing well."""
    name = sha256(feed.url.encode()).hexdigest()[:32]
    return FeedState(
        etag=f'W/"{name}"',
        last_modified="Mon, 23 Nov 2026 08:12:45 GMT",
        body_hash=name,
        seeded=True,
        gap_seconds=7372.0,
        newest_at=NOW - timedelta(hours=1),
        floor_seconds=60.0,
        outcome="unchanged",
        polled_at=NOW,
        read_at=NOW - timedelta(hours=1),
        changed_at=NOW - timedelta(hours=1),
        next_due_at=NOW + timedelta(seconds=1843.2),
        next_due_reason="rhythm",
    )


@dataclass(frozen=True, slots=True)
class House:
    """A number of feeds on a server of their own. `feed_bytes`: what a feed takes there."""

    runner: asyncio.Runner
    redis: SyncRedis
    store: FeedStore
    hosts: HostGovernor
    feed_ids: Sequence[str]
    feed_bytes: float

    def make_due(self, polls: int) -> None:
        chosen = Random(polls).sample(self.feed_ids, polls)
        self.runner.run(self.store.due.schedule(dict.fromkeys(chosen, time.time())))

    def poll(self, polls: int) -> None:
        done = self.runner.run(self._poll())
        if done != polls:
            raise RuntimeError(f"{done} feeds were polled, not {polls}")

    async def _poll(self) -> int:
        done = 0
        while leases := await self.store.due.claim(CONCURRENCY, LEASE_SECONDS):
            stored = await self.store.load([lease.member for lease in leases])
            hosts = {kept.feed.id: host_of(kept.feed.url) for kept in stored if kept.feed}
            turns = await self.hosts.enter_many(hosts)
            commits = (self._commit(lease, kept.state, turns) for lease, kept in zip(leases, stored, strict=True))
            await asyncio.gather(*commits)
            done += len(leases)
        return done

    async def _commit(self, lease: Lease, state: FeedState, turns: dict[str, Turn]) -> None:
        commands = self.store.state_commands(lease.member, state, None, RECORD)
        leave = self.hosts.leave_command(turns[lease.member])
        next_at = time.time() + INTERVAL_SECONDS
        await self.store.due.commit(lease, next_at=next_at, commands=[*commands, leave])


@contextmanager
def _house(runner: asyncio.Runner, feeds: int) -> Iterator[House]:
    progress(f"configuring {feeds} feeds")
    with private_redis() as url, connect_sync(url) as redis:
        client = connect(url)
        store = FeedStore(client, DueSet(client, DUE_FEEDS))
        hosts = HostGovernor(client, concurrent=2, gap_seconds=0.001, slot_seconds=LEASE_SECONDS)
        before = _used(redis)
        feed_ids = runner.run(_fill(store, feeds))
        yield House(runner, redis, store, hosts, feed_ids, (_used(redis) - before) / feeds)
        runner.run(client.aclose())


async def _fill(store: FeedStore, count: int) -> list[str]:
    """Configured, not due, and each with a full history."""
    feeds = [_feed(number) for number in range(count)]
    await store.configure(feeds, now=time.time() + INTERVAL_SECONDS, spread_seconds=3600)
    for at in range(0, count, 1000):
        async with store.redis.pipeline(transaction=False) as pipe:
            for feed in feeds[at : at + 1000]:
                # At once what ten commits would push one by one.
                earlier = [RECORD.row] * (POLLS_KEPT - 1)
                pipe.lpush(keys.feed_polls(feed.id), *earlier)
                for command in store.state_commands(feed.id, _state(feed), None, RECORD):
                    pipe.execute_command(*command)
            await pipe.execute()
    return [feed.id for feed in feeds]


def _used(redis: SyncRedis) -> int:
    used: int = redis.info("memory")["used_memory"]
    return used


def measure(many: int = MANY, few: int = FEW, polls: int = POLLS, rounds: int = ROUNDS) -> list[Row]:
    with asyncio.Runner() as runner, ExitStack() as stack:
        houses = {str(feeds): stack.enter_context(_house(runner, feeds)) for feeds in (many, few)}
        cpu = in_turn({name: _contestant(house, polls) for name, house in houses.items()}, rounds)
        ours, peer = houses.values()
    what = f"{many:,} feeds beside {few:,}"
    return [
        row(
            f"{what}: a poll in Redis",
            "polls/CPU s",
            polls,
            cpu[str(many)],
            cpu[str(few)],
            "Claim, load, turn and commit run {:.2f} times as fast.",
        ),
        Row(
            f"{what}: memory",
            "bytes/feed",
            ours.feed_bytes,
            peer.feed_bytes,
            (ours.feed_bytes / peer.feed_bytes,),
            "A feed takes {:.2f} times as much: its line, state, due time and history, without its seen window.",
        ),
    ]


def _contestant(house: House, polls: int) -> Contestant:
    return Contestant(lambda: house.poll(polls), before=lambda: house.make_due(polls), redis=house.redis)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--many", type=int, default=MANY)
    parser.add_argument("--few", type=int, default=FEW)
    parser.add_argument("--polls", type=int, default=POLLS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    print(table(measure(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
