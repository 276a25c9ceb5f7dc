"""Feeds that were added through the API."""

from collections.abc import Callable, Iterable
from typing import cast

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import WatchError

from shared import keys
from shared.logs import get_logger
from shared.models.feed import Feed

log = get_logger()


class AddedFeeds:
    """Those of `feeds.yaml` do not stand here. What is changed and the version that says so are written in one step."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    async def all(self) -> list[Feed]:
        """By name; without those that a newer version wrote in a way that cannot be read."""
        found = readable(await self.redis.hvals(keys.feeds_added()))
        return sorted(found, key=lambda feed: (feed.name, feed.id))

    async def version(self) -> int:
        """Another one whenever a feed was added, changed or removed."""
        return int(await self.redis.get(keys.feeds_version()) or 0)

    async def add(self, feed: Feed) -> bool:
        """Whether it was not there yet."""
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.hsetnx(keys.feeds_added(), feed.id, line(feed))
            pipe.incr(keys.feeds_version())
            added, _ = await pipe.execute()
        return bool(added)

    async def change(self, feed_id: str, decide: Callable[[Feed], Feed]) -> Feed | None:
        """Put what `decide` makes of the feed in its place; None if it is not there. What `decide` raises is raised.

        When it was changed meanwhile, `decide` is asked again.
        """
        async with self.redis.pipeline(transaction=True) as pipe:
            while True:
                try:
                    await pipe.watch(keys.feeds_added())
                    text = cast("bytes | None", await pipe.hget(keys.feeds_added(), feed_id))
                    before = _readable(text) if text else None
                    if before is None:
                        return None
                    after = decide(before)
                    if after != before:
                        pipe.multi()  # type: ignore[no-untyped-call]  # redis-py has not typed it
                        pipe.hset(keys.feeds_added(), feed_id, line(after))
                        pipe.incr(keys.feeds_version())
                        await pipe.execute()
                except WatchError:
                    continue
                return after

    async def remove(self, feed_id: str) -> bool:
        """Whether it was there."""
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.hdel(keys.feeds_added(), feed_id)
            pipe.incr(keys.feeds_version())
            removed, _ = await pipe.execute()
        return bool(removed)


def line(feed: Feed) -> str:
    """As a feed stands in Redis, wherever it does."""
    return feed.model_dump_json(exclude_defaults=True)


def readable(texts: Iterable[bytes | str]) -> list[Feed]:
    """Without those that a newer version wrote in a way that cannot be read."""
    return [feed for text in texts if (feed := _readable(text))]


def _readable(text: bytes | str) -> Feed | None:
    try:
        return Feed.model_validate_json(text)
    except ValidationError as error:
        log.error("feed.unreadable", problems=error.error_count())
        return None
