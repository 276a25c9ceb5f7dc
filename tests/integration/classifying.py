"""Workers to be killed: they work off the queue with a classifier whose entries are its orders.

An entry called `exit…` ends its worker's process, `raise…` fails its job, `hang…` stays in it the first time, `outage…`
is classified only after three outages of Redis, `page…` is queued again with its text while it is classified. What is
classified is appended to the list `done`. As a worker dies, the next one is forked: imports cost more than jobs.
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from redis import Redis  # noqa: E402
from redis.backoff import NoBackoff  # noqa: E402
from redis.retry import Retry  # noqa: E402

from services.classifier.classifier import Classifier  # noqa: E402
from services.classifier.jobs import bind  # noqa: E402
from shared.queue import SINGLE_TRIES, JobQueue  # noqa: E402
from shared.store.connection import Patience, connect_sync  # noqa: E402
from shared.store.counters import CounterStore  # noqa: E402
from shared.store.patience import StoreUnavailable  # noqa: E402


class Orders:
    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    def classify(self, entry_ids: Sequence[str]) -> None:
        for entry_id in entry_ids:
            if entry_id.startswith("exit"):
                os._exit(1)
            if entry_id.startswith("raise"):
                raise ValueError(f"cannot classify {entry_id}")
            if entry_id.startswith("outage") and self.redis.incr("outages") <= SINGLE_TRIES:
                while self.redis.ping():  # which fails when Redis is gone
                    time.sleep(0.01)
            if entry_id.startswith("hang") and self.redis.incr("hung") == 1:
                time.sleep(60)
            if entry_id.startswith("page"):
                self._queue_once_more(entry_id)
            self.redis.rpush("done", entry_id)

    def _queue_once_more(self, entry_id: str) -> None:
        if self.redis.incr("read") == 1:
            for command in JobQueue(self.redis).batch_commands([entry_id], "with text"):
                self.redis.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py has not typed it


def work(url: str) -> None:
    with Redis.from_url(url) as redis:
        bind(cast("Classifier", Orders(redis)), CounterStore(redis))
        JobQueue(redis).work(burst=True)


def work_through_outages(url: str) -> None:
    """As the product does, but that a job gives up at once."""
    with Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as redis:
        bind(cast("Classifier", Orders(redis)), CounterStore(redis))
        JobQueue(connect_sync(url, patience=Patience())).work(burst=True, blameless=StoreUnavailable)


def work_and_recover(url: str) -> None:
    """Work until nothing is left."""
    with Redis.from_url(url) as redis:
        queue = JobQueue(redis, intermediate_grace_seconds=0.05)
        while queue.in_flight():
            if not (child := os.fork()):
                work(url)
                os._exit(0)
            os.waitpid(child, 0)
            queue.recover()
