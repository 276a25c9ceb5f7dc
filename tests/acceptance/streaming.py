"""Five hundred follow the alerts, one of them too slowly, while connections are cut and the gateway dies.

    python -m tests.acceptance.streaming [--followers 500] [--alerts 300] [--per-second 3] [--seed N]

A gateway as in production, on a Redis of its own. Everybody follows `/v1/alerts/stream` as a browser does: it notes the
last `id`, and comes again with it when its connection ends. Connections are cut at random, in the middle of an answer;
the gateway is killed once with all of them, and started anew. One follower has a small window, follows a topic of large
alerts besides, and reads nothing for longer than the gateway bears: it is cut off. Stories ring steadily, at times in
bursts.

At the end everybody has had every alert that it asked for once, in the order in which they rang. Exit code 1 if not,
and also if nobody was cut off, or the slow one not for being slow: then the run has proved nothing.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
from redis import Redis

from benchmarks.measure import private_redis
from services.gateway.api.streaming import SEND_SECONDS
from shared import keys
from shared.models.change import Change, Marks
from shared.models.story import Alert, Story
from shared.runtime.children import end_with_parent
from shared.store.connection import connect_sync
from shared.store.stories import StoryStore
from tests.factories import alert, article, entry, revision, story
from tests.sse import Follower

ROOT = Path(__file__).parents[2]
GATEWAY = (sys.executable, "-m", "services.gateway")
SETTLE_SECONDS = 600.0
CUT, CUT_SECONDS = b"gateway.stream_cut", 150.0
PAUSE_SECONDS = 0.05  # before one comes again
BURST = 20
SLOW_WINDOW, READ_BYTES = 4_096, 131_072
TOPICS = {"news": 100, "bulk": 100_000}  # characters of a title


@dataclass(slots=True)
class Reader:
    """`cuts`: the chance that its connection ends with an alert. `topics`: of how many. `seconds`: for each."""

    follower: Follower
    draw: random.Random
    cuts: float
    topics: int = 1
    seconds: float = 0.0
    had: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)

    async def read(self, http: aiohttp.ClientSession) -> None:
        while True:
            try:
                self.ends["by itself" if await self._cuts_off(http) else "by the gateway"] += 1
            except AssertionError:
                self.ends["refused"] += 1
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                self.ends["by accident"] += 1
            await asyncio.sleep(PAUSE_SECONDS * (1 + self.draw.random()))

    async def _cuts_off(self, http: aiohttp.ClientSession) -> bool:
        async with self.follower.following(http) as events:
            async for event in events:
                self.had.append(event.id)
                await asyncio.sleep(self.seconds)
                if self.draw.random() < self.cuts:
                    return True
        return False


@dataclass(slots=True)
class House:
    """The gateway, and the port that it keeps."""

    url: str
    log: Path
    port: int
    process: Process | None = None

    async def start(self) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
        env = clean | {
            "TOCSIN_REDIS_URL": self.url,
            "TOCSIN_GATEWAY_PORT": str(self.port),
            "TOCSIN_METRICS_PORT": "0",
            "TOCSIN_GATEWAY_STREAMS": "2000",
            "TOCSIN_GATEWAY_RATE_PER_MINUTE": "1000000",  # all come from one address
        }
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *GATEWAY, cwd=ROOT, env=env, stdout=log, stderr=log, preexec_fn=end_with_parent(os.getpid())
            )
        async with asyncio.timeout(SETTLE_SECONDS):
            while not await self._listens():  # noqa: ASYNC110  it is another process's
                await asyncio.sleep(0.05)

    async def _listens(self) -> bool:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.close()
            return True
        return False

    async def has_cut(self) -> bool:
        """Whether it cuts off somebody who is too slow, before long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CUT_SECONDS):
                while CUT not in self.log.read_bytes():  # noqa: ASYNC110  it is another process's
                    await asyncio.sleep(0.5)
                return True
        return False

    async def end(self, number: signal.Signals) -> int:
        assert self.process
        self.process.send_signal(number)
        return await self.process.wait()


@asynccontextmanager
async def sessions() -> AsyncIterator[tuple[aiohttp.ClientSession, aiohttp.ClientSession]]:
    """One for all, and one whose window is small."""

    def small(address: tuple[object, ...]) -> socket.socket:
        made = socket.socket(address[0], address[1], address[2])  # type: ignore[arg-type]  # as aiohttp hands them on
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_WINDOW)
        return made

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30)
    connectors = aiohttp.TCPConnector(limit=0), aiohttp.TCPConnector(limit=0, socket_factory=small)
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(
                aiohttp.ClientSession(connector=each, timeout=timeout, read_bufsize=READ_BYTES)
            )
            for each in connectors
        ]
        yield one, other


def ringing(number: int, topic: str, length: int) -> Story:
    told = article(entry(title=f"{number} " + "x" * length))
    fields = {"title": told.title, "articles": (told,), "revisions": (revision(),)}
    return story(id=f"{topic}-{number}", topic=topic, **fields)


def ring(redis: Redis, number: int) -> None:
    """Of each topic one."""
    for topic, length in TOPICS.items():
        _ring(redis, ringing(number, topic, length))


def _ring(redis: Redis, told: Story) -> None:
    stories = StoryStore(redis, window_seconds=1e6, retention_seconds=3600)
    assert stories.assign(told.topic, told.id, Marks(), told.updated_at, lambda _: Change(told, alert(told)))


async def ring_all(redis: Redis, house: House, slow: Reader, options: argparse.Namespace) -> bool:
    """Kill the gateway in the middle, once it has cut off the slow one; whether it has."""
    draw, half = random.Random(options.seed), options.alerts // 2
    await ring_some(redis, range(half), options.per_second, draw)
    cut = slow.seconds <= SEND_SECONDS or await house.has_cut()
    slow.seconds = 0.0  # or it would read for an hour what the kernel keeps of a dead connection
    await house.end(signal.SIGKILL)
    await house.start()
    await ring_some(redis, range(half, options.alerts), options.per_second, draw)
    return cut


async def ring_some(redis: Redis, numbers: Sequence[int], per_second: float, draw: random.Random) -> None:
    burst = 0
    for number in numbers:
        await asyncio.to_thread(ring, redis, number)
        burst = BURST if draw.random() < 0.05 else burst - 1
        if burst <= 0:
            await asyncio.sleep(1 / per_second)


async def settled(readers: Sequence[Reader], alerts: int) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_SECONDS):
            while any(len(reader.had) < alerts * reader.topics for reader in readers):  # noqa: ASYNC110  they come one by one
                await asyncio.sleep(0.1)
    await asyncio.sleep(1)  # what comes twice comes late


def wrong(readers: Sequence[Reader], rung: Sequence[tuple[str, str]]) -> list[str]:
    """`rung`: ids, each with its topic."""
    found, news = list[str](), [record_id for record_id, topic in rung if topic == "news"]
    for number, reader in enumerate(readers):
        wanted = news if reader.topics == 1 else [record_id for record_id, _ in rung]
        if reader.had != wanted:
            missed, twice = len({*wanted} - {*reader.had}), len(reader.had) - len({*reader.had})
            found.append(f"follower {number}: {missed} missed, {twice} twice, {len(reader.had)} in all")
    if not all(sum(reader.ends[how] for reader in readers) for how in ("by itself", "by accident")):
        found.append("nobody was cut off")
    return found


async def stream(options: argparse.Namespace, url: str, home: Path) -> list[str]:
    draw = random.Random(options.seed)
    house = House(url, home / "gateway.log", _free_port())
    await house.start()
    address = f"http://127.0.0.1:{house.port}/v1/alerts/stream"
    readers = [Reader(Follower(address, "0"), draw, 0.0, topics=2, seconds=options.slow_seconds)] + [
        Reader(Follower(f"{address}?topic=news", "0"), random.Random(draw.random()), options.cuts / options.alerts)
        for _ in range(options.followers - 1)
    ]
    with connect_sync(url) as redis:
        async with sessions() as (http, narrow):
            reading = [
                asyncio.create_task(reader.read(http if number else narrow)) for number, reader in enumerate(readers)
            ]
            cut = await ring_all(redis, house, readers[0], options)
            await settled(readers, options.alerts)
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
        code = await house.end(signal.SIGTERM)
        rows: list[tuple[bytes, dict[bytes, bytes]]] = redis.xrange(keys.alerts())
    rung = [(record_id.decode(), Alert.model_validate_json(fields[b"alert"]).topic) for record_id, fields in rows]
    ends = sum((reader.ends for reader in readers), Counter[str]())
    print(json.dumps(Counter(json.loads(line)["event"] for line in house.log.read_text("utf-8").splitlines())))
    told = {"followers": len(readers), "alerts": len(rung), "read": sum(len(reader.had) for reader in readers)}
    print(json.dumps(told | {"ends": ends, "slow": readers[0].ends, "seed": options.seed}))
    problems = [*wrong(readers, rung), *([f"the gateway ended with {code}"] if code else [])]
    return problems if cut else [*problems, "the slow one was not cut off for being slow"]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--followers", type=int, default=500)
    parser.add_argument("--alerts", type=int, default=300)
    parser.add_argument("--per-second", type=float, default=3)
    parser.add_argument("--slow-seconds", type=float, default=45, help="what the slow one takes to read an alert")
    parser.add_argument("--cuts", type=float, default=3, help="of each connection, in the whole run")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    with TemporaryDirectory(prefix="tocsin-streaming-") as home, private_redis() as url:
        problems = asyncio.run(stream(options, url, Path(home)))
        if problems:
            print((Path(home) / "gateway.log").read_text("utf-8")[-1_000:], file=sys.stderr)
    print("\n".join(problems[:40]) or "every alert once, in its order, to everybody")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
