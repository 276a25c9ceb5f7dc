"""What watching costs: the same work with metrics and without, in turn.

    python -m benchmarks.observing [--feeds N] [--entries N] [--deliveries N] [--rounds N]

Three paths, each as in production but in this process: polls of unchanged feeds with their commits, the cheapest
there are; batches of the demo's entries through the classifier, into stories; and deliveries, from the alert to the
log of the attempt. With metrics each lap ends with a scrape, though Prometheus comes only every 15 seconds. Without
them nothing is counted, observed, or written for others to read.

The ratio is how much is done with metrics, by what is done without: 1 would be for nothing.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from redis import Redis

from benchmarks.measure import SEEDS, Contestant, Row, in_turn, logging_as_in_production, private_redis, row, table
from benchmarks.notifying import PACE, Receivers, Teller, backlog, receivers, written
from benchmarks.pollers import checked, feed_server, our_poller, settings_for
from benchmarks.queueing import Course, demo_entries, story_store
from services.classifier import jobs
from services.classifier.classifier import Classifier
from services.classifier.packs import load_matcher
from services.classifier.wiring import observer
from services.notifier import subjects
from services.notifier.wiring import guarded_client, notifier, senders
from shared import keys, metrics
from shared.metrics import Exposed, Service
from shared.queue import JobQueue
from shared.settings import Settings, load_settings
from shared.store import stories
from shared.store.connection import connect, connect_sync
from shared.store.counters import CounterStore
from shared.store.due import Command
from shared.store.entries import EntryStore
from shared.store.feeds import FeedStore

# So many that a lap takes about a second.
FEEDS, ENTRIES, DELIVERIES, ROUNDS = 1500, 5000, 2000, 9
ENDPOINTS, LOOK_SECONDS = 10, 0.02
WATCHED, UNWATCHED = "with metrics", "without"
MEANING = "With metrics {:.3f} of what is done without them."


class _Nothing:
    """In the place of a metric."""

    def labels(self, **_: str) -> "_Nothing":
        return self

    def inc(self, _: float = 1.0) -> None: ...
    def set(self, _: float) -> None: ...
    def observe(self, _: float) -> None: ...


_state_commands = FeedStore.state_commands


def _without_marks(*args: object) -> list[Command]:
    return [command for command in _state_commands(*args) if command[1] != keys.feeds_read()]  # type: ignore[arg-type]


@contextmanager
def unwatched() -> Iterator[None]:
    """As if there were no metrics: every shell gets at them through their module."""
    declared = [metric for _, metric in metrics.TABLE.values()]
    names = [name for name, value in vars(metrics).items() if any(value is metric for metric in declared)]
    instead = [
        *((metrics, name, _Nothing()) for name in names),
        (stories, "count_change", lambda *_: None),
        (subjects, "way", lambda *_: None),
        (FeedStore, "state_commands", staticmethod(_without_marks)),
    ]
    before = [(where, name, vars(where)[name]) for where, name, _ in instead]
    try:
        for where, name, nothing in instead:
            setattr(where, name, nothing)
        yield
    finally:
        for where, name, own in before:
            setattr(where, name, own)


def compared(what: str, unit: str, work: int, contestant: Contestant, exposed: Exposed, rounds: int) -> Row:
    def watched() -> None:
        contestant.run()
        exposed.text()

    def not_watched() -> None:
        with unwatched():
            contestant.run()

    laps = in_turn(
        {
            WATCHED: Contestant(watched, contestant.before, contestant.after, contestant.redis),
            UNWATCHED: Contestant(not_watched, contestant.before, contestant.after, contestant.redis),
        },
        rounds,
    )
    return row(f"metrics: {what}", unit, work, laps[WATCHED], laps[UNWATCHED], MEANING)


def polls(feeds: int, rounds: int) -> Row:
    with (
        logging_as_in_production("poller"),
        tempfile.TemporaryDirectory() as directory,
        private_redis() as url,
        connect_sync(url) as redis,
        feed_server(feeds) as server,
        asyncio.Runner() as runner,
        our_poller(runner, settings_for(server.urls, Path(directory)), url) as poll,
    ):
        poll()
        return compared("polls", "feeds/CPU s", feeds, checked(poll, server, redis), Exposed(Service.POLLER), rounds)


def batches(entries: int, rounds: int) -> Row:
    settings, matcher = load_settings({}), load_matcher(SEEDS / "topics")
    chosen, matches = demo_entries(entries, matcher)
    metrics.know("topic", matcher.versions)
    with logging_as_in_production("classifier"), private_redis() as url, connect_sync(url) as redis:
        store = EntryStore(redis, retention_seconds=settings.entry_retention_seconds)
        jobs.bind(Classifier(matcher, store, story_store(redis, settings)), CounterStore(redis))
        course = Course(redis, store, matcher, chosen, matches)
        queue = JobQueue(redis, batch_size=settings.batch_size)
        contestant = course.contestant(queue, partial(queue.work, burst=True))
        exposed = Exposed(Service.CLASSIFIER, observer(url))
        return compared("entries", "entries/CPU s", len(chosen), contestant, exposed, rounds)


def deliveries(many: int, rounds: int) -> Row:
    with (
        logging_as_in_production("notifier"),
        tempfile.TemporaryDirectory() as directory,
        private_redis() as url,
        connect_sync(url) as redis,
        receivers(ENDPOINTS) as hooks,
        asyncio.Runner() as runner,
    ):
        book, names = written(hooks.urls, Path(directory))
        settings = Settings.model_validate(PACE | {"subscriptions_file": book})
        metrics.know("subscription", names)

        def deliver() -> None:
            runner.run(_deliver(settings, url, redis, names, many // ENDPOINTS))

        contestant = Contestant(deliver, redis.flushall, partial(_all_came, hooks, many), redis)
        exposed = Exposed(Service.NOTIFIER)
        return compared("deliveries", "deliveries/CPU s", many, contestant, exposed, rounds)


async def _deliver(settings: Settings, url: str, beside: Redis, names: Sequence[str], told: int) -> None:
    async with connect(url) as redis, guarded_client(settings) as http:
        stop = asyncio.Event()
        running = asyncio.create_task(notifier(settings, redis, senders(settings, http)).run(stop))
        await _until(lambda: beside.exists(keys.alerts()))
        Teller(beside).tell(told)
        await _until(lambda: not backlog(beside, names))
        stop.set()
        await running


async def _until(done: Callable[[], object]) -> None:
    while not done():  # noqa: ASYNC110 - what is waited for happens in Redis
        await asyncio.sleep(LOOK_SECONDS)


def _all_came(hooks: Receivers, many: int) -> None:
    if (came := len(hooks.seen())) != many:
        raise RuntimeError(f"{came} of {many} deliveries came")


def measure(feeds: int = FEEDS, entries: int = ENTRIES, many: int = DELIVERIES, rounds: int = ROUNDS) -> list[Row]:
    return [polls(feeds, rounds), batches(entries, rounds), deliveries(many, rounds)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--feeds", type=int, default=FEEDS)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--deliveries", type=int, default=DELIVERIES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    wanted = parser.parse_args()
    print(table(measure(wanted.feeds, wanted.entries, wanted.deliveries, wanted.rounds)))


if __name__ == "__main__":
    main()
