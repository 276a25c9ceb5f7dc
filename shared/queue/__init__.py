"""The queue between poller and classifier: RQ, with batches, deterministic ids and no poison.

A job carries the ids of a batch of entries. A batch whose job dies (exception, timeout, a killed worker) is tried
once more, then in halves, until the entry that kills stands alone and goes to the dead letters:

    died once → the same batch again → halves … → single entry, three tries → dead letter

An outage of Redis in the middle of a job is no such death: the worker waits on a connection that never gives up, and
then queues the batch again as it was.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib import import_module
from typing import Any

from redis import Redis
from redis.exceptions import LockNotOwnedError, WatchError
from rq import Queue
from rq import Worker as AnyWorker
from rq.exceptions import NoSuchJobError
from rq.executions import Execution, ExecutionRegistry
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.utils import as_text
from rq.worker import WorkerStatus

from shared import keys
from shared.metrics.labels import WorkerState
from shared.models.base import Model, UtcDatetime
from shared.queue.examine import BACKTEST_JOB, EXAMINE, EXAMINE_JOB, ExamineQueue
from shared.queue.neighbours import is_dead_neighbour, worker_name
from shared.queue.worker import Served, Turns, Worker

CLASSIFY = "classify"
CLASSIFY_JOB = "services.classifier.jobs.classify"

BATCH_TRIES = 2
SINGLE_TRIES = 3
# Between leaving the queue and being registered as started a job is nobody's; a live worker needs milliseconds for it.
INTERMEDIATE_GRACE_SECONDS = 5.0
RECOVERY_LOCK_SECONDS = 30
WORKER_TTL_SECONDS = 60
# Only what still stands between queue and worker goes back, and only if there is still a job behind it.
_PUT_BACK = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 or redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
return 1
"""

__all__ = [
    "BACKTEST_JOB",
    "CLASSIFY",
    "EXAMINE",
    "EXAMINE_JOB",
    "DeadLetter",
    "ExamineQueue",
    "JobQueue",
    "worker_name",
]
Command = tuple[str | bytes | int | float, ...]
Errors = tuple[type[Exception], ...]


class DeadLetter(Model):
    """An entry that could not be classified. Nothing is dropped: it stays until retried or dropped by a person."""

    entry_id: str
    reason: str
    tries: int
    at: UtcDatetime


@dataclass(frozen=True, slots=True)
class Remedy:
    """What is done with a batch whose job died: batches to queue again, and entries to set aside."""

    batches: tuple[tuple[str, ...], ...]
    tries: int
    buried: tuple[str, ...]


def remedy(entry_ids: Sequence[str], tries: int) -> Remedy:
    """Decide on a batch that has died `tries` times in this composition."""
    if len(entry_ids) == 1 and tries >= SINGLE_TRIES:
        return Remedy((), 0, tuple(entry_ids))
    if len(entry_ids) == 1 or tries < BATCH_TRIES:
        return Remedy((tuple(entry_ids),), tries, ())
    middle = len(entry_ids) // 2
    return Remedy((tuple(entry_ids[:middle]), tuple(entry_ids[middle:])), 0, ())


def batch_id(entry_ids: Sequence[str], tries: int, edition: str = "") -> str:
    """The job id: the same edition of the same entries at the same try is the same job.

    Without the edition, an entry whose page has been read would be queued under the name of its first classification,
    and be deleted with it when that ends.
    """
    return "batch-" + sha256(f"{tries}:{','.join(entry_ids)}{edition and f':{edition}'}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Remedied:
    """Batches queued again, and entries buried, by one recovery; and examinations that nobody will end any more."""

    requeued: int
    buried: int
    lost: tuple[str, ...] = ()


class JobQueue:
    """RQ's `classify` queue over a synchronous connection (RQ has no other)."""

    def __init__(
        self,
        redis: Redis,
        *,
        batch_size: int = 50,
        job_timeout_seconds: int = 30,
        intermediate_grace_seconds: float = INTERMEDIATE_GRACE_SECONDS,
    ) -> None:
        self.redis = redis
        self.batch_size = batch_size
        self.job_timeout_seconds = job_timeout_seconds
        self.intermediate_grace_seconds = intermediate_grace_seconds
        self.queue = Queue(CLASSIFY, connection=redis, serializer=JSONSerializer)
        self.examinations = ExamineQueue(redis)
        self._put_back = redis.register_script(_PUT_BACK)

    def batch_commands(self, entry_ids: Sequence[str], edition: str = "") -> list[Command]:
        """The Redis commands that queue these entries in batches, for a caller who commits them with its own.

        `edition` tells this classification of them from others.

        RQ writes into a pipeline that is never executed; its commands are taken from there.
        """
        recorder = self.redis.pipeline(transaction=False)
        for start in range(0, len(entry_ids), self.batch_size):
            self._enqueue(entry_ids[start : start + self.batch_size], 0, recorder, edition)
        return [tuple(args) for args, _options in recorder.command_stack]

    def _enqueue(self, entry_ids: Sequence[str], tries: int, pipe: Any, edition: str = "") -> None:
        data = Queue.prepare_data(
            CLASSIFY_JOB,
            args=[list(entry_ids)],
            timeout=self.job_timeout_seconds,
            result_ttl=0,
            job_id=batch_id(entry_ids, tries, edition),
            meta={"tries": tries, "edition": edition},
            description=f"{len(entry_ids)} entries",
        )
        self.queue.enqueue_many([data], pipeline=pipe)

    def depth(self) -> int:
        """Batches that wait."""
        return int(self.queue.count)

    def oldest_age(self) -> float:
        """Seconds since the batch next in line was queued; 0 when none waits."""
        waiting = self.queue.get_jobs(0, 1)
        queued_at = waiting[0].enqueued_at if waiting else None
        return max(0.0, (datetime.now(UTC) - queued_at.replace(tzinfo=UTC)).total_seconds()) if queued_at else 0.0

    def workers(self) -> Counter[WorkerState]:
        """By what they are at; one that was killed counts for WORKER_TTL_SECONDS more."""
        states = (worker.get_state() for worker in AnyWorker.all(queue=self.queue))
        return Counter(WorkerState.BUSY if state == WorkerStatus.BUSY else WorkerState.IDLE for state in states)

    def in_flight(self) -> int:
        """Batches that wait, are worked on, or wait for recovery."""
        started = StartedJobRegistry(queue=self.queue, serializer=JSONSerializer)
        failed = FailedJobRegistry(queue=self.queue, serializer=JSONSerializer)
        lost = self.redis.llen(IntermediateQueue.get_intermediate_queue_key(self.queue.key))
        return self.depth() + started.get_job_count(cleanup=False) + failed.get_job_count(cleanup=False) + int(lost)

    # Recovery ---------------------------------------------------------------------------------------------------

    def recover(self) -> Remedied:
        """Give the batches of dead workers and failed jobs their remedy. Safe to call from every worker at any time."""
        lock = self.redis.lock(keys.queue_recovery_lock(), timeout=RECOVERY_LOCK_SECONDS, blocking=False)
        if not lock.acquire():
            return Remedied(0, 0)
        try:
            died = [*self._abandoned(), *self._failed()]
            totals = [self._apply(job_id, reason) for job_id, reason in died]
            between = self._between
            stuck = self._stuck([*between.get_job_ids(), *self.examinations.between()])
            requeued = sum(totals_batches for totals_batches, _ in totals) + self._rescue(between, stuck)
            lost = self.examinations.forget_lost(stuck & {*self.examinations.between()})
            return Remedied(requeued, sum(buried for _, buried in totals), tuple(lost))
        finally:
            with suppress(LockNotOwnedError):
                lock.release()

    def _abandoned(self) -> Iterable[tuple[str, str]]:
        started = StartedJobRegistry(queue=self.queue, serializer=JSONSerializer)
        for job_id, execution_id in started.get_job_and_execution_ids(cleanup=False):
            try:
                execution = Execution.fetch(execution_id, job_id, self.redis)
            except ValueError:
                # Its name lives on for a minute, and with it RQ would refuse to delete the job.
                self.redis.zrem(ExecutionRegistry(job_id, self.redis).key, execution_id)
                yield job_id, "abandoned: the execution has expired"
                continue
            if is_dead_neighbour(execution.worker_name):
                yield job_id, f"abandoned: worker {execution.worker_name} is dead"

    def _failed(self) -> Iterable[tuple[str, str]]:
        failed = FailedJobRegistry(queue=self.queue, serializer=JSONSerializer)
        for job_id in failed.get_job_ids(cleanup=False):
            yield job_id, "the job failed"

    def _apply(self, job_id: str, reason: str) -> tuple[int, int]:
        with self.redis.pipeline() as pipe:
            pipe.watch(Job.key_for(job_id))  # type: ignore[no-untyped-call]  # redis-py has not typed it
            try:
                job = Job.fetch(job_id, connection=self.redis, serializer=JSONSerializer)
            except NoSuchJobError:
                FailedJobRegistry(queue=self.queue, serializer=JSONSerializer).remove(job_id)
                self._forget_started(job_id, self.redis)
                return 0, 0
            plan = remedy(job.args[0], int(job.meta.get("tries", 0)) + 1)
            why = _last_line(job) or reason
            pipe.multi()
            self._replace(job, plan, why, pipe)
            try:
                pipe.execute()
            except WatchError:  # it lives, or somebody else has seen to it
                return 0, 0
        return len(plan.batches), len(plan.buried)

    def _replace(self, job: Job, plan: Remedy, why: str, pipe: Any) -> None:
        job.delete(pipeline=pipe)
        self._forget_started(job.id, pipe)
        for batch in plan.batches:
            self._enqueue(batch, plan.tries, pipe, str(job.meta.get("edition", "")))
        for entry_id in plan.buried:
            self.bury(entry_id, why, SINGLE_TRIES, pipe)

    def _forget_started(self, job_id: str, target: Redis) -> None:
        started = StartedJobRegistry(queue=self.queue, serializer=JSONSerializer)
        for started_id, execution_id in started.get_job_and_execution_ids(cleanup=False):
            if started_id == job_id:
                target.zrem(started.key, f"{job_id}:{execution_id}")

    @property
    def _between(self) -> IntermediateQueue:
        return IntermediateQueue(self.queue.key, self.redis)

    def _rescue(self, between: IntermediateQueue, stuck: set[str]) -> int:
        """Jobs that a worker had taken but not yet begun when it died: nobody's, so they go back untouched."""
        started = StartedJobRegistry(queue=self.queue, serializer=JSONSerializer)
        begun = {job_id for job_id, _ in started.get_job_and_execution_ids(cleanup=False)}
        rescued = 0
        for job_id in (each for each in dict.fromkeys(between.get_job_ids()) if each in stuck):
            if job_id in begun:
                between.remove(job_id)
            else:
                rescued += int(self._put_back([between.key, self.queue.key, Job.key_for(job_id)], [job_id]))
        return rescued

    def _stuck(self, job_ids: Iterable[str]) -> set[str]:
        """Those that stood there at a look long enough ago; what is gone since is forgotten."""
        seen, now = keys.queue_intermediate_seen(), time.time()
        first_seen = {as_text(name): float(at) for name, at in self.redis.hgetall(seen).items()}
        since = {job_id: first_seen.get(job_id, now) for job_id in job_ids}
        stuck = {job_id for job_id, at in since.items() if now - at >= self.intermediate_grace_seconds}
        waiting = {job_id: at for job_id, at in since.items() if job_id not in stuck}
        with self.redis.pipeline() as pipe:
            pipe.delete(seen)
            if waiting:
                pipe.hset(seen, items=[part for pair in waiting.items() for part in pair])
                pipe.expire(seen, 3600)
            pipe.execute()
        return stuck

    # Dead letters -----------------------------------------------------------------------------------------------

    def bury(self, entry_id: str, reason: str, tries: int = 1, pipe: Redis | None = None) -> None:
        """Set one entry aside, now or with a pipeline's other commands."""
        letter = DeadLetter(entry_id=entry_id, reason=reason, tries=tries, at=_now())
        (self.redis if pipe is None else pipe).hset(keys.dead_letters(), entry_id, letter.model_dump_json())

    def buried(self) -> int:
        """How many dead letters there are."""
        return int(self.redis.hlen(keys.dead_letters()))

    def dead_letters(self) -> list[DeadLetter]:
        """Oldest first."""
        stored = self.redis.hvals(keys.dead_letters())
        letters = (DeadLetter.model_validate_json(text) for text in stored)
        return sorted(letters, key=lambda letter: (letter.at, letter.entry_id))

    def retry_dead_letters(self, entry_ids: Sequence[str]) -> int:
        """Queue these again and forget that they were dead; returns how many there were."""
        known = [e for e in entry_ids if self.redis.hexists(keys.dead_letters(), e)]
        with self.redis.pipeline() as pipe:
            for entry_id in known:
                self._enqueue([entry_id], 0, pipe)
                pipe.hdel(keys.dead_letters(), entry_id)
            pipe.execute()
        return len(known)

    def drop_dead_letters(self, entry_ids: Sequence[str]) -> int:
        """Forget these for good; returns how many there were."""
        return int(self.redis.hdel(keys.dead_letters(), *entry_ids)) if entry_ids else 0

    # Work -------------------------------------------------------------------------------------------------------

    def work(
        self,
        *,
        max_jobs: int | None = None,
        burst: bool = False,
        blameless: Errors = (),
        when_told_to_stop: Callable[[], None] = lambda: None,
    ) -> bool:
        """Run jobs in this process until told to stop (SIGTERM, SIGINT), `max_jobs` are done or `burst` is drained.

        A job that ends in one of the `blameless` errors did not die of its entries: it is queued again as it was.
        Not forked: a counter incremented in a forked child is lost, and a fork costs 20 ms a job.
        """
        turns = Turns()
        served = Served(CLASSIFY, connection=self.redis, serializer=JSONSerializer)
        served.beside, served.turns = self.examinations.queue, turns
        worker = Worker(
            [served],
            name=worker_name(),
            connection=self.redis,
            queue_class=Served,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_SECONDS,
            log_job_description=False,
            exception_handlers=[_pardon(blameless)],
        )
        worker.when_told_to_stop, worker.turns, worker.examines = when_told_to_stop, turns, EXAMINE
        return bool(worker.work(max_jobs=max_jobs, burst=burst, logging_level="WARNING"))


def _pardon(blameless: Errors) -> Callable[[Job, type[Exception], Exception, object], None]:
    def handle(job: Job, _type: type[Exception], error: Exception, _traceback: object) -> None:
        if job.origin == CLASSIFY and isinstance(error, blameless):
            job.retries_left = 1  # with which RQ queues it again itself

    return handle


def resolve_job(path: str = CLASSIFY_JOB) -> Callable[..., object]:
    """The function behind a dotted path that the poller or the gateway names."""
    module, _, name = path.rpartition(".")
    function: Callable[..., object] = getattr(import_module(module), name)
    return function


def _last_line(job: Job) -> str:
    result = job.latest_result()
    text = (result.exc_string or "") if result else ""
    return text.strip().rsplit("\n", 1)[-1][:300]


def _now() -> datetime:
    return datetime.now(UTC)
