"""Entries as read, kept for classification, for the stories that quote them and for backtests."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared import keys
from shared.models.canary import FEED_ID, kept_seconds
from shared.models.entry import Entry
from shared.store.due import Command

_STEP = 500


class EntryStore:
    """Written by the poller (inside its commit), read by the classifier."""

    def __init__(self, redis: Redis, *, retention_seconds: int) -> None:
        self.redis = redis
        self.retention_seconds = retention_seconds

    def save_commands(self, entries: Sequence[Entry]) -> list[Command]:
        """For the commit of a poll."""
        return [
            ("SET", keys.entry(entry.id), entry.model_dump_json(exclude_defaults=True), "EX", self._kept(entry))
            for entry in entries
        ]

    def _kept(self, entry: Entry) -> int:
        return kept_seconds(self.retention_seconds, canary=entry.feed_id == FEED_ID)

    def load(self, entry_ids: Sequence[str]) -> list[Entry]:
        """In the order asked for; entries that have expired are left out."""
        if not entry_ids:
            return []
        stored = self.redis.mget([keys.entry(entry_id) for entry_id in entry_ids])
        return [Entry.model_validate_json(text) for text in stored if text]

    def since(self, moment: datetime) -> Iterator[Entry]:
        """Those seen then or later but for the canary's, in no order; of what is written or expires meanwhile, some.

        All keys are gone through in small steps, so that Redis serves others in between.
        """
        known = set[str]()
        cursor: int | None = 0
        while cursor is not None:
            found, cursor = self.look(cursor)
            new = {*found} - known
            known |= new
            yield from self.seen_since([*new], moment)

    def look(self, cursor: int) -> tuple[list[str], int | None]:
        """Some of the ids that there are, and where the next look goes on from 0 to None. It may name one twice."""
        after, found = self.redis.scan(cursor, match=keys.entry("*"), count=_STEP)
        return [_text(key).removeprefix(keys.entry("")) for key in found], int(after) or None

    def seen_since(self, entry_ids: Sequence[str], moment: datetime) -> list[Entry]:
        """Those of these that were seen then or later, but for the canary's."""
        return [entry for entry in self.load(entry_ids) if entry.feed_id != FEED_ID and entry.seen_at >= moment]


class EntryReader:
    """For those who show entries."""

    def __init__(self, redis: AsyncRedis) -> None:
        self.redis = redis

    async def load(self, entry_ids: Sequence[str]) -> list[Entry]:
        """In the order asked for; entries that have expired are left out."""
        stored = await self.redis.mget([keys.entry(entry_id) for entry_id in entry_ids]) if entry_ids else []
        return [Entry.model_validate_json(text) for text in stored if text]


def _text(key: bytes | str) -> str:
    return key if isinstance(key, str) else key.decode()
