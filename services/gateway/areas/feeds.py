"""What is done with feeds."""

from dataclasses import dataclass

from services.gateway.ports import Feeds
from services.gateway.views.feeds import FeedView


@dataclass(frozen=True, slots=True)
class FeedArea:
    feeds: Feeds

    async def every(self) -> list[FeedView]:
        """By name."""
        feeds = await self.feeds.all()
        states = await self.feeds.states([feed.id for feed in feeds])
        return [FeedView.of(feed, state) for feed, state in zip(feeds, states, strict=True)]
