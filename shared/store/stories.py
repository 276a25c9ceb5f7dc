"""Stories, and the alerts stream that announces their revisions: both are written in one transaction."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import WatchError

from shared import keys
from shared.models.story import Alert, Story
from shared.store.pages import page_command

ALERTS_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Change:
    """A story as it shall be stored, the alert that announces it, if it rings, and whether to read the entry's page."""

    story: Story
    alert: Alert | None
    wants_text: bool = False


class StoryStore:
    """The classifiers' side: any number of them may assign entries to stories of one topic at once."""

    def __init__(self, redis: Redis, *, window_seconds: float, retention_seconds: int) -> None:
        self.redis = redis
        self.window_seconds = window_seconds
        self.retention_seconds = retention_seconds

    def assign(
        self,
        topic: str,
        entry_id: str,
        now: datetime,
        decide: Callable[[Sequence[Story]], Change],
        *,
        edition: str = "",
    ) -> Change | None:
        """Let `decide` choose a story for the entry among the live ones, and store what it says.

        None when the entry had been assigned before: a repeated job changes nothing and rings nothing.
        """
        return self._once(topic, entry_id, edition, lambda mark: None if mark else decide(self._live(topic, now)))

    def reread(self, topic: str, entry_id: str, edition: str, decide: Callable[[Story], Change]) -> Change | None:
        """Let `decide` put this edition of the entry in the place of the one that its story holds.

        None when it stands there already, or when the entry was never assigned.
        """

        def choose(mark: str) -> Change | None:
            story_id, _, held = mark.partition(" ")
            stored = self.redis.get(keys.story(story_id)) if story_id and held != edition else None
            return decide(Story.model_validate_json(stored)) if stored else None

        return self._once(topic, entry_id, edition, choose)

    def _once(self, topic: str, entry_id: str, edition: str, choose: Callable[[str], Change | None]) -> Change | None:
        """Store what `choose` says to the entry's mark (empty: none), if anything.

        One optimistic transaction on the topic: when another entry was assigned meanwhile, `choose` is asked again.
        """
        while True:
            # Raised, too, where the connection is lost while watching.
            with suppress(WatchError), self.redis.pipeline() as pipe:
                pipe.watch(  # type: ignore[no-untyped-call]  # redis-py has not typed it
                    keys.topic_assignments(topic)
                )
                change = choose(_text(pipe.get(keys.entry_story(topic, entry_id))))
                if change:
                    pipe.multi()
                    self._write(pipe, topic, entry_id, edition, change)
                    pipe.execute()
                return change

    def _live(self, topic: str, now: datetime) -> list[Story]:
        since = (now - timedelta(seconds=self.window_seconds)).timestamp()
        ids = self.redis.zrange(keys.topic_stories(topic), since, "+inf", byscore=True)
        stored = self.redis.mget(_story_keys(ids)) if ids else []
        return [Story.model_validate_json(text) for text in stored if text]

    def _write(self, pipe: Redis, topic: str, entry_id: str, edition: str, change: Change) -> None:
        story = change.story
        moment = story.updated_at.timestamp()
        pipe.incr(keys.topic_assignments(topic))
        pipe.set(keys.story(story.id), story.model_dump_json(), ex=self.retention_seconds)
        mark = f"{story.id} {edition}".rstrip()
        pipe.set(keys.entry_story(topic, entry_id), mark, ex=self.retention_seconds)
        pipe.zadd(keys.topic_stories(topic), {story.id: moment})
        pipe.zremrangebyscore(keys.topic_stories(topic), "-inf", moment - self.retention_seconds)
        pipe.zadd(keys.stories(), {story.id: moment})
        pipe.zremrangebyscore(keys.stories(), "-inf", moment - self.retention_seconds)
        if change.alert:
            pipe.xadd(keys.alerts(), {"alert": change.alert.model_dump_json()}, maxlen=ALERTS_KEPT, approximate=True)
        if change.wants_text:
            pipe.execute_command(*page_command(entry_id, moment))  # type: ignore[no-untyped-call]


class StoryReader:
    """The readers' side: notifier, gateway, command line."""

    def __init__(self, redis: AsyncRedis) -> None:
        self.redis = redis

    async def load(self, story_id: str) -> Story | None:
        text = await self.redis.get(keys.story(story_id))
        return Story.model_validate_json(text) if text else None

    async def newest(self, n: int, *, topic: str | None = None) -> list[Story]:
        """Newest first, of one topic or of all."""
        index = keys.stories() if topic is None else keys.topic_stories(topic)
        ids = await self.redis.zrange(index, 0, n - 1, desc=True)
        stored = await self.redis.mget(_story_keys(ids)) if ids else []
        return [Story.model_validate_json(text) for text in stored if text]


def _text(stored: bytes | str | None) -> str:
    return stored if isinstance(stored, str) else (stored or b"").decode()


def _story_keys(ids: Any) -> list[str]:  # redis-py types an answer as all that any option could make of it
    return [keys.story(story_id.decode()) for story_id in ids]
