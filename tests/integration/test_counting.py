"""What classifiers count outlives them: those that end after their jobs, and those that are killed in the middle."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from redis import Redis

from services.classifier import wiring
from shared import keys
from shared.metrics import Exposed, Service
from shared.models.entry import Entry
from shared.queue import JobQueue
from tests.exposition import Samples, named, samples, value
from tests.factories import entry
from tests.stores import enqueue

ROOT = Path(__file__).parents[2]
CABLES = "undersea-cables"
PLACES = ("Gulf of Finland", "Baltic Sea", "Red Sea", "Taiwan Strait")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one topic, whose pack is tried once for all."""
    made = tmp_path_factory.mktemp("home")
    copytree(ROOT / "seeds/topics" / CABLES, made / "topics" / CABLES)
    return made


@pytest.fixture
def look(redis_url: str, sync_redis: Redis) -> Callable[[], Samples]:
    """What a classifier that has counted nothing says of them all."""
    exposed = Exposed(Service.CLASSIFIER, wiring.observer(redis_url))
    return lambda: samples(exposed)


@contextmanager
def classifier(redis_url: str, home: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    env = {
        "TOCSIN_REDIS_URL": redis_url,
        "TOCSIN_TOPICS_DIR": str(home / "topics"),
        "TOCSIN_DATA_DIR": str(home),
        "TOCSIN_METRICS_PORT": "0",
        **settings,
    }
    command = [sys.executable, "-m", "services.classifier"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | env, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(20)


def tell(redis: Redis, *titles: str) -> list[Entry]:
    """A batch of them."""
    now = datetime.now(UTC)
    told = [entry(title=title, summary="", source=title, published=now, seen_at=now) for title in titles]
    for each in told:
        redis.set(keys.entry(each.id), each.model_dump_json())
    enqueue(JobQueue(redis), [each.id for each in told])
    return told


def cut(number: int) -> str:
    """No two are of one happening, nor are they all."""
    return f"{number + 2} undersea cables cut in the {PLACES[number % len(PLACES)]}, operator {number} says"


def waited(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited 30 s in vain"
        time.sleep(0.005)


def total(found: Samples, name: str) -> float:
    return sum(named(found, name).values())


def test_workers_that_end_after_their_jobs_leave_what_they_counted(
    redis_url: str, sync_redis: Redis, home: Path, look: Callable[[], Samples]
) -> None:
    for number in range(4):
        tell(sync_redis, cut(number), f"Nothing of that kind happened on day {number}")
    for _ in range(2):
        with classifier(redis_url, home, TOCSIN_CLASSIFIER_MAX_JOBS="2") as process:
            assert process.wait(60) == 0
    found = look()
    assert value(found, "tocsin_job_duration_seconds_count") == 4
    assert value(found, "tocsin_entries_classified_total") == 8
    assert value(found, "tocsin_classifications_total", topic=CABLES, verdict="matched") == 4
    assert value(found, "tocsin_classification_score_count", topic=CABLES) == 4
    assert total(found, "tocsin_story_decisions_total") == 4
    assert total(found, "tocsin_alerts_total") == alerts(sync_redis)


def alerts(redis: Redis) -> int:
    """Revisions that were announced; not those that were announced once more."""
    records: Any = redis.xrange(keys.alerts())  # redis-py types an answer as all that any option could make of it
    return sum(b'"again":true' not in fields[b"alert"] for _, fields in records)


@pytest.mark.parametrize("kills", [3])
def test_a_worker_that_is_killed_in_the_middle_of_a_job_loses_no_count_of_what_it_wrote(
    redis_url: str, sync_redis: Redis, home: Path, look: Callable[[], Samples], kills: int
) -> None:
    """Verdicts count with the job that comes to its end, decisions and alerts with what they change."""
    many = 40
    tell(sync_redis, *map(cut, range(many)))
    queue = JobQueue(sync_redis, intermediate_grace_seconds=0.05)
    for _ in range(kills):
        before = sync_redis.xlen(keys.alerts())
        with classifier(redis_url, home) as process:
            waited(lambda before=before: sync_redis.xlen(keys.alerts()) > before)  # type: ignore[misc]
            os.kill(process.pid, signal.SIGKILL)
            process.wait(20)
        assert 0 < sync_redis.xlen(keys.alerts()) < many
        waited(lambda: queue.recover().requeued)
    with classifier(redis_url, home):
        waited(lambda: queue.in_flight() == 0)
    found = look()
    assert queue.buried() == 0
    assert value(found, "tocsin_entries_classified_total") == many
    assert value(found, "tocsin_classifications_total", topic=CABLES, verdict="matched") == many
    assert total(found, "tocsin_alerts_total") == alerts(sync_redis)
    again = value(found, "tocsin_story_decisions_total", decision="assigned_before")
    assert again > 0
    assert total(found, "tocsin_story_decisions_total") - again == many
