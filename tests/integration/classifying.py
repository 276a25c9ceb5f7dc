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
from services.classifier.examiner import Examiner  # noqa: E402
from services.classifier.jobs import bind, bind_examiner  # noqa: E402
from services.classifier.match import Matcher  # noqa: E402
from shared.models.topic import TopicMatch  # noqa: E402
from shared.queue import SINGLE_TRIES, ExamineQueue, JobQueue  # noqa: E402
from shared.store.connection import Patience, connect_sync  # noqa: E402
from shared.store.counters import CounterStore  # noqa: E402
from shared.store.entries import EntryStore  # noqa: E402
from shared.store.examinations import ExaminationStore  # noqa: E402
from shared.store.patience import StoreUnavailable  # noqa: E402
from shared.store.stories import StoryStore  # noqa: E402


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


class Words:
    """A matcher whose texts are its orders."""

    topics = ()

    def match(self, text: str, *_: object) -> tuple[TopicMatch, ...]:
        if text.startswith("exit"):
            os._exit(1)
        if text.startswith("raise"):
            raise ValueError(f"cannot judge {text}")
        return ()


class Slow(Examiner):
    """A backtest ends with its first step, which takes a while and is noted in the list `order`."""

    def backtest(self, examination_id: str, step: int) -> None:
        time.sleep(0.2)
        self.answers.redis.rpush("order", f"backtest {examination_id}")  # type: ignore[attr-defined]


class Deadly(Examiner):
    def backtest(self, examination_id: str, step: int) -> None:
        os._exit(1)


class Noted(Orders):
    """Each batch takes a while, and is noted in the list `order`."""

    def classify(self, entry_ids: Sequence[str]) -> None:
        time.sleep(0.02)
        self.redis.rpush("order", *entry_ids)


def work(url: str, *, orders: type[Orders] = Orders, examiner: type[Examiner] = Examiner, burst: bool = True) -> None:
    with Redis.from_url(url) as redis:
        bind(cast("Classifier", orders(redis)), CounterStore(redis))
        stories = StoryStore(redis, window_seconds=60, retention_seconds=60)
        entries = EntryStore(redis, retention_seconds=60)
        words = cast("Matcher", Words())
        bind_examiner(examiner(words, ExaminationStore(redis), entries, stories, ExamineQueue(redis)))
        JobQueue(redis).work(burst=burst)


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
