"""Feeds as configured, and what polling learnt about them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import cast

from redis.asyncio import Redis

from shared import keys
from shared.models import canary
from shared.models.feed import Feed, FeedHealth, FeedState, KnownFeed, Origin, Outcome, PollRecord, together
from shared.store.added_feeds import AddedFeeds, line, readable
from shared.store.due import Command, DueSet

DUE_FEEDS = "feeds"


# Enough to see a habit; a feed's state must stay small.
POLLS_KEPT = 10


@dataclass(frozen=True, slots=True)
class StoredFeed:
    """The feed as configured (None: no longer), and what polling learnt."""

    feed: Feed | None
    state: FeedState


class FeedStore:
    """Configured feeds stand in one hash, so that every poller and the gateway see the same; each state in a key."""

    def __init__(self, redis: Redis, due: DueSet) -> None:
        self.redis = redis
        self.due = due
        self.added = AddedFeeds(redis)

    async def configure(
        self, feeds: Iterable[Feed], *, now: float, spread_seconds: float, added: Iterable[Feed] = ()
    ) -> tuple[int, int]:
        """Make `feeds`, of the file, and those `added` beside it the configured ones; returns how many are new and how
        many went, the canary not counted.

        A new feed's first poll falls at random within `spread_seconds`, so that a start does not hit all hosts at
        once. Feeds that went keep what polling learnt: they may come back. Whoever dies in the middle leaves what the
        next one to configure makes good.
        """
        known = together(feeds, added)
        wanted = {each.feed.id: each.feed for each in known}
        present, awake = set(await self.due.members()), await self._enabled()
        gone = present - wanted.keys()
        await self._store(known, now)
        draw = Random(f"{len(wanted)}{now}")  # noqa: S311  spreading load, not a secret
        # One that a poller has in hand as disabled will leave: that it is to stand again must be said, too.
        new = [feed_id for feed_id, feed in wanted.items() if feed.enabled and feed_id not in present & awake]
        if new:
            await self.due.schedule({feed_id: now + draw.random() * spread_seconds for feed_id in new})
        if gone:
            await self.due.remove(gone)
            await self.redis.hdel(keys.feeds_unwell(), *gone)
        return sum(map(_is_shown, new)), sum(map(_is_shown, gone))

    async def _enabled(self) -> set[str]:
        return {feed.id for feed in readable(await self.redis.hvals(keys.feeds())) if feed.enabled}

    async def _store(self, known: Sequence[KnownFeed], now: float) -> None:
        wanted = {each.feed.id: each.feed for each in known}
        written = [each.feed.id for each in known if each.origin is Origin.FILE]
        polled = {feed_id for feed_id, feed in wanted.items() if feed.enabled}
        read = {_text(feed_id) for feed_id in cast("list[bytes]", await self.redis.zrange(keys.feeds_read(), 0, -1))}
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.delete(keys.feeds(), keys.feeds_written())
            if written:
                pipe.sadd(keys.feeds_written(), *written)
            if wanted:
                pipe.hset(keys.feeds(), mapping={feed_id: line(feed) for feed_id, feed in wanted.items()})
            if left := read - polled:
                pipe.zrem(keys.feeds_read(), *left)
            if polled:
                pipe.zadd(keys.feeds_read(), dict.fromkeys(polled, now), nx=True)
            await pipe.execute()

    async def known(self) -> list[KnownFeed]:
        """By name, without the canary: the file's as a poller has read them, and those added, taken up yet or not."""
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(keys.feeds())
            pipe.smembers(keys.feeds_written())
            pipe.hvals(keys.feeds_added())
            configured, written, added = await pipe.execute()
        of_the_file = (Feed.model_validate_json(text) for feed_id, text in configured.items() if feed_id in written)
        found = together(of_the_file, readable(added))
        shown = (each for each in found if _is_shown(each.feed.id))
        return sorted(shown, key=lambda each: (each.feed.name, each.feed.id))

    async def load(self, feed_ids: Sequence[str]) -> list[StoredFeed]:
        """In the order asked for, in one round trip."""
        if not feed_ids:
            return []
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.hmget(keys.feeds(), list(feed_ids))
            pipe.mget([keys.feed_state(feed_id) for feed_id in feed_ids])
            feeds, states = await pipe.execute()
        return [
            StoredFeed(Feed.model_validate_json(feed) if feed else None, _state(state))
            for feed, state in zip(feeds, states, strict=True)
        ]

    async def seen(self, feed_id: str) -> bytes | None:
        """The seen window: much larger than the state, and of no use to a poll that brings no document."""
        return cast("bytes | None", await self.redis.get(keys.feed_seen(feed_id)))

    async def history(self, feed_id: str) -> list[PollRecord]:
        """The last polls, newest first."""
        stored = await self.redis.lrange(keys.feed_polls(feed_id), 0, -1)
        return [PollRecord.model_validate_json(text) for text in stored]

    async def states(self, feed_ids: Sequence[str]) -> list[FeedState]:
        """In the order asked for."""
        if not feed_ids:
            return []
        stored = await self.redis.mget([keys.feed_state(feed_id) for feed_id in feed_ids])
        return [_state(text) for text in stored]

    @staticmethod
    def state_commands(
        feed_id: str, state: FeedState, seen: bytes | None, record: PollRecord | None = None
    ) -> list[Command]:
        """For the commit of a poll; `seen` None leaves the window as it is. Validators come last."""
        commands: list[Command] = [] if seen is None else [("SET", keys.feed_seen(feed_id), seen)]
        if record is not None:
            commands.append(("LPUSH", keys.feed_polls(feed_id), record.row))
            commands.append(_unwell_command(feed_id, state.health))
            if Outcome(record.outcome).succeeded:
                commands.append(("ZADD", keys.feeds_read(), "XX", record.at.timestamp(), feed_id))
            commands.append(("LTRIM", keys.feed_polls(feed_id), 0, POLLS_KEPT - 1))
        commands.append(("SET", keys.feed_state(feed_id), state.model_dump_json(exclude_defaults=True)))
        return commands


def _is_shown(feed_id: str) -> bool:
    return feed_id != canary.FEED_ID


def _unwell_command(feed_id: str, health: FeedHealth) -> Command:
    if health is FeedHealth.HEALTHY:
        return ("HDEL", keys.feeds_unwell(), feed_id)
    return ("HSET", keys.feeds_unwell(), feed_id, health.value)


def _text(stored: bytes | str) -> str:
    return stored if isinstance(stored, str) else stored.decode()


def _state(text: bytes | str | None) -> FeedState:
    return FeedState.model_validate_json(text) if text else FeedState()
