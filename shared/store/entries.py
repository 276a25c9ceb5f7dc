"""Entries as read, kept for classification, for the stories that quote them and for backtests."""

from collections.abc import Sequence

from redis import Redis

from shared import keys
from shared.models.entry import Entry
from shared.store.due import Command


class EntryStore:
    """Written by the poller (inside its commit), read by the classifier."""

    def __init__(self, redis: Redis, *, retention_seconds: int) -> None:
        self.redis = redis
        self.retention_seconds = retention_seconds

    def save_commands(self, entries: Sequence[Entry]) -> list[Command]:
        """For the commit of a poll."""
        return [
            ("SET", keys.entry(entry.id), entry.model_dump_json(exclude_defaults=True), "EX", self.retention_seconds)
            for entry in entries
        ]

    def load(self, entry_ids: Sequence[str]) -> list[Entry]:
        """In the order asked for; entries that have expired are left out."""
        if not entry_ids:
            return []
        stored = self.redis.mget([keys.entry(entry_id) for entry_id in entry_ids])
        return [Entry.model_validate_json(text) for text in stored if text]
