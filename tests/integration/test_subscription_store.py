"""Stored subscriptions, and what signs, on a real Redis."""

import asyncio
from base64 import b64encode
from datetime import datetime

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from shared import keys
from shared.models.subscription import REVEAL, Former, Signing
from shared.store.subscriptions import SigningStore, SubscriptionStore
from tests.factories import NOON, SECRET, after, subscription, webhook

DAY = 86_400.0


def key(name: str) -> str:
    return "whsec_" + b64encode(name.encode() * 30).decode()


A, B, C = map(key, "abc")


@pytest.fixture
def store(redis: Redis) -> SubscriptionStore:
    return SubscriptionStore(redis)


@pytest.fixture
def signings(redis: Redis) -> SigningStore:
    return SigningStore(redis)


# Subscriptions


async def test_subscriptions_are_stored_with_their_secrets_and_read_by_id(store: SubscriptionStore) -> None:
    desk, other = subscription(), subscription(id="a-desk", digest={"at": ["07:00"]}, timezone="Europe/Kyiv")
    assert (await store.all(), await store.find("desk")) == ([], None)
    await store.put(desk)
    await store.put(other)
    assert await store.all() == [other, desk]
    found = await store.find("desk")
    assert found == desk
    assert found.channel.model_dump(mode="json", context={REVEAL: True})["secret"] == SECRET


async def test_one_is_replaced_only_if_it_still_stands_there_and_what_goes_along_is_done_with_it(
    store: SubscriptionStore, redis: Redis
) -> None:
    first, second = subscription(), subscription(topics=("weather",))
    commands = [("INCR", "told")]
    assert await store.replace(None, first, commands)
    assert not await store.replace(None, second, commands)
    assert not await store.replace(second, first, commands)
    assert await store.replace(first, second, commands)
    assert await store.find("desk") == second
    assert (await store.version(), await redis.get("told")) == (2, b"2")


async def test_of_many_who_replace_the_same_one_succeeds(store: SubscriptionStore) -> None:
    await store.put(subscription())
    others = [subscription(per_minute=number) for number in range(1, 9)]
    done = await asyncio.gather(*(store.replace(subscription(), each) for each in others))
    assert done.count(True) == 1
    assert await store.find("desk") == others[done.index(True)]


async def test_every_change_is_a_new_version(store: SubscriptionStore) -> None:
    versions = [await store.version()]
    for changed in (subscription(), subscription(topics=("weather",))):
        await store.put(changed)
        versions.append(await store.version())
    assert await store.remove("desk")
    versions.append(await store.version())
    assert versions == [0, 1, 2, 3]
    assert not await store.remove("desk")
    assert await store.all() == []


async def test_one_that_cannot_be_read_keeps_back_no_other_and_shows_nothing(
    store: SubscriptionStore, redis: Redis
) -> None:
    await store.put(subscription())
    newer = subscription(id="newer").model_dump_json(context={REVEAL: True}).replace("topics", "themes")
    await redis.hset(keys.subscriptions(), "newer", newer)
    with capture_logs() as logs:
        assert await store.all() == [subscription()]
    (told,) = logs
    assert (told["event"], told["subscription"]) == ("subscription.unreadable", "newer")
    assert SECRET not in str(told)


# What signs


def signs(signing: Signing, at: datetime = NOON) -> tuple[str, ...]:
    return signing.at(at)


async def test_a_new_secret_signs_and_the_one_before_it_for_a_day_more(signings: SigningStore) -> None:
    assert signs(await signings.settle("desk", A, NOON)) == (A,)
    rotated = await signings.settle("desk", B, after(60))
    assert signs(rotated, after(60)) == (B, A)
    assert signs(rotated, after(60 + DAY - 1)) == (B, A)
    assert signs(rotated, after(60 + DAY)) == (B,)


async def test_two_rotations_in_a_day_leave_three_that_sign_each_for_its_own_day(signings: SigningStore) -> None:
    await signings.settle("desk", A, NOON)
    await signings.settle("desk", B, after(60))
    twice = await signings.settle("desk", C, after(3600))
    assert signs(twice, after(3600)) == (C, B, A)
    assert signs(twice, after(60 + DAY)) == (C, B)
    assert signs(twice, after(3600 + DAY)) == (C,)


async def test_the_same_secret_again_changes_nothing_and_puts_no_end_off(signings: SigningStore, redis: Redis) -> None:
    await signings.settle("desk", A, NOON)
    rotated = await signings.settle("desk", B, after(60))
    assert await signings.settle("desk", B, after(5000)) == rotated
    stored = Signing.model_validate_json(await redis.get(keys.signing("desk")) or b"")
    assert stored.former == (Former.model_validate({"secret": A, "until": after(60 + DAY)}),)


async def test_a_rotation_that_is_taken_back_signs_with_both(signings: SigningStore) -> None:
    await signings.settle("desk", A, NOON)
    await signings.settle("desk", B, after(60))
    back = await signings.settle("desk", A, after(120))
    assert signs(back, after(120)) == (A, B)
    assert len(back.former) == 1


async def test_those_that_have_ended_are_forgotten_with_the_next_change(signings: SigningStore) -> None:
    await signings.settle("desk", A, NOON)
    await signings.settle("desk", B, after(60))
    later = await signings.settle("desk", C, after(60 + DAY))
    assert [each.secret.get_secret_value() for each in later.former] == [B]


async def test_what_signs_outlives_a_restart_and_is_known_to_nobody_else(redis: Redis) -> None:
    await SigningStore(redis).settle("desk", A, NOON)
    assert signs(await SigningStore(redis).settle("desk", B, after(60)), after(60)) == (B, A)
    assert signs(await SigningStore(redis).settle("other", B, after(60)), after(60)) == (B,)


async def test_two_notifiers_that_settle_at_once_forget_no_secret(redis: Redis) -> None:
    """One has read the new file already, the other not yet; one of them settles first, and both know all."""
    for number in range(20):
        name = f"desk-{number}"
        await SigningStore(redis).settle(name, A, NOON)
        await asyncio.gather(
            SigningStore(redis).settle(name, B, after(60)),
            SigningStore(redis).settle(name, C, after(60)),
            SigningStore(redis).settle(name, B, after(60)),
        )
        stored = Signing.model_validate_json(await redis.get(keys.signing(name)) or b"")
        assert set(signs(stored, after(60))) == {A, B, C}


def test_what_signs_is_shown_as_stars() -> None:
    signing = Signing.model_validate({"current": A, "former": [{"secret": B, "until": NOON}]})
    shown = (repr(signing), str(signing), signing.model_dump_json(), str(signing.model_dump(mode="json")))
    assert all(secret not in text for secret in (A, B) for text in shown)
    assert all(secret in signing.model_dump_json(context={REVEAL: True}) for secret in (A, B))
    assert webhook(secret=A) == webhook(secret=A)
