"""Who works off the queues. Two at once, which RQ itself does not do without losing what a killed worker had taken."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic
from typing import Any

from redis import Redis
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout
from rq.job import Job

# An idle worker blocks on one queue, and so looks at the other as often as this.
LOOK_SECONDS = 0.25
SHORTEST_LOOK_SECONDS = 0.05
# While batches wait, examining gets so much of a worker's time.
SHARE = 0.25


class Turns:
    """Whose turn it is: `examine` before `classify`, but for a rest after each job of it that keeps it to its share."""

    def __init__(self) -> None:
        self._rests_until = 0.0

    def examines_first(self, now: float) -> bool:
        return now >= self._rests_until

    def examined(self, seconds: float, now: float) -> None:
        """`now`: when it was done with, in seconds of the clock of `examines_first`."""
        self._rests_until = now + seconds * (1 - SHARE) / SHARE


class Served(Queue):
    """The queue that a worker serves, and `beside` it the one it looks at as well.

    Of several queues RQ takes jobs by BLPOP: a worker that is killed right after that takes the job with it. From each
    of these two they are moved to a list of what is between queue and worker, in one step.
    """

    beside: Queue
    turns: Turns

    @classmethod
    def dequeue_any(
        cls, queues: Iterable[Queue], timeout: int | None, connection: Redis, *args: Any, **more: Any
    ) -> tuple[Job, Queue] | None:
        (served,) = queues
        assert isinstance(served, Served)
        end = None if timeout is None else monotonic() + timeout
        while True:
            for queue in served.in_turn():
                if found := Queue.dequeue_any([queue], None, connection, *args, **more):
                    return found
            if end is None:
                return None
            if (left := end - monotonic()) <= 0:
                raise DequeueTimeout(timeout, served.key)
            look: Any = max(min(left, LOOK_SECONDS), SHORTEST_LOOK_SECONDS)
            with suppress(DequeueTimeout):
                return Queue.dequeue_any([served], look, connection, *args, **more)

    def in_turn(self) -> tuple[Queue, Queue]:
        return (self.beside, self) if self.turns.examines_first(monotonic()) else (self, self.beside)


class Worker(SimpleWorker):
    """Tells somebody when it is told to stop, and knows how long it has examined."""

    when_told_to_stop: Callable[[], None]
    turns: Turns
    examines: str

    def handle_warm_shutdown_request(self) -> None:
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]  # RQ has not typed it
        self.when_told_to_stop()

    def execute_job(self, job: Job, queue: Queue) -> None:
        began = monotonic()
        super().execute_job(job, queue)
        if queue.name == self.examines:
            now = monotonic()
            self.turns.examined(now - began, now)
