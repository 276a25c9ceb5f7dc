"""Entries through queue and classifier: ours, and RQ with one job an entry, in turn.

    python -m benchmarks.queueing [--entries N] [--rounds N] [--batch N]

Ours are batches, here full ones, and a worker that does not fork. The peers get the same classifier, the same entries
and a job for each of them, queued in one transaction as ours are: first on the same worker, then on RQ's default
worker, which forks for each job. Counted is CPU, that of Redis and of forked children included.

The entries are the demo's: each relevant one once, the others as often as needed, in an order of chance.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import cycle, islice
from random import Random

from redis import Redis
from rq import Worker
from rq.serializers import JSONSerializer

from benchmarks.measure import SEEDS, Contestant, Row, in_turn, logging_as_in_production, private_redis, row, table
from services.classifier import jobs
from services.classifier.classifier import Classifier
from services.classifier.match import Matcher
from services.classifier.packs import load_matcher
from services.cli.demo.feeds import dated
from services.poller.parse import Item, parse
from shared import keys
from shared.models.entry import Entry
from shared.queue import JobQueue
from shared.settings import Settings, load_settings
from shared.store.connection import connect_sync
from shared.store.counters import CounterStore
from shared.store.due import Command
from shared.store.entries import EntryStore
from shared.store.stories import StoryStore

ENTRIES, ROUNDS = 500, 5


def demo_entries(n: int, matcher: Matcher) -> tuple[list[Entry], int]:
    """`n` entries, or all relevant ones if those are more, and how many matches they have."""
    now = datetime.now(UTC)
    texts = [dated(path.read_text("utf-8"), now) for path in sorted((SEEDS / "demo" / "feeds").glob("*.xml"))]
    known = [_entry(item, number, now) for number, item in enumerate(_items(texts))]
    relevant = [entry for entry in known if any(m.relevant for m in matcher.classify(entry, now).matches)]
    others = cycle([entry for entry in known if entry not in relevant])
    chosen = [*relevant, *islice(others, max(0, n - len(relevant)))]
    Random(1).shuffle(chosen)
    matches = sum(m.relevant for entry in relevant for m in matcher.classify(entry, now).matches)
    return [entry.model_copy(update={"id": f"{place:016x}"}) for place, entry in enumerate(chosen)], matches


def _items(texts: Sequence[str]) -> list[Item]:
    return [item for text in texts for item in parse(text.encode(), "http://demo.example/").items]


def _entry(item: Item, number: int, now: datetime) -> Entry:
    source = f"Outlet {number % 10}"
    fields = {"guid": item.guid, "url": item.url, "title": item.title, "summary": item.summary}
    return Entry(
        id=f"{number:016x}", feed_id=f"{number % 10:012x}", source=source, feed_name=source, seen_at=now, **fields
    )


def story_store(redis: Redis, settings: Settings) -> StoryStore:
    window, retention = settings.story_window_seconds, settings.story_retention_seconds
    return StoryStore(redis, window_seconds=window, retention_seconds=retention)


def fork_for_each_job(queue: JobQueue) -> None:
    worker = Worker([queue.queue], connection=queue.redis, serializer=JSONSerializer, log_job_description=False)
    worker.work(burst=True, logging_level="WARNING")


@dataclass(frozen=True, slots=True)
class Course:
    """What every lap has before it: an empty Redis but for these entries, which have so many matches."""

    redis: Redis
    store: EntryStore
    matcher: Matcher
    entries: Sequence[Entry]
    matches: int

    def contestant(self, queue: JobQueue, work: Callable[[], object]) -> Contestant:
        def run() -> None:
            self._send(queue.batch_commands([entry.id for entry in self.entries]))
            work()

        return Contestant(run, self.prepare, partial(self.check, queue), self.redis)

    def prepare(self) -> None:
        self.redis.flushall()
        self._send(self.store.save_commands(self.entries))

    def _send(self, commands: Iterable[Command]) -> None:
        with self.redis.pipeline() as pipe:
            for command in commands:
                pipe.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py has not typed it
            pipe.execute()

    def check(self, queue: JobQueue) -> None:
        """No job is left or failed, and each match has its story."""
        told = sum(int(self.redis.get(keys.topic_assignments(topic)) or 0) for topic in self.matcher.versions)
        if queue.in_flight() or told != self.matches:
            raise RuntimeError(f"{queue.in_flight()} jobs are left, {told} of {self.matches} matches have a story")


def measure(entries: int = ENTRIES, rounds: int = ROUNDS, batch: int | None = None) -> list[Row]:
    settings = load_settings({})
    matcher = load_matcher(SEEDS / "topics")
    chosen, matches = demo_entries(entries, matcher)
    with logging_as_in_production("classifier"), private_redis() as url, connect_sync(url) as redis:
        store = EntryStore(redis, retention_seconds=settings.entry_retention_seconds)
        jobs.bind(Classifier(matcher, store, story_store(redis, settings)), CounterStore(redis))
        course = Course(redis, store, matcher, chosen, matches)
        ours = JobQueue(redis, batch_size=batch or settings.batch_size)
        single = JobQueue(redis, batch_size=1)
        contestants = {
            "ours": course.contestant(ours, partial(ours.work, burst=True)),
            "one job an entry": course.contestant(single, partial(single.work, burst=True)),
            "one forked job an entry": course.contestant(single, partial(fork_for_each_job, single)),
        }
        cpu = in_turn(contestants, rounds)
    return [_row(peer, len(chosen), cpu["ours"], cpu[peer]) for peer in contestants if peer != "ours"]


def _row(peer: str, entries: int, ours: Sequence[float], theirs: Sequence[float]) -> Row:
    return row(
        f"queue and classifier: {peer}",
        "entries/CPU s",
        entries,
        ours,
        theirs,
        f"For one CPU second we classify {{:.1f}} times as many entries as RQ does with {peer}.",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--batch", type=int, help="entries in one of our jobs; the default is that of the settings")
    print(table(measure(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
