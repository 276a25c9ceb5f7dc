"""How the whole system does, and what it has set aside."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from services.gateway.areas.feeds import FeedArea
from services.gateway.ports import DueEndpoints, Queue
from services.gateway.views.system import Status
from shared.queue import DeadLetter


@dataclass(frozen=True, slots=True)
class SystemArea:
    feeds: FeedArea
    endpoints: DueEndpoints
    queue: Queue
    version: str

    async def dead_letters(self) -> list[DeadLetter]:
        """Oldest first."""
        return await asyncio.to_thread(self.queue.dead_letters)

    async def retry(self, entry_id: str) -> bool:
        """Have the entry classified again; whether it was set aside. One whose text has expired is just gone then."""
        return bool(await asyncio.to_thread(self.queue.retry_dead_letters, [entry_id]))

    async def drop(self, entry_id: str) -> bool:
        """Forget it for good; whether it was set aside."""
        return bool(await asyncio.to_thread(self.queue.drop_dead_letters, [entry_id]))

    async def status(self) -> Status:
        feeds = Counter(feed.state for feed in await self.feeds.every())
        return Status(
            version=self.version,
            feeds=dict(feeds),
            queue_depth=await asyncio.to_thread(self.queue.depth),
            due_endpoints=(await self.endpoints.counts()).due,
            dead_letters=await asyncio.to_thread(self.queue.buried),
        )
