"""Kill -9 at random, and then account for everything.

    python tests/acceptance/chaos.py [--minutes 10] [--every 3] [--seed N]

Ten outlets publish about an entry a second, a third of them news that rings. `tocsin up` runs against them and a
receiver that verifies signatures. Every few seconds one process is killed with SIGKILL: a service, the parser's child,
Redis, now and then the supervisor itself. Afterwards:

- every published entry was read, and every relevant one stands in a story: nothing lost;
- every page that was read had its entry classified again, with its text;
- each revision of each story reached the receiver under one webhook-id and in one wording: nothing rung twice;
- the receiver knows the last revision of every story: nothing left behind.

Exit code 1 if not.
"""

import argparse
import asyncio
import base64
import json
import os
import random
import secrets
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.sax.saxutils import escape

from ruamel.yaml import YAML
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from services.classifier.packs import load_matcher
from services.cli.demo.receiver import Receiver
from shared.errors import RedisUnavailable
from shared.models.entry import Entry
from shared.models.story import Story
from shared.queue import JobQueue
from shared.runtime.process import redis_url
from shared.runtime.serving import served
from shared.settings import load_settings
from shared.store.connection import connect, connect_sync
from shared.store.deliveries import DUE_ENDPOINTS
from shared.store.due import DueSet
from shared.store.pages import DUE_PAGES
from shared.store.stories import StoryReader
from tests.processes import descendants

OUTLETS = 10
SETTLE_SECONDS = 180.0
UP = (sys.executable, "-m", "services.cli", "up")
PACE = {
    "TOCSIN_POLL_INTERVAL_SECONDS": "2",
    "TOCSIN_POLL_INTERVAL_MAX_SECONDS": "2",
    "TOCSIN_POLL_HOST_GAP_SECONDS": "0.02",
    "TOCSIN_POLL_LEASE_SECONDS": "6",
    "TOCSIN_POLL_BACKOFF_SECONDS": "1",
    "TOCSIN_POLL_TOTAL_SECONDS": "3",
    "TOCSIN_PAGE_TOTAL_SECONDS": "3",
    "TOCSIN_PAGE_CHECKS_SECONDS": "never",  # else each page stays due, hours later
    "TOCSIN_ALERT_HOLD_SECONDS": "2",
    "TOCSIN_ALERT_UPDATE_INTERVAL_SECONDS": "1",
    "TOCSIN_DELIVERY_LEASE_SECONDS": "5",
    "TOCSIN_DELIVERY_TOTAL_SECONDS": "3",
    "TOCSIN_DELIVERY_RETRY_SCALE": "0.2",
    "TOCSIN_JOB_TIMEOUT_SECONDS": "10",
    "TOCSIN_METRICS_PORT": "0",
    "TOCSIN_CANARY_SECONDS": "0",  # every entry is accounted for
    "TOCSIN_GATEWAY_PORT": "0",
    "TOCSIN_ALLOW_NETWORKS": "127.0.0.0/8",
}
PLACES = ("Sudzha", "Korenevo", "Makhnovka", "Plekhovo", "Guevo", "Martynovka")
EVENTS = (
    "North Korean soldiers suffer {n} casualties near {place} in Kursk region, Ukraine says",
    "Ukraine captures {n} North Korean soldiers near {place} in the Kursk region",
    "{n} more North Korean troops arrive near {place} in Russia's Kursk region, Seoul says",
)
PAGE = (
    "The weather had been calm for a week, and the light at the northern mole was burning as it should.",
    "Fishermen heard a dull noise at dusk, and saw nothing more when the fog had lifted in the morning.",
    "A tug left the harbour within the hour, and its crew counted what was left of the cargo on the water.",
    "Nobody in the town could say what the vessels had been carrying, or who had paid for the voyage.",
    "The council meets again on Thursday, and the papers for that meeting are to be had at the town hall.",
)
ORDINARY = "City council of {place} approves budget of {n} million after long debate"


@dataclass(slots=True)
class Outlets:
    """Feeds that grow; everything that was ever published stays listed."""

    draw: random.Random
    published: dict[int, list[tuple[str, str, datetime]]] = field(default_factory=lambda: defaultdict(list))

    def publish(self) -> None:
        place, n = self.draw.choice(PLACES), self.draw.randrange(2, 900) * 10
        template = self.draw.choice(EVENTS) if self.draw.random() < 0.33 else ORDINARY
        outlet = self.draw.randrange(OUTLETS)
        guid = f"urn:outlet-{outlet}:{len(self.published[outlet])}"
        self.published[outlet].append((guid, template.format(n=f"{n:,}", place=place), datetime.now(UTC)))

    def guids(self) -> set[str]:
        return {guid for entries in self.published.values() for guid, _, _ in entries}

    async def serve(self, request: Request) -> Response:
        entries = self.published[int(request.path_params["outlet"])]
        etag = f'"{len(entries)}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"etag": etag})
        items = "".join(
            f"<item><title>{escape(title)}</title><guid isPermaLink='false'>{guid}</guid><link>/page/{guid}</link>"
            f"<pubDate>{format_datetime(at)}</pubDate></item>"
            for guid, title, at in reversed(entries)
        )
        document = f"<rss version='2.0'><channel><title>outlet</title>{items}</channel></rss>"
        return Response(document, media_type="application/rss+xml", headers={"etag": etag})


async def page(request: Request) -> Response:
    told = "".join(f"<p>{sentence}</p>" for sentence in PAGE)
    return HTMLResponse(f"<html><body><article><h1>{request.path_params['guid']}</h1>{told}</article></body></html>")


def processes_below(root: int) -> Iterator[tuple[int, str]]:
    """Descendants of `root` with what they are."""
    return ((pid, _kind(line)) for pid, line in descendants(root))


def _kind(line: str) -> str:
    for name in ("poller", "classifier", "notifier", "gateway"):
        if f"services.{name}" in line:
            return name
    if "redis-server" in line or "valkey-server" in line:
        return "redis"
    return "parser" if "spawn_main" in line else "other"


@dataclass(slots=True)
class Killer:
    """Starts the system, kills parts of it, and starts it again when the supervisor was hit."""

    env: dict[str, str]
    draw: random.Random
    log: Path
    kills: Counter[str] = field(default_factory=Counter)
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(*UP, env=self.env, stdout=log, stderr=log)

    async def strike(self) -> None:
        assert self.process is not None
        if self.process.returncode is not None:
            raise RuntimeError(f"tocsin up ended by itself with {self.process.returncode}; see {self.log}")
        kinds = defaultdict(list)
        for pid, kind in processes_below(self.process.pid):
            kinds[kind].append(pid)
        kinds.pop("other", None)
        victims = sorted(kinds) + ["supervisor"] * (self.draw.random() < 0.3)
        if not victims:
            return
        kind = self.draw.choice(victims)
        self.kills[kind] += 1
        if kind == "supervisor":
            await self._kill_supervisor()
            return
        try:
            os.kill(self.draw.choice(kinds[kind]), signal.SIGKILL)
        except ProcessLookupError:
            return

    async def _kill_supervisor(self) -> None:
        assert self.process is not None
        orphans = [pid for pid, _ in processes_below(self.process.pid)]
        self.process.kill()
        await self.process.wait()
        deadline = time.monotonic() + 20
        while any(_alive(pid) for pid in orphans):
            if time.monotonic() > deadline:
                raise RuntimeError("the supervisor's children outlived it")
            await asyncio.sleep(0.1)
        await self.start()

    async def stop(self) -> float:
        """Seconds that Ctrl-C took."""
        assert self.process is not None
        started = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        await self.process.wait()
        return time.monotonic() - started


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def environment(home: Path, port: int, receiver_url: str, secret: str) -> dict[str, str]:
    yaml = YAML(typ="safe")
    feeds = [{"url": f"http://127.0.0.1:{port}/{n}", "name": f"Outlet {n}", "language": "en"} for n in range(OUTLETS)]
    channel = {"type": "webhook", "url": receiver_url, "secret": "env:TOCSIN_CHAOS_SECRET"}
    for name, document in {
        "feeds.yaml": {"feeds": feeds},
        "subscriptions.yaml": {"subscriptions": [{"id": "chaos", "channel": channel}]},
    }.items():
        with (home / name).open("w", encoding="utf-8") as file:
            yaml.dump(document, file)
    return {
        **os.environ,
        **PACE,
        "TOCSIN_CHAOS_SECRET": secret,
        "TOCSIN_DATA_DIR": str(home / "data"),
        "TOCSIN_FEEDS_FILE": str(home / "feeds.yaml"),
        "TOCSIN_SUBSCRIPTIONS_FILE": str(home / "subscriptions.yaml"),
    }


async def chaos(minutes: float, every: float, seed: int) -> int:
    draw = random.Random(seed)
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="tocsin-chaos-")))
        outlets = Outlets(draw)
        app = Starlette(routes=[Route("/{outlet:int}", outlets.serve), Route("/page/{guid}", page)])
        port = await stack.enter_async_context(served(app, "127.0.0.1", 0))
        receiver = await stack.enter_async_context(Receiver(secret))
        killer = Killer(environment(home, port, receiver.url, secret), draw, home / "up.log")
        await killer.start()
        try:
            await torment(outlets, killer, minutes, every)
            problems, counts = await settle(killer, outlets, receiver)
        except BaseException:
            sys.stderr.write((home / "up.log").read_text(errors="replace")[-4000:])
            raise
        finally:
            took = await killer.stop() if killer.process and killer.process.returncode is None else 0.0
    if took > 5:
        problems.append(f"Ctrl-C took {took:.1f} s")
    report = {"kills": dict(killer.kills), **counts, "ctrl_c_seconds": round(took, 1), "seed": seed}
    print(json.dumps(report, indent=2))
    print("\n".join(problems[:40]) or "nothing lost, nothing rung twice")
    return 1 if problems else 0


async def torment(outlets: Outlets, killer: Killer, minutes: float, every: float) -> None:
    ends = time.monotonic() + minutes * 60
    next_strike = time.monotonic() + 10
    while time.monotonic() < ends:
        outlets.publish()
        if time.monotonic() >= next_strike:
            await killer.strike()
            next_strike = time.monotonic() + every * (0.5 + killer.draw.random())
            print(f"\r{int(ends - time.monotonic())} s left, {dict(killer.kills)}   ", end="", file=sys.stderr)
        await asyncio.sleep(0.5 + killer.draw.random())
    print(file=sys.stderr)


async def settle(killer: Killer, outlets: Outlets, receiver: Receiver) -> tuple[list[str], dict[str, object]]:
    """Wait until the system has nothing left to do, then compare what is with what must be."""
    settings = load_settings(killer.env)
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        # The supervisor may have been the last to be killed, and not be up again.
        with suppress(RedisUnavailable):
            problems, counts = await verify(redis_url(settings), outlets, receiver, settings.topics_dir)
            if not problems or time.monotonic() > deadline:
                return problems, counts
        if time.monotonic() > deadline:
            return ["no Redis"], {}
        await asyncio.sleep(2)


async def verify(url: str, outlets: Outlets, receiver: Receiver, topics: Path) -> tuple[list[str], dict[str, object]]:
    with connect_sync(url) as sync:
        queue = JobQueue(sync)
        in_flight, dead = queue.in_flight(), queue.dead_letters()
        entries = [Entry.model_validate_json(sync.get(key) or b"") for key in sync.scan_iter("tocsin:entry:*")]
        marks = {key.decode().rpartition(":")[2]: sync.get(key) for key in sync.scan_iter("tocsin:topic:*:entry:*")}
    async with connect(url) as redis:
        stories = await StoryReader(redis).newest(100_000)
        pending = await DueSet(redis, DUE_ENDPOINTS).counts()
        pages = await DueSet(redis, DUE_PAGES).members()
    matcher = load_matcher(topics)
    relevant = {e.id for e in entries if any(m.relevant for m in matcher.classify(e, datetime.now(UTC)).matches)}
    problems = [f"never read: {guid}" for guid in sorted(outlets.guids() - {str(e.guid) for e in entries})]
    problems += [f"relevant, but in no story: {entry_id}" for entry_id in sorted(relevant - marks.keys())]
    problems += [f"{len(pages)} pages wanted"] * bool(pages)
    read = [entry for entry in entries if entry.text]
    problems += [
        f"not classified with its text: {entry.id}"
        for entry in read
        if not (marks.get(entry.id) or b"").decode().endswith(f" {entry.edition}")
    ]
    problems += [f"dead letter: {letter.entry_id}: {letter.reason}" for letter in dead]
    problems += [f"{in_flight} batches in flight"] * bool(in_flight)
    problems += [f"{pending} deliveries pending"] * bool(pending.waiting + pending.due + pending.leased)
    problems += list(check_stories(stories, receiver))
    counts: dict[str, object] = {
        "published": len(outlets.guids()),
        "read": len(entries),
        "relevant": len(relevant),
        "with_text": len(read),
        "stories": len(stories),
        "revisions": sum(story.revision for story in stories),
        "requests": len(receiver.messages),
        "repeated_requests": len(receiver.accepted) - len({m.webhook_id for m in receiver.accepted}),
    }
    return problems, counts


def check_stories(stories: list[Story], receiver: Receiver) -> Iterator[str]:
    rung: dict[tuple[object, object], set[str]] = defaultdict(set)
    worded: dict[str, set[str]] = defaultdict(set)
    last: dict[object, int] = defaultdict(int)
    for message in receiver.messages:
        if not message.verified:
            yield f"refused: {message.refusal}"
            continue
        revision = int(str(message.data["revision"]))
        rung[message.data["story_id"], revision].add(message.webhook_id)
        worded[message.webhook_id].add(message.sha256)
        last[message.data["story_id"]] = max(last[message.data["story_id"]], revision)
    yield from (f"two ids for {which}: {ids}" for which, ids in rung.items() if len(ids) > 1)
    yield from (f"two wordings of {webhook_id}" for webhook_id, bodies in worded.items() if len(bodies) > 1)
    in_stories = Counter(article.entry_id for story in stories for article in story.articles)
    yield from (f"in two stories: {entry_id}" for entry_id, n in in_stories.items() if n > 1)
    for story in stories:
        if last[story.id] != story.revision:
            yield f"{story.id} is at revision {story.revision}, the receiver at {last[story.id]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between kills, on average")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    return asyncio.run(chaos(options.minutes, options.every, options.seed))


if __name__ == "__main__":
    sys.exit(main())
