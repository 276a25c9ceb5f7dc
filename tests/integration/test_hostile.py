"""Feeds that mean harm, each polled once: how that ends. `tests/acceptance/hostile.py` has the slow ones, too."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from services.poller.parsing import ParsingPool
from shared.http import GuardedClient
from shared.models.feed import Outcome
from tests.factories import feed
from tests.integration.polling import House, housed, rss, running
from tests.servers import Answer, FakeResolver, serving, until
from tests.traps import Sprung, listening, traps


@pytest.fixture
async def house(redis: Redis, sync_redis: SyncRedis) -> AsyncIterator[House]:
    async with housed(redis, sync_redis) as built:
        yield built


async def test_whatever_a_server_does_ends_in_its_named_outcome_and_reaches_nothing_else(house: House) -> None:
    async with AsyncExitStack() as stack:
        canary = await stack.enter_async_context(serving())
        sprung = [await stack.enter_async_context(trap) for trap in traps_at_once(canary.url())]
        parser = await stack.enter_async_context(ParsingPool(1, 10))
        feeds = [feed(url=trap.url, name=trap.trap.name) for trap in sprung]
        await house.configure(*feeds)

        async def all_polled() -> bool:
            return all(state.outcome for state in await house.feeds.states([each.id for each in feeds]))

        async with running(replace(house.poller(), parser=parser)):
            await until(all_polled)
        states = await house.feeds.states([each.id for each in feeds])
    ends = {trap.trap.name: state.outcome for trap, state in zip(sprung, states, strict=True)}
    assert ends == {trap.trap.name: trap.trap.outcome.value for trap in sprung}
    assert not canary.requests
    assert not any("root:" in entry.title + entry.summary for entry in house.entries())


def traps_at_once(canary: str) -> list[AbstractAsyncContextManager[Sprung]]:
    quick = [trap for trap in traps(canary) if not trap.slow]
    return [listening(trap, f"127.0.9.{n}") for n, trap in enumerate(quick, 1)]


async def test_a_feed_whose_name_flips_to_a_private_address_is_denied_and_nobody_is_asked_there(house: House) -> None:
    """DNS rebinding: the first look-up says public, the next one private."""
    public = (IPv4Network("127.0.0.2/32"),)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(host="127.0.0.2"))
        private = await stack.enter_async_context(serving(server.port, host="127.0.0.3"))
        server.answers(closing(rss("Public")))
        resolver = FakeResolver({"news.test": [["127.0.0.2"], ["127.0.0.3"]]})
        http = await stack.enter_async_context(GuardedClient(user_agent="t", allow=public, resolver=resolver))
        poller, rebound = replace(house.poller(), http=http), feed(url=f"http://news.test:{server.port}/")
        await house.configure(rebound)
        first, second = await house.poll(poller, rebound), await house.poll(poller, rebound)
    assert (first.outcome, second.outcome) == (Outcome.SEEDED, Outcome.ADDRESS_DENIED)
    assert (len(server.requests), private.requests) == (1, [])


def closing(answer: Answer) -> Answer:
    """A connection that is kept needs no second look-up."""
    return replace(answer, headers={**answer.headers, "Connection": "close"})
