"""What stands in Redis, as metrics: every classifier says it, so that it is said as long as one of them lives."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil

from shared import metrics
from shared.logs import get_logger
from shared.metrics.labels import MemoryKind, Quantile, QueueName, StreamGroup
from shared.models.endpoint import EndpointStatus
from shared.queue import JobQueue
from shared.store.counters import CounterStore
from shared.store.patience import StoreUnavailable
from shared.store.standing import Standing

log = get_logger()


@dataclass(frozen=True, slots=True)
class Observer:
    """Reads all of it at each call. Its connection is its own, and hurried: whoever scrapes waits."""

    counters: CounterStore
    standing: Standing
    queue: JobQueue

    def __call__(self) -> Iterable[metrics.Family]:
        """Nothing while Redis is away: what is not known is not said."""
        try:
            return [*self._read(time.time())]
        except StoreUnavailable as error:
            log.warning("redis.unavailable", error=str(error)[:200])
        except Exception:  # the scrape's last line: what the process knows itself is said all the same
            log.exception("observing.failed")
        return ()

    def _read(self, now: float) -> Iterator[metrics.Family]:
        yield from metrics.lasting(self.counters.all())
        yield from self._queue()
        yield from self._feeds(now)
        yield from self._endpoints(now)
        yield from self._system()

    def _queue(self) -> Iterator[metrics.Family]:
        examine = self.queue.examinations.depth()
        yield metrics.QUEUE_DEPTH.read({QueueName.CLASSIFY: self.queue.depth(), QueueName.EXAMINE: examine})
        yield metrics.QUEUE_OLDEST_SECONDS.read({QueueName.CLASSIFY: self.queue.oldest_age()})
        yield metrics.WORKERS.read(self.queue.workers())
        yield metrics.DEAD_LETTERS.read(self.queue.buried())

    def _feeds(self, now: float) -> Iterator[metrics.Family]:
        feeds = self.standing.feeds(now)
        yield metrics.FEEDS.read(feeds.states)
        yield metrics.FEED_STALENESS_SECONDS.read({each: quantile(feeds.ages, float(each)) for each in Quantile})
        yield metrics.FEED_AGE_SECONDS.read(feeds.stalest)

    def _endpoints(self, now: float) -> Iterator[metrics.Family]:
        endpoints = self.standing.endpoints()
        yield metrics.ENDPOINTS.read(Counter(each.status for each in endpoints.values()))
        every = product(endpoints.items(), EndpointStatus)
        yield metrics.ENDPOINT_STATE.read(
            {(name, status): float(status is each.status) for (name, each), status in every}
        )
        yield metrics.ENDPOINT_WAITING.read({name: each.waiting for name, each in endpoints.items()})
        yield metrics.DELIVERY_OLDEST_SECONDS.read(self.standing.overdue(now))
        yield metrics.STREAMS_PENDING.read({StreamGroup.NOTIFIERS: self.standing.unread()})

    def _system(self) -> Iterator[metrics.Family]:
        if (canary_at := self.standing.canary_at()) is not None:
            yield metrics.CANARY_SUCCESS.read(canary_at)
        used, most = self.standing.memory()
        yield metrics.REDIS_MEMORY_BYTES.read({MemoryKind.USED: used, MemoryKind.MAX: most})
        yield metrics.REDIS_KEYS.read(self.standing.keys())


def quantile(ordered: Sequence[float], q: float) -> float:
    """The least that the share `q` of them does not exceed; 0 for none. `ordered`: the least first."""
    return ordered[max(0, ceil(q * len(ordered)) - 1)] if ordered else 0.0
