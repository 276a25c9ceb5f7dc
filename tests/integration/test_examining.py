"""What people ask of running classifiers: served before batches, never at their cost, and never taken for one."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from redis import Redis as SyncRedis
from rq.utils import as_text

from services.classifier import wiring
from shared import keys
from shared.metrics import Exposed, Service
from shared.models.examination import Answer, Backtest, BacktestProgress, BacktestState
from shared.queue import JobQueue, Remedied
from shared.queue.examine import MOST_WAITING
from shared.queue.worker import SHARE, Turns
from shared.store.entries import EntryStore
from shared.store.examinations import ExaminationStore
from tests.exposition import samples, value
from tests.factories import entry
from tests.integration.test_queue import ROOT, die_at_work, done, process, python, wait_until, work_and_recover
from tests.packs import installed
from tests.stores import enqueue, run_sync

HEADLINE = "North Korean troops withdrawn from the front in Kursk, Ukraine says"


@pytest.fixture
def queue(sync_redis: SyncRedis) -> JobQueue:
    return JobQueue(sync_redis, batch_size=1, intermediate_grace_seconds=0.05)


@pytest.fixture
def answers(sync_redis: SyncRedis) -> ExaminationStore:
    return ExaminationStore(sync_redis)


@pytest.fixture
def running(redis_url: str, sync_redis: SyncRedis, data: Path) -> Iterator[None]:
    """A classifier as it is, on the packs of a new installation."""
    own = {"TOCSIN_REDIS_URL": redis_url, "TOCSIN_METRICS_PORT": "0", "TOCSIN_DATA_DIR": str(data)}
    with python("-m", "services.classifier", cwd=ROOT, env=own) as child:
        wait_until(lambda: sync_redis.exists(keys.topics()), 60)
        yield
        child.terminate()
        assert child.wait(30) == 0


def ask(queue: JobQueue, name: str, text: str, seconds: float = 60.0) -> bool:
    return queue.examinations.examine(name, text, None, time.time() + seconds)


def answer(redis: SyncRedis, name: str) -> Answer | None:
    text = redis.get(keys.examination(name))
    return Answer.model_validate_json(text) if text else None


def answered(redis: SyncRedis, name: str) -> Answer:
    wait_until(partial(redis.exists, keys.examination(name)))
    found = answer(redis, name)
    assert found
    return found


def nothing_is_left(redis: SyncRedis) -> bool:
    return not (redis.keys("rq:job:*") or redis.keys("rq:execution*") or redis.keys("rq:results:*"))


def test_a_text_is_judged_by_every_topic_in_force_but_the_canary_s(
    running: None, queue: JobQueue, sync_redis: SyncRedis
) -> None:
    ask(queue, "one", f"{HEADLINE}\nAbout 11,000 soldiers left, Kyiv says.")
    examined = answered(sync_redis, "one").examined
    assert examined
    found = {each.topic: each for each in examined.verdicts}
    assert {name: each.version for name, each in found.items()} == installed().versions
    verdict = found["dprk-kursk"]
    assert (examined.relevant, examined.language, verdict.event_type) == (True, "en", "withdrawal")
    assert all(examined.text[hit.start : hit.end] == hit.text for hit in verdict.evidence)
    assert verdict.claims
    assert not found["undersea-cables"].relevant
    ask(queue, "two", "Tocsin canary sings in the coal mine")
    nothing = answered(sync_redis, "two").examined
    assert nothing
    assert (nothing.relevant, {each.topic for each in nothing.verdicts}) == (False, {*found})
    wait_until(lambda: nothing_is_left(sync_redis))


def test_what_is_asked_is_counted_as_no_work_on_entries(running: None, queue: JobQueue, sync_redis: SyncRedis) -> None:
    ask(queue, "one", HEADLINE)
    answered(sync_redis, "one")
    assert sync_redis.exists(keys.counters()) == 0
    assert not sync_redis.exists(keys.stories())


def test_what_waits_is_told_by_its_queue_and_is_no_batch(
    queue: JobQueue, redis_url: str, sync_redis: SyncRedis
) -> None:
    ask(queue, "one", HEADLINE)
    found = samples(Exposed(Service.CLASSIFIER, wiring.observer(redis_url)))
    assert value(found, "tocsin_queue_depth", queue="examine") == 1
    assert value(found, "tocsin_queue_depth", queue="classify") == 0
    assert value(found, "tocsin_queue_oldest_job_age_seconds", queue="classify") == 0
    assert (queue.depth(), queue.in_flight()) == (0, 0)


def test_it_comes_before_the_batches_that_wait_and_backtests_after_texts(
    queue: JobQueue, answers: ExaminationStore, redis_url: str, sync_redis: SyncRedis
) -> None:
    enqueue(queue, ["hang"])
    queue.examinations.begin_backtest("later")
    ask(queue, "first", "words")
    with process(f"work({redis_url!r})"):
        wait_until(lambda: sync_redis.exists("hung"))
        assert answer(sync_redis, "first") is not None


def test_a_worker_that_is_idle_hears_of_it(queue: JobQueue, redis_url: str, sync_redis: SyncRedis) -> None:
    with process(f"work({redis_url!r}, burst=False)"):
        wait_until(lambda: sync_redis.exists("rq:workers"))
        time.sleep(0.5)
        ask(queue, "one", "words")
        assert answered(sync_redis, "one").failure is None


def test_nobody_is_told_what_nobody_waits_for_any_more(queue: JobQueue, redis_url: str, sync_redis: SyncRedis) -> None:
    ask(queue, "late", "words", seconds=-1)
    work_off(redis_url)
    assert answer(sync_redis, "late") is None
    assert nothing_is_left(sync_redis)


def test_a_text_that_cannot_be_judged_is_answered_so_and_tried_once(
    queue: JobQueue, redis_url: str, sync_redis: SyncRedis
) -> None:
    ask(queue, "poison", "raise")
    work_off(redis_url)
    assert answered(sync_redis, "poison").failure == "ValueError: cannot judge raise"
    assert queue.recover() == Remedied(0, 0)
    assert queue.dead_letters() == []
    assert nothing_is_left(sync_redis)


def test_a_text_that_kills_its_classifier_is_not_tried_again_and_costs_no_batch(
    queue: JobQueue, redis_url: str, sync_redis: SyncRedis
) -> None:
    enqueue(queue, ["a"])
    ask(queue, "poison", "exit")
    with process(f"work({redis_url!r})") as child:
        assert child.wait(60) == 1
    assert queue.recover() == Remedied(0, 0, ("poison",))
    assert (queue.depth(), queue.examinations.depth()) == (1, 0)
    work_and_recover(redis_url)
    assert done(sync_redis) == {"a": 1}
    assert queue.dead_letters() == []
    assert nothing_is_left(sync_redis)


def test_a_classifier_that_runs_tells_what_became_of_what_another_died_of(
    queue: JobQueue, redis_url: str, sync_redis: SyncRedis, request: pytest.FixtureRequest
) -> None:
    ask(queue, "poison", "exit")
    with process(f"work({redis_url!r})") as child:
        assert child.wait(60) == 1
    request.getfixturevalue("running")
    assert answered(sync_redis, "poison").failure == "the classifier that was at it has died"


def test_what_a_worker_had_taken_and_not_begun_is_lost_but_a_batch_is_not(
    queue: JobQueue, sync_redis: SyncRedis
) -> None:
    enqueue(queue, ["a"])
    ask(queue, "taken", "words")
    for name in ("classify", "examine"):
        sync_redis.lmove(f"rq:queue:{name}", f"rq:queue:{name}:intermediate")
    looks = [queue.recover()]
    while looks[-1] == Remedied(0, 0):
        assert len(looks) < 500
        time.sleep(0.01)
        looks.append(queue.recover())
    assert looks[-1] == Remedied(1, 0, ("taken",))
    assert (queue.depth(), queue.examinations.depth(), queue.examinations.between()) == (1, 0, [])


def test_a_batch_that_a_killed_worker_had_just_taken_is_still_found(
    queue: JobQueue, redis_url: str, sync_redis: SyncRedis
) -> None:
    """RQ's own way of serving two queues would lose it."""
    enqueue(queue, ["hang"])
    die_at_work(redis_url, sync_redis)
    assert queue.in_flight() == 1
    assert queue.recover() == Remedied(1, 0)


def test_behind_too_many_nobody_is_let_in(queue: JobQueue) -> None:
    assert [ask(queue, f"n{n}", "words") for n in range(MOST_WAITING + 1)] == [*[True] * MOST_WAITING, False]
    assert not queue.examinations.begin_backtest("more")
    queue.examinations.go_on("begun", 1)
    assert queue.examinations.depth() == MOST_WAITING + 1


def test_after_each_job_it_rests_for_as_long_as_keeps_it_to_its_share() -> None:
    turns = Turns()
    assert turns.examines_first(0.0)
    turns.examined(1.0, 10.0)
    rest = 1.0 / SHARE - 1.0
    assert not turns.examines_first(10.0 + rest - 0.01)
    assert turns.examines_first(10.0 + rest)


def test_a_backtest_without_end_leaves_batches_most_of_the_time(
    queue: JobQueue, answers: ExaminationStore, redis_url: str, sync_redis: SyncRedis
) -> None:
    """Between two batches, however many wait, there is a step at the most, and after it many batches come first."""
    for n in range(3):
        queue.examinations.begin_backtest(f"b{n}")
    for n in range(30):
        enqueue(queue, [f"e{n:02}"])
    with process(f"work({redis_url!r}, orders=Noted, examiner=Slow)") as child:
        assert child.wait(60) == 0
    order = [as_text(name) for name in sync_redis.lrange("order", 0, -1)]
    steps = [place for place, name in enumerate(order) if name.startswith("backtest")]
    assert len(order) == 33
    assert (len(steps), steps[0]) == (3, 0)
    assert steps[1] > 1, order


# Backtests.


def stored(redis: SyncRedis, *titles: str, **over: object) -> list[str]:
    told = [entry(title=title, **({"seen_at": datetime.now(UTC)} | over)) for title in titles]
    run_sync(redis, EntryStore(redis, retention_seconds=600).save_commands(told))
    return [each.id for each in told]


def begun(redis: SyncRedis, queue: JobQueue, topic: str = "dprk-kursk", days: float = 1) -> str:
    backtest = Backtest.model_validate({"id": "bt", "topic": topic, "days": days, "asked_at": datetime.now(UTC)})
    ExaminationStore(redis).keep(BacktestProgress(backtest=backtest))
    assert queue.examinations.begin_backtest("bt")
    return "bt"


def ended(answers: ExaminationStore, name: str) -> Backtest:
    def state() -> BacktestState | None:
        progress = answers.progress(name)
        return progress.backtest.state if progress else None

    wait_until(lambda: state() in (BacktestState.DONE, BacktestState.FAILED))
    progress = answers.progress(name)
    assert progress
    return progress.backtest


def test_a_backtest_reads_every_entry_once_and_compares_with_what_was_told(
    running: None, queue: JobQueue, answers: ExaminationStore, sync_redis: SyncRedis
) -> None:
    found, told, lost, *others = stored(
        sync_redis,
        HEADLINE,
        "North Korean soldiers killed in Kursk region, Seoul says",
        "A bakery opens in Oslo",
        *(f"Weather report number {n}" for n in range(1200)),
    )
    stored(sync_redis, "North Korean troops leave Kursk", seen_at=entry().seen_at)
    for entry_id in (told, lost):
        sync_redis.set(keys.entry_story("dprk-kursk", entry_id), "story")
    result = ended(answers, begun(sync_redis, queue))
    assert (result.state, result.version) == (BacktestState.DONE, installed().versions["dprk-kursk"])
    assert (result.entries, result.left) == (len(others) + 3, 0)
    assert (result.found, result.both, result.new, result.lost) == (2, 1, 1, 1)
    assert [hit.entry_id for hit in result.newest_new] == [found]
    assert [(hit.entry_id, hit.match) for hit in result.newest_lost] == [(lost, None)]
    assert not sync_redis.exists(keys.backtest_entries("bt"))
    assert 0 < sync_redis.ttl(keys.backtest("bt")) <= 600
    wait_until(lambda: nothing_is_left(sync_redis))
    assert not sync_redis.exists(keys.counters())


@pytest.mark.parametrize("topic", ["unheard-of", "canary"])
def test_a_backtest_of_no_topic_in_force_fails_and_says_why(
    running: None, queue: JobQueue, answers: ExaminationStore, sync_redis: SyncRedis, topic: str
) -> None:
    result = ended(answers, begun(sync_redis, queue, topic))
    assert (result.state, result.detail) == (
        BacktestState.FAILED,
        f"LookupError: there is no topic {topic} any more",
    )


def test_a_backtest_whose_classifier_is_killed_fails_and_is_not_gone_on_with(
    queue: JobQueue, answers: ExaminationStore, redis_url: str, sync_redis: SyncRedis
) -> None:
    begun(sync_redis, queue)
    with process(f"work({redis_url!r}, examiner=Deadly)") as child:
        assert child.wait(60) == 1
    (lost,) = queue.recover().lost
    answers.fail(lost, "the classifier that was at it has died")
    assert ended(answers, "bt").detail == "the classifier that was at it has died"
    answers.fail(lost, "again")
    assert ended(answers, "bt").detail == "the classifier that was at it has died"
    assert queue.examinations.depth() == 0
    assert nothing_is_left(sync_redis)


def work_off(redis_url: str) -> None:
    with process(f"work({redis_url!r})") as child:
        assert child.wait(60) == 0
