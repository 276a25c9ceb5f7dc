"""`tocsin up`: the whole system in one terminal."""

import asyncio
import json
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from rich.console import Console

from services.classifier.packs import installed_matcher
from services.cli.console import Display
from services.cli.system import Events, RedisKeeper, run_system
from services.operations.subscriptions.describing import together, where
from shared.config.feeds import load_feeds
from shared.config.subscriptions import load_subscriptions
from shared.errors import TocsinError
from shared.models.subscription import Subscription
from shared.runtime.children import ChildFailed
from shared.runtime.lock import DataLock
from shared.runtime.process import complain
from shared.settings import Settings, load_settings
from shared.store.connection import connect
from shared.store.patience import StoreUnavailable
from shared.store.stories import StoryReader
from shared.store.subscriptions import SubscriptionStore
from shared.store.tokens import TokenStore


def up() -> int:
    """Run until Ctrl-C; returns the exit code."""
    try:
        settings = load_settings(os.environ)
        with DataLock(settings.data_dir):
            return asyncio.run(_up(settings))
    except TocsinError as error:
        return complain(error)
    except ChildFailed as failure:
        return failure.code


async def _up(settings: Settings) -> int:
    stop = stop_on_signals()
    configured, redis = _configured(settings), RedisKeeper(settings, os.environ)
    redis_url = await redis.start()
    with Display(Console(highlight=False)) as display:
        display.say(_greeting(settings, configured, await _stored(redis_url)))
        ticking = asyncio.create_task(_tick(display))
        async with Bell(redis_url, display) as bell:
            await run_system(settings, redis, redis_url, Events(bell.heard, display.fell), stop)
        ticking.cancel()
        display.say("stopped; everything is kept in " + str(settings.data_dir.absolute()))
    return 0


def stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


@dataclass(frozen=True, slots=True)
class Configured:
    feeds: int
    topics: Sequence[str]
    subscriptions: Sequence[Subscription]


def _configured(settings: Settings) -> Configured:
    """The whole configuration is read once, so that a mistake is told before anything is started."""
    feeds = sum(feed.enabled for feed in load_feeds(settings.feeds_file))
    subscriptions = load_subscriptions(settings.subscriptions_file, os.environ)
    return Configured(feeds, tuple(installed_matcher(settings).versions), subscriptions)


@dataclass(frozen=True, slots=True)
class Stored:
    subscriptions: Sequence[Subscription] = ()
    tokens: bool = False


async def _stored(redis_url: str) -> Stored:
    """What is in the store; nothing if it does not answer yet, for the services wait for it."""
    with suppress(*StoreUnavailable):
        async with connect(redis_url) as redis:
            return Stored(await SubscriptionStore(redis).all(), await TokenStore(redis).are_there())
    return Stored()


def _greeting(settings: Settings, configured: Configured, stored: Stored) -> str:
    known = (each.subscription for each in together(configured.subscriptions, stored.subscriptions))
    told = ", ".join(f"{each.id} ({each.channel.type} to {where(each.channel)})" for each in known if each.enabled)
    base = settings.metrics_port
    metrics = f"http://{settings.metrics_host}:{base}/metrics" if base else "on any free port"
    return (
        f"Tocsin watches {configured.feeds} feeds for {', '.join(configured.topics)}\n"
        f"  tells     {told or 'nobody: no subscription'}\n"
        f"  state     {settings.data_dir.absolute()}\n"
        f"  board     {_board(settings, stored.tokens)}\n"
        f"  metrics   {metrics} and the next ports\n"
    )


async def _tick(display: Display) -> None:
    while True:
        display.tick()
        await asyncio.sleep(1)


def _board(settings: Settings, tokens: bool) -> str:
    if not settings.gateway_port:
        return "on any free port"
    if tokens or settings.gateway_open:
        return f"http://{settings.gateway_host}:{settings.gateway_port}/"
    return f"http://localhost:{settings.gateway_port}/, for this machine only"


class Bell:
    """Passes the services' log lines to the display, and shows the story when one says that it was delivered."""

    def __init__(self, redis_url: str, display: Display) -> None:
        self._redis = connect(redis_url)
        self._stories = StoryReader(self._redis)
        self._display = display
        self._showing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Bell":
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*self._showing, return_exceptions=True)
        await self._redis.aclose()

    def heard(self, service: str, line: str) -> None:
        self._display.heard(service, line)
        event = _event(line)
        if event.get("event") == "alert.delivered":
            task = asyncio.create_task(self._show(event))
            self._showing.add(task)
            task.add_done_callback(self._showing.discard)

    async def _show(self, event: dict[str, object]) -> None:
        with suppress(*StoreUnavailable):
            story = await self._stories.load(str(event["story_id"]))
            if story is not None:
                self._display.rang(story, int(str(event["revision"])), str(event["subscription"]))


def _event(line: str) -> dict[str, object]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
