"""The book of subscriptions follows its file, the files of secrets, and the store, while the notifier runs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from structlog.testing import capture_logs

from services.notifier.book import Book
from services.notifier.notifier import Notifier
from shared import keys
from shared.models.subscription import REVEAL, AppriseChannel, Subscription, WebhookChannel
from shared.store.subscriptions import SubscriptionStore
from tests.factories import subscription, webhook
from tests.integration.test_notifier import data, fresh, to
from tests.notifying import House, house_of, running
from tests.servers import Answer, Server, serving, until

OK = Answer(204)
OLD, NEW = "whsec_" + "b2xk" * 8, "whsec_" + "bmV3" * 8


@pytest.fixture
async def house(redis: Redis, sync_redis: SyncRedis, tmp_path: Path) -> AsyncIterator[House]:
    async with house_of(redis, sync_redis, tmp_path) as built:
        yield built


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as started:
        started.answers(OK)
        yield started


@pytest.fixture
def store(redis: Redis) -> SubscriptionStore:
    return SubscriptionStore(redis)


async def opened(house: House, *written: Subscription) -> Book:
    """The book of a notifier, read once; tests look again by themselves."""
    book = house.notifier(*written).book
    await book.configure(asyncio.Event())
    return book


async def looked(book: Book, times: int = 2) -> list[str]:
    """What the log says of so many looks: a change is told at the second one, when it stands still."""
    with capture_logs() as logs:
        for _ in range(times):
            await book.refresh(asyncio.Event())
    return [str(each["event"]) for each in logs]


def in_force(book: Book) -> dict[str, Subscription]:
    return {name: endpoint.subscription for name, endpoint in book.endpoints.items()}


# The file


async def test_a_file_that_changes_is_followed(house: House) -> None:
    book = await opened(house, to("https://a.example/"))
    assert await looked(book) == []
    house.write(to("https://a.example/", topics=("weather",)), to("https://b.example/", "other"))
    assert await looked(book, 4) == ["subscriptions.configured"]
    assert list(in_force(book)) == ["desk", "other"]
    assert in_force(book)["desk"].topics == ("weather",)


async def test_a_sender_is_made_anew_only_for_a_channel_that_has_changed(house: House) -> None:
    book = await opened(house, to("https://a.example/"), to("https://b.example/", "other"))
    before = dict(book.endpoints)
    house.write(to("https://a.example/", topics=("weather",)), to("https://c.example/", "other"))
    await looked(book)
    assert book.endpoints["desk"].sender is before["desk"].sender
    assert book.endpoints["other"].sender is not before["other"].sender


async def test_a_broken_file_leaves_what_was_before_in_force_and_is_told_once(
    house: House, store: SubscriptionStore
) -> None:
    book = await opened(house, to("https://a.example/"))
    good = book.path.read_text()
    book.path.write_text(good.replace("webhook", "webhoook"))
    assert await looked(book, 5) == ["subscriptions.refused"]
    assert list(in_force(book)) == ["desk"]
    await store.put(to("https://b.example/", "stored"))
    assert await looked(book, 5) == ["subscriptions.configured"]
    assert list(in_force(book)) == ["desk", "stored"]
    book.path.write_text(good + "\n")
    assert await looked(book) == ["subscriptions.configured"]


async def test_a_file_that_is_gone_for_a_moment_changes_nothing(house: House) -> None:
    book = await opened(house, to("https://a.example/"))
    aside = book.path.rename(book.path.with_suffix(".aside"))
    assert await looked(book) == ["subscriptions.refused"]
    aside.rename(book.path)
    assert await looked(book) == ["subscriptions.configured"]
    assert list(in_force(book)) == ["desk"]


async def test_what_is_refused_is_told_by_line_and_without_secrets(house: House) -> None:
    book = await opened(house, to("https://a.example/"))
    book.path.write_text(
        "subscriptions:\n  - id: desk\n    channel: {type: webhook, url: https://x.example/, secret: hunter2}\n"
    )
    with capture_logs() as logs:
        for _ in range(2):
            await book.refresh(asyncio.Event())
    (told,) = logs
    assert str(told["problems"]).startswith(f"['{book.path}:3: subscriptions[0].channel.secret: ")
    assert "hunter2" not in str(told)


# Secrets


async def test_a_secret_file_that_changes_is_a_rotation(house: House, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(OLD)
    book = await opened(house, to("https://a.example/").model_copy(update={"channel": webhook(secret=f"file:{key}")}))
    assert book.endpoints["desk"].secrets(house.now) == (OLD,)
    key.write_text(NEW)
    await looked(book)
    assert book.endpoints["desk"].secrets(house.now) == (NEW, OLD)


async def test_a_secret_file_that_is_missing_for_a_moment_changes_nothing(house: House, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(OLD)
    book = await opened(house, to("https://a.example/").model_copy(update={"channel": webhook(secret=f"file:{key}")}))
    key.unlink()
    assert await looked(book, 3) == ["subscriptions.refused"]
    assert book.endpoints["desk"].secrets(house.now) == (OLD,)
    key.write_text(NEW)
    assert await looked(book) == ["subscriptions.configured"]
    assert book.endpoints["desk"].secrets(house.now) == (NEW, OLD)


async def test_a_rotation_while_no_notifier_runs_is_noticed_at_the_next_start(house: House) -> None:
    await opened(house, subscription(channel=webhook(secret=OLD)))
    book = await opened(house, subscription(channel=webhook(secret=NEW)))
    assert book.endpoints["desk"].secrets(house.now) == (NEW, OLD)


async def test_channels_that_do_not_sign_have_nothing_that_signs(house: House, tmp_path: Path) -> None:
    journal = subscription(channel={"type": "journal", "path": str(tmp_path / "alerts.jsonl")})
    book = await opened(house, journal)
    assert book.endpoints["desk"].secrets(house.now) == ()
    assert not await house.redis.exists(keys.signing("desk"))


# The store


async def test_what_is_stored_and_removed_is_followed(house: House, store: SubscriptionStore) -> None:
    book = await opened(house, to("https://a.example/"))
    await store.put(to("https://b.example/", "stored"))
    assert await looked(book, 3) == ["subscriptions.configured"]
    assert list(in_force(book)) == ["desk", "stored"]
    await store.remove("stored")
    assert await looked(book, 3) == ["subscriptions.configured"]
    assert list(in_force(book)) == ["desk"]


async def test_of_two_with_one_id_that_of_the_file_counts_and_the_other_when_it_has_gone(
    house: House, store: SubscriptionStore
) -> None:
    await store.put(to("https://stored.example/"))
    book = await opened(house, to("https://written.example/"))
    assert url(book) == "https://written.example/"
    house.write(to("https://written.example/", "other"))
    await looked(book)
    assert url(book) == "https://stored.example/"


def url(book: Book) -> str:
    channel = in_force(book)["desk"].channel
    assert isinstance(channel, WebhookChannel)
    return channel.url


async def test_what_the_store_holds_and_nobody_here_can_use_keeps_nobody_back(
    house: House, store: SubscriptionStore, redis: Redis
) -> None:
    newer = to("https://b.example/", "newer").model_dump_json(context={REVEAL: True})
    await redis.hset(keys.subscriptions(), "newer", newer.replace('"topics"', '"themes"'))
    await store.put(subscription(id="unknown", channel=AppriseChannel.model_validate({"url": "no-such-service://x"})))
    with capture_logs() as logs:
        book = await opened(house, to("https://a.example/"))
    assert list(in_force(book)) == ["desk"]
    told = [(each["event"], each.get("subscription")) for each in logs]
    assert told[:2] == [("subscription.unreadable", "newer"), ("subscription.refused", "unknown")]
    assert "no-such-service" not in str(logs)


# A notifier that runs


async def test_a_running_notifier_tells_by_a_file_that_was_changed(house: House, server: Server) -> None:
    weather = to(server.url(), topics=("weather",))
    async with running(house.notifier(weather)):
        house.tell(fresh("before"))
        await until(house.is_idle)
        house.write(to(server.url("/new")))
        await until(lambda: told_at(house, server))
    assert not server.asked("/")


async def told_at(house: House, server: Server) -> bool:
    """Tells stories until one arrives at the new address."""
    house.tell(fresh(f"story {len(server.requests)} {house.now}"))
    await asyncio.sleep(0.05)
    return bool(server.asked("/new"))


async def test_what_waited_while_a_subscription_was_missing_goes_out_when_it_is_back(
    house: House, server: Server
) -> None:
    notifier: Notifier = house.notifier(to(server.url()), alert_hold_seconds=0.3)
    async with running(notifier):
        told = house.tell(fresh())
        await until(lambda: waits(house))
        house.write(to(server.url("/other"), "other", topics=("weather",)))
        await until(lambda: "desk" not in notifier.book.endpoints)
        await asyncio.sleep(0.4)
        await until(house.is_idle)
        assert not server.requests
        house.write(to(server.url()))
        await until(lambda: server.requests)
    assert data(server.requests[0])["story_id"] == told.id


async def waits(house: House) -> bool:
    return await house.endpoints.waiting(["desk"]) == [1]


async def test_a_subscription_that_is_made_a_moment_ago_is_looked_up(house: House, store: SubscriptionStore) -> None:
    async with serving() as server:
        server.answers(OK)
        notifier = house.notifier(to("https://a.example/", "other", topics=("weather",)))
        notifier.book.look_every_seconds = 3600
        async with running(notifier):
            await until(lambda: notifier.book.endpoints)
            await store.put(to(server.url()))
            house.tell(told := fresh())
            await house.wake(told.id)
            await until(lambda: server.requests)
