"""What holds of the due-set in every order of events: compared, step by step, with a model in plain Python.

Times are eighths of a second, which floats hold exactly.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from math import ceil
from typing import ClassVar, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from shared.errors import CommitFailed, LeaseLost
from shared.store.due import Counts, DueSet, Lease

T = TypeVar("T")

NAMES = ["a", "b", "c", "d", "e"]
CLAIMANTS = 3
names = st.sampled_from(NAMES)
claimants = st.integers(0, CLAIMANTS - 1)
eighths = st.integers(0, 2_000).map(lambda count: count / 8)
lengths = st.integers(1, 160).map(lambda count: count / 8)
clock_steps = st.integers(-80, 320).map(lambda count: count / 8)


@dataclass
class Held:
    token: int
    due_at: float
    expires_at: float
    wish: float | None = None

    def ends_at(self, at: float | None) -> float | None:
        """When the member stands again if the lease ends with `at`."""
        return min((time for time in (at, self.wish) if time is not None), default=None)


class Claimants:
    """A due-set each, over a connection of its own, all with one clock."""

    def __init__(self, url: str) -> None:
        self.now = 0.0
        self.runner = asyncio.Runner()
        self.clients = [Redis.from_url(url) for _ in range(CLAIMANTS)]
        self.sets = [DueSet(client, "feeds", clock=lambda: self.now) for client in self.clients]

    def act(self, work: Awaitable[T]) -> T:
        async def waited() -> T:
            return await work

        return self.runner.run(waited())

    def close(self) -> None:
        for client in self.clients:
            self.act(client.aclose())
        self.runner.close()


class DueSetMachine(RuleBasedStateMachine):
    """Each claim moves the clock, sometimes back. Leases are remembered, and tried, long after their end."""

    crew: ClassVar[Claimants]

    def __init__(self) -> None:
        super().__init__()
        self.sets, self.act = self.crew.sets, self.crew.act
        self.redis = self.crew.clients[0]
        self.act(self.redis.flushall())
        self.now = self.crew.now = 250.0
        self.standing: dict[str, float] = {}
        self.held: dict[str, Held] = {}
        self.expiries: dict[str, int] = {}
        self.leases: list[Lease] = []
        self.committed: list[int] = []

    def holds(self, lease: Lease) -> bool:
        return lease.member in self.held and self.held[lease.member].token == lease.token

    def any_lease(self, data: st.DataObject) -> Lease:
        """One that holds as often as not."""
        holding = [lease for lease in self.leases if self.holds(lease)] or self.leases
        return data.draw(st.sampled_from(holding) | st.sampled_from(self.leases))

    def settle(self, member: str, at: float | None) -> None:
        stands_at = self.held.pop(member).ends_at(at)
        if stands_at is not None:
            self.standing[member] = stands_at

    @initialize(at=st.lists(eighths, min_size=len(NAMES), max_size=len(NAMES)))
    def begin(self, at: list[float]) -> None:
        self.schedule(dict(zip(NAMES, at, strict=True)), 0)

    @rule(due=st.dictionaries(names, eighths, min_size=1), who=claimants)
    def schedule(self, due: dict[str, float], who: int) -> None:
        self.act(self.sets[who].schedule(due))
        for member, at in due.items():
            if held := self.held.get(member):
                held.wish = held.ends_at(at)
            else:
                self.standing[member] = min(at, self.standing.get(member, at))

    @rule(who=claimants, later=clock_steps, n=st.integers(1, 4), seconds=lengths)
    def claim(self, who: int, later: float, n: int, seconds: float) -> None:
        self.now = self.crew.now = self.now + later
        leases = self.act(self.sets[who].claim(n, seconds))
        self.end_expired()
        expected = sorted((at, member) for member, at in self.standing.items() if at <= self.now)[:n]
        assert [(lease.due_at, lease.member) for lease in leases] == expected
        for lease in leases:
            assert lease.expires_at == self.now + seconds
            assert lease.expiries == self.expiries.get(lease.member, 0)
            assert not self.leases or lease.token > self.leases[-1].token
            self.leases.append(lease)
            self.held[lease.member] = Held(lease.token, self.standing.pop(lease.member), lease.expires_at)

    def end_expired(self) -> None:
        for member, held in list(self.held.items()):
            if held.expires_at <= self.now:
                self.expiries[member] = self.expiries.get(member, 0) + 1
                self.settle(member, held.expires_at)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), who=claimants, next_at=st.none() | eighths)
    def commit(self, data: st.DataObject, who: int, next_at: float | None) -> None:
        lease = self.any_lease(data)
        work = self.sets[who].commit(lease, next_at=next_at, commands=[("RPUSH", "committed", lease.token)])
        if self.succeeds(lease, work):
            self.settle(lease.member, next_at)
            self.expiries.pop(lease.member, None)
            self.committed.append(lease.token)

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def commit_with_a_refused_command(self, data: st.DataObject) -> None:
        lease = self.any_lease(data)
        work = self.sets[0].commit(lease, next_at=None, commands=[("NO-SUCH-COMMAND",), ("RPUSH", "committed", 0)])
        with pytest.raises(CommitFailed if self.holds(lease) else LeaseLost):
            self.act(work)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), seconds=lengths)
    def renew(self, data: st.DataObject, seconds: float) -> None:
        lease = self.any_lease(data)
        if self.succeeds(lease, self.sets[0].renew(lease, seconds)):
            self.held[lease.member].expires_at = self.now + seconds

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        lease = self.any_lease(data)
        if self.succeeds(lease, self.sets[0].release(lease)):
            self.settle(lease.member, self.held[lease.member].due_at)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), at=eighths)
    def postpone(self, data: st.DataObject, at: float) -> None:
        lease = self.any_lease(data)
        if self.succeeds(lease, self.sets[0].postpone(lease, at)):
            self.settle(lease.member, at)

    def succeeds(self, lease: Lease, work: Awaitable[object]) -> bool:
        """Does the work, which must fail exactly if the lease no longer holds."""
        try:
            self.act(work)
        except LeaseLost:
            assert not self.holds(lease)
            return False
        assert self.holds(lease)
        return True

    @rule(members=st.sets(names, min_size=1, max_size=2))
    def remove(self, members: set[str]) -> None:
        self.act(self.sets[0].remove(members))
        for state in (self.standing, self.held, self.expiries):
            for member in members:
                state.pop(member, None)

    @invariant()
    def every_member_is_standing_or_leased(self) -> None:
        assert self.act(self.sets[0].members()) == self.standing.keys() | self.held.keys()
        due = sum(at <= self.now for at in self.standing.values())
        assert self.act(self.sets[0].counts()) == Counts(len(self.standing) - due, due, len(self.held))

    @invariant()
    def the_next_time_is_known(self) -> None:
        times = [*self.standing.values(), *(held.expires_at for held in self.held.values())]
        assert self.act(self.sets[0].next_at()) == min(times, default=None)

    @invariant()
    def each_claim_has_at_most_one_committer(self) -> None:
        log = [int(token) for token in self.act(self.redis.lrange("committed", 0, -1))]
        assert log == self.committed
        assert len(set(log)) == len(log)

    def teardown(self) -> None:
        """In the end everybody comes up, once, and nothing is left behind when all is done."""
        everybody = self.standing.keys() | self.held.keys()
        self.crew.now += 1e6
        leases = self.act(self.sets[0].claim(100, 30))
        assert sorted(lease.member for lease in leases) == sorted(everybody)
        for lease in leases:
            self.act(self.sets[1].commit(lease, next_at=None))
        assert set(self.act(self.redis.keys())) <= {b"tocsin:due:feeds:token", b"committed"}


def test_no_member_is_lost_or_owned_twice_whatever_happens(redis_url: str) -> None:
    class Here(DueSetMachine):
        crew = Claimants(redis_url)

    try:
        run_state_machine_as_test(Here, settings=settings(max_examples=60, stateful_step_count=50, deadline=None))
    finally:
        Here.crew.close()


@settings(max_examples=25, deadline=None)
@given(poison=st.integers(1, 12), healthy=st.integers(1, 12), n=st.integers(1, 5))
def test_members_that_never_finish_hold_nobody_up(redis_url: str, poison: int, healthy: int, n: int) -> None:
    async def rounds_until_all_healthy_are_done() -> int:
        now, done, rounds = 100.0, 0, 0
        async with Redis.from_url(redis_url) as client:
            await client.flushall()
            due = DueSet(client, "feeds", clock=lambda: now)
            await due.schedule({f"poison{i}": i / 8 for i in range(poison)} | {f"ok{i}": i / 8 for i in range(healthy)})
            while done < healthy:
                rounds, now = rounds + 1, now + 30
                for lease in await due.claim(n, 30):
                    if lease.member.startswith("ok"):
                        await due.commit(lease, next_at=None)
                        done += 1
        return rounds

    assert asyncio.run(rounds_until_all_healthy_are_done()) <= ceil((poison + healthy) / n)
