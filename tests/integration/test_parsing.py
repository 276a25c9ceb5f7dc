"""Parsing in processes that can be killed, with documents that give reason to."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest

from services.poller.parse import Item, NotAFeed
from services.poller.parsing import ChildDied, ParsingPool, newest
from tests.processes import descendants
from tests.servers import until

ROOT = Path(__file__).parents[2]
FEED = b"<rss version='2.0'><channel><item><title>T</title></item></channel></rss>"
SLOW = b"<rss version='2.0'><channel><item>" + b"<description>" * 190_000


@pytest.fixture
async def pool() -> AsyncIterator[ParsingPool]:
    async with ParsingPool(1, 0.5) as started:
        yield started


async def test_a_document_comes_back_from_the_child_and_so_does_the_verdict_that_it_is_none(pool: ParsingPool) -> None:
    document = await pool.parse(FEED, "https://news.example/rss")
    assert [item.title for item in document.items] == ["T"]
    with pytest.raises(NotAFeed, match="neither"):
        await pool.parse(b"<html/>", "https://news.example/rss")


async def test_a_document_that_takes_too_long_is_cut_short_and_the_next_is_read(pool: ParsingPool) -> None:
    with pytest.raises(TimeoutError):
        await pool.parse(SLOW, "https://news.example/rss")
    assert (await pool.parse(FEED, "https://news.example/rss")).items


async def test_a_child_that_is_killed_is_an_error_and_the_next_document_is_read() -> None:
    async with ParsingPool(1, 20.0) as pool:
        await pool.parse(FEED, "https://news.example/rss")
        (child,) = children(os.getpid())
        before = cpu_seconds(child)
        slow = asyncio.create_task(pool.parse(SLOW, "https://news.example/rss"))
        await until(lambda: cpu_seconds(child) > before + 0.1)
        os.kill(child, signal.SIGKILL)
        with pytest.raises(ChildDied):
            await slow
        assert (await pool.parse(FEED, "https://news.example/rss")).items


async def test_no_document_can_take_more_memory_than_half_a_gigabyte(pool: ParsingPool) -> None:
    await pool.parse(FEED, "https://news.example/rss")
    (child,) = children(os.getpid())
    assert resource.prlimit(child, resource.RLIMIT_DATA) == (2**29, 2**29)


async def test_a_child_that_is_killed_while_idle_spoils_one_document_at_the_most(pool: ParsingPool) -> None:
    await pool.parse(FEED, "https://news.example/rss")
    (child,) = children(os.getpid())
    os.kill(child, signal.SIGKILL)
    with suppress(Exception):
        await pool.parse(FEED, "https://news.example/rss")
    assert (await pool.parse(FEED, "https://news.example/rss")).items


async def test_a_document_that_takes_long_leaves_its_place_to_others() -> None:
    async with ParsingPool(1, 60.0) as pool:
        slow = asyncio.create_task(pool.parse(SLOW, "https://news.example/rss"))
        await asyncio.sleep(0)
        prompt = asyncio.create_task(pool.parse(FEED, "https://news.example/rss"))
        done, _ = await asyncio.wait({slow, prompt}, return_when=asyncio.FIRST_COMPLETED)
        assert done == {prompt}
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow


async def test_of_more_items_than_are_read_the_newest_are() -> None:
    dated = [item_of(f"2025-02-{day:02}T00:00:00Z") for day in (3, 1, 2)]
    assert newest((*dated, item_of(None)), 2) == (dated[0], dated[2])
    assert newest((item_of(None), *dated), 4) == (item_of(None), *dated)


def item_of(date: str | None) -> Item:
    return Item(None, None, "T", "", datetime.fromisoformat(date) if date else None)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(parent: int) -> list[int]:
    """Those that parse: multiprocessing's own helper is not one."""
    return [pid for pid, line in descendants(parent) if "spawn_main" in line]


PARENT = """
import asyncio, sys
from services.poller.parsing import ParsingPool

async def main():
    async with ParsingPool(1, 20.0) as pool:
        await pool.parse(b"<rss version='2.0'><channel/></rss>", "https://news.example/")
        print("ready", flush=True)
        await asyncio.sleep(60)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_the_children_of_a_killed_poller_end_with_it(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    command = [sys.executable, str(script)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        (child,) = children(parent.pid)
        parent.kill()
    end = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and "\nState:\tZ" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < end, "the child lives on"
        time.sleep(0.01)
