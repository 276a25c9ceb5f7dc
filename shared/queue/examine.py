"""The queue by which running classifiers are asked what they make of a text, or of the entries that are kept.

Such a job is no entry: it is done once or not at all, never tried again, never halved and never buried.
"""

from collections.abc import Iterable, Iterator

from redis import Redis
from rq import Queue
from rq.executions import Execution, ExecutionRegistry
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

from shared.queue.neighbours import is_dead_neighbour

EXAMINE = "examine"
EXAMINE_JOB = "services.classifier.jobs.examine"
BACKTEST_JOB = "services.classifier.jobs.backtest"
# Whoever asks waits for the answer: behind so many it would come too late.
MOST_WAITING = 20
# A job takes milliseconds, a step of a backtest a second. This is for what hangs.
JOB_SECONDS = 10
STEP_KEPT_SECONDS = 600


class ExamineQueue:
    """RQ's `examine` queue. An id has letters and digits only."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.queue = Queue(EXAMINE, connection=redis, serializer=JSONSerializer)

    def examine(self, examination_id: str, text: str, language: str | None, until: float) -> bool:
        """Have a text judged before all that waits here; whether there was room. `until`: Unix seconds, after which
        nobody wants to know."""
        if self.depth() >= MOST_WAITING:
            return False
        self._put(EXAMINE_JOB, f"examine-{examination_id}", [examination_id, text, language, until], at_front=True)
        return True

    def begin_backtest(self, examination_id: str) -> bool:
        """Whether there was room."""
        if self.depth() >= MOST_WAITING:
            return False
        self.go_on(examination_id, 0)
        return True

    def go_on(self, examination_id: str, step: int) -> None:
        """The next step of a backtest: a job of its own, so that others come in between."""
        self._put(BACKTEST_JOB, f"backtest-{examination_id}-{step}", [examination_id, step])

    def _put(self, path: str, job_id: str, args: list[object], *, at_front: bool = False) -> None:
        self.queue.enqueue_call(
            path,
            args=args,
            timeout=JOB_SECONDS,
            result_ttl=0,
            ttl=STEP_KEPT_SECONDS,
            failure_ttl=STEP_KEPT_SECONDS,
            job_id=job_id,
            description=job_id,
            at_front=at_front,
        )

    def depth(self) -> int:
        """Jobs that wait."""
        return int(self.queue.count)

    def between(self) -> list[str]:
        """Jobs that a worker has taken and not yet begun."""
        return self._intermediate.get_job_ids()

    def forget_lost(self, stuck: Iterable[str]) -> list[str]:
        """Forget the jobs whose workers died, those `stuck` between queue and worker, and those that failed; returns
        what they were to examine."""
        lost = dict.fromkeys([*stuck, *self._abandoned(), *self._failed.get_job_ids(cleanup=False)])
        for job_id in lost:
            self._forget(job_id)
        return [job_id.split("-")[1] for job_id in lost]

    def _abandoned(self) -> Iterator[str]:
        for job_id, execution_id in self._started.get_job_and_execution_ids(cleanup=False):
            if self._lives(job_id, execution_id):
                continue
            self.redis.zrem(self._started.key, f"{job_id}:{execution_id}")
            self.redis.delete(
                Execution(execution_id, job_id, self.redis).key, ExecutionRegistry(job_id, self.redis).key
            )
            yield job_id

    def _lives(self, job_id: str, execution_id: str) -> bool:
        try:
            return not is_dead_neighbour(Execution.fetch(execution_id, job_id, self.redis).worker_name)
        except ValueError:  # it has expired
            return False

    def _forget(self, job_id: str) -> None:
        self._intermediate.remove(job_id)
        self._failed.remove(job_id)
        self.redis.delete(Job.key_for(job_id), f"rq:results:{job_id}")

    @property
    def _intermediate(self) -> IntermediateQueue:
        return IntermediateQueue(self.queue.key, self.redis)

    @property
    def _started(self) -> StartedJobRegistry:
        return StartedJobRegistry(queue=self.queue, serializer=JSONSerializer)

    @property
    def _failed(self) -> FailedJobRegistry:
        return FailedJobRegistry(queue=self.queue, serializer=JSONSerializer)
