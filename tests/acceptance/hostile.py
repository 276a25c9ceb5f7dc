"""Poll feeds that mean harm beside healthy ones, and see that harm stays where it is.

    python -m tests.acceptance.hostile [--control 45] [--seconds 75]

A poller polls 500 healthy feeds on 50 hosts every ten seconds, first alone, then beside every trap of `tests.traps`,
which come in by a change of the feeds file. Afterwards:

- each hostile feed's first poll ended in its named outcome, 30 seconds after it began at the latest;
- the memory of the poller never rose by 50 MB above what it was before;
- the healthy feeds kept their schedule: no poll began much later than without the hostile feeds;
- nobody asked for the address that some hostile bodies name, and no entry holds a line of /etc/passwd.

Exit code 1 if not.
"""

import argparse
import asyncio
import os
import sys
import time
from asyncio import StreamReader, StreamWriter
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from redis.asyncio import Redis
from ruamel.yaml import YAML

from shared.models.feed import Feed, Outcome, PollRecord
from shared.runtime.private_redis import PrivateRedis, find_redis_binary
from shared.store.due import DueSet
from shared.store.feeds import DUE_FEEDS, FeedStore
from tests.traps import Sprung, Trap, item, listening, rss, traps

HOSTS, FEEDS_PER_HOST = 50, 10
INTERVAL = 10.0
WARM_UP_SECONDS = 15.0
# The fetch alone may take all of the 30 seconds; committing its outcome comes on top.
END_WITHIN_SECONDS = 30.0 + 1.0
MAY_GROW_BYTES = 50 * 1000 * 1000
# A tenth of the interval is what jitter takes, too.
MAY_SLIP_SECONDS = 1.0
# A poll's end is stored to the millisecond.
ROUNDING = 0.001
POLLER = (sys.executable, "-m", "services.poller")
PACE = {
    "TOCSIN_POLL_INTERVAL_SECONDS": str(INTERVAL),
    "TOCSIN_POLL_INTERVAL_MAX_SECONDS": str(INTERVAL),
    "TOCSIN_POLL_HOST_GAP_SECONDS": "0.01",
    "TOCSIN_METRICS_PORT": "0",
    "TOCSIN_CANARY_SECONDS": "0",
    "TOCSIN_ALLOW_NETWORKS": "127.0.0.0/8",
    "TOCSIN_LOG_FORMAT": "json",
}


@dataclass(slots=True)
class Healthy:
    """Feeds with a new entry every third poll or so; `asked` has the times of the requests by address."""

    asked: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    urls: list[str] = field(default_factory=list)

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
                url = f"http://{_header(head, 'host')}{head.split()[1]}"
                self.asked[url].append(time.time())
                number = len(self.asked[url]) // 3
                writer.write(_answer(number, _header(head, "if-none-match")))
                await writer.drain()
        writer.close()

    async def open(self, stack: AsyncExitStack) -> None:
        for n in range(HOSTS):
            server = await asyncio.start_server(self.serve, f"127.0.7.{n + 1}", 0)
            stack.callback(server.close)
            host, port = server.sockets[0].getsockname()
            self.urls += [f"http://{host}:{port}/{k}" for k in range(FEEDS_PER_HOST)]


def _header(head: str, name: str) -> str:
    lines = (line.partition(":") for line in head.split("\r\n"))
    return next((value.strip() for key, _, value in lines if key.lower() == name), "")


def _answer(number: int, known: str) -> bytes:
    etag = f'"{number}"'
    if known == etag:
        return f"HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\n\r\n".encode()
    body = rss(*(item(f"News {n}", f"n{n}") for n in range(number, number - 20, -1)))
    return f"HTTP/1.1 200 OK\r\nETag: {etag}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class Start:
    """A healthy feed's poll: when it was due, began (None: never, until now), and ended. Unix seconds."""

    due: float
    began: float | None
    ended: float | None

    def late(self, now: float) -> float:
        return (self.began or now) - self.due


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. `peak` since it was last forgotten."""

    now: int
    peak: int


def memory(pid: int) -> Memory:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Memory(*(int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")))


def forget_peak(pid: int) -> None:
    """Documented in proc(5), `clear_refs`."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def parsers_of(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return [child for child in found if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


@dataclass(slots=True)
class ParserPeaks:
    """The largest that any parsing child was, whichever it was. Bytes."""

    pid: int
    peak: int = 0

    async def watch(self) -> None:
        while True:
            for child in await asyncio.to_thread(parsers_of, self.pid):
                with suppress(OSError, KeyError):
                    self.peak = max(self.peak, memory(child).peak)
            await asyncio.sleep(0.25)


@dataclass(frozen=True, slots=True)
class House:
    """Where everything runs."""

    home: Path
    redis: Redis
    redis_url: str
    store: FeedStore

    @property
    def feeds_file(self) -> Path:
        return self.home / "feeds.yaml"

    def configure(self, urls: Iterable[str]) -> None:
        """In one step: the poller may look at any time."""
        new = self.home / "feeds.new"
        with new.open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump({"feeds": [{"url": url, "name": url} for url in urls]}, file)
        new.replace(self.feeds_file)

    async def start(self) -> asyncio.subprocess.Process:
        env = {**os.environ, **PACE, "TOCSIN_FEEDS_FILE": str(self.feeds_file), "TOCSIN_REDIS_URL": self.redis_url}
        with (self.home / "poller.log").open("wb") as log:
            return await asyncio.create_subprocess_exec(*POLLER, env=env, stdout=log, stderr=log)

    async def history(self, url: str) -> list[PollRecord]:
        """Oldest first."""
        return (await self.store.history(_id(url)))[::-1]

    async def starts(self, healthy: Healthy, since: float) -> list[Start]:
        """Of polls that fell due after `since`."""
        found = []
        for url in healthy.urls:
            records = await self.history(url)
            ends = [record.at.timestamp() for record in records]
            for end, record in zip(ends, records, strict=True):
                due = end + record.next_after
                began = next((at for at in healthy.asked[url] if at > end + ROUNDING), None)
                if since < due < time.time():
                    found.append(Start(due, began, next((at for at in ends if began and at > began - ROUNDING), None)))
        return found


def _id(url: str) -> str:
    return Feed(url=url, name=url).id


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the healthy feeds fared. Seconds."""

    polls: int
    late_p99: float
    late_most: float
    took_p99: float
    took_most: float

    @classmethod
    def of(cls, starts: list[Start]) -> "Schedule":
        late = [start.late(time.time()) for start in starts]
        took = [start.ended - start.began for start in starts if start.ended and start.began]
        return cls(len(starts), quantiles(late, n=100)[-1], max(late), quantiles(took, n=100)[-1], max(took))

    def __str__(self) -> str:
        lateness = f"late by {self.late_p99:.2f} s (p99), {self.late_most:.2f} s (most)"
        return f"{self.polls} polls, {lateness}, took {self.took_p99:.2f} s (p99), {self.took_most:.2f} s (most)"


async def hostile(control: float, seconds: float) -> int:
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="tocsin-hostile-")))
        server = PrivateRedis(home, find_redis_binary(os.environ), durable=False)
        url = await server.start()
        stack.push_async_callback(server.stop)
        redis = await stack.enter_async_context(Redis.from_url(url))
        house = House(home, redis, url, FeedStore(redis, DueSet(redis, DUE_FEEDS)))
        healthy = Healthy()
        await healthy.open(stack)
        canary, sprung = await set_traps(stack)
        house.configure(healthy.urls)
        poller = await house.start()
        try:
            problems = await compare(house, poller.pid, healthy, sprung, control, seconds)
        finally:
            if poller.returncode is None:
                poller.terminate()
            await poller.wait()
            sys.stderr.write("".join(_trouble(home / "poller.log")))
    problems += [f"the canary was asked for {len(canary.asked)} times"] * bool(canary.asked)
    print("\n".join(problems) or "\neach ended as named; nobody else was harmed")
    return 1 if problems else 0


async def set_traps(stack: AsyncExitStack) -> tuple[Sprung, list[Sprung]]:
    async def silent(_: StreamWriter) -> None:
        return

    canary = await stack.enter_async_context(listening(Trap("canary", Outcome.SEEDED, silent), "127.0.8.1"))
    return canary, [
        await stack.enter_async_context(listening(trap, f"127.0.9.{n}")) for n, trap in enumerate(traps(canary.url), 1)
    ]


async def compare(
    house: House, pid: int, healthy: Healthy, sprung: list[Sprung], control: float, seconds: float
) -> list[str]:
    """What went wrong; prints the measures."""
    await asyncio.sleep(WARM_UP_SECONDS)
    since, peaks = time.time(), ParserPeaks(pid)
    watching = asyncio.create_task(peaks.watch())
    await asyncio.sleep(control)
    alone, alone_peak = Schedule.of(await house.starts(healthy, since)), peaks.peak
    forget_peak(pid)
    before, since = memory(pid), time.time()
    house.configure([*healthy.urls, *(trap.url for trap in sprung)])
    await asyncio.sleep(seconds)
    after = memory(pid)
    watching.cancel()
    beside = Schedule.of(await house.starts(healthy, since))
    problems = [problem for trap in sprung for problem in await judged(house, trap)]
    print(f"\nhealthy, alone:  {alone}\nhealthy, beside: {beside}")
    print(f"poller: {_mb(before.now)} before, {_mb(after.peak)} at its peak, {_mb(after.now)} after")
    print(f"parser: {_mb(alone_peak)} before, {_mb(peaks.peak)} at its peak")
    if after.peak - before.now >= MAY_GROW_BYTES:
        problems.append(f"the poller grew by {_mb(after.peak - before.now)}")
    if beside.late_most > alone.late_most + MAY_SLIP_SECONDS:
        problems.append(f"a healthy feed was polled {beside.late_most:.2f} s late, alone {alone.late_most:.2f} s")
    if any([b"root:x:0" in (await house.redis.get(key) or b"") async for key in house.redis.scan_iter("*:entry:*")]):
        problems.append("an entry holds /etc/passwd")
    return problems


async def judged(house: House, sprung: Sprung) -> list[str]:
    """Prints the line of one trap; what is wrong with it."""
    name = sprung.trap.name
    records = await house.history(sprung.url)
    if not records or not sprung.asked:
        print(f"{name:36} never polled to the end")
        return [f"{name}: no outcome"]
    first, seconds = records[0], records[0].at.timestamp() - sprung.asked[0]
    print(f"{name:36} {first.outcome:20} {max(0.0, seconds):6.2f} s   {first.detail}")
    problems = [f"{name}: {first.outcome} instead of {sprung.trap.outcome}"] * (
        not sprung.trap.ended_well(first.outcome)
    )
    return problems + [f"{name}: ended after {seconds:.1f} s"] * (seconds > END_WITHIN_SECONDS)


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _trouble(log: Path) -> Iterator[str]:
    """What the poller did not expect."""
    return (line for line in log.read_text(errors="replace").splitlines(True) if '"level": "error"' in line)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--control", type=float, default=45.0, help="seconds without the hostile feeds")
    parser.add_argument("--seconds", type=float, default=75.0, help="seconds beside them")
    options = parser.parse_args()
    return asyncio.run(hostile(options.control, options.seconds))


if __name__ == "__main__":
    sys.exit(main())
