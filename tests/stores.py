"""What tests ask of the stores directly, in the words that the product uses."""

from collections.abc import Iterable

from redis import Redis as SyncRedis
from redis.asyncio import Redis

from shared import keys
from shared.models import canary
from shared.models.feed import Feed
from shared.queue import JobQueue
from shared.store.due import Command
from shared.store.feeds import FeedStore
from shared.store.hosts import HostGovernor, Turn


async def run(redis: Redis, commands: Iterable[Command]) -> None:
    """As a commit runs them."""
    for command in commands:
        await redis.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py has not typed it


def run_sync(redis: SyncRedis, commands: Iterable[Command]) -> None:
    for command in commands:
        redis.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py has not typed it


async def configured_feeds(store: FeedStore) -> list[Feed]:
    """Those that pollers have taken up, by name, without the canary."""
    stored = await store.redis.hvals(keys.feeds())
    feeds = (Feed.model_validate_json(text) for text in stored)
    return sorted((feed for feed in feeds if feed.id != canary.FEED_ID), key=lambda feed: feed.name)


async def stand(redis: Redis, due_set: str, member: str, at: float) -> None:
    """The member, which nobody has leased, stands at this time even if it is later than before."""
    await redis.zadd(keys.due_times(due_set), {member: at})


async def enter(hosts: HostGovernor, host: str, who: str) -> Turn:
    return (await hosts.enter_many({who: host}))[who]


async def leave(redis: Redis, turn: Turn) -> None:
    await run(redis, [HostGovernor.leave_command(turn)])


def enqueue(queue: JobQueue, entry_ids: list[str]) -> None:
    run_sync(queue.redis, queue.batch_commands(entry_ids))
