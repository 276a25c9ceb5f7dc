"""What other feed readers got wrong, each as a test named after what it prevents."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from services.poller.conclude import Limits
from services.poller.poller import TICK_SECONDS
from shared.http import GuardedClient, Response
from shared.models.feed import Feed, FeedState
from shared.store.hosts import HostGovernor
from tests.factories import feed
from tests.integration.polling import HOUR, PACING, House, housed, killed, rss, running
from tests.servers import Answer, Server, serving, until
from tests.stores import enter, run

HASTY = replace(PACING, concurrency=1, lease_seconds=0.3)


@pytest.fixture
async def house(redis: Redis, sync_redis: SyncRedis) -> AsyncIterator[House]:
    async with housed(redis, sync_redis) as made:
        yield made


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as started:
        yield started


@dataclass(frozen=True)
class DeadlyAt:
    """A client with which the poller comes to stand at one address, so that the test can kill it there."""

    http: GuardedClient
    url: str
    reached: asyncio.Event

    async def fetch(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        if url == self.url:
            self.reached.set()
            await asyncio.Event().wait()
        return await self.http.fetch(url, headers=headers)


async def die_at(house: House, of: Feed) -> None:
    reached = asyncio.Event()
    await killed(replace(house.poller(HASTY), http=DeadlyAt(house.http, of.url, reached)), reached)


async def polled_all(house: House, feeds: list[Feed], *, since: datetime) -> bool:
    return all(
        state.polled_at and state.polled_at >= since for state in await house.feeds.states([f.id for f in feeds])
    )


async def keep(house: House, of: Feed, state: FeedState) -> None:
    await run(house.redis, house.feeds.state_commands(of.id, state, None))


def article(title: str, guid: str) -> Answer:
    whole = rss(title)
    return replace(whole, body=whole.body.replace(f">{title}</guid>".encode(), f">{guid}</guid>".encode()))


async def test_a_poison_feed_does_not_head_every_batch_for_ever(house: House, server: Server) -> None:
    poison, *well = [feed(url=server.url(f"/{n}")) for n in range(4)]
    for n in range(4):
        server.answers(rss(f"title {n}"), path=f"/{n}")
    await house.configure(poison, *well)
    await house.due.schedule({poison.id: 0})
    await die_at(house, poison)
    for _ in range(2):
        began = datetime.now(UTC)
        await house.due.schedule({each.id: 1 for each in well})
        await die_at(house, poison)
        assert await polled_all(house, well, since=began)
    await asyncio.sleep(HASTY.lease_seconds)
    state = await house.poll(house.poller(), poison)
    assert (state.outcome, state.health, state.next_due_reason) == ("lease_expired", "quarantined", "backoff")
    for _ in range(3):
        await run_out(house, poison)
    assert (await house.poll(house.poller(), poison)).next_due_reason == "daily_probe"


async def test_a_poison_feed_of_a_busy_host_is_quarantined_all_the_same(house: House, server: Server) -> None:
    poison = feed(url=server.url("/poison"))
    await house.configure(poison)
    busy = HostGovernor(house.redis, concurrent=1, gap_seconds=60, slot_seconds=30)
    await enter(busy, server.host, "another")

    async def postponed() -> bool:
        return bool((await house.due.counts()).waiting)

    for _ in range(2):
        await run_out(house, poison)
        async with running(replace(house.poller(), hosts=busy)):
            await until(postponed)
    await run_out(house, poison)
    assert (await house.poll(house.poller(), poison)).health == "quarantined"
    assert not server.requests


async def run_out(house: House, of: Feed) -> None:
    """A lease that ends without a commit."""
    await house.due.schedule({of.id: 0})
    assert await house.due.claim(1, 0.001)
    await asyncio.sleep(0.01)


async def test_validators_are_never_saved_before_items(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    server.answers(rss("a", headers={"ETag": '"a"'}), path="/rss")
    await house.configure(news)
    house.sync_redis.set("rq:queue:classify", "not a queue: what is to be written there is refused")
    async with running(house.poller(replace(PACING, lease_seconds=0.1))):
        await until(lambda: len(server.requests) > 1)
        assert (await house.state(news)).etag is None
        house.sync_redis.delete("rq:queue:classify")
        await until(lambda: house.titles() == ["a"])
    assert all("if-none-match" not in request.headers for request in server.requests)
    assert (await house.state(news)).etag == '"a"'


async def test_what_overflows_is_not_marked_as_seen(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    server.answers(rss(), rss("a", "b", "c", "d", "e", headers={"ETag": '"e"'}), path="/rss")
    await house.configure(news)
    poller = house.poller(replace(PACING, limits=replace(PACING.limits, max_entries=2)))
    for _ in range(4):
        await house.poll(poller, news)
    assert sorted(house.titles()) == ["a", "b", "c", "d", "e"]
    assert all("if-none-match" not in request.headers for request in server.requests)


async def test_a_kill_after_many_feeds_re_sends_nothing(house: House, server: Server) -> None:
    feeds = [feed(url=server.url(f"/{n}")) for n in range(10)]
    for n in range(10):
        server.answers(rss(f"title {n}", headers={"ETag": f'"{n}"'}), path=f"/{n}")
    await house.configure(*feeds)
    await house.due.schedule({each.id: n for n, each in enumerate(feeds)})
    await die_at(house, feeds[-1])
    assert len(house.titles()) == 9
    began = datetime.now(UTC)
    await asyncio.sleep(HASTY.lease_seconds)
    await house.due.schedule({each.id: 0 for each in feeds})
    async with running(house.poller()):
        await until(lambda: polled_all(house, feeds, since=began))
    assert sorted(house.titles()) == [f"title {n}" for n in range(10)]
    assert [server.asked(f"/{n}")[-1].headers["if-none-match"] for n in range(9)] == [f'"{n}"' for n in range(9)]


async def test_two_pollers_never_poll_the_same_feed(house: House, server: Server) -> None:
    feeds = [feed(url=server.url(f"/{n}")) for n in range(40)]
    for n in range(40):
        server.answers(rss(f"title {n}"), path=f"/{n}")
    began = datetime.now(UTC)
    await house.configure(*feeds)
    async with running(house.poller(), house.poller()):
        await until(lambda: polled_all(house, feeds, since=began))
    assert sorted(request.path for request in server.requests) == sorted(f"/{n}" for n in range(40))
    assert [len(await house.feeds.history(each.id)) for each in feeds] == [1] * 40


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "1800"}])
async def test_the_feeds_of_one_host_do_not_fail_and_come_back_together(
    house: House, server: Server, headers: dict[str, str]
) -> None:
    feeds = [feed(url=server.url(f"/{n}")) for n in range(30)]
    for n in range(30):
        server.answers(Answer(503, headers=headers), path=f"/{n}")
    began = datetime.now(UTC)
    await house.configure(*feeds)
    async with running(house.poller(replace(PACING, pace=replace(PACING.pace, jitter=0.1)))):
        await until(lambda: polled_all(house, feeds, since=began))
    due = sorted(state.next_due_at for state in await house.feeds.states([f.id for f in feeds]) if state.next_due_at)
    assert len(due) == 30
    for third in (due[:10], due[10:20], due[20:]):
        assert third[-1] - third[0] > timedelta(seconds=1)


async def test_a_body_known_by_its_hash_still_brings_the_new_validators(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    answer = rss("a", headers={"ETag": '"1"'})
    server.answers(answer, replace(answer, headers={"ETag": '"2"'}), Answer(304), path="/rss")
    await house.configure(news)
    outcomes = [(await house.poll(house.poller(), news)).outcome for _ in range(3)]
    assert outcomes == ["seeded", "same_body", "unchanged"]
    assert [request.headers.get("if-none-match") for request in server.requests] == [None, '"1"', '"2"']


async def test_an_interval_equal_to_the_tick_is_not_doubled(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"), interval_seconds=TICK_SECONDS)
    server.answers(rss("a"), path="/rss")
    await house.configure(news)
    async with running(house.poller()):
        await until(lambda: len(server.requests) > 8)
    polls = [record.at for record in await house.feeds.history(news.id)]
    # Doubled, each gap would be two ticks; a busy machine may well stretch some of them.
    assert min(later - earlier for later, earlier in pairwise(polls)) < timedelta(seconds=1.5 * TICK_SECONDS)


async def test_a_body_that_is_a_path_or_a_url_is_never_opened(house: House, server: Server, tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_bytes(rss("secret").body)
    server.answers(rss("secret"), path="/secret")
    entity = f"<!DOCTYPE rss [<!ENTITY x SYSTEM '{secret.as_uri()}'>]>".encode()
    bodies = [
        str(secret).encode(),
        secret.as_uri().encode(),
        server.url("/secret").encode(),
        entity + rss("b").body.split(b"?>", 1)[1].replace(b"<title>b<", b"<title>b &x;<"),
    ]
    for n, body in enumerate(bodies):
        news = feed(url=server.url(f"/{n}"))
        server.answers(Answer(200, body), path=f"/{n}")
        await house.configure(news)
        await house.poll(house.poller(), news)
    assert not server.asked("/secret")
    assert not any("secret" in entry.title or "secret" in entry.summary for entry in house.entries())


async def test_a_first_poll_does_not_flood(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    server.answers(rss(*[f"n{number}" for number in range(500)], headers={"ETag": '"all"'}), path="/rss")
    await house.configure(news)
    poller = house.poller(replace(PACING, limits=Limits(24 * HOUR, seed_max_entries=20, max_entries=100)))
    outcomes = [(await house.poll(poller, news)).outcome for _ in range(2)]
    assert (outcomes, len(house.titles())) == (["seeded", "same_body"], 20)


async def test_a_guid_that_flips_its_scheme_or_rotates_is_the_same_item(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    guids = "http://news.example/1", "https://News.example/1", "rotated-1", "rotated-2"
    server.answers(rss(), *[article("a", guid) for guid in guids], path="/rss")
    await house.configure(news)
    outcomes = [(await house.poll(house.poller(), news)).outcome for _ in range(5)]
    assert outcomes == ["seeded", "new", "nothing_new", "nothing_new", "nothing_new"]
    assert house.titles() == ["a"]


async def test_304_for_ever_is_met_with_one_whole_fetch_a_day(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    answer = rss("a", headers={"ETag": '"a"'})
    server.answers(answer, Answer(304), answer, Answer(304), path="/rss")
    await house.configure(news)
    poller = house.poller()
    await house.poll(poller, news)
    state = await house.poll(poller, news)
    old = {"read_at": datetime.now(UTC) - timedelta(days=2), "changed_at": None, "gap_seconds": HOUR}
    await keep(house, news, state.model_copy(update=old))
    outcomes = [(await house.poll(poller, news)).outcome for _ in range(2)]
    assert outcomes == ["same_body", "unchanged"]
    assert [request.headers.get("if-none-match") for request in server.requests] == [None, '"a"', None, '"a"']
