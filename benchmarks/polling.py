"""Polling feeds, unchanged and changed: ours, `reader` and bare aiohttp, in turn.

    python -m benchmarks.polling [--feeds N] [--rounds N] [--corpus DIR]

Ours is the poller of production, wired as there: claim, conditional GET through the guard, commit into Redis, a log
line each. `reader` is `update_feeds` over an SQLite file, in one thread: its default, and cheaper than 4 or 16. aiohttp
only sends the conditional requests, as many at once as we do. Counted is CPU: ours with that of Redis and of the
parsing processes, and nobody's with that of the feeds' server.

Then each poll brings NEWS new entries: ours are read, committed and queued, `reader`'s are read and stored. Each of the
two has a server of its own, for what is new to one must be new to the other. First come whole documents, those in DIR
or the demo's, as `renewal` makes news of them; then small ones of 20 items and 6 KB.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
from reader import Reader
from redis import Redis

from benchmarks.measure import Contestant, Row, in_turn, logging_as_in_production, private_redis, progress, row, table
from benchmarks.parsing import read_corpus
from benchmarks.pollers import checked, feed_server, our_poller, settings_for
from benchmarks.renewal import NEWS, open_reader, renewable
from services.poller.fetch import ACCEPT
from shared.queue import JobQueue
from shared.settings import Settings
from shared.store.connection import connect_sync

FEEDS, ROUNDS = 500, 5


@contextmanager
def their_reader(urls: Sequence[str], file: Path) -> Iterator[Reader]:
    with closing(open_reader(file)) as reader:
        for url in urls:
            reader.add_feed(url)
        yield reader


@contextmanager
def bare_aiohttp(runner: asyncio.Runner, urls: Sequence[str], settings: Settings) -> Iterator[Callable[[], None]]:
    """A lap of conditional requests and nothing else."""
    etags: dict[str, str] = {}

    async def get(session: aiohttp.ClientSession, url: str) -> None:
        headers = {"Accept": ACCEPT} | ({"If-None-Match": etags[url]} if url in etags else {})
        async with session.get(url, headers=headers) as response:
            etags[url] = response.headers["ETag"]
            await response.read()

    async def open_session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=settings.poll_concurrency, limit_per_host=settings.poll_per_host)
        return aiohttp.ClientSession(connector=connector)

    async def get_all(session: aiohttp.ClientSession) -> None:
        await asyncio.gather(*(get(session, url) for url in urls))

    session = runner.run(open_session())
    try:
        yield lambda: runner.run(get_all(session))
    finally:
        runner.run(session.close())


def measure(feeds: int = FEEDS, rounds: int = ROUNDS, corpus: Path | None = None) -> list[Row]:
    return [*unchanged(feeds, rounds), whole(feeds, rounds, corpus), changed("small changed feeds", feeds, rounds)]


def whole(feeds: int, rounds: int, corpus: Path | None) -> Row:
    """The documents that both can read, `feeds` of them in turn."""
    progress("choosing the documents")
    with tempfile.TemporaryDirectory() as directory:
        with logging_as_in_production("poller"):  # `reader` tells of each document that it cannot read
            chosen = renewable(read_corpus(corpus))
        for name, body in chosen.items():
            Path(directory, name).write_bytes(body)
        return changed("changed feeds", feeds, rounds, Path(directory))


def unchanged(feeds: int, rounds: int) -> list[Row]:
    with (
        logging_as_in_production("poller"),
        tempfile.TemporaryDirectory() as directory,
        private_redis() as redis_url,
        connect_sync(redis_url) as redis,
        feed_server(feeds) as server,
        asyncio.Runner() as runner,
    ):
        settings = settings_for(server.urls, Path(directory))
        with (
            our_poller(runner, settings, redis_url) as ours,
            their_reader(server.urls, Path(directory) / "reader.sqlite") as reader,
            bare_aiohttp(runner, server.urls, settings) as bare,
        ):
            laps = {"ours": ours, "reader": lambda: reader.update_feeds(scheduled=False), "aiohttp": bare}
            for name, first in laps.items():
                progress(f"first polls: {name}")
                first()
            contestants = {name: checked(lap, server, redis if name == "ours" else None) for name, lap in laps.items()}
            cpu = in_turn(contestants, rounds)
    return [
        row(
            "polling unchanged feeds: reader",
            "feeds/CPU s",
            feeds,
            cpu["ours"],
            cpu["reader"],
            "For one CPU second we poll {:.2f} times as many feeds as `reader` does.",
        ),
        row(
            "polling unchanged feeds: aiohttp",
            "feeds/CPU s",
            feeds,
            cpu["ours"],
            cpu["aiohttp"],
            "With leases, guard, state, schedule and log we poll {:.2f} times as many as bare requests would.",
        ),
    ]


def changed(what: str, feeds: int, rounds: int, documents: Path | None = None) -> Row:
    with (
        logging_as_in_production("poller"),
        tempfile.TemporaryDirectory() as directory,
        private_redis() as redis_url,
        connect_sync(redis_url) as redis,
        feed_server(feeds, NEWS, documents) as our_server,
        feed_server(feeds, NEWS, documents) as their_server,
        asyncio.Runner() as runner,
        our_poller(runner, settings_for(our_server.urls, Path(directory)), redis_url) as ours,
        their_reader(their_server.urls, Path(directory) / "reader.sqlite") as reader,
    ):

        def theirs() -> None:
            reader.update_feeds(scheduled=False)

        progress("first polls")
        ours()
        theirs()
        our_entries, their_entries = lambda: _queued(redis), lambda: reader.get_entry_counts().total or 0
        contestants = {
            "ours": _bringing(feeds * NEWS, our_entries, checked(ours, our_server, redis, 200)),
            "reader": _bringing(feeds * NEWS, their_entries, checked(theirs, their_server, None, 200)),
        }
        cpu = in_turn(contestants, rounds)
    meaning = "For one CPU second we take in the news of {:.1f} times as many feeds as `reader` does."
    return row(f"polling {what}: reader", "feeds/CPU s", feeds, cpu["ours"], cpu["reader"], meaning)


def _queued(redis: Redis) -> int:
    """Entries that wait for the classifier."""
    return sum(len(job.args[0]) for job in JobQueue(redis).queue.get_jobs())


def _bringing(news: int, entries: Callable[[], int], contestant: Contestant) -> Contestant:
    """Each lap must add exactly this many entries."""
    known = [0]

    def before() -> None:
        contestant.before()
        known[0] = entries()

    def after() -> None:
        contestant.after()
        if (brought := entries() - known[0]) != news:
            raise RuntimeError(f"a lap brought {brought} entries, not {news}")

    return replace(contestant, before=before, after=after)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--feeds", type=int, default=FEEDS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--corpus", type=Path, help="a directory of feed documents, one a file; else the demo's")
    print(table(measure(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
