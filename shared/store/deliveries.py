"""The sent-log: how far each subscription has been brought with each subject."""

from collections.abc import Sequence

from redis.asyncio import Redis

from shared import keys
from shared.models import canary
from shared.models.subscription import Delivery
from shared.store.due import Command

# Its members are subscriptions: a notifier claims an endpoint, not a single delivery.
DUE_ENDPOINTS = "endpoints"
# What is no story's is of no use later.
_OTHERS_SECONDS = 14 * 86_400


class DeliveryStore:
    """Written by the notifier that holds the endpoint's lease."""

    def __init__(self, redis: Redis, *, retention_seconds: int) -> None:
        self.redis = redis
        self.retention_seconds = retention_seconds

    async def load(self, subscription_id: str, subject: str) -> Delivery:
        (found,) = await self.load_many(subscription_id, [subject])
        return found

    async def load_many(self, subscription_id: str, subjects: Sequence[str]) -> list[Delivery]:
        if not subjects:
            return []
        texts = await self.redis.mget([keys.delivery(subscription_id, subject) for subject in subjects])
        return [
            Delivery(subscription_id=subscription_id, subject=subject)
            if text is None
            else Delivery.model_validate_json(text)
            for subject, text in zip(subjects, texts, strict=True)
        ]

    async def told(self, subscription_ids: Sequence[str], subject: str) -> list[str]:
        """Those of these subscriptions that something is known of with the subject: it was told, or tried."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for subscription_id in subscription_ids:
                pipe.exists(keys.delivery(subscription_id, subject))
            known = await pipe.execute()
        return [each for each, there in zip(subscription_ids, known, strict=True) if there]

    def forget_command(self, subscription_id: str, subject: str) -> Command:
        """As if nothing had been told of it."""
        return ("DEL", keys.delivery(subscription_id, subject))

    def save_commands(self, delivery: Delivery) -> list[Command]:
        """For a write that is fenced by the endpoint's lease."""
        key = keys.delivery(delivery.subscription_id, delivery.subject)
        seconds = min(self.retention_seconds, _OTHERS_SECONDS) if ":" in delivery.subject else self.retention_seconds
        seconds = canary.kept_seconds(seconds, canary=delivery.subscription_id == canary.NAME)
        return [("SET", key, delivery.model_dump_json(exclude_defaults=True), "EX", seconds)]
