"""Notifiers killed by those whom they post to, and every message accounted for.

    python -m tests.acceptance.killing [--rounds 500] [--notifiers 4] [--redis-every 10] [--seed N]

Stories are told and revised without pause for ten endpoints: webhooks, Slack, a digest whose hour is struck once a
second. Notifiers run as in production, on a Redis as we ship it. A receiver kills (SIGKILL) the notifier that posts to
it: before it has read the body, before it answers, right after, when the log cannot have been written, or a moment
later; each kill is a round, and another notifier begins. With every tenth Redis is killed, too. Now and then a receiver
answers 500. When all is quiet:

- each subscription knows the last revision of every story;
- no revision of a story reached a subscription under two webhook-ids, and each webhook-id has one body, byte for byte;
- what the sent-log and the log of attempts call delivered was answered with a 2xx, and the other way round;
- nothing waits or is under way, and every endpoint is active;
- Redis, which syncs once a second, has lost nothing that it had confirmed.

Exit code 1 if not, and also if some point was never struck: then the run has proved nothing about it.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr
from redis import Redis

from shared import keys
from shared.models.change import Change, Marks
from shared.models.story import AlertType, Story
from shared.models.subscription import REVEAL, Digest, SlackChannel, Subscription
from shared.runtime.private_redis import PrivateRedis, find_redis_binary
from shared.settings import Settings
from shared.store.connection import connect, connect_sync
from shared.store.patience import StoreUnavailable
from shared.store.stories import StoryStore
from tests.acceptance.accounts import House, repeats
from tests.acceptance.audience import TITLE, Audience, Kill, Point
from tests.acceptance.victims import live
from tests.factories import alert, article, make_id, revision, story, webhook

WEBHOOKS, SLACK, DIGEST = 8, "slack", "digest"
ROUNDS, NOTIFIERS, REDIS_EVERY = 500, 4, 10
# In so many each point is struck.
MANY_ROUNDS = 100
TELL_SECONDS, REVISED_AT_ONCE, MOST_REVISIONS = 0.08, 25, 12
LEASE_SECONDS, SETTLE_SECONDS, ROUND_SECONDS = 2.0, 90.0, 60.0
# At which of its requests a notifier dies.
MOST_REQUESTS = 8
RETENTION_SECONDS = 86_400
PRELOADED = [f"tests.acceptance.{name}" for name in ("victims", "accounts", "audience")]
FAILS_SHARE = 0.03
PACE: dict[str, object] = {
    "alert_hold_seconds": 0.1,
    "alert_update_interval_seconds": 0.0,
    "delivery_lease_seconds": LEASE_SECONDS,
    "delivery_concurrency": 4,
    "delivery_total_seconds": 1.5,
    "delivery_connect_seconds": 1.0,
    "delivery_retry_scale": 0.02,
    "metrics_port": 0,
    "allow_networks": "127.0.0.0/8",
}


@dataclass(slots=True)
class Fate:
    """A notifier, and at which point of which request it dies. `point` is None for one that outlives the run."""

    process: BaseProcess
    point: Point | None
    requests: int
    struck: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Crew:
    """Notifiers, each followed by another when it was killed, until there were enough rounds."""

    settings: Settings
    url: str
    log: Path
    draw: random.Random
    rounds: int
    kills: Counter[Point] = field(default_factory=Counter)
    died: asyncio.Condition = field(default_factory=asyncio.Condition)
    _fates: dict[str, Fate] = field(default_factory=dict)
    _begun: int = 0

    async def run(self) -> None:
        """One place in the crew."""
        while True:
            fate = await self._begin()
            await fate.struck.wait()
            await asyncio.to_thread(fate.process.join)
            async with self.died:
                self.died.notify_all()

    def has_lost_more_than(self, many: int) -> bool:
        return self.kills.total() > many

    async def _begin(self) -> Fate:
        """In a fresh process that has imported everything already, and has no other's sockets."""
        self._begun += 1
        name = f"notifier-{self._begun}"
        settings = self.settings.model_copy(update={"user_agent": name})
        server = multiprocessing.get_context("forkserver")
        process = server.Process(target=live, args=(settings, self.url, self.log), daemon=True)
        await asyncio.to_thread(process.start)
        point = self.draw.choice(list(Point)) if self._begun <= self.rounds else None
        fate = self._fates[name] = Fate(process, point, self.draw.randint(1, MOST_REQUESTS))
        return fate

    def strike(self, name: str) -> tuple[Point, Kill] | None:
        """What is to be done to the one who posts."""
        fate = self._fates[name]
        fate.requests -= 1
        if fate.point is None or fate.requests:
            return None
        return fate.point, lambda: self._kill(fate, fate.point)

    def _kill(self, fate: Fate, point: Point | None) -> None:
        assert point is not None
        assert fate.process.pid is not None
        os.kill(fate.process.pid, signal.SIGKILL)
        self.kills[point] += 1
        fate.struck.set()

    def told(self) -> str:
        return ", ".join(f"{many} {point}" for point, many in self.kills.items())

    def check(self) -> None:
        ended = [name for name, fate in self._fates.items() if not (fate.struck.is_set() or fate.process.is_alive())]
        if ended:
            raise RuntimeError(f"{ended[0]} ended by itself; see {self.log}")

    def stop(self) -> None:
        for fate in self._fates.values():
            if fate.process.is_alive():
                fate.process.kill()
                fate.process.join()


@dataclass(slots=True)
class Teller:
    """Writes stories as the classifier does, in a thread, for it waits while Redis is away. `last`: as confirmed."""

    redis: Redis
    draw: random.Random
    last: dict[str, Story] = field(default_factory=dict)
    entries: int = 0

    def tell(self) -> None:
        living = [told for told in list(self.last.values())[-REVISED_AT_ONCE:] if told.revision < MOST_REVISIONS]
        told = _revised(self.draw.choice(living)) if living and self.draw.random() < 0.75 else self._fresh()
        self.entries += 1
        entry, change = make_id(self.entries), Change(told, alert(told))
        store = StoryStore(self.redis, window_seconds=RETENTION_SECONDS, retention_seconds=RETENTION_SECONDS)
        store.assign(told.topic, entry, Marks(), datetime.now(UTC), lambda _: change)
        self.last[told.id] = told

    def _fresh(self) -> Story:
        at, story_id = datetime.now(UTC), make_id("story", self.entries)
        opening = article(title=TITLE.format(story=story_id, revision=1))
        fields = {"id": story_id, "articles": (opening,), "revisions": (revision(at=at),), "updated_at": at}
        return story(title=opening.title, **fields)

    def lost(self) -> Iterator[str]:
        """What Redis had confirmed and holds no more."""
        for story_id, told in self.last.items():
            held = self.redis.get(keys.story(story_id))
            if held is None or Story.model_validate_json(held).revision < told.revision:
                yield f"Redis has lost revision {told.revision} of {story_id}"


def _revised(told: Story) -> Story:
    at, number = datetime.now(UTC), told.revision + 1
    (first, *_), title = told.articles, TITLE.format(story=told.id, revision=number)
    news = revision(number=number, type=AlertType.UPDATED, reason="figure_changed", at=at)
    articles = (first.model_copy(update={"title": title}),)
    return told.model_copy(
        update={"title": title, "articles": articles, "revisions": (*told.revisions, news), "updated_at": at}
    )


async def killing(rounds: int, notifiers: int, redis_every: int, seed: int) -> int:
    draw = random.Random(seed)
    multiprocessing.set_forkserver_preload(PRELOADED)
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="tocsin-killing-")))
        server = PrivateRedis(home, find_redis_binary(os.environ))
        url = await server.start()
        stack.push_async_callback(server.stop)
        redis = await stack.enter_async_context(connect(url))
        sync = stack.enter_context(connect_sync(url))
        settings = Settings.model_validate(PACE | {"subscriptions_file": home / "subscriptions.yaml"})
        crew = Crew(settings, url, home / "notifiers.log", draw, rounds)
        audience = Audience(crew.strike, lambda: draw.random() < FAILS_SHARE, draw.random)
        names = (*(f"webhook-{n}" for n in range(WEBHOOKS)), SLACK, DIGEST)
        urls = {name: await stack.enter_async_context(audience.at(name)) for name in names}
        write_subscriptions(settings.subscriptions_file, urls)
        house, teller = House(server, redis, names), Teller(sync, draw)
        stack.callback(crew.stop)
        began = time.monotonic()
        try:
            await torment(crew, house, teller, notifiers, redis_every)
            problems = [*await house.problems(audience), *teller.lost()]
        except BaseException:
            sys.stderr.write(crew.log.read_text("utf-8", "replace")[-4000:])
            raise
    problems += [f"nobody was killed {point}" for point in Point if not crew.kills[point] and rounds >= MANY_ROUNDS]
    report = {
        "kills": crew.kills,
        "redis_kills": house.kills,
        "redis_delayed": house.delayed,
        "stories": len(teller.last),
        "revisions": teller.entries,
        "requests": len(audience.heard),
        "repeats": repeats(audience.heard),
        "seconds": round(time.monotonic() - began),
        "seed": seed,
    }
    print(json.dumps(report))
    print("\n".join(problems[:40]) or "everybody knows the last of every story, and nothing rang twice")
    return 1 if problems else 0


def write_subscriptions(path: Path, urls: Mapping[str, str]) -> None:
    """The digest's own hour does not come while this runs."""
    far = Digest(at=(f"{datetime.now(UTC) + timedelta(hours=12):%H:%M}",))
    channels = {name: SlackChannel(url=SecretStr(url)) if name == SLACK else webhook(url) for name, url in urls.items()}
    written = [
        Subscription(id=name, channel=channel, per_minute=60_000, digest=far if name == DIGEST else None)
        for name, channel in channels.items()
    ]
    dumped = [each.model_dump(mode="json", context={REVEAL: True}) for each in written]
    path.write_text(json.dumps({"subscriptions": dumped}))


async def torment(crew: Crew, house: House, teller: Teller, notifiers: int, redis_every: int) -> None:
    """Until there were enough rounds; then until all is quiet, or for long enough."""
    told = asyncio.Event()
    places = [asyncio.create_task(crew.run()) for _ in range(notifiers)]
    telling, striking = asyncio.create_task(_tell(teller, told)), asyncio.create_task(_strike_the_hour(house))
    try:
        done = 0
        while done < crew.rounds:
            async with asyncio.timeout(ROUND_SECONDS), crew.died:
                await crew.died.wait_for(partial(crew.has_lost_more_than, done))
            done = crew.kills.total()
            if done // redis_every > house.kills:
                await house.kill()
            print(f"\rround {done} of {crew.rounds}, {crew.told()}   ", end="", file=sys.stderr, flush=True)
        told.set()
        await telling
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while not await house.is_quiet():  # noqa: ASYNC110 - what is waited for happens in Redis
                    await asyncio.sleep(0.2)
        crew.check()
    finally:
        for task in (*places, telling, striking):
            task.cancel()
        await asyncio.gather(*places, telling, striking, return_exceptions=True)
        print(file=sys.stderr)


async def _tell(teller: Teller, told: asyncio.Event) -> None:
    while not told.is_set():
        await asyncio.to_thread(teller.tell)
        await asyncio.sleep(TELL_SECONDS * 2 * teller.draw.random())


async def _strike_the_hour(house: House) -> None:
    while True:
        await asyncio.sleep(1)
        with suppress(*StoreUnavailable):
            await house.strike_the_hour()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--notifiers", type=int, default=NOTIFIERS)
    parser.add_argument(
        "--redis-every", type=int, default=REDIS_EVERY, help="rounds from one kill of Redis to the next"
    )
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    return asyncio.run(killing(options.rounds, options.notifiers, options.redis_every, options.seed))


if __name__ == "__main__":
    sys.exit(main())
