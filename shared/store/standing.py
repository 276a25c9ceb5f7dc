"""What stands in Redis at the moment of a look, for those who watch the system."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json
from redis import Redis
from redis.exceptions import ResponseError

from shared import keys
from shared.models import canary
from shared.models.endpoint import EndpointState, EndpointStatus
from shared.models.feed import FeedHealth
from shared.store.alerts import GROUP
from shared.store.deliveries import DUE_ENDPOINTS

STALEST = 20
MOST_COUNTED = 1_000
_AT_FIRST = EndpointState().status


@dataclass(frozen=True, slots=True)
class FeedsNow:
    """`ages`: seconds since each that is wanted was last read, the least first; `stalest`: the greatest, by the feeds'
    names. A feed that is gone, and so polled no more, is wanted until somebody says otherwise."""

    states: Mapping[FeedHealth, int]
    ages: tuple[float, ...]
    stalest: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class EndpointNow:
    status: EndpointStatus
    waiting: int


# redis-py types an answer as all that any option could make of it, hence Any.
class Standing:
    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    def feeds(self, now: float) -> FeedsNow:
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hlen(keys.feeds())
            pipe.hgetall(keys.feeds_unwell())
            pipe.zrange(keys.feeds_read(), 0, -1, withscores=True)
            pipe.hexists(keys.feeds(), canary.FEED_ID)
            configured, unwell, every, with_canary = pipe.execute()
        read = [(feed_id, at) for feed_id, at in every if feed_id != canary.FEED_ID.encode()]
        health = {feed_id: _health(unwell.get(feed_id)) for feed_id, _ in read}
        states = Counter(health.values())
        states[FeedHealth.DISABLED] += configured - bool(with_canary) - len(read)
        ages = [(feed_id, max(0.0, now - at)) for feed_id, at in read]
        return FeedsNow(states, tuple(age for _, age in reversed(ages)), self._named(dict(ages[:STALEST])))

    def _named(self, ages: Mapping[bytes, float]) -> dict[str, float]:
        """Of two with one name the greater."""
        stored: Any = self.redis.hmget(keys.feeds(), list(ages)) if ages else []
        of_feeds = [(text, age) for text, age in zip(stored, ages.values(), strict=True) if text]
        return {from_json(text)["name"]: age for text, age in reversed(of_feeds)}

    def endpoints(self) -> dict[str, EndpointNow]:
        """Of those that are delivered to."""
        members: Any = self.redis.smembers(keys.endpoints())
        names = sorted(name.decode() for name in members)
        with self.redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.get(keys.endpoint(name))
                pipe.zcard(keys.waiting(name))
            found = iter(pipe.execute())
        return {name: EndpointNow(_status(next(found)), int(next(found))) for name in names}

    def overdue(self, now: float) -> float:
        """Seconds for which the endpoint that nobody works on and that is most overdue has been due."""
        first: Any = self.redis.zrange(keys.due_times(DUE_ENDPOINTS), 0, 0, withscores=True)
        return max(0.0, now - first[0][1]) if first else 0.0

    def unread(self) -> int:
        """Records of the alerts stream that notifiers have not done with; MOST_COUNTED at most."""
        try:
            groups: Any = self.redis.xinfo_groups(keys.alerts())
        except ResponseError:  # there is no stream yet
            return 0
        since = next((group for group in groups if group["name"] == GROUP.encode()), None)
        first = b"(" + since["last-delivered-id"] if since else b"-"
        waiting: Any = self.redis.xrange(keys.alerts(), min=first, count=MOST_COUNTED)
        return min(MOST_COUNTED, len(waiting) + (int(since["pending"]) if since else 0))

    def canary_at(self) -> float | None:
        """When one came to its end last, in Unix seconds; 0 if none has, None if none is sent."""
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hexists(keys.feeds(), canary.FEED_ID)
            pipe.hget(keys.canary(), "delivered_at")
            is_sent, delivered_at = pipe.execute()
        return float(delivered_at or 0.0) if is_sent else None

    def memory(self) -> tuple[float, float]:
        """In bytes: used, and the most that may be; 0 for no bound."""
        info: Any = self.redis.info("memory")
        return float(info["used_memory"]), float(info.get("maxmemory", 0))

    def keys(self) -> int:
        return int(self.redis.dbsize())


def _health(name: bytes | None) -> FeedHealth:
    return FeedHealth(name.decode()) if name else FeedHealth.HEALTHY


def _status(text: bytes | None) -> EndpointStatus:
    """Of the state alone: what a newer version wrote beside it is none of our business."""
    return EndpointStatus(from_json(text).get("status", _AT_FIRST)) if text else _AT_FIRST
