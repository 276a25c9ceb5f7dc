"""Eight classifiers on one topic beside one: assignments a second, by the clock, with turns and without.

    python -m benchmarks.turns [--entries N] [--rounds N] [--workers N]

All tell of happenings of one topic (`benchmarks.happenings`). Without turns each assignment is a mere optimistic
transaction: whoever was not the first begins again. The clock runs from the first entry to the last: what waits counts,
so the machine should have nothing else to do.
"""

import argparse
import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from multiprocessing.queues import Queue
from random import Random

from redis import Redis

from benchmarks.happenings import TOPIC, Press, Report
from benchmarks.measure import Row, private_redis, progress, row, table
from services.classifier.fingerprint import fingerprint
from services.classifier.telling import marks_of, place
from shared import keys
from shared.models.change import Background, Change
from shared.store.connection import connect_sync
from shared.store.stories import StoryStore

ENTRIES, ROUNDS, WORKERS = 400, 5, 8
WINDOW_SECONDS, RETENTION_SECONDS = 345_600.0, 2_592_000


class Unordered(StoryStore):
    """Nobody waits for anybody."""

    @contextmanager
    def _turn(self, topic: str) -> Iterator[None]:
        yield


STORES: Mapping[str, type[StoryStore]] = {"turns": StoryStore, "unordered": Unordered}
Work = tuple[str, Sequence[Report]] | None


def _press(entries: int) -> list[Report]:
    """Every happening is told four times."""
    press, now = Press(Random(1)), datetime.now(UTC)
    return [press.report(happening, now) for happening in [press.happening() for _ in range(entries // 4)] * 4]


def _worker(url: str, given: "Queue[Work]", done: "Queue[int]") -> None:
    with connect_sync(url) as redis:
        while work := given.get():
            name, reports = work
            store = STORES[name](redis, window_seconds=WINDOW_SECONDS, retention_seconds=RETENTION_SECONDS)
            for report in reports:
                _assign(store, report)
            done.put(len(reports))


def _assign(store: StoryStore, report: Report) -> None:
    now, marks = datetime.now(UTC), marks_of(report.entry, fingerprint(report.entry, report.match))
    store.assign(TOPIC, report.entry.id, marks, now, partial(_place, report, now))


def _place(report: Report, now: datetime, known: Background) -> Change:
    return place(report.entry, report.match, known, now)


def measure(entries: int = ENTRIES, rounds: int = ROUNDS, workers: int = WORKERS) -> list[Row]:
    spawn, reports = multiprocessing.get_context("spawn"), _press(entries)
    contestants = {"one": ("turns", 1), "many": ("turns", workers), "unordered": ("unordered", workers)}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    with ExitStack() as stack:
        url = stack.enter_context(private_redis())
        redis = stack.enter_context(connect_sync(url))
        done: Queue[int] = spawn.Queue()
        given: list[Queue[Work]] = [spawn.Queue() for _ in range(workers)]
        for each in given:
            process = spawn.Process(target=_worker, args=(url, each, done))
            process.start()
            stack.callback(process.join)
            stack.callback(each.put, None)
        for number in range(rounds + 1):  # the first only warms up
            for name, (kind, many) in contestants.items():
                progress(f"round {number} of {rounds}: {name}")
                redis.flushall()
                started = time.perf_counter()
                for worker in range(many):
                    given[worker].put((kind, reports[worker::many]))
                _finished(redis, done, many, len(reports))
                seconds[name] += [time.perf_counter() - started] * (number > 0)
    progress("")
    return [
        row(what, "entries/s", len(reports), seconds[ours], seconds[peer], meaning)
        for what, ours, peer, meaning in (
            (f"{workers} workers on one topic: one worker", "many", "one", "Together they are {:.2f} times as fast."),
            (
                f"{workers} workers on one topic: without turns",
                "many",
                "unordered",
                "With turns {:.2f} times as fast.",
            ),
        )
    ]


def _finished(redis: Redis, done: "Queue[int]", many: int, entries: int) -> None:
    for _ in range(many):
        done.get(timeout=600)
    if int(redis.get(keys.topic_assignments(TOPIC)) or 0) != entries:
        raise RuntimeError("not each entry was assigned once")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--workers", type=int, default=WORKERS)
    print(table(measure(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
