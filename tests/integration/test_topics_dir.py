"""The topics directory, followed by a classifier while it is edited."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree, rmtree
from typing import cast

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from structlog.testing import capture_logs

from services.classifier import jobs
from services.classifier.cache import PackCache
from services.classifier.classifier import Classifier
from services.classifier.match import Matcher
from services.classifier.packs import load_matcher
from services.classifier.topics_dir import TopicsDir
from shared import keys
from shared.errors import ConfigError
from shared.metrics import Exposed, Service
from shared.models.entry import Entry
from shared.queue import JobQueue
from shared.store.alerts import AlertStream
from shared.store.counters import CounterStore
from shared.store.stories import StoryReader, StoryStore
from tests.exposition import samples, value
from tests.factories import entry
from tests.servers import until
from tests.stores import enqueue

ROOT = Path(__file__).parents[2]
CABLES = "undersea-cables"
CUT = "Two undersea cables cut in the Gulf of Finland"
DARNED = "Elisa has darned the seabed cable in the Red Sea"
WRONG = "language: [en"


@pytest.fixture
def topics(tmp_path: Path) -> Path:
    copytree(ROOT / "seeds/topics" / CABLES, tmp_path / "topics" / CABLES)
    return tmp_path / "topics"


@pytest.fixture
def english(topics: Path) -> Path:
    return topics / CABLES / "en.yaml"


@pytest.fixture
def taken() -> list[Matcher]:
    return []


@pytest.fixture
def followed(topics: Path, tmp_path: Path, taken: list[Matcher]) -> TopicsDir:
    """Looked at by the test itself."""
    directory = TopicsDir(topics, PackCache(tmp_path / "cache"), taken.append)
    directory.load()
    return directory


def teach(english: Path) -> None:
    """A word that the pack did not know."""
    text = english.read_text()
    english.write_text(text.replace("  repair: [", "  repair: [darned, "))


def look_twice(followed: TopicsDir) -> list[dict[str, object]]:
    """What it says about it."""
    with capture_logs() as logs:
        followed.look()
        followed.look()
    return [dict(line) for line in logs]


def problems_in_metric() -> float:
    return value(samples(Exposed(Service.CLASSIFIER)), "tocsin_topic_problems")


def is_good_in_metric() -> float:
    return value(samples(Exposed(Service.CLASSIFIER)), "tocsin_config_last_reload_successful", file="topics")


def test_a_changed_pack_is_handed_over_once_under_another_version(
    followed: TopicsDir, english: Path, taken: list[Matcher]
) -> None:
    assert look_twice(followed) == []
    teach(english)
    (line,) = look_twice(followed)
    assert (line["event"], line["changed"]) == ("topics.loaded", [CABLES])
    assert look_twice(followed) == []
    before, after = taken
    assert [match.relevant for match in before.match(DARNED, "en")] == [False]
    assert [match.relevant for match in after.match(DARNED, "en")] == [True]
    assert before.versions != after.versions == followed.versions


def test_a_comment_changes_no_version_and_hands_nothing_over(
    followed: TopicsDir, english: Path, taken: list[Matcher]
) -> None:
    english.write_text(english.read_text() + "# no more\n")
    (line,) = look_twice(followed)
    assert line["changed"] == []
    assert len(taken) == 1


def test_a_pack_that_is_wrong_leaves_the_one_before_in_force_and_is_complained_of_once(
    followed: TopicsDir, english: Path, taken: list[Matcher]
) -> None:
    good = english.read_text()
    english.write_text(good.replace("no_match:\n", f'no_match:\n    - "{CUT}"\n'))
    (line,) = look_twice(followed)
    assert (line["event"], line["in_force"]) == ("topics.refused", taken[0].versions)
    problem = "".join(cast("list[str]", line["problems"]))
    assert str(english) in problem
    assert "examples.no_match[0]: must not match, but matched with score 6 of 3.5" in problem
    assert CUT in problem
    assert (problems_in_metric(), is_good_in_metric()) == (1, 0)
    assert followed.complaint() == "topics: refused, and those before are in force"
    assert look_twice(followed) == []
    english.write_text(good)
    (line,) = look_twice(followed)
    assert (line["event"], line["changed"]) == ("topics.loaded", [])
    assert (problems_in_metric(), is_good_in_metric()) == (0, 1)
    assert followed.complaint() is None
    assert len(taken) == 1


def test_a_topic_that_comes_is_taken_and_one_that_goes_is_left_but_not_the_last(
    followed: TopicsDir, topics: Path, taken: list[Matcher]
) -> None:
    copytree(ROOT / "seeds/topics/dprk-kursk", topics / "dprk-kursk")
    (line,) = look_twice(followed)
    assert line["changed"] == ["dprk-kursk"]
    rmtree(topics / CABLES)
    (line,) = look_twice(followed)
    assert line["changed"] == [CABLES]
    assert list(taken[-1].versions) == ["dprk-kursk"]
    rmtree(topics / "dprk-kursk")
    (line,) = look_twice(followed)
    assert line["event"] == "topics.refused"


def test_a_directory_that_cannot_be_looked_into_is_told_and_leaves_the_packs_in_force(
    followed: TopicsDir, topics: Path, taken: list[Matcher]
) -> None:
    away = topics.rename(topics.with_name("away"))
    topics.write_text("Not what it was.")
    (line,) = look_twice(followed)
    assert (line["event"], line["problems"]) == ("topics.refused", [f"{topics}: not a directory"])
    topics.unlink()
    away.rename(topics)
    (line,) = look_twice(followed)
    assert (line["event"], len(taken)) == ("topics.loaded", 1)


def test_a_start_with_a_mistake_says_which(topics: Path, english: Path, tmp_path: Path) -> None:
    english.write_text(WRONG)
    with pytest.raises(ConfigError, match=r"en\.yaml:1: not YAML"):
        TopicsDir(topics, PackCache(tmp_path / "cache"), lambda _: None).load()


class InTheMiddle:
    """A store that lets the packs change while a job is at work."""

    def __init__(self, entries: Sequence[Entry], followed: TopicsDir, english: Path) -> None:
        self.entries, self.followed, self.english = entries, followed, english

    def load(self, entry_ids: Sequence[str]) -> list[Entry]:
        teach(self.english)
        look_twice(self.followed)
        return [each for each in self.entries if each.id in entry_ids]


async def test_a_job_that_has_begun_ends_with_the_packs_it_began_with(
    sync_redis: SyncRedis, redis: Redis, topics: Path, english: Path, tmp_path: Path
) -> None:
    stories = StoryStore(sync_redis, window_seconds=3600, retention_seconds=3600)
    told = [entry(title=CUT, summary=""), entry(title=DARNED, summary="")]

    def take(matcher: Matcher) -> None:
        jobs.bind(Classifier(matcher, entries, stories), CounterStore(sync_redis))

    followed = TopicsDir(topics, PackCache(tmp_path / "cache"), take)
    entries = InTheMiddle(told, followed, english)
    followed.load()
    before = followed.versions[CABLES]
    jobs.classify([each.id for each in told])
    after = followed.versions[CABLES]
    assert after != before
    assert [(story.title, story.topic_version) for story in await StoryReader(redis).newest(10)] == [(CUT, before)]
    jobs.classify([told[1].id])
    newest, _ = await StoryReader(redis).newest(10)
    assert (newest.title, newest.topic_version) == (DARNED, after)


@contextmanager
def classifier(redis_url: str, topics: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """The service as it is started, with its log on standard error."""
    env = {
        "TOCSIN_REDIS_URL": redis_url,
        "TOCSIN_TOPICS_DIR": str(topics),
        "TOCSIN_DATA_DIR": str(topics.parent),
        "TOCSIN_METRICS_PORT": "0",
        "TOCSIN_LOG_FORMAT": "json",
        **settings,
    }
    log = topics.parent / "log"
    with log.open("w") as stderr:
        command = [sys.executable, "-m", "services.classifier"]
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | env, stdout=stderr, stderr=stderr)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


def logged(topics: Path, event: str) -> list[dict[str, object]]:
    lines = (topics.parent / "log").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == event]


def tell(redis: SyncRedis, title: str) -> None:
    told = entry(title=title, summary="", published=datetime.now(UTC), seen_at=datetime.now(UTC))
    redis.set(keys.entry(told.id), told.model_dump_json())
    enqueue(JobQueue(redis), [told.id])


async def test_a_running_classifier_takes_up_a_pack_as_it_is_edited(
    redis_url: str, sync_redis: SyncRedis, redis: Redis, topics: Path, english: Path
) -> None:
    reader = StoryReader(redis)

    async def versions() -> dict[str, str]:
        return {story.title: story.topic_version for story in await reader.newest(10)}

    async def told(title: str) -> None:
        async def is_there() -> bool:
            return title in await versions()

        tell(sync_redis, title)
        await until(is_there)

    with classifier(redis_url, topics) as process:
        before = load_matcher(topics).versions[CABLES]
        await told(CUT)

        good = english.read_text()
        english.write_text(WRONG)
        await until(lambda: logged(topics, "topics.refused"))
        await told("Cargo ship detained near a damaged cable off Taiwan")

        english.write_text(good)
        teach(english)
        await until(lambda: len(logged(topics, "topics.loaded")) == 2)
        await told(DARNED)

    after = load_matcher(topics).versions[CABLES]
    assert set((await versions()).values()) == {before, after}
    assert (await versions())[DARNED] == after != before
    assert len(logged(topics, "topics.refused")) == 1
    assert {record.alert.topic for record in await AlertStream(redis).newest(10)} == {CABLES}
    assert [path.name.split(".")[0] for path in (topics.parent / "cache").iterdir()] == [CABLES]
    assert process.returncode == 0


async def test_a_process_that_is_due_for_replacement_stays_while_no_other_could_start(
    redis_url: str, sync_redis: SyncRedis, topics: Path, english: Path
) -> None:
    queue, good = JobQueue(sync_redis), english.read_text()
    with classifier(redis_url, topics, TOCSIN_CLASSIFIER_MAX_JOBS="1") as process:
        await until(lambda: logged(topics, "topics.loaded"))
        english.write_text(WRONG)
        await until(lambda: logged(topics, "topics.refused"))
        for title in (CUT, DARNED, "Cable"):
            tell(sync_redis, title)
            await until(lambda: not queue.in_flight())
        assert process.poll() is None
        english.write_text(good)
        await until(lambda: len(logged(topics, "topics.loaded")) == 2)
        tell(sync_redis, "Another cable")
        await until(lambda: process.poll() is not None)
    assert process.returncode == 0


async def test_a_process_with_refused_packs_ends_when_told_to(redis_url: str, topics: Path, english: Path) -> None:
    with classifier(redis_url, topics) as process:
        await until(lambda: logged(topics, "topics.loaded"))
        english.write_text(WRONG)
        await until(lambda: logged(topics, "topics.refused"))
    assert process.returncode == 0
