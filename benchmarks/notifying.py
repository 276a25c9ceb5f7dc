"""Notifiers that run as in production, receivers in processes of their own, and somebody who tells stories."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

from redis import Redis

from benchmarks.measure import cpu_of
from benchmarks.receivers import Seen
from services.notifier.sample import sample_story
from shared import keys
from shared.models.story import Alert, Story
from shared.runtime.children import end_with_parent

ROOT = Path(__file__).parent.parent
SECRET = "whsec_" + "YmVuY2htYXJrcy1vZi10b2NzaW4tMjQtYnl0ZXM="
PER_MINUTE = 60_000
START_SECONDS, SETTLE_SECONDS, LOOK_SECONDS = 60.0, 120.0, 0.02
_PLACEHOLDER = "0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Receivers:
    urls: tuple[str, ...]
    pid: int

    def seen(self) -> Seen:
        """What arrived since this was asked last."""
        with urlopen(self.urls[0].replace("/hook", "/seen")) as answer:
            return [(endpoint, story, when) for endpoint, story, when in json.load(answer)]


@contextmanager
def receivers(quick: int, way: str = "", badly: int = 0) -> Iterator[Receivers]:
    command = [sys.executable, "-m", "benchmarks.receivers", str(quick), way, str(badly)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin:  # it ends when this is closed
            yield Receivers(tuple(json.loads(process.stdout.readline())), process.pid)


@dataclass(frozen=True, slots=True)
class Notifiers:
    processes: Sequence[subprocess.Popen[bytes]]
    redis: Redis
    endpoints: Sequence[str]

    def cpu_seconds(self) -> float:
        return sum(cpu_of(process.pid) for process in self.processes)

    def are_ready(self) -> bool:
        """Each waits for alerts."""
        if any(process.poll() is not None for process in self.processes):
            raise RuntimeError("a notifier ended by itself")
        waiting = [client for client in self.redis.client_list() if client["cmd"] == "xreadgroup"]
        return len(waiting) == len(self.processes)

    def backlog(self) -> int:
        """Alerts that were not put before the endpoints, and messages that wait there."""
        return backlog(self.redis, self.endpoints)


def backlog(redis: Redis, endpoints: Sequence[str]) -> int:
    (group,) = redis.xinfo_groups(keys.alerts())
    unread: Any = redis.xrange(keys.alerts(), min=b"(" + group["last-delivered-id"])
    with redis.pipeline(transaction=False) as pipe:
        for name in endpoints:
            pipe.zcard(keys.waiting(name))
            pipe.zcard(keys.under_way(name))
        return len(unread) + int(group["pending"]) + int(sum(pipe.execute()))


@contextmanager
def notifiers(many: int, redis: Redis, url: str, hooks: Sequence[str], **settings: object) -> Iterator[Notifiers]:
    """Processes as in production, on an empty Redis, that nothing holds up."""
    redis.flushall()
    with TemporaryDirectory(prefix="tocsin-bench-") as home:
        book, endpoints = written(hooks, Path(home))
        chosen = {"redis_url": url, "subscriptions_file": book, "data_dir": home, **PACE, **settings}
        env = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
        env |= {f"TOCSIN_{name.upper()}": str(value) for name, value in chosen.items()}
        started = [_notifier(env) for _ in range(many)]
        try:
            crew = Notifiers(started, redis, endpoints)
            wait(crew.are_ready, START_SECONDS)
            yield crew
        finally:
            for process in started:
                process.kill()
                process.wait()


def written(hooks: Sequence[str], home: Path) -> tuple[Path, tuple[str, ...]]:
    """A file with a subscription for each, and their names."""
    endpoints = {f"endpoint-{number}": hook for number, hook in enumerate(hooks)}
    book = home / "subscriptions.yaml"
    book.write_text(json.dumps({"subscriptions": [_subscription(*each) for each in endpoints.items()]}))
    return book, tuple(endpoints)


PACE = {
    "alert_hold_seconds": 0,
    "alert_update_interval_seconds": 0,
    "metrics_port": 0,
    "allow_networks": "127.0.0.0/8",
    "log_format": "json",
}


def _subscription(name: str, hook: str) -> dict[str, object]:
    channel = {"type": "webhook", "url": hook, "secret": SECRET}
    return {"id": name, "channel": channel, "per_minute": PER_MINUTE}


def _notifier(env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Its log is written, though to nowhere."""
    command, with_us = [sys.executable, "-m", "services.notifier"], end_with_parent(os.getpid())
    return subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL, preexec_fn=with_us)  # noqa: PLW1509 - as every child of ours


@dataclass(slots=True)
class Teller:
    """Writes stories with their alerts, as the classifier does; `told`: when, in Unix seconds, by their numbers."""

    redis: Redis
    told: list[float] = field(default_factory=list)
    _story: str = field(init=False)
    _alert: str = field(init=False)

    def __post_init__(self) -> None:
        made = _as_written(sample_story(datetime.now(UTC)))
        self._story, self._alert = made.model_dump_json(exclude_defaults=True), _announced(made).model_dump_json()

    def tell(self, many: int = 1) -> None:
        with self.redis.pipeline() as pipe:
            for _ in range(many):
                story_id = f"{len(self.told):016x}"
                pipe.set(keys.story(story_id), self._story.replace(_PLACEHOLDER, story_id))
                pipe.xadd(keys.alerts(), {"alert": self._alert.replace(_PLACEHOLDER, story_id)})
                self.told.append(time.time())
            pipe.execute()

    def tell_steadily(self, a_second: float, seconds: float) -> None:
        """Who falls behind hurries; what should have been told earlier counts as told then."""
        began, first = time.time(), len(self.told)
        for number in range(round(a_second * seconds)):
            time.sleep(max(0.0, began + number / a_second - time.time()))
            self.tell()
            self.told[first + number] = began + number / a_second


def _as_written(sample: Story) -> Story:
    """With what the classifier adds."""
    newest = sample.revisions[-1]
    known = {"entry_id": sample.articles[0].entry_id, "taken_at": newest.at}
    revisions = (*sample.revisions[:-1], newest.model_copy(update=known))
    return sample.model_copy(update={"id": _PLACEHOLDER, "revisions": revisions})


def _announced(story: Story) -> Alert:
    newest = story.revisions[-1]
    told = {"story_id": story.id, "topic": story.topic, "title": story.title, "revision": newest.number}
    return Alert.model_validate(told | newest.model_dump(include={"type", "reason", "detail", "at"}))


def wait(done: Callable[[], object], seconds: float = SETTLE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(LOOK_SECONDS)
