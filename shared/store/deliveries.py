"""The sent-log: how far each subscription has been brought with each story."""

from redis.asyncio import Redis

from shared import keys
from shared.models.subscription import Delivery
from shared.store.due import Command

DUE_DELIVERIES = "deliveries"


def member(subscription_id: str, story_id: str) -> str:
    """The name of the pair in the due-set. Neither part can hold a `|`."""
    return f"{subscription_id}|{story_id}"


def parts(name: str) -> tuple[str, str]:
    subscription_id, _, story_id = name.partition("|")
    return subscription_id, story_id


class DeliveryStore:
    """Written by the notifier that holds the pair's lease."""

    def __init__(self, redis: Redis, *, retention_seconds: int) -> None:
        self.redis = redis
        self.retention_seconds = retention_seconds

    async def load(self, subscription_id: str, story_id: str) -> Delivery:
        text = await self.redis.get(keys.delivery(subscription_id, story_id))
        if text is None:
            return Delivery(subscription_id=subscription_id, story_id=story_id)
        return Delivery.model_validate_json(text)

    def save_commands(self, delivery: Delivery) -> list[Command]:
        """For a write that is fenced by the pair's lease."""
        key = keys.delivery(delivery.subscription_id, delivery.story_id)
        return [("SET", key, delivery.model_dump_json(), "EX", self.retention_seconds)]
