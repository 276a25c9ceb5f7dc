"""Run the whole system against many feeds for a while, and account for every entry.

    python tests/acceptance/soak.py --index http://127.0.0.1:8900/index.txt --minutes 30 [--interval 5]
        [--history REPO --from 2021-02-21 --speed 3600]

The index names one feed address a line. With `--history` the feeds are replayed from a git repository that commits
them (file name → address by its last part), the clock starting at `--from` when the server started and running
`--speed` times as fast; then every entry that stood listed for longer than one interval must have been read, and
none twice. Exit code 1 if not.
"""

import argparse
import asyncio
import bisect
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from ruamel.yaml import YAML

from services.cli.system import Events, RedisKeeper, run_system
from services.poller.identity import Identity, SeenWindow, identify
from services.poller.parse import NotAFeed, parse
from shared.models.feed import Feed, Outcome
from shared.queue import JobQueue
from shared.settings import load_settings
from shared.store.connection import connect, connect_sync
from shared.store.due import DueSet
from shared.store.feeds import DUE_FEEDS, FeedStore
from tests.stores import configured_feeds

PROGRESS_SECONDS = 30.0
# A log line tells of a success some time after the server has answered.
TOLD_LATE_SECONDS = 1.0


@dataclass(slots=True)
class Account:
    """What the services said."""

    outcomes: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    new: int = 0
    falls: int = 0
    successes: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def heard(self, service: str, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            print(f"{service}: {line}", file=sys.stderr)
            return
        self.events[str(event.get("event"))] += 1
        if event.get("event") == "feed.polled":
            self.outcomes[event["outcome"]] += 1
            self.new += event["new"]
            if Outcome(event["outcome"]).succeeded:
                self.successes[event["feed"]].append(time.time())
        elif event.get("level") in {"error", "critical"}:
            print(f"{service}: {line[:400]}", file=sys.stderr)

    def fell(self, service: str, code: int) -> None:
        self.falls += 1
        print(f"{service} fell: {code}", file=sys.stderr)


def environment(home: Path, urls: list[str], interval: float) -> dict[str, str]:
    """Time constants shrink with the interval: a replayed hour lasts as long as its feeds' clock says."""
    feeds = [Feed(url=url, name=url.rpartition("/feed/")[2] or url).model_dump(exclude_defaults=True) for url in urls]
    yaml = YAML(typ="safe")
    with (home / "feeds.yaml").open("w", encoding="utf-8") as file:
        yaml.dump({"feeds": feeds}, file)
    journal = {"id": "journal", "channel": {"type": "journal", "path": str(home / "alerts.jsonl")}}
    with (home / "subscriptions.yaml").open("w", encoding="utf-8") as file:
        yaml.dump({"subscriptions": [journal]}, file)
    return {
        "TOCSIN_DATA_DIR": str(home / "data"),
        "TOCSIN_FEEDS_FILE": str(home / "feeds.yaml"),
        "TOCSIN_SUBSCRIPTIONS_FILE": str(home / "subscriptions.yaml"),
        "TOCSIN_POLL_INTERVAL_SECONDS": str(interval),
        "TOCSIN_POLL_INTERVAL_MAX_SECONDS": str(interval),
        "TOCSIN_POLL_HOST_GAP_SECONDS": str(min(1.0, interval / 50)),
        "TOCSIN_POLL_BACKOFF_SECONDS": str(min(60.0, interval / 2)),
        "TOCSIN_POLL_CONNECT_SECONDS": str(min(5.0, interval / 2)),
        "TOCSIN_POLL_READ_SECONDS": str(min(10.0, interval / 2)),
        "TOCSIN_POLL_TOTAL_SECONDS": str(min(30.0, interval)),
        "TOCSIN_ALLOW_NETWORKS": "127.0.0.0/8",
        "TOCSIN_METRICS_PORT": "0",
        "TOCSIN_CANARY_SECONDS": "0",
        "TOCSIN_GATEWAY_PORT": "0",
    }


async def soak(minutes: float, account: Account) -> tuple[dict[str, SeenWindow], dict[str, int]]:
    """Run, drain the queue, and read what Redis holds: the feeds' seen windows by name, and counts."""
    settings = load_settings(os.environ)
    redis = RedisKeeper(settings, os.environ)
    url = await redis.start()
    stop = asyncio.Event()
    found: tuple[dict[str, SeenWindow], dict[str, int]] = ({}, {})

    async def script() -> None:
        nonlocal found
        deadline = time.time() + minutes * 60
        while time.time() < deadline:
            await asyncio.sleep(min(PROGRESS_SECONDS, max(0.1, deadline - time.time())))
            print(f"{int(deadline - time.time())} s left, {account.new} new, {dict(account.outcomes)}", file=sys.stderr)
        found = await _inspect(url)
        stop.set()

    scripted = asyncio.create_task(script())
    await run_system(settings, redis, url, Events(account.heard, account.fell), stop)
    await scripted
    return found


async def _inspect(url: str) -> tuple[dict[str, SeenWindow], dict[str, int]]:
    with connect_sync(url) as sync:
        queue = JobQueue(sync)
        for _ in range(300):
            if not queue.in_flight():
                break
            await asyncio.sleep(0.1)
        waiting, dead = queue.in_flight(), len(queue.dead_letters())
    async with connect(url) as redis:
        due = DueSet(redis, DUE_FEEDS)
        store = FeedStore(redis, due)
        windows, stuck = {}, 0
        for feed in await configured_feeds(store):
            (stored,) = await store.load([feed.id])
            state = stored.state
            windows[feed.name] = SeenWindow.from_bytes(await store.seen(feed.id))
            stuck += state.polled_at is None or time.time() - state.polled_at.timestamp() > 180
        entries = sum([1 async for _ in redis.scan_iter("tocsin:entry:*", count=5000)])
        memory = (await redis.info("memory"))["used_memory"]
    return windows, {"entries": entries, "waiting": waiting, "dead": dead, "stuck": stuck, "redis_bytes": memory}


@dataclass(frozen=True, slots=True)
class Listing:
    """An item and when it stood listed: stretches without a gap, in wall-clock seconds."""

    identity: Identity
    title: str
    stretches: list[tuple[float, float]]

    @property
    def longest(self) -> float:
        return max(until - since for since, until in self.stretches)

    def stood(self, since: float, until: float) -> None:
        if self.stretches and self.stretches[-1][1] >= since:
            self.stretches[-1] = (self.stretches[-1][0], until)
        else:
            self.stretches.append((since, until))


def history(repo: str, name: str, start: float, speed: float, began: float, ended: float) -> list[Listing]:
    """When each item of a feed was listed while the run lasted."""
    log = _git(repo, "log", "--reverse", "--format=@%ct", "--raw", "--no-abbrev", "--no-renames", "--", name).decode()
    versions: list[tuple[int, str]] = []
    for line in log.splitlines():
        if line.startswith("@"):
            moment = int(line[1:])
        elif line.startswith(":") and set(blob := line.split()[3]) != {"0"}:
            versions.append((moment, blob))
    first = max(0, bisect.bisect_right([t for t, _ in versions], start + (began - SERVER_STARTED) * speed) - 1)
    listed: dict[bytes, Listing] = {}
    for (moment, blob), following in zip(versions[first:], [*versions[first + 1 :], (None, "")], strict=False):
        since = max(began, SERVER_STARTED + (moment - start) / speed)
        if since >= ended:
            break
        until = ended if following[0] is None else min(ended, SERVER_STARTED + (following[0] - start) / speed)
        for title, identity in _items(repo, blob):
            listed.setdefault(identity.key, Listing(identity, title, [])).stood(since, until)
    return list(listed.values())


def _items(repo: str, blob: str) -> list[tuple[str, Identity]]:
    try:
        document = parse(_git(repo, "cat-file", "blob", blob), "http://127.0.0.1/")
    except NotAFeed:
        return []
    return [(i.title, identity) for i, identity in zip(document.items, identify(document.items), strict=True)]


def _git(repo: str, *args: str) -> bytes:
    return subprocess.run(["git", "-C", repo, *args], check=True, capture_output=True).stdout


def was_shown(item: Listing, successes: list[float]) -> bool:
    """Whether a poll that succeeded must have been shown the item."""
    for since, until in item.stretches:
        at = bisect.bisect_left(successes, since + TOLD_LATE_SECONDS)
        if at < len(successes) and successes[at] <= until:
            return True
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--interval", type=float, default=30.0)
    parser.add_argument("--history")
    parser.add_argument("--from", dest="start")
    parser.add_argument("--speed", type=float, default=1.0)
    options = parser.parse_args()
    urls = urlopen(options.index).read().decode().split()
    start = time.mktime(time.strptime(options.start, "%Y-%m-%d")) if options.start else 0.0
    if options.history:
        global SERVER_STARTED  # noqa: PLW0603
        stats = json.load(urlopen(options.index.replace("index.txt", "stats")))
        SERVER_STARTED = time.time() - (stats["replayed_time"] - start) / options.speed
    account, began = Account(), time.time()
    with TemporaryDirectory(prefix="tocsin-soak-") as home:
        os.environ.update(environment(Path(home), urls, options.interval))
        windows, counts = asyncio.run(soak(options.minutes, account))
        alerts = Path(home) / "alerts.jsonl"
        rung = alerts.read_text().count("\n") if alerts.exists() else 0
    ended = time.time()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = {
        "feeds": len(urls),
        "minutes": round((ended - began) / 60, 1),
        "polls": dict(account.outcomes),
        "entries_read_as_new": account.new,
        "alerts": rung,
        "falls": account.falls,
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        **counts,
    }
    problems = [f"{counts[name]} {name}" for name in ("waiting", "dead", "stuck") if counts[name]]
    if account.new != counts["entries"]:
        problems.append(f"{account.new} entries were enqueued, {counts['entries']} are distinct")
    if options.history:
        report |= check_history(options, windows, account, start, began, ended, problems)
    print(json.dumps(report, indent=2, ensure_ascii=False))
    print("\n".join(problems) or "every entry accounted for")
    return 1 if problems else 0


def check_history(
    options: argparse.Namespace,
    windows: dict[str, SeenWindow],
    account: Account,
    start: float,
    began: float,
    ended: float,
    problems: list[str],
) -> dict[str, int]:
    """Every item that stood listed for longer than one interval must be in its feed's seen window."""
    listed = read = long_enough = never_shown = 0
    for name, window in windows.items():
        for item in history(options.history, name, start, options.speed, began, ended - 2 * options.interval):
            listed += 1
            read += item.identity.key in window.days
            if item.longest <= options.interval:
                continue
            long_enough += 1
            if item.identity.key in window.days:
                continue
            if was_shown(item, account.successes[name]):
                problems.append(f"missed: {name}: {item.title!r} listed {item.longest:.1f} s")
            else:
                never_shown += 1
    return {
        "listed": listed,
        "listed_and_read": read,
        "listed_longer_than_interval": long_enough,
        "of_these_never_shown_to_a_poll_that_succeeded": never_shown,
    }


SERVER_STARTED = 0.0

if __name__ == "__main__":
    sys.exit(main())
