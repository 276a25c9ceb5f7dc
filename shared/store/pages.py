"""Pages of relevant entries: which are to be read, how far that has come, and what their hosts allow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from shared import keys
from shared.models.entry import Entry
from shared.models.page import PageState
from shared.store.due import Command, schedule_command

DUE_PAGES = "pages"
ROBOTS_SECONDS = 86_400  # RFC 9309, 2.4: no longer than a day


@dataclass(frozen=True, slots=True)
class StoredPage:
    """The entry (None: it has expired), and how far reading and checking its page has come."""

    entry: Entry | None
    state: PageState


def page_command(entry_id: str, at: float) -> Command:
    """For the transaction that makes the entry relevant: its page is to be read."""
    return schedule_command(DUE_PAGES, entry_id, at)


class PageStore:
    """The poller's side."""

    def __init__(self, redis: Redis, *, retention_seconds: int) -> None:
        self.redis = redis
        self.retention_seconds = retention_seconds

    async def load(self, entry_ids: Sequence[str]) -> list[StoredPage]:
        """In the order asked for, in one round trip."""
        if not entry_ids:
            return []
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.mget([keys.entry(entry_id) for entry_id in entry_ids])
            pipe.mget([keys.page(entry_id) for entry_id in entry_ids])
            entries, states = await pipe.execute()
        return [
            StoredPage(
                Entry.model_validate_json(entry) if entry else None,
                PageState.model_validate_json(state) if state else PageState(),
            )
            for entry, state in zip(entries, states, strict=True)
        ]

    async def robots(self, origins: Iterable[str]) -> dict[str, str]:
        """Origin → its robots.txt, of those that were asked within the day."""
        asked = sorted(set(origins))
        found = await self.redis.mget([keys.robots(origin) for origin in asked]) if asked else []
        return {origin: _text(text) for origin, text in zip(asked, found, strict=True) if text is not None}

    def state_commands(self, entry_id: str, state: PageState | None) -> list[Command]:
        """For the commit of a step; None: the page was last checked, or given up."""
        if state is None:
            return [("DEL", keys.page(entry_id))]
        told = state.model_dump_json(exclude_defaults=True)
        return [("SET", keys.page(entry_id), told, "EX", self.retention_seconds)]

    @staticmethod
    def robots_commands(origin: str, text: str) -> list[Command]:
        return [("SET", keys.robots(origin), text, "EX", ROBOTS_SECONDS)]


def _text(stored: bytes | str) -> str:
    return stored if isinstance(stored, str) else stored.decode()
