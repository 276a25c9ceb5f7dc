"""The feeds file, followed while it is edited."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from services.poller.feeds_file import FeedsFile
from shared import keys
from shared.errors import ConfigError
from shared.store.due import DueSet
from shared.store.feeds import DUE_FEEDS, FeedStore
from tests.factories import feed
from tests.servers import until
from tests.stores import configured_feeds


def text(*names: str) -> str:
    return "feeds:\n" + "".join(f"  - name: {name}\n    url: https://{name}.example/rss\n" for name in names)


@pytest.fixture
def file(redis: Redis, tmp_path: Path) -> FeedsFile:
    path = tmp_path / "feeds.yaml"
    path.write_text(text("a", "b"))
    return FeedsFile(path, FeedStore(redis, DueSet(redis, DUE_FEEDS)), 300, look_every_seconds=0.01)


async def names(file: FeedsFile) -> list[str]:
    return [feed.name for feed in await configured_feeds(file.store)]


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


async def test_what_is_added_changed_and_removed_beside_the_file_is_polled_within_a_look(file: FeedsFile) -> None:
    async def are(*wanted: str) -> bool:
        return await names(file) == list(wanted)

    async def due(number: int) -> bool:
        return len(await file.store.due.members()) == number

    own = feed(url="https://own.example/rss", name="own")
    async with followed(file):
        await file.store.added.add(own)
        await until(lambda: due(3))
        assert await names(file) == ["a", "b", "own"]
        await file.store.added.change(own.id, lambda known: known.model_copy(update={"name": "0"}))
        await until(lambda: are("0", "a", "b"))
        await file.store.added.remove(own.id)
        await until(lambda: due(2))
        assert await names(file) == ["a", "b"]


async def test_of_one_address_the_file_s_feed_counts_and_the_added_one_comes_back_when_that_goes(
    file: FeedsFile,
) -> None:
    await file.store.added.add(feed(url="https://a.example/rss", name="own"))
    async with followed(file):
        assert await names(file) == ["a", "b"]
        file.path.write_text(text("b"))

        async def own_counts() -> bool:
            return await names(file) == ["b", "own"]

        await until(own_counts)


async def test_while_the_file_is_wrong_what_is_added_is_taken_all_the_same(file: FeedsFile) -> None:
    async def all_three() -> bool:
        return await names(file) == ["a", "b", "own"]

    async with followed(file):
        file.path.write_text("feeds: [")
        await until(file.complaint)
        await file.store.added.add(feed(url="https://own.example/rss", name="own"))
        await until(all_three)
        assert file.complaint() is not None


async def test_a_poller_that_died_while_it_took_a_change_leaves_nothing_undone(file: FeedsFile, redis: Redis) -> None:
    """What `configure` writes comes in steps: after each of them the next poller's start makes it whole."""
    own = feed(url="https://own.example/rss", name="own")
    await file.store.added.add(own)
    await redis.hset(keys.feeds(), own.id, own.model_dump_json())
    await file.configure(asyncio.Event())
    assert own.id in await file.store.due.members()
    await file.store.added.remove(own.id)
    await redis.hdel(keys.feeds(), own.id)
    await file.configure(asyncio.Event())
    assert own.id not in await file.store.due.members()


async def test_a_feed_that_is_switched_on_while_a_poller_has_it_in_hand_as_switched_off_is_polled(
    file: FeedsFile,
) -> None:
    store = file.store
    await store.configure([feed()], now=0, spread_seconds=0)
    await store.configure([feed(enabled=False)], now=0, spread_seconds=0)
    (lease,) = await store.due.claim(1, 60)
    await store.configure([feed()], now=0, spread_seconds=0)
    await store.due.commit(lease, next_at=None)  # as the poller does that read it as disabled
    assert await store.due.members() == {feed().id}
