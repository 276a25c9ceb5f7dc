"""`tocsin demo`: the whole system against invented outlets and a receiver that checks every signature; no network."""

import asyncio
import base64
import os
import secrets
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from rich.box import SIMPLE
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from ruamel.yaml import YAML

from services.cli.console import Display
from services.cli.demo.feeds_server import SEEDS, FeedServer
from services.cli.demo.receiver import Received, Receiver
from services.cli.system import Events, RedisKeeper, run_system
from services.cli.up import Bell, stop_on_signals
from shared.config.feeds import load_feeds
from shared.errors import ConfigError, TocsinError
from shared.models.story import Story
from shared.runtime.children import ChildFailed
from shared.runtime.process import complain
from shared.settings import Settings, load_settings
from shared.store.connection import connect
from shared.store.stories import StoryReader

EXPECTED = ("story.alert.created", "story.alert.updated")
PATIENCE_SECONDS = 40.0
# Long enough for a ring too many to be heard.
LISTEN_ON_SECONDS = 6.0
# For the alert to be shown, and seen.
READ_SECONDS = 1.5
LOOK = "To look at its board while it runs on: make demo ARGS=--keep"
PACE = {
    "TOCSIN_POLL_INTERVAL_SECONDS": "1.5",
    "TOCSIN_POLL_INTERVAL_MAX_SECONDS": "1.5",
    "TOCSIN_POLL_HOST_GAP_SECONDS": "0.02",
    "TOCSIN_POLL_LEASE_SECONDS": "10",
    "TOCSIN_ALERT_HOLD_SECONDS": "4",
    "TOCSIN_ALERT_UPDATE_INTERVAL_SECONDS": "3",
    "TOCSIN_DELIVERY_LEASE_SECONDS": "10",
    "TOCSIN_METRICS_PORT": "0",
    "TOCSIN_GATEWAY_PORT": "0",
    "TOCSIN_FULL_TEXT": "false",  # the invented outlets have no pages
    "TOCSIN_ALLOW_NETWORKS": "127.0.0.0/8",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What the demo showed."""

    received: tuple[Received, ...]
    stories: tuple[Story, ...]
    answers: Counter[int]

    @property
    def as_expected(self) -> bool:
        kinds = tuple(message.type for message in self.received)
        ids = {message.webhook_id for message in self.received}
        return kinds == EXPECTED and len(ids) == len(kinds) and all(message.verified for message in self.received)


def demo(keep: bool = False, seeds: Path = SEEDS) -> int:
    """Exit code 0 if one `created` and one `updated` rang and nothing else, 1 if not. `keep`: then run on."""
    try:
        if not (seeds / "feeds.yaml").exists():
            raise ConfigError(f"{seeds}/feeds.yaml: not found; run the demo where the directory seeds/ is")
        return asyncio.run(_demo(keep, seeds))
    except TocsinError as error:
        return complain(error)
    except ChildFailed as failure:
        return failure.code


async def _demo(keep: bool, seeds: Path) -> int:
    stop = stop_on_signals()
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="tocsin-demo-")))
        outlets = await stack.enter_async_context(FeedServer(seeds))
        receiver = await stack.enter_async_context(Receiver(secret))
        # Nothing of a real installation may be met by the demo, not even by name.
        os.environ.pop("TOCSIN_REDIS_URL", None)
        os.environ.update(environment(home, seeds, outlets, receiver, secret))
        settings = load_settings(os.environ)
        display = stack.enter_context(Display(Console(highlight=False)))
        display.say(_greeting(outlets, receiver))
        report = await _run(settings, outlets, receiver, display, stop, keep)
    Console(highlight=False).print(summary(report))
    if not keep:
        Console(highlight=False).print(LOOK)
    return 0 if report.as_expected else 1


async def _run(
    settings: Settings, outlets: FeedServer, receiver: Receiver, display: Display, stop: asyncio.Event, keep: bool
) -> Report:
    redis = RedisKeeper(settings, os.environ)
    redis_url = await redis.start()
    async with Bell(redis_url, display) as bell:
        script = asyncio.create_task(_script(outlets, receiver, redis_url, display, stop, keep))
        try:
            await run_system(settings, redis, redis_url, Events(bell.heard, display.fell), stop)
        finally:
            stop.set()
            report = await script
    return report


async def _script(
    outlets: FeedServer, receiver: Receiver, redis_url: str, display: Display, stop: asyncio.Event, keep: bool
) -> Report:
    try:
        await _received(receiver, 1, stop)
        await _pause(stop, READ_SECONDS)
        display.say("\nThe Eastern Ledger now publishes a new figure.\n", "bold")
        await outlets.publish_later()
        await _received(receiver, 2, stop)
        await _pause(stop, LISTEN_ON_SECONDS)
        if keep:
            display.say(f"\nThe demo runs on until Ctrl-C, and its board at {display.board}\n", "bold")
            await stop.wait()
        async with connect(redis_url) as redis:
            stories = await StoryReader(redis).newest(20)
        return Report(tuple(receiver.messages), tuple(stories), outlets.statuses)
    finally:
        stop.set()


async def _received(receiver: Receiver, count: int, stop: asyncio.Event) -> None:
    waiting = asyncio.create_task(receiver.wait_for(count, PATIENCE_SECONDS))
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, told}, return_when=asyncio.FIRST_COMPLETED)
    for task in (waiting, told):
        task.cancel()
    await asyncio.gather(waiting, told, return_exceptions=True)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    await asyncio.wait({asyncio.create_task(stop.wait())}, timeout=seconds)


def environment(home: Path, seeds: Path, outlets: FeedServer, receiver: Receiver, secret: str) -> Mapping[str, str]:
    """The demo's configuration, written below `home`, as variables for the services."""
    yaml = YAML(typ="safe")
    feeds = [
        feed.model_copy(update={"url": f"{outlets.url}{urlsplit(feed.url).path}"})
        for feed in load_feeds(seeds / "feeds.yaml")
    ]
    channel = {"type": "webhook", "url": receiver.url, "secret": "env:TOCSIN_DEMO_SECRET"}
    documents = {
        "feeds.yaml": {"feeds": [feed.model_dump(mode="json", exclude_defaults=True) for feed in feeds]},
        "subscriptions.yaml": {"subscriptions": [{"id": "demo", "channel": channel}]},
    }
    for name, document in documents.items():
        with (home / name).open("w", encoding="utf-8") as file:
            yaml.dump(document, file)
    return PACE | {
        "TOCSIN_DEMO_SECRET": secret,
        "TOCSIN_DATA_DIR": str(home / "data"),
        "TOCSIN_FEEDS_FILE": str(home / "feeds.yaml"),
        "TOCSIN_SUBSCRIPTIONS_FILE": str(home / "subscriptions.yaml"),
    }


def _greeting(outlets: FeedServer, receiver: Receiver) -> str:
    return (
        f"{len(outlets.urls)} invented outlets in four languages publish on {outlets.url},\n"
        f"a receiver on {receiver.url} verifies every signature.\n"
        "Expected: one alert when the story breaks, one when its figure changes, nothing else.\n"
    )


def summary(report: Report) -> RenderableType:
    """What rang, what was collapsed into it, and whether that is what was expected."""
    parts: list[RenderableType] = [Text("\nWhat rang", style="bold"), _rung(report)]
    for story in report.stories:
        parts += [Text(f"\nCollapsed into “{story.title}”", style="bold"), _collapsed(story)]
    verdict = "as expected" if report.as_expected else f"NOT as expected: {' and '.join(EXPECTED)}, each once"
    answers = ", ".join(f"{count} × HTTP {status}" for status, count in sorted(report.answers.items()))
    parts.append(Text(f"\n{len(report.received)} webhooks, {verdict}; the outlets answered {answers}", style="bold"))
    return Group(*parts)


def _rung(report: Report) -> Table:
    table = Table("type", "rev", "signature", "what changed", "articles", box=SIMPLE)
    for message in report.received:
        counts = message.data.get("counts")
        table.add_row(
            str(message.type),
            str(message.data.get("revision")),
            "verified" if message.verified else f"REFUSED: {message.refusal}",
            str(message.data.get("reason_detail")),
            str(counts.get("articles") if isinstance(counts, dict) else ""),
        )
    return table


def _collapsed(story: Story) -> Table:
    table = Table("relation", "language", "outlet", "headline", box=SIMPLE)
    for article in story.articles:
        table.add_row(article.decision.value, article.language, article.source, article.title)
    return table
