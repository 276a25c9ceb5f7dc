"""What no poller may do to a host, whatever the others do; and that whoever waits for one gets in.

Times are eighths of a second, which floats hold exactly.
"""

import asyncio
from collections.abc import Awaitable
from heapq import heapify, heappop, heappush
from random import Random
from typing import ClassVar, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from redis.asyncio import Redis

from shared.store.hosts import LATE_SECONDS, HostGovernor, Turn, host_of
from tests.stores import enter, leave

T = TypeVar("T")

HOST = "paper.example"
CONCURRENT, GAP, SLOT_SECONDS = 2, 1.0, 20.0
NAMES = ["a", "b", "c", "d", "e", "f"]
POLLERS = 2
names = st.sampled_from(NAMES)
pollers = st.integers(0, POLLERS - 1)
eighths = st.integers(0, 80).map(lambda count: count / 8)


def governor(redis: Redis, clock: "Clock", concurrent: int = CONCURRENT) -> HostGovernor:
    return HostGovernor(redis, concurrent=concurrent, gap_seconds=GAP, slot_seconds=SLOT_SECONDS, clock=clock)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Pollers:
    """A governor each, over a connection of its own, all with one clock."""

    def __init__(self, url: str) -> None:
        self.clock = Clock()
        self.runner = asyncio.Runner()
        self.clients = [Redis.from_url(url) for _ in range(POLLERS)]
        self.governors = [governor(client, self.clock) for client in self.clients]

    def act(self, work: Awaitable[T]) -> T:
        async def waited() -> T:
            return await work

        return self.runner.run(waited())

    def close(self) -> None:
        for client in self.clients:
            self.act(client.aclose())
        self.runner.close()


class HostMachine(RuleBasedStateMachine):
    """Feeds come early, in time, late or never; slots are given back, given back twice, or left to expire."""

    crew: ClassVar[Pollers]

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.act, self.governors = self.crew.clock, self.crew.act, self.crew.governors
        self.redis = self.crew.clients[0]
        self.act(self.redis.flushall())
        self.slots: dict[str, float] = {}
        self.turns: list[Turn] = []
        self.starts: list[float] = []
        self.slow_until = 0.0
        self.line: list[str] = []
        self.told: dict[str, float] = {}

    @property
    def now(self) -> float:
        return self.clock.now

    def opens(self) -> float:
        return max([self.slow_until, *(at + GAP for at in self.starts[-1:])])

    def running(self) -> int:
        return sum(until > self.now for until in self.slots.values())

    def strike_late(self) -> None:
        self.line = [who for who in self.line if self.told[who] > self.now - LATE_SECONDS]

    def ahead_of(self, who: str) -> int:
        return self.line.index(who) if who in self.line else len(self.line)

    @rule(seconds=eighths)
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(who=names, poller=pollers)
    def ask(self, who: str, poller: int) -> None:
        self.enter(who, poller)

    def enter(self, who: str, poller: int) -> bool:
        self.strike_late()
        ahead = self.ahead_of(who)
        free, open_ = self.running() < CONCURRENT, self.opens() <= self.now
        turn = self.act(enter(self.governors[poller], HOST, who))
        assert turn.host == HOST
        assert (turn.wait == 0) == (free and open_ and ahead == 0)
        self.starts_at_once(who, turn) if turn.wait == 0 else self.waits(who, turn, ahead)
        return turn.wait == 0

    def starts_at_once(self, who: str, turn: Turn) -> None:
        self.line = [waiting for waiting in self.line if waiting != who]
        self.slots[turn.token] = self.now + SLOT_SECONDS
        self.turns.append(turn)
        self.starts.append(self.now)

    def waits(self, who: str, turn: Turn, ahead: int) -> None:
        """The time told is no sooner than a place allows, and the first is told the soonest that can be."""
        at = self.now + turn.wait
        assert at >= self.opens() + ahead * GAP
        assert ahead == 0 or at >= self.told[self.line[ahead - 1]] + GAP
        assert ahead > 0 or at <= max(self.opens(), self.now + GAP)
        self.told[who] = at
        if who not in self.line:
            self.line.append(who)

    @precondition(lambda self: self.line)
    @rule(data=st.data(), late=st.sampled_from([0.0, 0.125, 1.0]), poller=pollers)
    def come_back(self, data: st.DataObject, late: float, poller: int) -> None:
        who = data.draw(st.sampled_from(self.line))
        self.clock.now = max(self.now, self.told[who] + late)
        self.enter(who, poller)

    @precondition(lambda self: self.turns)
    @rule(data=st.data(), poller=pollers)
    def leave(self, data: st.DataObject, poller: int) -> None:
        turn = data.draw(st.sampled_from(self.turns[-3:]))
        self.act(leave(self.crew.clients[poller], turn))
        self.slots.pop(turn.token, None)

    @rule(seconds=eighths)
    def slow_down(self, seconds: float) -> None:
        self.act(self.governors[0].slow_down(HOST, seconds))
        self.slow_until = max(self.slow_until, self.now + seconds)

    @invariant()
    def never_too_many_and_never_too_close(self) -> None:
        assert self.running() <= CONCURRENT
        assert all(later - earlier >= GAP for earlier, later in zip(self.starts, self.starts[1:], strict=False))

    @invariant()
    def every_key_expires(self) -> None:
        keys = self.act(self.redis.keys())
        assert len(keys) <= 4
        assert all(self.act(self.redis.pttl(key)) > 0 for key in keys)

    def teardown(self) -> None:
        """Whoever waits and comes back when told gets in, in the order of the line, though no slot is given back."""
        self.strike_late()
        waiting, entered = list(self.line), list[str]()
        for _ in range(500):
            if not self.line:
                break
            who = min(self.line, key=lambda name: self.told[name])
            self.clock.now = max(self.now, self.told[who])
            if self.enter(who, 0):
                entered.append(who)
        assert entered == waiting


def test_no_host_is_overrun_and_nobody_is_passed_over_whatever_happens(redis_url: str) -> None:
    class Here(HostMachine):
        crew = Pollers(redis_url)

    try:
        run_state_machine_as_test(Here, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))
    finally:
        Here.crew.close()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1_000), tick=st.sampled_from([0.0, 0.25, 1.0]), seconds=st.sampled_from([0.25, 1.0]))
def test_three_hundred_feeds_of_a_host_come_back_one_by_one(
    redis_url: str, seed: int, tick: float, seconds: float
) -> None:
    """Due at once, requests of `seconds`, noticed up to `tick` after their time: each asks a few times only."""
    asked, started = asyncio.run(_storm(redis_url, 300, Random(seed), tick, seconds))
    assert sorted(asked) == sorted(started)
    assert max(asked.values()) <= 10
    assert max(started.values()) - min(started.values()) <= 300 * (GAP + tick)


async def _storm(
    url: str, feeds: int, draw: Random, tick: float, seconds: float
) -> tuple[dict[str, int], dict[str, float]]:
    clock, asked, started = Clock(), dict[str, int](), dict[str, float]()
    events: list[tuple[float, int, str | Turn]] = [
        (clock.now + draw.random() * tick, number, f"feed{number}") for number in range(feeds)
    ]
    heapify(events)
    async with Redis.from_url(url) as redis:
        await redis.flushall()
        hosts = governor(redis, clock)
        while events:
            clock.now, number, who = heappop(events)
            if isinstance(who, Turn):
                await leave(redis, who)
                continue
            asked[who] = asked.get(who, 0) + 1
            turn = await enter(hosts, HOST, who)
            if turn.wait:
                heappush(events, (clock.now + turn.wait + draw.random() * tick, number, who))
            else:
                started[who] = clock.now
                heappush(events, (clock.now + seconds, number, turn))
    return asked, started


async def test_a_batch_is_asked_for_in_one_round_trip_and_hosts_do_not_wait_for_each_other(redis: Redis) -> None:
    hosts = governor(redis, Clock())
    await enter(hosts, "warm.example", "up")
    before = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    turns = await hosts.enter_many({"a": HOST, "b": "127.0.0.1", "c": HOST, "d": "::1", "e": HOST})
    assert (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] == before + 1
    assert {who: (turn.host, turn.wait) for who, turn in turns.items()} == {
        "a": (HOST, 0),
        "b": ("127.0.0.1", 0),
        "c": (HOST, 1),
        "d": ("::1", 0),
        "e": (HOST, 2),
    }
    assert await hosts.enter_many({}) == {}


async def test_a_batch_of_any_size_is_answered(redis: Redis) -> None:
    turns = await governor(redis, Clock()).enter_many({f"feed{number}": HOST for number in range(9_000)})
    assert [turn.wait for turn in turns.values()] == [float(number) for number in range(9_000)]


async def test_a_host_that_asked_for_quiet_is_left_alone_by_all_and_others_are_not(redis: Redis) -> None:
    clock = Clock()
    here, there = governor(redis, clock), governor(redis, clock)
    await here.slow_down(HOST, 3_600)
    await here.slow_down(HOST, 30)
    assert (await enter(there, HOST, "a")).wait == 3_600
    assert (await enter(there, "other.example", "b")).wait == 0
    clock.now += 3_600
    assert (await enter(there, HOST, "a")).wait == 0


async def test_quiet_lasts_for_those_who_wait_already(redis: Redis) -> None:
    clock = Clock()
    hosts = governor(redis, clock)
    await hosts.enter_many({"a": HOST, "b": HOST, "c": HOST})
    await hosts.slow_down(HOST, 60)
    clock.now += 2
    turns = await hosts.enter_many({"c": HOST, "b": HOST})
    assert turns["b"].wait == 58
    assert turns["c"].wait >= 59


async def test_a_slot_is_freed_by_its_expiry_and_giving_it_back_later_takes_nobody_elses(redis: Redis) -> None:
    clock = Clock()
    hosts = governor(redis, clock, concurrent=1)
    dead = await enter(hosts, HOST, "dead")
    clock.now += SLOT_SECONDS
    alive = await enter(hosts, HOST, "alive")
    assert (dead.wait, alive.wait) == (0, 0)
    clock.now += GAP
    await leave(redis, dead)
    assert (await enter(hosts, HOST, "third")).wait > 0
    await leave(redis, alive)
    assert (await enter(hosts, HOST, "third")).wait == 0


async def test_who_never_comes_back_holds_the_line_up_only_for_a_while(redis: Redis) -> None:
    clock = Clock()
    hosts = governor(redis, clock)
    await hosts.enter_many({"first": HOST, "removed": HOST, "patient": HOST})
    began = clock.now
    clock.now += 2
    while wait := (await enter(hosts, HOST, "patient")).wait:
        clock.now += wait
    assert clock.now - began <= GAP + LATE_SECONDS + GAP


async def test_what_makes_no_sense_is_refused(redis: Redis) -> None:
    with pytest.raises(ValueError, match="at least one slot"):
        HostGovernor(redis, concurrent=0, gap_seconds=1, slot_seconds=1)
    with pytest.raises(ValueError, match="positive number of seconds"):
        HostGovernor(redis, concurrent=1, gap_seconds=0, slot_seconds=1)
    with pytest.raises(ValueError, match="positive number of seconds"):
        await governor(redis, Clock()).slow_down(HOST, float("inf"))


def test_a_host_is_the_same_in_any_case_on_any_port_and_with_the_root_dot() -> None:
    assert host_of("https://Paper.Example:8443/feed?x=1") == host_of("http://paper.example./") == "paper.example"
    assert host_of("http://[::1]:8080/feed") == "::1"
