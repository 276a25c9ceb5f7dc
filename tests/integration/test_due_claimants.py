"""Claimants that truly run at the same time, in processes of their own, one of which is killed at work."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from redis import Redis as SyncRedis
from redis.asyncio import Redis

from shared.errors import LeaseLost
from shared.store.due import DueSet, Lease

ROOT = Path(__file__).parents[2]
MEMBERS, ROUNDS, TASKS = 200, 3, 4
LEASE_SECONDS = 0.5


async def claim_until_nothing_is_left(redis: Redis) -> None:
    due = DueSet(redis, "feeds")
    while await due.next_at() is not None:
        for lease in await due.claim(7, LEASE_SECONDS):
            await work(redis, due, lease)
        await asyncio.sleep(0.005)


async def work(redis: Redis, due: DueSet, lease: Lease) -> None:
    """One round of a member. What round it is, is state that each commit changes."""
    done = int(await redis.hget("done", lease.member) or 0)
    commands = [("RPUSH", "log", f"{lease.member} {done}"), ("HSET", "done", lease.member, done + 1)]
    try:
        await due.commit(lease, next_at=None if done + 1 == ROUNDS else lease.due_at + 0.01, commands=commands)
    except LeaseLost:
        await redis.incr("lost")


async def claimant(url: str) -> None:
    async with Redis.from_url(url) as redis, asyncio.TaskGroup() as tasks:
        for _ in range(TASKS):
            tasks.create_task(claim_until_nothing_is_left(redis))


async def schedule_all(url: str) -> None:
    async with Redis.from_url(url) as redis:
        now = (await redis.time())[0]
        await DueSet(redis, "feeds").schedule({f"m{number}": now - 1_000 + number for number in range(MEMBERS)})


def test_each_due_time_is_committed_once_although_a_claimant_is_killed(redis_url: str, sync_redis: SyncRedis) -> None:
    asyncio.run(schedule_all(redis_url))
    command = [sys.executable, __file__, redis_url]
    claimants = [subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}) for _ in range(3)]
    while sync_redis.llen("log") < MEMBERS // 2:
        time.sleep(0.001)
    claimants[0].kill()
    assert [claimant.wait() for claimant in claimants] == [-9, 0, 0]
    log = sync_redis.lrange("log", 0, -1)
    assert sorted(log) == sorted(f"m{number} {done}".encode() for number in range(MEMBERS) for done in range(ROUNDS))


if __name__ == "__main__":
    asyncio.run(claimant(sys.argv[1]))
