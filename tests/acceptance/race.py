"""Eight classifiers, one happening, all at once, and kill -9.

    python -m tests.acceptance.race [--rounds 200] [--workers 8] [--seed N]

Forty articles of one happening (`tests/data/one-happening.jsonl`: ten languages, wire copies, edits, other words, other
figures) are shuffled and queued in batches of one to three, some of them twice, for classifiers that run as in
production, on a durable Redis of their own. In each round some classifiers are killed at random moments, and replaced.
After each round:

- there is one story, it has one revision, and all forty articles stand in it, each once;
- one alert announced it: its creation; what else stands in the stream only says that more may want it now;
- each entry is marked with that story; no batch is left, and no entry is set aside.

Exit code 1 if not, and also if nobody was killed with a batch in hand: then the run has proved nothing.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis import Redis
from rq.executions import Execution
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.utils import as_text

from benchmarks.measure import private_redis
from shared import keys
from shared.models.entry import Entry
from shared.models.story import Alert, AlertType, Story
from shared.queue import JobQueue
from shared.runtime.children import end_with_parent
from shared.store.connection import connect_sync
from shared.store.entries import EntryStore

ROOT = Path(__file__).parents[2]
HAPPENING = ROOT / "tests/data/one-happening.jsonl"
TOPIC = "dprk-kursk"
WORKER = (sys.executable, "-m", "services.classifier")
RETENTION_SECONDS = 86_400
START_SECONDS, SETTLE_SECONDS = 120.0, 90.0
MOST_KILLS, LARGEST_BATCH, TWICE = 3, 3, 10


def happening(now: datetime) -> list[Entry]:
    """Its articles, each of an outlet of its own, told in the last hour."""
    lines = HAPPENING.read_text("utf-8").splitlines()
    return [_entry(number, json.loads(line), now) for number, line in enumerate(lines)]


def _entry(number: int, line: dict[str, str], now: datetime) -> Entry:
    outlet = line["outlet"]
    name = sha256(outlet.encode()).hexdigest()
    return Entry(
        id=name[:16],
        feed_id=name[:12],
        source=outlet,
        feed_name=outlet,
        language=line["lang"],
        guid=f"urn:{name[:16]}",
        url=f"https://{name[:8]}.example/news/{number}",
        title=line["title"],
        summary=line["text"],
        published=now - timedelta(minutes=number),
        seen_at=now,
    )


@dataclass(slots=True)
class Crew:
    """The classifiers, and what happens to them."""

    url: str
    log: Path
    draw: random.Random
    redis: Redis
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
        env = clean | {
            "TOCSIN_REDIS_URL": self.url,
            "TOCSIN_DATA_DIR": str(self.log.parent),
            "TOCSIN_TOPICS_DIR": str(ROOT / "seeds/topics"),
            "TOCSIN_METRICS_PORT": "0",
        }
        with_us = end_with_parent(os.getpid())
        with self.log.open("ab") as log:
            self.workers.append(subprocess.Popen(WORKER, cwd=ROOT, env=env, stdout=log, stderr=log, preexec_fn=with_us))  # noqa: PLW1509 - as every child of ours

    def are_ready(self) -> bool:
        """Each has told the queue that it works."""
        if ended := [worker.returncode for worker in self.workers if worker.poll() is not None]:
            raise RuntimeError(f"a classifier ended by itself with {ended[0]}; see {self.log}")
        known = {_pid(as_text(name)) for name in self.redis.smembers("rq:workers:classify")}
        return known >= {worker.pid for worker in self.workers}

    def kill(self, *, at_work: bool) -> None:
        """One of them, or if there are any of those that have a batch in hand; another begins in its place."""
        busy = {*self._busy()} if at_work else set()
        worker = self.draw.choice([each for each in self.workers if each.pid in busy] or self.workers)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        self.kills["at work" if worker.pid in {*self._busy()} else "idle"] += 1
        self.workers.remove(worker)
        self.start()

    def _busy(self) -> Iterator[int]:
        """The processes that have a batch in hand, or died with it."""
        started = StartedJobRegistry("classify", self.redis, serializer=JSONSerializer)
        for job_id, execution_id in started.get_job_and_execution_ids(cleanup=False):
            try:
                yield _pid(Execution.fetch(execution_id, job_id, self.redis).worker_name)
            except ValueError:  # done meanwhile
                continue

    def stop(self) -> None:
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.wait()


def _pid(worker_name: str) -> int:
    """As `shared.queue` names workers."""
    return int(worker_name.split(".")[-2])


@dataclass(frozen=True, slots=True)
class Race:
    """What each round has: the same articles, and an empty store but for them."""

    redis: Redis
    crew: Crew
    draw: random.Random
    entries: Sequence[Entry]

    def round(self) -> list[str]:
        """What is wrong afterwards."""
        _wait(self.crew.are_ready, START_SECONDS)
        self._forget()
        self._deliver()
        self._torment()
        settled = _wait(self._is_settled, SETTLE_SECONDS, must=False)
        return [*self._wrong(), *([] if settled else [f"{JobQueue(self.redis).in_flight()} batches are left"])]

    def _forget(self) -> None:
        """All but the entries, which stay as they were polled."""
        kept = keys.entry("").encode()
        old = [key for key in self.redis.scan_iter(keys.PREFIX + "*", count=1000) if not key.startswith(kept)]
        if old:
            self.redis.delete(*old)

    def _deliver(self) -> None:
        """All at once, as several pollers would have queued them."""
        ids = [entry.id for entry in self.entries]
        again = self.draw.sample(ids, TWICE)
        with self.redis.pipeline() as pipe:
            for batch in (*self._batches(self.draw.sample(ids, len(ids))), *self._batches(again)):
                for command in JobQueue(self.redis).batch_commands(batch):
                    pipe.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py has not typed it
            pipe.execute()

    def _batches(self, ids: list[str]) -> Iterator[list[str]]:
        while ids:
            size = self.draw.randint(1, LARGEST_BATCH)
            yield ids[:size]
            ids = ids[size:]

    def _torment(self) -> None:
        """Some die after so many assignments and a moment; the first of them with a batch in hand."""
        after = sorted(self.draw.randrange(len(self.entries)) for _ in range(self.draw.randint(1, MOST_KILLS)))
        for number, assigned in enumerate(after):
            _wait(partial(self._has_assigned, assigned), SETTLE_SECONDS, must=False, pause=0.001)
            time.sleep(self.draw.random() * 0.02)
            self.crew.kill(at_work=number == 0)

    def _assigned(self) -> int:
        return int(self.redis.get(keys.topic_assignments(TOPIC)) or 0)

    def _has_assigned(self, least: int) -> bool:
        return self._assigned() >= least

    def _is_settled(self) -> bool:
        """Asked twice: a batch that passes from one list to the next may be missed once."""
        return self._has_assigned(len(self.entries)) and not any(JobQueue(self.redis).in_flight() for _ in range(2))

    def _wrong(self) -> Iterator[str]:
        stories = [Story.model_validate_json(self.redis.get(key) or b"") for key in self._keys(keys.story("*"))]
        if len(stories) != 1:
            yield f"{len(stories)} stories: " + "; ".join(f"{s.articles[0].feed_name}: {s.title}" for s in stories)
            return
        story, ids = stories[0], sorted(entry.id for entry in self.entries)
        if sorted(article.entry_id for article in story.articles) != ids or story.unlisted:
            yield f"{len(story.articles)} articles, {story.unlisted} unlisted"
        marks = {entry_id: self.redis.get(keys.entry_story(TOPIC, entry_id)) for entry_id in ids}
        yield from (f"{entry_id} is marked {mark!r}" for entry_id, mark in marks.items() if mark != story.id.encode())
        yield from (f"revision {each.number}: {each.reason}, {each.detail}" for each in story.revisions[1:])
        yield from self._wrong_alerts(story)
        yield from (f"set aside: {letter.entry_id}, {letter.reason}" for letter in JobQueue(self.redis).dead_letters())
        if self._assigned() != len(ids):
            yield f"{self._assigned()} assignments of {len(ids)} entries"

    def _wrong_alerts(self, story: Story) -> Iterator[str]:
        records: Any = self.redis.xrange(keys.alerts())
        alerts = [Alert.model_validate_json(record[b"alert"]) for _, record in records]
        rings = [alert for alert in alerts if not alert.again]
        if [(ring.type, ring.revision) for ring in rings] != [(AlertType.CREATED, 1)]:
            yield "alerts: " + ", ".join(f"{ring.type} {ring.revision} ({ring.reason})" for ring in rings)
        strange = [alert for alert in alerts if (alert.story_id, alert.revision) != (story.id, 1)]
        yield from (f"an alert of {alert.story_id}, revision {alert.revision}" for alert in strange)

    def _keys(self, pattern: str) -> list[bytes]:
        return sorted({*self.redis.scan_iter(pattern, count=1000)})


def _wait(done: Callable[[], bool], seconds: float, *, must: bool = True, pause: float = 0.02) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            if must:
                raise TimeoutError(f"not within {seconds:.0f} s")
            return False
        time.sleep(pause)
    return True


def race(rounds: int, workers: int, seed: int) -> int:
    draw, problems = random.Random(seed), list[str]()
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="tocsin-race-")))
        url = stack.enter_context(private_redis())
        redis = stack.enter_context(connect_sync(url))
        crew = Crew(url, home / "classifiers.log", draw, redis)
        stack.callback(crew.stop)
        entries = happening(datetime.now(UTC))
        for command in EntryStore(redis, retention_seconds=RETENTION_SECONDS).save_commands(entries):
            redis.execute_command(*command)  # redis-py has not typed it
        for _ in range(workers):
            crew.start()
        contest = Race(redis, crew, draw, entries)
        for number in range(1, rounds + 1):
            started = time.monotonic()
            wrong = contest.round()
            problems += [f"round {number}: {each}" for each in wrong]
            took = time.monotonic() - started
            done = f"round {number} of {rounds}: {took:.1f} s, {len(problems)} problems, killed {dict(crew.kills)}"
            print(f"\r{done}   ", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
    if not crew.kills["at work"]:
        problems.append("nobody was killed with a batch in hand")
    told = {"rounds": rounds, "workers": workers, "articles": len(entries), "kills": crew.kills, "seed": seed}
    print(json.dumps(told))
    print("\n".join(problems[:40]) or "always one story, one creation, the same articles")
    return 1 if problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    return race(options.rounds, options.workers, options.seed)


if __name__ == "__main__":
    sys.exit(main())
