"""The poller of production in a benchmark's own process, and a server of feeds in another."""

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from redis import Redis

from benchmarks.measure import Contestant
from services.poller.poller import Poller
from services.poller.wiring import wired
from shared import keys
from shared.settings import Settings, load_settings
from shared.store.feeds import DUE_FEEDS, FeedStore

LOOK_SECONDS, HOST_WAITS_SECONDS = 0.05, 10.0


@dataclass(frozen=True, slots=True)
class FeedServer:
    urls: Sequence[str]

    def answered(self) -> Counter[str]:
        """Answers so far, by status."""
        with urlopen(self.urls[0].rsplit("/", 1)[0] + "/answered") as response:
            return Counter(json.load(response))


@contextmanager
def feed_server(feeds: int, news: int = 0, documents: Path | None = None) -> Iterator[FeedServer]:
    """In a process of its own, that its CPU be not ours."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.feed_server",
        str(feeds),
        str(news),
        *map(str, filter(None, [documents])),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin:  # it ends when this is closed
            yield FeedServer(json.loads(process.stdout.readline()))


@contextmanager
def our_poller(runner: asyncio.Runner, settings: Settings, redis_url: str) -> Iterator[Callable[[], None]]:
    """A lap of the real poller: every feed becomes due, and is polled and committed."""
    stack = AsyncExitStack()
    try:
        parts = runner.run(stack.enter_async_context(wired(settings, redis_url)))
        runner.run(parts.feeds_file.configure(asyncio.Event()))
        gc.freeze()  # as in its own process; the peers stand in this one, and gain by it, too
        yield lambda: runner.run(_poll_all(parts.poller, parts.feeds_file.store))
    finally:
        runner.run(stack.aclose())


async def _poll_all(poller: Poller, feeds: FeedStore) -> None:
    every = await feeds.due.members()
    await feeds.due.schedule(dict.fromkeys(every, time.time()))
    stop = asyncio.Event()
    polling = asyncio.create_task(poller.run(stop))
    while await _polled(feeds) < len(every):  # noqa: ASYNC110 - what is waited for happens in Redis
        await asyncio.sleep(LOOK_SECONDS)
    stop.set()
    await polling


async def _polled(feeds: FeedStore) -> int:
    """Those that come up again only after longer than any host lets a feed wait: their polls have ended."""
    return int(await feeds.redis.zcount(keys.due_times(DUE_FEEDS), time.time() + HOST_WAITS_SECONDS, "+inf"))


def settings_for(urls: Sequence[str], directory: Path) -> Settings:
    """The defaults, but for an interval that no benchmark outlasts."""
    feeds_file = directory / "feeds.yaml"
    feeds_file.write_text(json.dumps({"feeds": [{"url": url, "name": f"Feed {n}"} for n, url in enumerate(urls)]}))
    return load_settings(
        {
            "TOCSIN_FEEDS_FILE": str(feeds_file),
            "TOCSIN_ALLOW_NETWORKS": "127.0.0.0/8",
            "TOCSIN_POLL_INTERVAL_SECONDS": "86400",
            "TOCSIN_POLL_HOST_GAP_SECONDS": "0.001",  # laps follow each other faster than polls of a host may
            "TOCSIN_METRICS_PORT": "0",
            "TOCSIN_CANARY_SECONDS": "0",
        }
    )


def checked(lap: Callable[[], None], server: FeedServer, redis: Redis | None, status: int = 304) -> Contestant:
    """Each lap must bring each feed's answer of this status once, and nothing else."""
    answered: Counter[str] = Counter()

    def before() -> None:
        answered.update(server.answered() - answered)

    def after() -> None:
        if (brought := server.answered() - answered) != Counter({str(status): len(server.urls)}):
            raise RuntimeError(f"a lap over {len(server.urls)} feeds brought {dict(brought)}, not {status}")

    return Contestant(lap, before, after, redis)
