"""The feeds file, followed while it is edited."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from services.poller.feeds_file import FeedsFile
from shared.errors import ConfigError
from shared.store.due import DueSet
from shared.store.feeds import DUE_FEEDS, FeedStore
from tests.servers import until


def text(*names: str) -> str:
    return "feeds:\n" + "".join(f"  - name: {name}\n    url: https://{name}.example/rss\n" for name in names)


@pytest.fixture
def file(redis: Redis, tmp_path: Path) -> FeedsFile:
    path = tmp_path / "feeds.yaml"
    path.write_text(text("a", "b"))
    return FeedsFile(path, FeedStore(redis, DueSet(redis, DUE_FEEDS)), 300, look_every_seconds=0.01)


async def names(file: FeedsFile) -> list[str]:
    return [feed.name for feed in await file.store.all()]


@asynccontextmanager
async def followed(file: FeedsFile) -> AsyncIterator[None]:
    stop = asyncio.Event()
    await file.configure(stop)
    task = asyncio.create_task(file.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def test_the_feeds_of_the_file_are_due_from_the_start(file: FeedsFile) -> None:
    async with followed(file):
        assert await names(file) == ["a", "b"]
        assert len(await file.store.due.members()) == 2


async def test_an_edit_takes_effect_and_a_mistake_leaves_the_feeds_before_it_in_force(file: FeedsFile) -> None:
    async def are(*wanted: str) -> bool:
        return await names(file) == list(wanted)

    async with followed(file):
        file.path.write_text(text("b", "c"))
        await until(lambda: are("b", "c"))
        for mistake in ("feeds:\n  - name: x\n", "feeds: [", "\x00"):
            file.path.write_text(mistake)
            await asyncio.sleep(0.05)
            assert await names(file) == ["b", "c"]
        file.path.unlink()
        await asyncio.sleep(0.05)
        assert await names(file) == ["b", "c"]
        file.path.write_text(text("d"))
        await until(lambda: are("d"))


async def test_a_start_with_a_mistake_says_which(file: FeedsFile) -> None:
    file.path.write_text("feeds:\n  - name: x\n")
    with pytest.raises(ConfigError, match=r"feeds\.yaml:2"):
        await file.configure(asyncio.Event())
