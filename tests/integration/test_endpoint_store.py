"""What waits at an endpoint, what is under way, and what people have asked for, on a real Redis."""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import ClassVar, TypeVar

import pytest
from hypothesis import settings
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

from shared import keys
from shared.models.endpoint import EndpointState, EndpointStatus, Order
from shared.models.subscription import Attempt
from shared.store.endpoints import ITSELF, LOGGED_ATTEMPTS, EndpointStore
from tests.factories import NOON, after
from tests.stores import run

T = TypeVar("T")
FAR = 1e12


@pytest.fixture
def store(redis: Redis) -> EndpointStore:
    return EndpointStore(redis)


async def waiting(store: EndpointStore) -> dict[str, float]:
    return await store.due("desk", FAR, 99)


# What waits


async def test_subjects_are_due_in_their_order_and_no_more_of_them_than_asked_for(store: EndpointStore) -> None:
    await store.add({"desk": {"c": 30.25, "a": 10.0, "b": 20.0}, "other": {"d": 0.0}})
    assert list((await store.due("desk", 25, 9)).items()) == [("a", 10.0), ("b", 20.0)]
    assert await store.due("desk", 99, 1) == {"a": 10.0}
    assert await store.later("desk", 20.0) == ["c"]
    assert (await store.next_at("desk"), await store.next_at("none")) == (10.0, None)
    assert await store.waiting(["desk", "other", "none"]) == [3, 1, 0]


async def test_the_earliest_time_wins(store: EndpointStore) -> None:
    for at in (20.0, 10.0, 30.0):
        await store.add({"desk": {"a": at}})
    assert await waiting(store) == {"a": 10.0}


async def test_what_is_added_while_it_is_under_way_waits_by_itself(store: EndpointStore, redis: Redis) -> None:
    await store.add({"desk": {"a": 10.0}})
    await run(redis, store.take_commands("desk", ["a"], 15.0))
    assert await waiting(store) == {}
    await store.add({"desk": {"a": 40.0}})
    await run(redis, store.put_commands("desk", "a", None))
    assert await waiting(store) == {"a": 40.0}
    for added, put in ((60.0, 90.0), (90.0, 60.0)):
        await run(redis, store.take_commands("desk", ["a"], 50.0))
        await store.add({"desk": {"a": added}})
        await run(redis, store.put_commands("desk", "a", put))
        assert await waiting(store) == {"a": 60.0}


async def test_what_somebody_has_died_over_waits_again(store: EndpointStore, redis: Redis) -> None:
    await store.add({"desk": {"a": 10.0, "b": 20.0, "c": 99.0}})
    assert not await store.has_strays("desk")
    await run(redis, store.take_commands("desk", ["a", "b"], 25.0))
    await store.add({"desk": {"b": 24.0}})
    assert await store.has_strays("desk")
    await run(redis, store.take_back_commands("desk"))
    assert await waiting(store) == {"b": 24.0, "a": 25.0, "c": 99.0}
    assert not await store.has_strays("desk")


async def test_only_what_waits_still_is_hastened_and_nothing_is_put_off(store: EndpointStore, redis: Redis) -> None:
    await store.add({"desk": {"a": 10.0, "b": 90.0}})
    await run(redis, store.hasten_commands("desk", ["a", "b", "gone"], 50.0))
    assert await waiting(store) == {"a": 10.0, "b": 50.0}


# Nothing is lost, whatever happens in whatever order

SUBJECTS = st.sampled_from(["a", "test:1"])
TIMES = st.integers(0, 100).map(float)


class Waiting(RuleBasedStateMachine):
    """Beside the store a model: what waits, and when; what is under way, and since when."""

    url: ClassVar[str]

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.redis = Redis.from_url(self.url)
        self.store = EndpointStore(self.redis)
        self.act(self.redis.flushall())
        self.waits: dict[str, float] = {}
        self.under_way: dict[str, float] = {}

    def act(self, work: Awaitable[T]) -> T:
        async def waited() -> T:
            return await work

        return self.runner.run(waited())

    def wait(self, subject: str, at: float) -> None:
        self.waits[subject] = min(at, self.waits.get(subject, at))

    @rule(subject=SUBJECTS, at=TIMES)
    def add(self, subject: str, at: float) -> None:
        self.act(self.store.add({"desk": {subject: at}}))
        self.wait(subject, at)

    @rule(now=st.sampled_from((50.0, 100.0)), many=st.integers(1, 3))
    def take(self, now: float, many: int) -> None:
        due = self.act(self.store.due("desk", now, many))
        assert due == {name: self.waits[name] for name in due}
        assert len(due) == min(many, sum(at <= now for at in self.waits.values()))
        if due:
            self.act(run(self.redis, self.store.take_commands("desk", list(due), now)))
            for subject in due:
                del self.waits[subject]
                self.under_way[subject] = now

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), at=st.none() | TIMES)
    def put(self, data: st.DataObject, at: float | None) -> None:
        subject = data.draw(st.sampled_from(sorted(self.under_way)))
        self.act(run(self.redis, self.store.put_commands("desk", subject, at)))
        del self.under_way[subject]
        if at is not None:
            self.wait(subject, at)

    @rule()
    def die_and_be_taken_over(self) -> None:
        self.act(run(self.redis, self.store.take_back_commands("desk")))
        for subject, at in self.under_way.items():
            self.wait(subject, at)
        self.under_way = {}

    @rule(subjects=st.lists(SUBJECTS), now=TIMES)
    def hasten(self, subjects: list[str], now: float) -> None:
        self.act(run(self.redis, self.store.hasten_commands("desk", subjects, now)))
        for subject in {*subjects} & {*self.waits}:
            self.wait(subject, now)

    @invariant()
    def the_store_has_what_the_model_has(self) -> None:
        assert self.act(self.store.due("desk", FAR, 99)) == self.waits
        assert self.act(self.store.next_at("desk")) == min(self.waits.values(), default=None)
        assert self.act(self.store.has_strays("desk")) == bool(self.under_way)

    def teardown(self) -> None:
        self.act(self.redis.aclose())
        self.runner.close()


def test_whatever_happens_a_subject_waits_as_early_as_anybody_wished(redis_url: str) -> None:
    class Here(Waiting):
        url = redis_url

    run_state_machine_as_test(Here, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))


async def test_adding_and_taking_at_once_lose_nothing(store: EndpointStore, redis: Redis) -> None:
    """The fan-out adds while a lane takes, puts back and lets go."""
    told = set[str]()

    async def add() -> None:
        for number in range(200):
            await store.add({"desk": {f"{number % 20}": float(number)}})

    async def work() -> None:
        while len(told) < 20 or await store.waiting(["desk"]) != [0]:
            due = await store.due("desk", FAR, 4)
            if due:
                await run(redis, store.take_commands("desk", list(due), FAR))
            for subject in due:
                told.add(subject)
                await run(redis, store.put_commands("desk", subject, None))
            await asyncio.sleep(0)

    await asyncio.wait_for(asyncio.gather(add(), work()), 30)
    assert told == {str(number) for number in range(20)}


# The state


async def test_a_state_is_stored_as_it_is_and_an_unknown_endpoint_has_the_first_one(
    store: EndpointStore, redis: Redis
) -> None:
    ill = EndpointState(status=EndpointStatus.OPEN, failures=5, down_since=NOON, resume_at=after(30))
    await run(redis, [store.save_command("desk", ill)])
    assert await store.load_many(["desk", "none"]) == [ill, EndpointState()]
    assert await store.load("desk") == ill
    assert await store.load_many([]) == []


async def test_of_a_removed_endpoint_only_the_log_is_left(store: EndpointStore, redis: Redis) -> None:
    await store.add({"desk": {"a": 1.0, "b": 2.0}, "other": {"a": 1.0}})
    await run(redis, [*store.take_commands("desk", ["a"], 3.0), store.save_command("desk", EndpointState(failures=1))])
    await store.order("desk", {"b": Order.RECOVER})
    await run(redis, [store.log_command("desk", Attempt(at=NOON, revision=1, outcome="delivered"))])
    await redis.set(keys.signing("desk"), "{}")
    await run(redis, [store.remove_command("desk")])
    assert set(await redis.keys("*")) == {keys.attempts("desk").encode(), keys.waiting("other").encode()}


# What people ask for


async def test_orders_stand_until_they_are_obeyed_and_the_last_one_counts(store: EndpointStore, redis: Redis) -> None:
    await store.order("desk", {"a": Order.RECOVER, "b": Order.REDELIVER, ITSELF: Order.DISABLE})
    await store.order("desk", {ITSELF: Order.ENABLE})
    assert await store.orders("desk") == {"a": Order.RECOVER, "b": Order.REDELIVER, ITSELF: Order.ENABLE}
    assert await store.orders("other") == {}
    await run(redis, [store.obeyed_command("desk", "a"), store.obeyed_command("desk", ITSELF)])
    assert await store.orders("desk") == {"b": Order.REDELIVER}


# The log


def attempts(n: int) -> Iterator[Attempt]:
    for number in range(n):
        yield Attempt(at=after(number), subject="ab"[number % 2], revision=number, outcome="timeout", seconds=0.25)


async def test_attempts_are_read_newest_first_in_pages(store: EndpointStore, redis: Redis) -> None:
    await run(redis, [store.log_command("desk", each) for each in attempts(5)])
    page = await store.log("desk", 2)
    assert [each.attempt for each in page] == list(attempts(5))[:-3:-1]
    assert [each.attempt.revision for each in await store.log("desk", 9, before=page[-1].place)] == [2, 1, 0]
    assert await store.log("none", 9) == []


async def test_what_comes_after_a_place_in_the_log_is_read_in_its_order(store: EndpointStore, redis: Redis) -> None:
    first, *others = attempts(3)
    begins = await store.log_end("desk")
    await run(redis, [store.log_command("desk", first)])
    place = await store.log_end("desk")
    assert await store.log_after("desk", place) == []
    await run(redis, [store.log_command("desk", each) for each in others])
    assert [each.attempt for each in await store.log_after("desk", place)] == others
    assert [each.attempt for each in await store.log_after("desk", begins)] == [first, *others]


async def test_the_log_is_bounded(store: EndpointStore, redis: Redis) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        for each in attempts(LOGGED_ATTEMPTS + 500):
            pipe.execute_command(*store.log_command("desk", each))
        await pipe.execute()
    assert LOGGED_ATTEMPTS <= await redis.xlen(keys.attempts("desk")) < LOGGED_ATTEMPTS + 200
