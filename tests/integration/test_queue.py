"""The queue over real RQ: workers in processes of their own, some of which are killed or kill themselves."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from rq.utils import as_text

from services.classifier.caretaker import Caretaker
from shared import keys
from shared.queue import CLASSIFY_JOB, JobQueue, Remedied, batch_id, resolve_job, worker_name
from shared.runtime.private_redis import PrivateRedis, find_redis_binary
from shared.store.due import DueSet
from tests.stores import enqueue

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
INTERMEDIATE = "rq:queue:classify:intermediate"


@pytest.fixture
def queue(sync_redis: SyncRedis) -> JobQueue:
    return JobQueue(sync_redis, intermediate_grace_seconds=0.05)


@contextmanager
def process(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """Python in a process of its own, which is killed if it has not ended by itself."""
    with python("-c", f"from classifying import *; {code}", cwd=HERE) as child:
        yield child


@contextmanager
def python(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    own = {**os.environ, **(env or {})}
    with subprocess.Popen([sys.executable, *arguments], cwd=cwd, env=own, stderr=subprocess.DEVNULL) as child:
        try:
            yield child
        finally:
            child.kill()


def work_and_recover(redis_url: str) -> None:
    with process(f"work_and_recover({redis_url!r})") as child:
        assert child.wait(60) == 0


def die_at_work(redis_url: str, redis: SyncRedis) -> None:
    with process(f"work({redis_url!r})"):
        wait_until(lambda: redis.exists("hung"))


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.005)


def done(redis: SyncRedis) -> Counter[str]:
    return Counter(as_text(entry_id) for entry_id in redis.lrange("done", 0, -1))


def names(count: int, prefix: str = "e") -> list[str]:
    return [f"{prefix}{number:03}" for number in range(count)]


def assert_nothing_is_left(queue: JobQueue) -> None:
    assert queue.in_flight() == 0
    assert queue.redis.keys("rq:job:*") == []
    assert queue.redis.keys("rq:execution*") == []


def test_batches_are_worked_off_in_order_and_leave_nothing_behind(
    queue: JobQueue, redis_url: str, sync_redis: SyncRedis
) -> None:
    enqueue(queue, names(120))
    assert queue.depth() == 3
    work_and_recover(redis_url)
    assert list(done(sync_redis).elements()) == names(120)
    assert queue.dead_letters() == []
    assert_nothing_is_left(queue)


def test_a_killed_worker_s_batch_is_done_by_the_next(queue: JobQueue, redis_url: str, sync_redis: SyncRedis) -> None:
    enqueue(queue, ["a", "hang", "b"])
    die_at_work(redis_url, sync_redis)
    assert queue.recover() == Remedied(requeued=1, buried=0)
    work_and_recover(redis_url)
    assert done(sync_redis) == {"a": 2, "hang": 1, "b": 1}
    assert_nothing_is_left(queue)


def test_a_batch_in_the_hands_of_a_living_worker_is_left_to_it(
    queue: JobQueue, redis_url: str, sync_redis: SyncRedis
) -> None:
    enqueue(queue, ["hang"])
    with process(f"work({redis_url!r})"):
        wait_until(lambda: sync_redis.exists("hung"))
        assert queue.recover() == Remedied(0, 0)
        assert queue.in_flight() == 1


def test_a_batch_whose_worker_died_elsewhere_is_taken_over_when_its_execution_has_expired(
    queue: JobQueue, redis_url: str, sync_redis: SyncRedis
) -> None:
    """RQ keeps the name of an execution a minute longer than its data."""
    enqueue(queue, ["hang", "b"])
    die_at_work(redis_url, sync_redis)
    assert sync_redis.delete(*sync_redis.keys("rq:execution:*")) == 1
    assert queue.recover() == Remedied(requeued=1, buried=0)
    work_and_recover(redis_url)
    assert done(sync_redis) == {"hang": 1, "b": 1}
    assert_nothing_is_left(queue)


@pytest.mark.parametrize(("poison", "reason"), [("exit", "is dead"), ("raise", "ValueError: cannot classify raise")])
def test_a_poison_entry_ends_alone_in_the_dead_letters(
    queue: JobQueue, redis_url: str, sync_redis: SyncRedis, poison: str, reason: str
) -> None:
    neighbours = names(49)
    enqueue(queue, [*neighbours[:30], poison, *neighbours[30:]])
    work_and_recover(redis_url)
    assert set(done(sync_redis)) == set(neighbours)
    (letter,) = queue.dead_letters()
    assert (letter.entry_id, letter.tries) == (poison, 3)
    assert reason in letter.reason
    assert_nothing_is_left(queue)


def in_outage(redis: SyncRedis, number: int) -> bool:
    return redis.get("outages") == str(number).encode()


async def test_an_outage_of_redis_in_the_middle_of_a_job_is_no_fault_of_its_entry(tmp_path: Path) -> None:
    """As often as an entry may fail; and once for longer than a client tries again that is not patient."""
    store = PrivateRedis(tmp_path, find_redis_binary(os.environ))
    url = await store.start()
    with SyncRedis.from_url(url) as redis, process(f"work_through_outages({url!r})") as worker:
        queue = JobQueue(redis)
        enqueue(queue, ["outage"])
        for number, seconds in enumerate([8, 0.1, 0.1], 1):
            await asyncio.to_thread(wait_until, partial(in_outage, redis, number))
            await store.stop()
            await asyncio.sleep(seconds)
            await store.start()
        assert await asyncio.to_thread(worker.wait, 60) == 0
        assert queue.dead_letters() == []
        assert done(redis) == {"outage": 1}
        assert_nothing_is_left(queue)
    await store.stop()


async def test_a_classifier_that_is_told_to_end_while_redis_is_away_does_not_wait_for_it(tmp_path: Path) -> None:
    store = PrivateRedis(tmp_path, find_redis_binary(os.environ))
    url = await store.start()
    own = {"TOCSIN_REDIS_URL": url, "TOCSIN_METRICS_PORT": "0"}
    with SyncRedis.from_url(url) as redis, python("-m", "services.classifier", cwd=ROOT, env=own) as classifier:
        await asyncio.to_thread(wait_until, partial(redis.exists, "rq:workers"))
        await store.stop()
        await asyncio.sleep(1)
        assert classifier.poll() is None
        classifier.terminate()
        await asyncio.to_thread(classifier.wait, 20)


def test_a_dead_letter_is_tried_again_when_a_person_says_so(
    queue: JobQueue, redis_url: str, sync_redis: SyncRedis
) -> None:
    enqueue(queue, ["raise"])
    work_and_recover(redis_url)
    assert queue.retry_dead_letters(["raise", "unknown"]) == 1
    assert queue.dead_letters() == []
    assert queue.depth() == 1
    work_and_recover(redis_url)
    assert [letter.entry_id for letter in queue.dead_letters()] == ["raise"]


def test_a_dropped_dead_letter_is_gone(queue: JobQueue, redis_url: str) -> None:
    for entry_id in ("raise-1", "raise-2"):
        enqueue(queue, [entry_id])
        work_and_recover(redis_url)
    assert [letter.entry_id for letter in queue.dead_letters()] == ["raise-1", "raise-2"]
    assert queue.drop_dead_letters(["raise-1", "unknown"]) == 1
    assert queue.drop_dead_letters([]) == 0
    assert [letter.entry_id for letter in queue.dead_letters()] == ["raise-2"]


def take(redis: SyncRedis) -> str:
    """What a worker does first with a job, before it dies."""
    taken = redis.lmove("rq:queue:classify", INTERMEDIATE)
    assert isinstance(taken, bytes)
    return taken.decode()


def recover_until(queue: JobQueue, condition: Callable[[], object]) -> Remedied:
    """What the looks did in all."""
    looks = [queue.recover()]
    while not condition():
        time.sleep(0.01)
        looks.append(queue.recover())
        assert len(looks) < 500
    return Remedied(sum(look.requeued for look in looks), sum(look.buried for look in looks))


def test_a_job_lost_between_queue_and_worker_is_rescued(queue: JobQueue, redis_url: str, sync_redis: SyncRedis) -> None:
    enqueue(queue, ["a"])
    enqueue(queue, ["b"])
    lost = take(sync_redis)
    assert queue.in_flight() == 2
    assert recover_until(queue, lambda: queue.depth() == 2) == Remedied(requeued=1, buried=0)
    assert sync_redis.lindex("rq:queue:classify", 0) == lost.encode()
    work_and_recover(redis_url)
    assert done(sync_redis) == {"a": 1, "b": 1}


def test_a_job_on_its_way_to_a_worker_is_left_alone(sync_redis: SyncRedis) -> None:
    queue = JobQueue(sync_redis)
    enqueue(queue, ["a"])
    take(sync_redis)
    assert queue.recover() == queue.recover() == Remedied(0, 0)
    assert queue.depth() == 0


def test_what_was_seen_on_its_way_once_is_not_taken_for_stuck_later(queue: JobQueue, sync_redis: SyncRedis) -> None:
    enqueue(queue, ["a"])
    taken = take(sync_redis)
    queue.recover()
    sync_redis.lrem(INTERMEDIATE, 1, taken)
    queue.recover()
    assert not sync_redis.exists(keys.queue_intermediate_seen())


def test_the_name_of_a_job_that_is_done_does_not_go_round_for_ever(queue: JobQueue, sync_redis: SyncRedis) -> None:
    sync_redis.rpush(INTERMEDIATE, "batch-long-gone")
    assert recover_until(queue, lambda: not sync_redis.llen(INTERMEDIATE)) == Remedied(0, 0)
    assert queue.in_flight() == 0


def test_many_who_recover_at_once_bury_nothing_twice(queue: JobQueue, redis_url: str, sync_redis: SyncRedis) -> None:
    enqueue(queue, ["a", "raise"])
    enqueue(queue, ["raise"])
    found: list[Remedied] = []

    def look() -> None:
        with SyncRedis.from_url(redis_url) as redis:
            found.append(JobQueue(redis).recover())

    while not queue.dead_letters():
        with process(f"work({redis_url!r})") as worker:
            assert worker.wait(30) == 0
        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(look.buried for look in found) == 1
    assert queue.depth() == len(set(sync_redis.lrange("rq:queue:classify", 0, -1)))


def test_a_job_s_id_follows_from_its_entries_and_their_tries(queue: JobQueue, sync_redis: SyncRedis) -> None:
    assert batch_id(["a", "b"], 0) == batch_id(["a", "b"], 0)
    assert len({batch_id(["a", "b"], 0), batch_id(["a", "b"], 1), batch_id(["a"], 0), batch_id(["b", "a"], 0)}) == 4
    enqueue(queue, ["a", "b"])
    assert sync_redis.lrange("rq:queue:classify", 0, -1) == [batch_id(["a", "b"], 0).encode()]


def test_entries_queued_twice_are_one_job_whose_second_name_does_no_harm(
    queue: JobQueue, redis_url: str, sync_redis: SyncRedis
) -> None:
    enqueue(queue, ["a"])
    enqueue(queue, ["a"])
    work_and_recover(redis_url)
    assert done(sync_redis) == {"a": 1}
    assert_nothing_is_left(queue)


async def test_a_batch_committed_with_a_lease_is_a_job_that_a_worker_runs(
    queue: JobQueue, redis: Redis, redis_url: str, sync_redis: SyncRedis
) -> None:
    due = DueSet(redis, "feeds")
    await due.schedule({"feed": 0})
    (lease,) = await due.claim(1, 30)
    commands = queue.batch_commands(names(70))
    assert queue.depth() == 0
    await due.commit(lease, next_at=None, commands=commands)
    assert queue.depth() == 2
    work_and_recover(redis_url)
    assert set(done(sync_redis)) == set(names(70))


def test_no_entries_are_no_job(queue: JobQueue) -> None:
    assert queue.batch_commands([]) == []
    assert queue.depth() == 0
    assert queue.oldest_age() == 0.0


def test_the_age_is_that_of_the_batch_next_in_line(queue: JobQueue) -> None:
    enqueue(queue, ["a"])
    time.sleep(0.02)
    enqueue(queue, ["b"])
    assert 0.02 <= queue.oldest_age() < 60


def test_the_path_that_jobs_name_resolves() -> None:
    assert resolve_job().__name__ == "classify"
    assert CLASSIFY_JOB.startswith(str(resolve_job().__module__))


def test_a_worker_s_name_tells_its_process() -> None:
    assert worker_name() == worker_name()
    assert worker_name().split(".")[-2] == str(os.getpid())


def test_the_caretaker_recovers_beside_the_work_and_leaves_the_dead(
    queue: JobQueue, redis_url: str, sync_redis: SyncRedis
) -> None:
    enqueue(queue, ["hang"])
    die_at_work(redis_url, sync_redis)
    queue.bury("dead", "reason")
    with SyncRedis.from_url(redis_url) as own, Caretaker(JobQueue(own), look_every_seconds=0.01):
        wait_until(lambda: queue.depth() == 1)
        assert queue.buried() == 1


def test_a_caretaker_outlives_a_redis_that_is_away() -> None:
    with (
        SyncRedis.from_url("unix:///nowhere/redis.sock") as nobody,
        Caretaker(JobQueue(nobody), look_every_seconds=0.001) as caretaker,
    ):
        time.sleep(0.05)
        assert caretaker._thread is not None
        assert caretaker._thread.is_alive()


def test_an_entry_that_comes_with_its_text_while_it_is_classified_is_classified_again(
    queue: JobQueue, redis_url: str, sync_redis: SyncRedis
) -> None:
    """RQ deletes a job that is done: under one name, the second would go with the first."""
    enqueue(queue, ["page"])
    work_and_recover(redis_url)
    assert sync_redis.lrange("done", 0, -1) == [b"page", b"page"]
    assert queue.in_flight() == 0


def test_the_halves_of_a_batch_keep_its_edition(queue: JobQueue, redis_url: str, sync_redis: SyncRedis) -> None:
    for command in queue.batch_commands(["raise"], "with text"):
        sync_redis.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py has not typed it
    with process(f"work({redis_url!r})") as child:
        assert child.wait(60) == 0
    queue.recover()
    assert queue.queue.job_ids == [batch_id(["raise"], 1, "with text")]
