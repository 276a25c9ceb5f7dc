"""Stories as people read them: beside what a story holds, what its articles say and where its places lie."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.gateway.areas.stories import StoryArea
from services.gateway.choice import StoryChoice
from services.gateway.ports import Entries, Feeds, Stories, Topics
from services.gateway.views.reading import Reading
from shared.store.stories import Place


@dataclass(frozen=True, slots=True)
class Found:
    """`following`: the place after which to go on; None at the end."""

    readings: list[Reading]
    following: Place | None


@dataclass(frozen=True, slots=True)
class ReadingArea:
    """`lists`: finds those that are chosen."""

    lists: StoryArea
    stories: Stories
    entries: Entries
    feeds: Feeds
    topics: Topics

    async def page(
        self, choice: StoryChoice, limit: int, languages: Sequence[str] = (), after: Place | None = None
    ) -> Found:
        """Newest change first; without the texts of their articles. `languages`: the reader's."""
        found = await self.lists.page(choice, limit, after)
        stories = await self.stories.readable([story.id for story in found.stories])
        countries = await self._countries() if stories else {}
        places = {topic.name: topic.places for topic in await self.topics.all()}
        readings = [
            Reading.of(story, {}, countries, places.get(story.topic, {}), languages) for story in stories.values()
        ]
        return Found(readings, found.following)

    async def find(self, story_id: str, languages: Sequence[str] = ()) -> Reading | None:
        """With the texts of its articles, as far as they are kept."""
        story = await self.stories.load(story_id)
        if story is None:
            return None
        entries = await self.entries.load([article.entry_id for article in story.articles])
        texts = {entry.id: entry for entry in entries}
        topic = await self.topics.find(story.topic)
        return Reading.of(story, texts, await self._countries(), topic.places if topic else {}, languages)

    async def _countries(self) -> dict[str, str]:
        """Name of a feed → its country."""
        feeds = [known.feed for known in await self.feeds.known()]
        return {feed.name: feed.country for feed in feeds if feed.country}
