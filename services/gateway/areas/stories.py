"""What is done with stories."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from services.gateway.choice import StoryChoice
from services.gateway.ports import Stories
from services.gateway.views.stories import StorySummary, StoryView
from services.gateway.views.timeline import Timeline, timeline
from shared.models.story import Story
from shared.store.stories import Place

AT_ONCE = 50
# However rare what is chosen: nobody else waits long for a page, and whoever goes on finds the rest.
MOST_LOOKED_AT = 500


@dataclass(frozen=True, slots=True)
class Found:
    """`following`: the place after which to go on; None at the end."""

    stories: list[StorySummary]
    following: Place | None


@dataclass(frozen=True, slots=True)
class StoryArea:
    stories: Stories

    async def page(self, choice: StoryChoice, limit: int, after: Place | None = None) -> Found:
        """Newest change first. Fewer than `limit` do not mean that no more follow."""
        found, looked_at, last = list[StorySummary](), 0, after
        async with aclosing(self._walk(choice, AT_ONCE if choice.is_choosy else limit + 1, after)) as walk:
            async for place, story in walk:
                if len(found) == limit or looked_at == MOST_LOOKED_AT:
                    return Found(found, last)
                looked_at, last = looked_at + 1, place
                if story and choice.wants(story):
                    found.append(StorySummary.of(story))
        return Found(found, None)

    async def _walk(
        self, choice: StoryChoice, n: int, before: Place | None
    ) -> AsyncGenerator[tuple[Place, Story | None]]:
        """All of them, `n` at a time; None for one that is gone or cannot be read."""
        while places := await self.stories.places(n, topic=choice.topic, before=before, since=choice.since):
            there = await self.stories.readable([story_id for _, story_id in places])
            for place in places:
                yield place, there.get(place[1])
            before = places[-1]

    async def find(self, story_id: str) -> StoryView | None:
        story = await self.stories.load(story_id)
        return StoryView.of(story) if story else None

    async def timeline(self, story_id: str) -> Timeline | None:
        story = await self.stories.load(story_id)
        return timeline(story) if story else None
