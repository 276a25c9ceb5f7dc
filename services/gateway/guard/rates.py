"""How many requests a minute: in this process, for each token or address."""

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter


class Rates:
    """Each method counts one, and says how many seconds to wait if that was too many; else None."""

    def __init__(self, per_minute: int, writes_per_minute: int, failures_per_minute: int) -> None:
        # Two counters a client, however much it asks for: a list of times would be as long as the limit.
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._requests = RateLimitItemPerMinute(per_minute, namespace="requests")
        self._writes = RateLimitItemPerMinute(writes_per_minute, namespace="writes")
        self._failures = RateLimitItemPerMinute(failures_per_minute, namespace="failures")

    def request(self, client: str, *, writes: bool) -> int | None:
        too_many = self._count(self._requests, client)
        return too_many if too_many or not writes else self._count(self._writes, client)

    def failure(self, address: str) -> int | None:
        """A token that is none."""
        return self._count(self._failures, address)

    def _count(self, limit: RateLimitItemPerMinute, client: str) -> int | None:
        if self._limiter.hit(limit, client):
            return None
        return max(1, math.ceil(self._limiter.get_window_stats(limit, client).reset_time - time.time()))
