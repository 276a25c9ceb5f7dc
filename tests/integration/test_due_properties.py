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
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from shared.errors import LeaseLost
from shared.store.due import CommitFailed, Counts, DueSet, Lease

T = TypeVar("T")

CLAIMANTS = 3
names = st.sampled_from(["a", "b", "c", "d", "e"])
eighths = st.integers(0, 2_000).map(lambda count: count / 8)
lengths = st.integers(1, 400).map(lambda count: count / 8)


@dataclass
class Held:
    token: int
    due_at: float
    expires_at: float
    wish: float | None = None

    def ends_at(self, at: float | None) -> float | None:
        """When the member stands again if the lease ends with `at`."""
        return min((time for time in (at, self.wish) if time is not None), default=None)


class DueSetMachine(RuleBasedStateMachine):
    """Several claimants, a connection each; one shared clock that also steps back; leases kept beyond their end."""

    url: ClassVar[str]
    leases: Bundle[Lease] = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clients = [Redis.from_url(self.url) for _ in range(CLAIMANTS)]
        self.sets = [DueSet(client, "feeds", clock=lambda: self.now) for client in self.clients]
        self.act(self.clients[0].flushall())
        self.now = 100.0
        self.standing: dict[str, float] = {}
        self.held: dict[str, Held] = {}
        self.expiries: dict[str, int] = {}
        self.committed: list[int] = []
        self.newest_token = 0

    def act(self, work: Awaitable[T]) -> T:
        async def waited() -> T:
            return await work

        return self.runner.run(waited())

    def holds(self, lease: Lease) -> bool:
        return lease.member in self.held and self.held[lease.member].token == lease.token

    def settle(self, member: str, at: float | None) -> None:
        stands_at = self.held.pop(member).ends_at(at)
        if stands_at is not None:
            self.standing[member] = stands_at

    @rule(due=st.dictionaries(names, eighths, min_size=1), who=st.integers(0, CLAIMANTS - 1))
    def schedule(self, due: dict[str, float], who: int) -> None:
        self.act(self.sets[who].schedule(due))
        for member, at in due.items():
            if held := self.held.get(member):
                held.wish = held.ends_at(at)
            else:
                self.standing[member] = min(at, self.standing.get(member, at))

    @rule(member=names, at=eighths)
    def reschedule(self, member: str, at: float) -> None:
        assert self.act(self.sets[0].reschedule(member, at)) == (member not in self.held)
        if member not in self.held:
            self.standing[member] = at

    @rule(target=leases, who=st.integers(0, CLAIMANTS - 1), n=st.integers(1, 4), seconds=lengths)
    def claim(self, who: int, n: int, seconds: float):  # type: ignore[no-untyped-def] # hypothesis hides its type
        leases = self.act(self.sets[who].claim(n, seconds))
        for member, held in list(self.held.items()):
            if held.expires_at <= self.now:
                self.expiries[member] = self.expiries.get(member, 0) + 1
                self.settle(member, held.expires_at)
        expected = sorted((at, member) for member, at in self.standing.items() if at <= self.now)[:n]
        assert [(lease.due_at, lease.member) for lease in leases] == expected
        for lease in leases:
            assert lease.expires_at == self.now + seconds
            assert lease.expiries == self.expiries.get(lease.member, 0)
            assert lease.token > self.newest_token
            self.newest_token = lease.token
            self.held[lease.member] = Held(lease.token, self.standing.pop(lease.member), lease.expires_at)
        return multiple(*leases)

    @rule(lease=leases, who=st.integers(0, CLAIMANTS - 1), next_at=st.none() | eighths)
    def commit(self, lease: Lease, who: int, next_at: float | None) -> None:
        work = self.sets[who].commit(lease, next_at=next_at, commands=[("RPUSH", "committed", lease.token)])
        if self.succeeds(lease, work):
            self.settle(lease.member, next_at)
            self.expiries.pop(lease.member, None)
            self.committed.append(lease.token)

    @rule(lease=leases)
    def commit_with_a_refused_command(self, lease: Lease) -> None:
        work = self.sets[0].commit(lease, next_at=None, commands=[("NO-SUCH-COMMAND",), ("RPUSH", "committed", 0)])
        with pytest.raises(CommitFailed if self.holds(lease) else LeaseLost):
            self.act(work)

    @rule(lease=leases, seconds=lengths)
    def renew(self, lease: Lease, seconds: float) -> None:
        if self.succeeds(lease, self.sets[0].renew(lease, seconds)):
            self.held[lease.member].expires_at = self.now + seconds

    @rule(lease=leases)
    def release(self, lease: Lease) -> None:
        if self.succeeds(lease, self.sets[0].release(lease)):
            self.settle(lease.member, self.held[lease.member].due_at)

    def succeeds(self, lease: Lease, work: Awaitable[object]) -> bool:
        """Does the work, which must fail exactly if the lease no longer holds."""
        try:
            self.act(work)
        except LeaseLost:
            assert not self.holds(lease)
            return False
        assert self.holds(lease)
        return True

    @rule(members=st.sets(names, min_size=1))
    def remove(self, members: set[str]) -> None:
        self.act(self.sets[0].remove(members))
        for state in (self.standing, self.held, self.expiries):
            for member in members:
                state.pop(member, None)

    @rule(eighths_forward=st.integers(-400, 800))
    def step_the_clock(self, eighths_forward: int) -> None:
        self.now += eighths_forward / 8

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
        log = [int(token) for token in self.act(self.clients[0].lrange("committed", 0, -1))]
        assert log == self.committed
        assert len(set(log)) == len(log)

    def teardown(self) -> None:
        """In the end everybody comes up, once, and nothing is left behind when all is done."""
        try:
            everybody = self.standing.keys() | self.held.keys()
            self.now += 1e6
            leases = self.act(self.sets[0].claim(100, 30))
            assert sorted(lease.member for lease in leases) == sorted(everybody)
            for lease in leases:
                self.act(self.sets[1].commit(lease, next_at=None))
            left = set(self.act(self.clients[0].keys()))
            assert left <= {b"tocsin:due:feeds:token", b"committed"}
        finally:
            for client in self.clients:
                self.act(client.aclose())
            self.runner.close()


def test_no_member_is_lost_or_owned_twice_whatever_happens(redis_url: str) -> None:
    class Here(DueSetMachine):
        url = redis_url

    run_state_machine_as_test(Here, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))


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
