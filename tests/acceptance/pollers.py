"""Several pollers on one Redis, one of them killed every few seconds, another stopped for longer than its lease.

    python tests/acceptance/pollers.py [--minutes 3] [--every 4] [--pollers 3] [--seed N]

Forty feeds at eight loopback addresses publish at random and answer at their leisure, so that whoever is killed
(SIGKILL) or stopped (SIGSTOP, and SIGCONT when its lease is over) has polls in hand. Nobody drains the queue. Redis is
watched with MONITOR, which shows each commit with its fencing token and what it wrote. Afterwards:

- each token wrote at most once, into its own feed, and while it was that feed's newest: no poll is committed twice;
- the longest time between two successful polls of any feed is bounded: none is starved;
- each published entry stands in the queue exactly once: none is lost, none is told twice.

Exit code 1 if not, and also if no commit was refused: then the run has proved nothing about fencing.
"""

import argparse
import asyncio
import json
import os
import random
import re
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from redis.asyncio import Redis
from ruamel.yaml import YAML
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.poller.health import EXPIRIES_BORNE
from shared import keys
from shared.models.feed import Feed, Outcome, PollRecord
from shared.queue import JobQueue
from shared.runtime.private_redis import PrivateRedis, find_redis_binary
from shared.runtime.serving import served
from shared.store.connection import connect_sync
from shared.store.entries import EntryStore
from shared.store.feeds import DUE_FEEDS

HOSTS = tuple(f"127.0.0.{n}" for n in range(2, 10))
FEEDS_PER_HOST = 5
INTERVAL_SECONDS, LEASE_SECONDS, TOTAL_SECONDS = 2.0, 5.0, 3.0
# A feed whose poller dies is due again when the lease ends. It may be unlucky so often that it is quarantined, and once
# more; and each time it may find its host full, of slots that the dead still hold for a lease. Only then is it starved.
LONGEST_GAP_SECONDS = 2 * (EXPIRIES_BORNE + 1) * LEASE_SECONDS
SETTLE_SECONDS = 60.0
PACE = {
    "TOCSIN_POLL_INTERVAL_SECONDS": str(INTERVAL_SECONDS),
    "TOCSIN_POLL_INTERVAL_MAX_SECONDS": str(INTERVAL_SECONDS),
    "TOCSIN_POLL_LEASE_SECONDS": str(LEASE_SECONDS),
    "TOCSIN_POLL_TOTAL_SECONDS": str(TOTAL_SECONDS),
    "TOCSIN_POLL_HOST_GAP_SECONDS": "0.02",
    "TOCSIN_POLL_BACKOFF_SECONDS": "1",
    "TOCSIN_PARSE_PROCESSES": "1",
    "TOCSIN_METRICS_PORT": "0",
    "TOCSIN_CANARY_SECONDS": "0",  # every entry is accounted for
    "TOCSIN_ALLOW_NETWORKS": "127.0.0.0/8",
}


@dataclass(slots=True)
class Outlets:
    """Feeds that grow and answer within half a second; everything that was ever published stays listed."""

    draw: random.Random
    published: dict[tuple[str, int], list[tuple[str, datetime]]] = field(default_factory=lambda: defaultdict(list))
    requests: Counter[int] = field(default_factory=Counter)

    def publish(self) -> None:
        at = self.draw.choice(HOSTS), self.draw.randrange(FEEDS_PER_HOST)
        self.published[at].append((f"urn:{at[0]}:{at[1]}:{len(self.published[at])}", datetime.now(UTC)))

    def guids(self) -> set[str]:
        return {guid for entries in self.published.values() for guid, _ in entries}

    async def serve(self, request: Request) -> Response:
        entries = self.published[str(request.url.hostname), int(request.path_params["feed"])]
        await asyncio.sleep(self.draw.random() * 0.5)
        etag = f'"{len(entries)}"'
        self.requests[status := 304 if request.headers.get("if-none-match") == etag else 200] += 1
        if status == 304:
            return Response(status_code=304, headers={"etag": etag})
        items = "".join(
            f"<item><title>{guid}</title><guid isPermaLink='false'>{guid}</guid>"
            f"<pubDate>{format_datetime(at)}</pubDate></item>"
            for guid, at in reversed(entries)
        )
        document = f"<rss version='2.0'><channel><title>outlet</title>{items}</channel></rss>"
        return Response(document, media_type="application/rss+xml", headers={"etag": etag})


@dataclass(slots=True)
class Crew:
    """The pollers, and what happens to them."""

    env: dict[str, str]
    draw: random.Random
    log: Path
    strikes: Counter[str] = field(default_factory=Counter)
    pollers: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start(self) -> None:
        with self.log.open("ab") as log:
            command = sys.executable, "-m", "services.poller"
            self.pollers.append(await asyncio.create_subprocess_exec(*command, env=self.env, stdout=log, stderr=log))

    async def kill(self) -> None:
        """One that runs; another begins in its place."""
        victim = self.pollers.pop(self.draw.randrange(len(self.pollers)))
        if victim.returncode is not None:
            raise RuntimeError(f"a poller ended by itself with {victim.returncode}; see {self.log}")
        victim.kill()
        await victim.wait()
        self.strikes["killed"] += 1
        await self.start()

    async def pause(self) -> None:
        """One stands still until others have taken over what it had in hand; nobody kills it meanwhile."""
        victim = self.pollers.pop(self.draw.randrange(len(self.pollers)))
        victim.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(LEASE_SECONDS * (1.2 + 0.4 * self.draw.random()))
        finally:
            victim.send_signal(signal.SIGCONT)
            self.pollers.append(victim)
        self.strikes["stopped"] += 1

    async def stop(self) -> None:
        for poller in self.pollers:
            poller.terminate()
        for poller in self.pollers:
            await asyncio.wait_for(poller.wait(), 20)


# EVALSHA sha 6 <keys> commit now (member token at commands)…; now is empty, and the commands are packed.
_COMMIT = re.compile(rf"EVALSHA \w+ 6 {re.escape(keys.due_times(DUE_FEEDS))} (?:\S+ ){{5}}commit ")
_LEASE = re.compile(r"(?<= )([0-9a-f]{12}) (\d{15,17})(?= )")


@dataclass(frozen=True, slots=True)
class Commit:
    """What a token wrote into a feed's history; `newest` is the token that was given out last for it."""

    at: float
    token: str
    newest: str
    member: str
    feed_id: str
    record: PollRecord


@dataclass(slots=True)
class Witness:
    """Reads MONITOR: a script call, and after it the commands that the script ran."""

    commits: list[Commit] = field(default_factory=list)
    attempts: int = 0
    newest: dict[str, str] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)
    _member: str = ""

    async def watch(self, redis: Redis) -> None:
        async with redis.monitor() as monitor:
            async for seen in monitor.listen():
                self.note(float(seen["time"]), str(seen["client_type"]), str(seen["command"]))

    def note(self, at: float, client: str, command: str) -> None:
        if client != "lua":
            self._tokens = dict(_LEASE.findall(command)) if _COMMIT.match(command) else {}
            self.attempts += len(self._tokens)
            return
        verb, _, rest = command.partition(" ")
        key, _, rest = rest.partition(" ")
        if key == keys.due_leases(DUE_FEEDS) and verb == "HSET":
            feed_id, token, _ = rest.split(" ")
            self.newest[feed_id] = token
        elif key == keys.due_leases(DUE_FEEDS) and verb == "HGET":
            self._member = rest  # each commit begins by looking at its lease
        elif verb == "LPUSH" and key.endswith(":polls"):
            token = self._tokens.get(self._member, "")
            history, feed_id = PollRecord.model_validate_json(rest), key.split(":")[-2]
            self.commits.append(Commit(at, token, self.newest.get(feed_id, ""), self._member, feed_id, history))

    def problems(self) -> Iterator[str]:
        tokens = Counter(commit.token for commit in self.commits)
        yield from (f"token {token!r} has written {n} times" for token, n in tokens.items() if n > 1 or not token)
        yield from (f"token {c.token} wrote after {c.newest} was given" for c in self.commits if c.token != c.newest)
        yield from (f"the lease on {c.member} wrote for {c.feed_id}" for c in self.commits if c.member != c.feed_id)

    def gaps(self, feed_ids: set[str], began: float, ended: float) -> dict[str, float]:
        """The longest time without a successful poll, of each feed."""
        times: dict[str, list[float]] = {feed_id: [began, ended] for feed_id in feed_ids}
        for commit in self.commits:
            if Outcome(commit.record.outcome).succeeded and began < commit.at < ended:
                times[commit.feed_id].append(commit.at)
        return {feed_id: _longest(sorted(at)) for feed_id, at in times.items()}


def _longest(times: list[float]) -> float:
    return max(later - earlier for earlier, later in pairwise(times))


def configured(home: Path, ports: dict[str, int]) -> list[Feed]:
    lines = [
        {"url": f"http://{host}:{port}/{n}", "name": f"{host} {n}", "language": "en"}
        for host, port in ports.items()
        for n in range(FEEDS_PER_HOST)
    ]
    with (home / "feeds.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump({"feeds": lines}, file)
    return [Feed.model_validate(line) for line in lines]


async def pollers(minutes: float, every: float, crew_of: int, seed: int) -> int:
    draw = random.Random(seed)
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="tocsin-pollers-")))
        outlets = Outlets(draw)
        app = Starlette(routes=[Route("/{feed:int}", outlets.serve)])
        ports = {host: await stack.enter_async_context(served(app, host, 0)) for host in HOSTS}
        feeds = configured(home, ports)
        server = PrivateRedis(home / "data", find_redis_binary(os.environ), durable=False)
        url = await server.start()
        stack.push_async_callback(server.stop)
        own = {"TOCSIN_REDIS_URL": url, "TOCSIN_FEEDS_FILE": str(home / "feeds.yaml")}
        crew = Crew({**os.environ, **PACE, **own}, draw, home / "pollers.log")
        witness = Witness()
        client = await stack.enter_async_context(Redis.from_url(url))
        watching = asyncio.create_task(witness.watch(client))
        for _ in range(crew_of):
            await crew.start()
        try:
            began = time.time()
            await torment(outlets, crew, minutes, every)
            ended = time.time()
            settled = await settle(url, outlets)
        except BaseException:
            sys.stderr.write(crew.log.read_text(errors="replace")[-4000:])
            raise
        finally:
            await crew.stop()
        if watching.done():
            watching.result()
        watching.cancel()
        problems, counts = verify(url, outlets, witness, {feed.id for feed in feeds}, (began, ended))
    report = {"strikes": dict(crew.strikes), **counts, "settled_seconds": round(settled, 1), "seed": seed}
    print(json.dumps(report, indent=2))
    print("\n".join(problems[:40]) or "no poll committed twice, no feed starved, each entry queued once")
    return 1 if problems else 0


async def torment(outlets: Outlets, crew: Crew, minutes: float, every: float) -> None:
    ends = time.monotonic() + minutes * 60
    publishing = asyncio.create_task(_publish(outlets))
    pausing = asyncio.create_task(_pause(crew))
    try:
        await asyncio.sleep(10)
        while time.monotonic() < ends:
            await asyncio.sleep(every * (0.5 + crew.draw.random()))
            await crew.kill()
            print(f"\r{int(ends - time.monotonic())} s left, {dict(crew.strikes)}   ", end="", file=sys.stderr)
    finally:
        for task in (publishing, pausing):
            task.cancel()
        await asyncio.gather(publishing, pausing, return_exceptions=True)
    print(file=sys.stderr)


async def _publish(outlets: Outlets) -> None:
    while True:
        outlets.publish()
        await asyncio.sleep(outlets.draw.random() * 0.5)


async def _pause(crew: Crew) -> None:
    await asyncio.sleep(10)
    while True:
        await crew.pause()
        await asyncio.sleep(2 * crew.draw.random())


async def settle(url: str, outlets: Outlets) -> float:
    """Wait until all that was published is queued, or for long enough; the seconds it took."""
    started = time.monotonic()
    while time.monotonic() - started < SETTLE_SECONDS:
        if outlets.guids() <= set(queued(url)):
            break
        await asyncio.sleep(1)
    await asyncio.sleep(LEASE_SECONDS)  # for whoever would tell something a second time
    return time.monotonic() - started - LEASE_SECONDS


def queued(url: str) -> Counter[str]:
    """How often each guid stands in the queue: a batch that was queued twice stands there twice."""
    with connect_sync(url) as redis:
        queue = JobQueue(redis).queue
        batches = {job.id: list(job.args[0]) for job in queue.get_jobs()}
        times = Counter(entry_id for job_id in queue.get_job_ids() for entry_id in batches.get(job_id, ()))
        stored = EntryStore(redis, retention_seconds=1).load(list(times))
    return Counter(str(entry.guid) for entry in stored for _ in range(times[entry.id]))


def verify(
    url: str, outlets: Outlets, witness: Witness, feed_ids: set[str], during: tuple[float, float]
) -> tuple[list[str], dict[str, object]]:
    told, gaps = queued(url), witness.gaps(feed_ids, *during)
    new = sum(commit.record.new for commit in witness.commits)
    refused = witness.attempts - len(witness.commits)
    problems = [f"lost: {guid}" for guid in sorted(outlets.guids() - told.keys())]
    problems += [f"queued {n} times: {guid}" for guid, n in told.items() if n > 1]
    problems += [f"starved for {gap:.1f} s: {feed_id}" for feed_id, gap in gaps.items() if gap > LONGEST_GAP_SECONDS]
    problems += list(witness.problems())
    problems += [f"the histories tell of {new} entries, the queue of {told.total()}"] * (new != told.total())
    problems += ["no commit was refused: whoever was stopped had nothing in hand"] * (refused <= 0)
    return problems, {
        "published": len(outlets.guids()),
        "queued": told.total(),
        "polls_committed": len(witness.commits),
        "tokens": len({commit.token for commit in witness.commits}),
        "commits_refused": refused,
        "outcomes": dict(Counter(commit.record.outcome for commit in witness.commits)),
        "requests": dict(outlets.requests),
        "longest_gap_seconds": round(max(gaps.values()), 1),
        "longest_gap_allowed": LONGEST_GAP_SECONDS,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--every", type=float, default=4.0, help="seconds between kills, on average")
    parser.add_argument("--pollers", type=int, default=3, choices=range(2, 5))
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    return asyncio.run(pollers(options.minutes, options.every, options.pollers, options.seed))


if __name__ == "__main__":
    sys.exit(main())
