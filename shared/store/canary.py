"""That the canary has arrived, and when: what a process without it can say of the whole way."""

from dataclasses import asdict, dataclass
from typing import Any

from redis.asyncio import Redis

from shared import keys


@dataclass(frozen=True, slots=True)
class Arrival:
    """Of the canary that arrived last. Unix seconds; `slot`: when the slot began that it is of."""

    published_at: float
    fetched_at: float
    delivered_at: float
    slot: int


class CanaryStore:
    """Written by the notifier."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    async def arrived(self, arrival: Arrival) -> None:
        fields: dict[Any, Any] = asdict(arrival)
        await self.redis.hset(keys.canary(), mapping=fields)

    async def last(self) -> Arrival | None:
        """None before the first."""
        stored: dict[Any, Any] = await self.redis.hgetall(keys.canary())
        fields: dict[str, Any] = {name.decode(): float(text) for name, text in stored.items()}
        return Arrival(**fields | {"slot": int(fields["slot"])}) if fields else None
