"""The canary is shown to nobody: every command and every address is asked while it is on its way, and afterwards."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from typer.main import get_command

from services.cli.cli import app
from shared.models import canary
from shared.models.story import Story
from tests.canaries import Mine, mine_of
from tests.commands import Run
from tests.gateways import gateway_on
from tests.integration.test_status import get
from tests.servers import until

HEADLINE = "Tocsin canary sings in the coal mine"
# What is shown of everything there is.
SHOWING = [
    "check", "feeds list", "feeds list --json", "feeds export", "topics list", "topics list --json",
    "topics backtest --topic lighthouses --json", "alerts tail", "alerts tail --json -n 1000",
    "stories list", "stories list --json -n 1000",
    "subscriptions list", "subscriptions list --json", "subscriptions show everything --json",
    "subscriptions log everything", "subscriptions dry-run everything --untold --json",
    "dead-letters list", "dead-letters list --json", "tokens list", "tokens list --json",
]  # fmt: skip
# Whoever asks by name is told that there is no such thing. STORY and ENTRY: the canary's.
NAMING = [
    "feeds show canary", f"feeds show {canary.URL}", "feeds remove canary",
    "topics backtest --topic canary", "topics eval --topic canary FILE", "topics test HEADLINE",
    "stories show STORY", "stories merge STORY STORY", "stories split STORY ENTRY", "stories undo STORY",
    "stories replay --topic canary",  "stories eval --topic canary FILE",
    *(f"subscriptions {word} canary" for word in ("show", "remove", "rotate", "test", "log", "enable", "disable")),
    "subscriptions recover canary --since 1d", "subscriptions dry-run canary",
    "subscriptions redeliver everything STORY",
    "subscriptions add canary --webhook https://receiver.example/ --no-wait",
]  # fmt: skip
# Neither: they begin something, or change what is no canary's.
OTHERS = {
    "up", "demo", "poller", "classifier", "notifier", "gateway", "feeds add", "feeds import",
    "topics classify", "dead-letters retry", "dead-letters drop", "tokens create", "tokens revoke",
}  # fmt: skip


def commands() -> Iterator[str]:
    root: Any = get_command(app)
    for name in root.commands:
        command = root.commands[name]
        inner = getattr(command, "commands", None)
        yield from (f"{name} {each}" for each in inner) if inner else (name,)


def test_every_command_is_asked_or_shows_nothing() -> None:
    asked = {" ".join(line.split()[:2]) if line != "check" else line for line in (*SHOWING, *NAMING)}
    assert asked | OTHERS == set(commands())


@pytest.fixture
async def mine(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Mine]:
    async with mine_of(redis, redis_url, tmp_path) as made:
        yield made


@pytest.fixture
def asked(mine: Mine, run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in mine.env.items():
        if name.startswith("TOCSIN_"):
            monkeypatch.setenv(name, value)
    return run


def shows_it(text: str) -> bool:
    return "canary" in text.lower() or canary.FEED_ID in text


async def is_hidden(mine: Mine, asked: Run) -> None:
    (story, *_) = await mine.stories()
    items = mine.home / "items.jsonl"
    items.write_text(json.dumps({"title": HEADLINE, "language": "en", "relevant": False}) + "\n")
    words = {"STORY": story.id, "ENTRY": story.articles[0].entry_id, "FILE": str(items), "HEADLINE": HEADLINE}
    for line in SHOWING:
        ran = await asyncio.to_thread(asked, *line.split())
        assert ran.code == 0, (line, ran.err)
        assert not shows_it(ran.out + ran.err), (line, ran.out, ran.err)
        assert "backtest" not in line or json.loads(ran.out)["entries"] == 0
    for line in NAMING:
        ran = await asyncio.to_thread(asked, *(words.get(word, word) for word in line.split()))
        assert ran.code in (1, 2), (line, ran.out)
        assert story.title not in ran.out, line
    await is_hidden_by_the_gateway(mine.url, story)


class Own(dict[str, str]):
    """The canary's name in every place of an address."""

    def __missing__(self, _: str) -> str:
        return canary.NAME


async def is_hidden_by_the_gateway(url: str, story: Story) -> None:
    own = Own(story_id=story.id, feed_id=canary.FEED_ID, entry_id=story.articles[0].entry_id)
    async with gateway_on(url) as client:
        described = (await client.get("/openapi.json")).json()["paths"]
        assert "/v1/stories/{story_id}" in described
        # The stream has no end: test_gateway_stream.py looks at what it leaves out.
        read = [path for path, methods in described.items() if "get" in methods and path != "/v1/alerts/stream"]
        for path in ["/", *read, "/v1/stories?topic=canary", "/v1/alerts?limit=500", "/v1/stories?limit=500"]:
            answer = await client.get(path.format_map(own))
            assert answer.status_code == (404 if "{" in path else 200), path
            # What was asked for is said again in what refuses it.
            assert "{" in path or not shows_it(answer.text), (path, answer.text)
            assert HEADLINE not in answer.text


async def test_neither_on_its_way_nor_afterwards(mine: Mine, asked: Run) -> None:
    mine.start("poller", "classifier")
    await until(mine.stories)
    # Nobody has taken its alert from the stream yet.
    await is_hidden(mine, asked)
    mine.start("notifier")
    await mine.arrived(2)
    await is_hidden(mine, asked)
    assert not (mine.home / "alerts.jsonl").exists()
    is_in_no_count(mine)
    for service in mine.processes:
        lines = [line for line in mine.logged(service).splitlines() if shows_it(line)]
        assert {json.loads(line)["event"] for line in lines} <= {"topics.loaded"}, lines


def is_in_no_count(mine: Mine) -> None:
    for service, port in mine.ports.items():
        samples = [line for line in get(port, "/metrics")[1].splitlines() if not line.startswith("#")]
        named = {line.partition(" ")[0] for line in samples if shows_it(line)}
        of_its_own = {name for name in named if name.startswith("tocsin_canary_")}
        assert all(name.startswith("tocsin_classification") for name in named - of_its_own), (service, named)
        for family in ("entries", "story_decisions", "alerts", "alerts_suppressed", "deliveries", "delivery_attempts"):
            counted = [line for line in samples if re.match(rf"tocsin_{family}_total\b", line)]
            assert all(float(line.rpartition(" ")[2]) == 0 for line in counted), (service, counted)
