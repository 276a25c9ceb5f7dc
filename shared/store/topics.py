"""The topics that running classifiers judge by."""

from collections.abc import Iterable

from pydantic import ValidationError
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared import keys
from shared.models.pack import TopicInForce


class TopicStore:
    """The classifiers' side."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    def announce(self, topics: Iterable[TopicInForce]) -> None:
        """These and no others are in force."""
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.delete(keys.topics())
            for topic in topics:
                pipe.hset(keys.topics(), topic.name, topic.model_dump_json())
            pipe.execute()


class TopicReader:
    def __init__(self, redis: AsyncRedis) -> None:
        self.redis = redis

    async def all(self) -> list[TopicInForce]:
        """By name; without those that classifiers of another version describe in a way that cannot be read."""
        found = [topic for text in await self.redis.hvals(keys.topics()) if (topic := _readable(text))]
        return sorted(found, key=lambda topic: topic.name)

    async def find(self, name: str) -> TopicInForce | None:
        text = await self.redis.hget(keys.topics(), name)
        return _readable(text) if text else None


def _readable(text: bytes | str) -> TopicInForce | None:
    try:
        return TopicInForce.model_validate_json(text)
    except ValidationError:
        return None
