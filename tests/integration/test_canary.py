"""The canary goes the whole way, once a slot, whoever falls on it, and nobody but its sink sees it."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from services.notifier import wiring as notifying
from services.poller import wiring as polling
from services.poller.feeds_file import FeedsFile
from services.poller.fetch import WithCanary
from shared import keys
from shared.errors import AddressDenied
from shared.models import canary
from shared.models.feed import PollRecord
from shared.models.story import Story
from shared.settings import Settings, load_settings
from shared.store.canary import Arrival, CanaryStore
from shared.store.due import DueSet
from shared.store.feeds import DUE_FEEDS, FeedStore
from tests.canaries import Mine, mine_of
from tests.integration.test_status import get
from tests.servers import serving, until
from tests.stores import configured_feeds, run

SERVICES = ("poller", "classifier", "notifier")
HOUR = 3600


@pytest.fixture
async def mine(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Mine]:
    async with mine_of(redis, redis_url, tmp_path) as made:
        yield made


@pytest.fixture
def feeds(redis: Redis) -> FeedStore:
    return FeedStore(redis, DueSet(redis, DUE_FEEDS))


def settings(mine: Mine, every: int) -> Settings:
    return load_settings(mine.env | {"TOCSIN_CANARY_SECONDS": str(every)})


async def test_it_goes_the_whole_way_once_a_slot_and_leaves_nothing_that_lasts(
    mine: Mine, sync_redis: SyncRedis
) -> None:
    mine.start(*SERVICES)
    await mine.arrived(3)
    mine.kill("poller")
    await until(lambda: sync_redis.xlen(keys.alerts()) == 0)
    await until(lambda: sync_redis.zcard(keys.waiting(canary.NAME)) == 0)
    mine.end()
    last = await CanaryStore(mine.redis).last()
    assert last is not None
    assert last.slot == last.published_at <= last.fetched_at <= last.delivered_at <= time.time()
    stories = await mine.stories()
    assert [len(story.articles) for story in stories] == [1] * len(stories)
    assert len(stories) == len({story.articles[0].guid for story in stories}) >= 3
    attempts = await mine.attempts()
    assert {attempt.outcome for attempt in attempts} == {"delivered"}
    assert sorted(attempt.subject for attempt in attempts) == sorted(story.id for story in stories)
    assert_that_all_of_it_expires(sync_redis, stories[-1])


def assert_that_all_of_it_expires(redis: SyncRedis, story: Story) -> None:
    entry_id = story.articles[0].entry_id
    named = [key.decode() for key in redis.scan_iter(keys.PREFIX + "*")]
    of_it = [key for key in named if story.id in key or entry_id in key]
    assert {
        keys.story(story.id), keys.entry(entry_id), keys.entry_story(canary.NAME, entry_id),
        keys.delivery(canary.NAME, story.id),
    } <= {*of_it}  # fmt: skip
    assert all(0 < int(redis.ttl(key)) <= canary.KEPT_SECONDS for key in of_it)
    # Of what lasts, the topic's own index forgets by itself, and the log of attempts is bounded.
    assert redis.zscore(keys.stories(), story.id) is None


async def test_it_goes_on_when_a_poller_is_killed_also_with_the_feed_in_hand(mine: Mine, feeds: FeedStore) -> None:
    mine.start("poller", "poller", "classifier", "notifier")
    await mine.arrived(2)
    mine.kill("poller")
    await mine.arrived(2)
    # As one does that is killed just then.
    await until(lambda: feeds.due.claim(1, lease_seconds=1.0))
    await mine.arrived(2)
    assert len(await mine.stories()) == len({story.articles[0].guid for story in await mine.stories()})


async def polled(mine: Mine, feeds: FeedStore, every: int) -> list[PollRecord]:
    """A poller begins, polls the canary and ends."""
    before = len(await feeds.history(canary.FEED_ID))
    stop = asyncio.Event()
    async with polling.wired(settings(mine, every), mine.url) as parts:
        running = asyncio.create_task(parts.run(stop))
        await until(feeds.due.members)
        await feeds.due.schedule({canary.FEED_ID: 0})

        async def is_polled() -> bool:
            return len(await feeds.history(canary.FEED_ID)) > before

        await until(is_polled)
        stop.set()
        await running
    return await feeds.history(canary.FEED_ID)


def long_slot() -> int:
    """Seconds of a slot that neither began nor ends within ten minutes."""
    now = time.time()
    return next(every for every in range(HOUR, 2 * HOUR) if 600 < now % every < every - 600)


async def test_a_slot_is_told_once_also_after_a_restart_that_knows_only_the_seen_window(
    mine: Mine, feeds: FeedStore
) -> None:
    every = long_slot()
    await polled(mine, feeds, every)
    (state,) = await feeds.states([canary.FEED_ID])
    forgetful = state.model_copy(update={"body_hash": None})
    await run(mine.redis, feeds.state_commands(canary.FEED_ID, forgetful, None))
    again, first = await polled(mine, feeds, every)
    assert (first.outcome, first.new) == ("seeded", 1)
    assert (again.outcome, again.new) == ("nothing_new", 0)


async def test_what_became_due_while_no_poller_ran_is_one_entry_not_many(mine: Mine, feeds: FeedStore) -> None:
    first = (await polled(mine, feeds, 1))[0]
    await asyncio.sleep(2.1)
    records = await polled(mine, feeds, 1)
    assert first.new == 1
    assert {record.new for record in records} <= {0, 1}
    entries = await mine.redis.keys(keys.entry("*"))
    assert len(entries) == sum(record.new for record in records)


async def test_it_is_polled_beside_the_feeds_of_the_file_and_stays_when_that_is_edited(
    mine: Mine, feeds: FeedStore
) -> None:
    path = mine.home / "feeds.yaml"
    file = FeedsFile(path, feeds, 300, canary.canary_feed(600), look_every_seconds=0.01)
    stop = asyncio.Event()
    await file.configure(stop)
    following = asyncio.create_task(file.run(stop))
    path.write_text("feeds:\n  - {name: Awake, url: 'https://awake.example/rss'}\n")

    async def is_read_anew() -> bool:
        return len(await feeds.due.members()) == 2

    await until(is_read_anew)
    stop.set()
    await following
    assert canary.FEED_ID in await feeds.due.members()
    assert [feed.name for feed in await configured_feeds(feeds)] == ["Awake"]


async def test_when_it_is_turned_off_it_is_due_no_more_and_served_by_nobody(mine: Mine, feeds: FeedStore) -> None:
    on, off = settings(mine, 600), settings(mine, 0)
    for chosen, due in ((on, {canary.FEED_ID}), (off, set[str]())):
        followed = polling.feeds_file(chosen, feeds)
        await followed.configure(asyncio.Event())
        assert await feeds.due.members() == due
        with polling.status_server(chosen, mine.url, followed) as status:
            assert get(status.port, "/canary")[0] == (200 if due else 404)
    async with notifying.wired(off, mine.url) as notifier:
        await notifier.book.configure(asyncio.Event())
        assert list(notifier.book.endpoints) == ["everything"]
    async with notifying.wired(on, mine.url) as notifier:
        await notifier.book.configure(asyncio.Event())
        assert sorted(notifier.book.endpoints) == ["canary", "everything"]


async def test_the_poller_reaches_itself_for_the_canary_and_nobody_else_near_by(mine: Mine, feeds: FeedStore) -> None:
    on = settings(mine, 600)
    async with (
        serving() as neighbour,
        polling.guarded_client(on) as http,
        polling.own_client(on, "127.0.0.3") as own,
    ):
        client = WithCanary(http, own, neighbour.url("/canary"))
        with pytest.raises(AddressDenied):
            await client.fetch(neighbour.url())
        with pytest.raises(AddressDenied):
            await client.fetch(canary.URL)  # its address is another's here, and only 127.0.0.3 is its own
        there, followed = on.model_copy(update={"metrics_host": "127.0.0.3"}), polling.feeds_file(on, feeds)
        with polling.status_server(there, mine.url, followed) as status:
            itself = WithCanary(http, own, f"http://{status.host}:{status.port}/canary")
            assert (await itself.fetch(canary.URL)).headers["content-type"].startswith("application/rss+xml")
    assert not neighbour.requests


async def test_an_arrival_is_kept_as_it_was(redis: Redis) -> None:
    store = CanaryStore(redis)
    assert await store.last() is None
    arrival = Arrival(published_at=1200.0, fetched_at=1200.25, delivered_at=1216.5, slot=1200)
    await store.arrived(arrival)
    assert await store.last() == arrival
    stored = await redis.hkeys(keys.canary())
    assert sorted(stored) == [b"delivered_at", b"fetched_at", b"published_at", b"slot"]
