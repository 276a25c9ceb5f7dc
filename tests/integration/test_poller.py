"""The whole poller: real Redis and queue, a real client and parsing process, feeds on the loopback network."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from services.poller.conclude import Limits
from services.poller.identity import SeenWindow
from services.poller.parse import Document
from shared.errors import FetchError
from shared.http import GuardedClient, Response
from shared.models.entry import Entry
from shared.models.feed import FeedState, Outcome
from shared.runtime.private_redis import PrivateRedis, find_redis_binary
from shared.store.due import Command
from shared.store.entries import EntryStore
from tests.factories import feed
from tests.integration.polling import HOUR, PACING, House, housed, killed, rss, running
from tests.servers import HANG, Answer, Server, serving, until


@pytest.fixture
async def house(redis: Redis, sync_redis: SyncRedis) -> AsyncIterator[House]:
    async with housed(redis, sync_redis) as made:
        yield made


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as started:
        yield started


async def test_the_first_poll_lets_only_young_entries_through(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"), language=None)
    old, young = rss("old", ago=90_000), rss("young", "younger")
    both = old.body.replace(b"</channel></rss>", young.body.split(b"</title>", 1)[1])
    server.answers(replace(young, body=both), path="/rss")
    await house.configure(news)
    state = await house.poll(house.poller(), news)
    assert (state.outcome, state.seeded, state.failures) == ("seeded", True, 0)
    assert house.titles() == ["younger", "young"]
    entry = house.entries()[0]
    assert (entry.feed_id, entry.url) == (news.id, server.url("/younger"))


async def test_the_next_poll_brings_what_is_new_and_only_that(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    server.answers(rss("a", "b"), rss("c", "a", "b"), path="/rss")
    await house.configure(news)
    poller = house.poller()
    await house.poll(poller, news)
    house.sync_redis.delete("rq:queue:classify")
    state = await house.poll(poller, news)
    assert (state.outcome, house.titles()) == ("new", ["c"])
    assert state.changed_at is not None
    assert state.next_due_at is not None
    assert await house.due.next_at() == pytest.approx(state.next_due_at.timestamp(), abs=5)


async def test_validators_go_back_byte_for_byte_and_304_ends_the_poll(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    validators = {"ETag": 'W/"a b"', "Last-Modified": "Mon, 3 Feb 2025 12:00:00 GMT"}
    answers = rss("a", headers=validators), Answer(304, headers={"ETag": '"new"'}), Answer(304)
    server.answers(*answers, path="/rss")
    await house.configure(news)
    poller = house.poller()
    for outcome in ("seeded", "unchanged", "unchanged"):
        assert (await house.poll(poller, news)).outcome == outcome
    first, second, third = (request.headers for request in server.requests)
    assert "if-none-match" not in first
    assert second["if-none-match"] == 'W/"a b"'
    assert third["if-none-match"] == '"new"'
    assert second["if-modified-since"] == third["if-modified-since"] == "Mon, 3 Feb 2025 12:00:00 GMT"
    assert house.titles() == ["a"]


async def test_a_body_that_is_known_is_not_read_again_but_its_validators_are(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    answer = rss("a")
    server.answers(answer, replace(answer, headers={"ETag": '"2"'}), path="/rss")
    await house.configure(news)
    poller = house.poller()
    await house.poll(poller, news)
    state = await house.poll(poller, news)
    assert (state.outcome, state.etag) == ("same_body", '"2"')


async def test_the_header_s_charset_counts_where_the_document_states_none(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    body = rss("Курськ").body.decode().encode("windows-1251")
    server.answers(Answer(200, body, {"Content-Type": "text/xml; charset=Windows-1251"}), path="/rss")
    await house.configure(news)
    await house.poll(house.poller(), news)
    assert house.titles() == ["Курськ"]


async def test_a_failure_is_counted_and_retry_after_obeyed(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    server.answers(Answer(500, headers={"Retry-After": "1800"}), rss("a"), path="/rss")
    await house.configure(news)
    poller = house.poller()
    state = await house.poll(poller, news)
    assert (state.outcome, state.failures, state.next_due_reason) == ("server_error", 1, "retry_after")
    assert state.polled_at is not None
    assert state.next_due_at == state.polled_at + timedelta(seconds=1800)
    state = await house.poll(poller, news)
    assert (state.outcome, state.failures) == ("seeded", 0)


@pytest.mark.parametrize(("status", "asked"), [(429, 1), (503, 2)])
async def test_too_many_requests_are_the_host_s_and_an_overload_is_one_feed_s(
    house: House, server: Server, status: int, asked: int
) -> None:
    busy, other = feed(url=server.url("/busy")), feed(url=server.url("/other"))
    server.answers(Answer(status, headers={"Retry-After": "600"}), path="/busy")
    server.answers(rss("a"), path="/other")
    await house.configure(busy)
    assert (await house.poll(house.poller(), busy)).next_due_reason == "retry_after"
    await house.configure(busy, other)

    async def looked_at() -> bool:
        counts = await house.due.counts()
        return counts.waiting == 2

    async with running(house.poller()):
        await until(looked_at)
    assert len(server.requests) == asked


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(404), "not_found"),
        (Answer(410), "gone"),
        (Answer(403), "refused"),
        (Answer(429), "throttled"),
        (Answer(418), "client_error"),
        (Answer(200, b"<html><body>Hello</body></html>"), "not_a_feed"),
        (Answer(200, b"/etc/passwd"), "not_a_feed"),
        (Answer(200, b"not gzip", {"Content-Encoding": "gzip"}), "bad_encoding"),
        (Answer(302, headers={"Location": "http://10.0.0.1/"}), "address_denied"),
        (Answer(302, headers={"Location": "/rss"}), "too_many_redirects"),
    ],
)
async def test_every_outcome_reschedules(house: House, server: Server, answer: Answer, outcome: str) -> None:
    news = feed(url=server.url("/rss"))
    server.answers(answer, path="/rss")
    await house.configure(news)
    state = await house.poll(house.poller(), news)
    assert (state.outcome, state.failures, state.next_due_reason) == (outcome, 1, "backoff")
    counts = await house.due.counts()
    assert (counts.waiting, counts.due, counts.leased) == (1, 0, 0)


async def test_what_is_too_much_for_one_poll_comes_with_the_next(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    many = rss(*[f"n{number}" for number in range(5)], headers={"ETag": '"many"'})
    server.answers(rss("a"), many, path="/rss")
    await house.configure(news)
    poller = house.poller(replace(PACING, limits=replace(PACING.limits, max_entries=2)))
    states = [await house.poll(poller, news) for _ in range(5)]
    assert [state.outcome for state in states] == ["seeded", "new", "new", "new", "same_body"]
    assert [state.etag for state in states] == [None, None, None, '"many"', '"many"']
    assert sorted(house.titles()) == ["a", "n0", "n1", "n2", "n3", "n4"]


async def test_a_long_feed_does_not_flood_after_its_first_poll(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    titles = [f"n{number}" for number in range(30)]
    server.answers(rss(*titles), rss("new", *titles), path="/rss")
    await house.configure(news)
    poller = house.poller(replace(PACING, limits=Limits(24 * HOUR, seed_max_entries=3, max_entries=10)))
    await house.poll(poller, news)
    assert house.titles() == ["n2", "n1", "n0"]
    await house.poll(poller, news)
    assert house.titles() == ["n2", "n1", "n0", "new"]


@dataclass(frozen=True)
class Pausing:
    """A client that stands still with the answer in its hands."""

    http: GuardedClient
    reached: asyncio.Event

    async def fetch(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        response = await self.http.fetch(url, headers=headers)
        self.reached.set()
        await asyncio.Event().wait()
        return response


async def test_a_poller_killed_in_the_middle_loses_nothing(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    server.answers(rss("a"), rss("b", "a", headers={"ETag": '"b"'}), path="/rss")
    await house.configure(news)
    await house.poll(house.poller(), news)
    await house.due.schedule({news.id: 0})
    reached = asyncio.Event()
    hasty = house.poller(replace(PACING, lease_seconds=0.2))
    await killed(replace(hasty, http=Pausing(house.http, reached)), reached)
    assert (await house.due.counts()).leased == 1
    state = await house.poll(house.poller(), news)
    assert (state.outcome, state.etag, house.titles()) == ("new", '"b"', ["a", "b"])
    assert "if-none-match" not in server.requests[-1].headers


async def test_a_poller_that_stops_gives_back_what_it_has_begun(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    server.answers(HANG, path="/rss")
    await house.configure(news)
    async with running(house.poller()):
        await until(lambda: server.requests)
    counts = await house.due.counts()
    assert (counts.due, counts.leased) == (1, 0)
    (lease,) = await house.due.claim(1, 30)
    assert lease.expiries == 0


async def test_who_has_lost_the_lease_commits_nothing(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    server.answers(HANG, path="/rss")
    await house.configure(news)
    poller = house.poller(replace(PACING, lease_seconds=0.1))
    (claim,) = await poller._claim(1)
    late = asyncio.create_task(poller._poll_patiently(claim, asyncio.Event()))
    await until(lambda: server.requests)
    await until(lambda: house.due.claim(1, 30))
    server.answers(rss("a"), path="/rss")
    server.close()
    await late
    assert house.titles() == []
    assert await house.state(news) == FeedState()


async def test_a_feed_that_left_the_file_is_polled_no_more(house: House, server: Server) -> None:
    stays, leaves = feed(url=server.url("/stays")), feed(url=server.url("/leaves"))
    server.answers(HANG, path="/leaves")
    server.answers(rss("a"), path="/stays")
    await house.configure(stays, leaves)
    async with running(house.poller()):
        await until(lambda: server.asked("/leaves"))
        await house.configure(stays)
        server.answers(rss("b"), path="/leaves")
        server.close()

        async def polled() -> bool:
            return (await house.state(stays)).polled_at is not None

        await until(polled)
    assert await house.due.members() == {stays.id}
    assert await house.state(leaves) == FeedState()


async def test_a_disabled_feed_is_not_polled(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    await house.configure(news)
    await house.configure(feed(url=news.url, enabled=False))
    async with running(house.poller()):

        async def empty() -> bool:
            return not await house.due.members()

        await until(empty)
    assert not server.requests
    await house.configure(news)
    assert await house.due.members() == {news.id}


async def test_a_hung_host_does_not_hold_up_the_others(house: House, server: Server) -> None:
    async with serving(host="127.0.0.2") as hung:
        stuck = [feed(url=hung.url(f"/{number}")) for number in range(20)]
        for of in stuck:
            hung.answers(HANG, path=of.url.removeprefix(hung.url("")))
        well = [feed(url=server.url(f"/{number}")) for number in range(20)]
        for of in well:
            server.answers(rss("a"), path=of.url.removeprefix(server.url("")))
        await house.configure(*stuck, *well)
        await house.due.schedule({of.id: 0 for of in stuck})

        async def all_polled() -> bool:
            return all(state.polled_at for state in await house.feeds.states([of.id for of in well]))

        async with running(house.poller(per_host=4, gap=0.05)):
            await until(all_polled)
            assert len(hung.requests) == 4


async def test_a_feed_whose_polls_never_end_is_left_alone_for_a_while(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    server.answers(rss("a"), path="/rss")
    await house.configure(news)
    for _ in range(3):
        await until(lambda: house.due.claim(1, 0.001))
    await asyncio.sleep(0.01)
    state = await house.poll(house.poller(), news)
    assert (state.outcome, state.failures, state.next_due_reason) == ("lease_expired", 3, "backoff")
    assert not server.requests
    state = await house.poll(house.poller(), news)
    assert (state.outcome, state.failures) == ("seeded", 0)


async def test_many_pollers_poll_each_feed_once(house: House, server: Server) -> None:
    feeds = [feed(url=server.url(f"/{number}")) for number in range(30)]
    for number in range(30):
        server.answers(rss(f"title {number}"), path=f"/{number}")
    await house.configure(*feeds)

    async def all_polled() -> bool:
        return all(state.polled_at for state in await house.feeds.states([of.id for of in feeds]))

    async with running(house.poller(), house.poller(), house.poller()):
        await until(all_polled)
    assert len(server.requests) == 30
    assert len(house.titles()) == len(set(house.titles())) == 30


class Crash(Exception):
    """Something that nobody expected."""


@dataclass(frozen=True)
class Crashing:
    """A parser that fails in a way of its own."""

    async def parse(self, body: bytes, base_url: str, charset: str | None = None) -> Document:
        raise Crash(f"{len(body)} bytes from {base_url}")


async def test_a_document_that_kills_its_parser_is_an_outcome_like_any_other(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    server.answers(rss("a"), path="/rss")
    await house.configure(news)
    state = await house.poll(replace(house.poller(), parser=Crashing()), news)
    assert (state.outcome, state.failures, state.body_hash) == ("parse_error", 1, None)


class Bug(Exception):
    """A mistake of ours."""


@dataclass(frozen=True)
class Mistaken:
    """An entry store with a mistake in it, for some titles."""

    entries: EntryStore

    def save_commands(self, entries: Sequence[Entry]) -> Sequence[Command]:
        if any(entry.title == "bug" for entry in entries):
            raise Bug
        return self.entries.save_commands(entries)


async def test_a_mistake_of_ours_costs_one_feed_one_lease_and_not_the_poller(house: House, server: Server) -> None:
    broken, well = feed(url=server.url("/broken")), feed(url=server.url("/well"))
    server.answers(rss("bug"), path="/broken")
    server.answers(rss("fine"), path="/well")
    await house.configure(broken, well)
    poller = house.poller()
    await house.poll(replace(poller, entries=Mistaken(EntryStore(house.sync_redis, retention_seconds=60))), well)
    assert house.titles() == ["fine"]
    assert (await house.state(broken)).polled_at is None
    assert broken.id in await house.due.members()


@dataclass(frozen=True)
class OutageAfter:
    """A client after whose answer Redis is away."""

    http: GuardedClient
    store: PrivateRedis
    away: asyncio.Event

    async def fetch(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        response = await self.http.fetch(url, headers=headers)
        await self.store.stop()
        self.away.set()
        return response


async def test_an_outage_of_redis_in_the_middle_of_a_poll_does_not_repeat_it(server: Server, tmp_path: Path) -> None:
    news, away = feed(url=server.url("/rss")), asyncio.Event()
    server.answers(rss("a"), path="/rss")
    store = PrivateRedis(tmp_path, find_redis_binary(os.environ))
    url = await store.start()
    async with Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as redis:
        with SyncRedis.from_url(url) as sync_redis:
            async with housed(redis, sync_redis) as house:
                await house.configure(news)
                async with running(replace(house.poller(), http=OutageAfter(house.http, store, away))):
                    await away.wait()
                    await asyncio.sleep(0.3)  # in which whoever has no patience fails
                    await store.start()
                    await until(lambda: house.titles() == ["a"])
    await store.stop()
    assert len(server.requests) == 1


async def test_the_seen_window_is_stored_with_the_rest(house: House, server: Server) -> None:
    news = feed(url=server.url("/rss"))
    server.answers(rss("a", "b"), path="/rss")
    await house.configure(news)
    await house.poll(house.poller(), news)
    window = SeenWindow.from_bytes(await house.feeds.seen(news.id))
    assert len(window.days) == 6  # of each: its key, its alias, what it says


def test_every_error_of_a_fetch_is_an_outcome() -> None:
    assert {kind.outcome for kind in FetchError.__subclasses__()} <= set(Outcome)
