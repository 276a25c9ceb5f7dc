"""Pollers that truly run at the same time, in processes of their own, one of which is killed with a slot in hand."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from redis import Redis as SyncRedis
from redis.asyncio import Redis

from shared.store.hosts import HostGovernor, Turn
from tests.stores import enter, leave

ROOT = Path(__file__).parents[2]
HOST = "paper.example"
CONCURRENT, GAP_SECONDS, SLOT_SECONDS = 2, 0.01, 1.0
PROCESSES, FEEDS, ROUNDS = 3, 8, 6


def governor(redis: Redis) -> HostGovernor:
    return HostGovernor(redis, concurrent=CONCURRENT, gap_seconds=GAP_SECONDS, slot_seconds=SLOT_SECONDS)


async def poll(redis: Redis, who: str) -> None:
    hosts = governor(redis)
    for _ in range(ROUNDS):
        await request(redis, await slot(hosts, who))


async def slot(hosts: HostGovernor, who: str) -> Turn:
    while True:
        turn = await enter(hosts, HOST, who)
        if not turn.wait:
            return turn
        await asyncio.sleep(turn.wait)


async def request(redis: Redis, turn: Turn) -> None:
    """Tells how many run at the host, from after a slot is had until before it is given back."""
    await redis.rpush("running", await redis.incr("requests"))
    await asyncio.sleep(0.02)
    await redis.decr("requests")
    await leave(redis, turn)


async def poller(url: str, name: str) -> None:
    async with Redis.from_url(url) as redis, asyncio.TaskGroup() as tasks:
        for number in range(FEEDS):
            tasks.create_task(poll(redis, f"{name} {number}"))


async def hang(url: str) -> None:
    """Takes a slot and never gives it back."""
    async with Redis.from_url(url) as redis:
        await slot(governor(redis), "hung")
        await redis.rpush("hung", 1)
        await asyncio.Event().wait()


async def free_slots(url: str) -> int:
    async with Redis.from_url(url) as redis:
        hosts, taken = governor(redis), 0
        while not (await enter(hosts, HOST, "late")).wait:
            taken += 1
            await asyncio.sleep(GAP_SECONDS)
        return taken


@contextmanager
def started(*args: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, __file__, *args], env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_pollers_together_keep_the_limits_although_one_is_killed(redis_url: str, sync_redis: SyncRedis) -> None:
    with ExitStack() as stack:
        hung = stack.enter_context(started(redis_url))
        assert sync_redis.blpop(["hung"], timeout=60)
        began = time.monotonic()
        pollers = [stack.enter_context(started(redis_url, str(number))) for number in range(PROCESSES)]
        while sync_redis.llen("running") < 5:
            time.sleep(0.001)
        hung.kill()
        assert [poller.wait(60) for poller in [hung, *pollers]] == [-9, 0, 0, 0]
    running = [int(count) for count in sync_redis.lrange("running", 0, -1)]
    assert len(running) == PROCESSES * FEEDS * ROUNDS
    assert max(running) <= CONCURRENT
    assert time.monotonic() - began >= (len(running) - 1) * GAP_SECONDS
    assert asyncio.run(free_slots(redis_url)) == CONCURRENT


if __name__ == "__main__":
    _, url, *name = sys.argv
    asyncio.run(poller(url, *name) if name else hang(url))
