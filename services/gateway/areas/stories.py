"""What is done with stories."""

from dataclasses import dataclass

from services.gateway.ports import Stories
from services.gateway.views.stories import StorySummary, StoryView


@dataclass(frozen=True, slots=True)
class StoryArea:
    stories: Stories

    async def newest(self, limit: int, topic: str | None) -> list[StorySummary]:
        """Newest change first."""
        return [StorySummary.of(story) for story in await self.stories.newest(limit, topic=topic)]

    async def find(self, story_id: str) -> StoryView | None:
        story = await self.stories.load(story_id)
        return StoryView.of(story) if story else None
