"""The shell: reads the stores, and shows what they hold as the API's models."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from services.gateway.ports import Alerts, DueEndpoints, Feeds, Queue, Stories
from services.gateway.views import AlertView, FeedView, Status, StorySummary, StoryView
from shared.queue import DeadLetter


@dataclass(frozen=True, slots=True)
class Gateway:
    """Stateless. Every method raises what `shared.store.patience.StoreUnavailable` names when Redis is away."""

    feeds: Feeds
    stories: Stories
    alerts: Alerts
    endpoints: DueEndpoints
    queue: Queue
    version: str

    async def list_feeds(self) -> list[FeedView]:
        """By name."""
        feeds = await self.feeds.all()
        states = await self.feeds.states([feed.id for feed in feeds])
        return [FeedView.of(feed, state) for feed, state in zip(feeds, states, strict=True)]

    async def newest_stories(self, limit: int, topic: str | None) -> list[StorySummary]:
        """Newest change first."""
        return [StorySummary.of(story) for story in await self.stories.newest(limit, topic=topic)]

    async def newest_stories_in_full(self, limit: int) -> list[StoryView]:
        return [StoryView.of(story) for story in await self.stories.newest(limit)]

    async def find_story(self, story_id: str) -> StoryView | None:
        story = await self.stories.load(story_id)
        return StoryView.of(story) if story else None

    async def newest_alerts(self, limit: int) -> list[AlertView]:
        """Newest first."""
        return [AlertView.of(record.id, record.alert) for record in await self.alerts.newest(limit)]

    async def dead_letters(self) -> list[DeadLetter]:
        """Oldest first."""
        return await asyncio.to_thread(self.queue.dead_letters)

    async def status(self) -> Status:
        feeds = Counter(feed.state for feed in await self.list_feeds())
        return Status(
            version=self.version,
            feeds=dict(feeds),
            queue_depth=await asyncio.to_thread(self.queue.depth),
            due_endpoints=(await self.endpoints.counts()).due,
            dead_letters=len(await self.dead_letters()),
        )
