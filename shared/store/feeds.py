"""Feeds as configured, and what polling learnt about them."""

from collections.abc import Iterable, Sequence
from random import Random

from redis.asyncio import Redis

from shared import keys
from shared.models.feed import Feed, FeedState
from shared.store.due import Command, DueSet

DUE_FEEDS = "feeds"


class FeedStore:
    """Configured feeds stand in one hash, so that every poller and the gateway see the same; each state in a key."""

    def __init__(self, redis: Redis, due: DueSet) -> None:
        self.redis = redis
        self.due = due

    async def configure(self, feeds: Iterable[Feed], *, now: float, spread_seconds: float) -> tuple[int, int]:
        """Make `feeds` the configured ones; returns (added, removed).

        A new feed's first poll falls at random within `spread_seconds`, so that a start does not hit all hosts at
        once. Feeds that went keep what polling learnt: they may come back.
        """
        wanted = {feed.id: feed for feed in feeds}
        present = set(await self.due.members())
        gone = present - wanted.keys()
        await self._store(wanted)
        draw = Random(f"{len(wanted)}{now}")  # noqa: S311  spreading load, not a secret
        added = [feed_id for feed_id, feed in wanted.items() if feed.enabled and feed_id not in present]
        if added:
            await self.due.schedule({feed_id: now + draw.random() * spread_seconds for feed_id in added})
        if gone:
            await self.due.remove(gone)
        return len(added), len(gone)

    async def _store(self, wanted: dict[str, Feed]) -> None:
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.delete(keys.feeds())
            if wanted:
                pipe.hset(keys.feeds(), mapping={feed_id: feed.model_dump_json() for feed_id, feed in wanted.items()})
            await pipe.execute()

    async def all(self) -> list[Feed]:
        stored = await self.redis.hvals(keys.feeds())
        return sorted((Feed.model_validate_json(text) for text in stored), key=lambda feed: feed.name)

    async def load(self, feed_id: str) -> tuple[Feed | None, FeedState, bytes | None]:
        """One round trip: configuration (None: no longer configured), state, seen window."""
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.hget(keys.feeds(), feed_id)
            pipe.mget(keys.feed_state(feed_id), keys.feed_seen(feed_id))
            feed, (state, seen) = await pipe.execute()
        return (
            Feed.model_validate_json(feed) if feed else None,
            FeedState.model_validate_json(state) if state else FeedState(),
            seen,
        )

    async def states(self, feed_ids: Sequence[str]) -> list[FeedState]:
        """In the order asked for."""
        if not feed_ids:
            return []
        stored = await self.redis.mget([keys.feed_state(feed_id) for feed_id in feed_ids])
        return [FeedState.model_validate_json(text) if text else FeedState() for text in stored]

    @staticmethod
    def state_commands(feed_id: str, state: FeedState, seen: bytes | None) -> list[Command]:
        """For the commit of a poll; `seen` None leaves the window as it is. Validators come last."""
        commands: list[Command] = [] if seen is None else [("SET", keys.feed_seen(feed_id), seen)]
        commands.append(("SET", keys.feed_state(feed_id), state.model_dump_json(exclude_defaults=True)))
        return commands
