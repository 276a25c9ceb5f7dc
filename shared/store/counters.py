"""What workers count, kept beyond their lives."""

from collections.abc import Mapping
from typing import Any

from redis import Redis
from redis.client import Pipeline

from shared import keys, metrics
from shared.models import canary
from shared.models.change import Change

# One command: a transaction of as many would cost a batch of short entries a twentieth of its time.
_ADD = """
for i = 1, #ARGV, 2 do redis.call('HINCRBYFLOAT', KEYS[1], ARGV[i], ARGV[i + 1]) end
"""


class CounterStore:
    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._add = redis.register_script(_ADD)

    def add(self, counted: Mapping[str, float]) -> None:
        """Field → by how much it grows; all or nothing."""
        if counted:
            self._add([keys.counters()], [part for pair in counted.items() for part in pair])

    def all(self) -> dict[str, float]:
        # redis-py types an answer as all that any option could make of it, hence Any.
        stored: Any = self.redis.hgetall(keys.counters())
        return {name.decode(): float(value) for name, value in stored.items()}


def count_change(pipe: Pipeline, change: Change) -> None:
    """With what it writes, so that no revision is written and not counted, whenever its worker dies."""
    if change.story.topic == canary.NAME:
        return
    if change.decision:
        pipe.hincrbyfloat(keys.counters(), metrics.STORY_DECISIONS.labels(decision=change.decision).field(), 1)
    for each in (change, *change.also):
        if rings := each.rings:
            pipe.hincrbyfloat(keys.counters(), metrics.ALERTS.labels(type=rings.type, reason=rings.reason).field(), 1)
