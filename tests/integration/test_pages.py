"""Pages of relevant entries: fetched, extracted in a child, classified again. Real Redis, sockets and children."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Network

import pytest

from services.poller.extract import extract
from services.poller.parsing import ChildDied, ParsingPool
from services.poller.wiring import wired
from shared import keys
from shared.http import GuardedClient, Limits, Response
from shared.settings import Settings
from shared.store.due import Counts, DueSet, Lease
from shared.store.pages import DUE_PAGES, page_command
from tests.integration.reading import (
    ARTICLE,
    LEAD,
    MORE,
    NO_ROBOTS,
    READING,
    TITLE,
    Desk,
    ends,
    limited,
    page,
    reading,
    since,
    told,
)
from tests.servers import HANG, Answer, Server, serving, until
from tests.stores import run_sync


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as started:
        started.answers(NO_ROBOTS, path="/robots.txt")
        started.answers(ARTICLE, path="/1")
        yield started


async def end_of(desk: Desk, *letters: str) -> str:
    """Read the pages that are wanted, those of `letters`; how all of them ended."""
    before = ends()
    async with reading(desk.pages()):
        await until(lambda: sum(since(before).values()) == len(letters))
    (outcome,) = since(before)
    return outcome


# What is read, and how often


async def test_the_page_of_a_relevant_entry_is_read_and_the_entry_classified_again_with_its_text(
    desk: Desk, server: Server
) -> None:
    desk.publish(told("a", server.url("/1")))
    assert await desk.wanted() == {"a"}
    assert await end_of(desk, "a") == "read"
    assert desk.entry("a").text.split("\n") == [LEAD, *MORE]
    assert desk.queued() == [["a" * 16]]
    assert await desk.due.members() == set()
    assert await desk.redis.exists(keys.page("a" * 16)) == 0


async def test_what_is_not_relevant_is_not_fetched(desk: Desk, server: Server) -> None:
    desk.publish(told("a", server.url("/1"), title="Council of Lemuria approves budget"))
    assert await desk.wanted() == set()


async def test_what_is_a_duplicate_or_has_no_address_is_not_fetched(desk: Desk, server: Server) -> None:
    desk.publish(told("a", server.url("/1")), told("b", server.url("/1")), told("c", None, title=f"{TITLE} by night"))
    assert await desk.wanted() == {"a"}


async def test_off_by_setting_nothing_is_named_and_nobody_reads(desk: Desk, server: Server, redis_url: str) -> None:
    desk.publish(told("a", server.url("/1")), full_text=False)
    assert await desk.wanted() == set()
    for wanted in (True, False):
        async with wired(Settings(full_text=wanted, metrics_port=0), redis_url) as parts:
            assert (parts.pages is not None) is wanted


async def test_a_host_is_asked_for_its_robots_txt_once_for_many_pages(desk: Desk, server: Server) -> None:
    for path in ("/2", "/3"):
        server.answers(page(*MORE, LEAD), path=path)
    titles = [TITLE, f"{TITLE}, say three of their captains", f"{TITLE}: what the pilots of Lemuria know"]
    desk.publish(*(told("abc"[n], server.url(f"/{n + 1}"), title=titles[n]) for n in range(3)))
    assert await end_of(desk, "a", "b", "c") == "read"
    assert len(server.asked("/robots.txt")) <= 3  # those that are claimed at once do not know of each other
    server.requests.clear()
    server.answers(ARTICLE, path="/4")
    desk.publish(told("d", server.url("/4"), title=f"{TITLE} - where the tug of Lemuria was"))
    assert await end_of(desk, "d") == "read"
    assert [request.path for request in server.requests] == ["/4"]
    assert 0 < await desk.redis.ttl(keys.robots(server.url("").rstrip("/"))) <= 86_400


# What the publisher does not want


LOCKED = '<script type="application/ld+json">{"@type": "NewsArticle", "isAccessibleForFree": false}</script>'
ROBOTS = b"User-agent: *\nDisallow: /\n\nUser-agent: tocsin\nAllow: /\nDisallow: /1\n"


async def test_a_page_that_robots_txt_forbids_is_never_asked_for(desk: Desk, server: Server) -> None:
    server.answers(Answer(200, ROBOTS), path="/robots.txt")
    desk.publish(told("a", server.url("/1")))
    assert await end_of(desk, "a") == "disallowed"
    assert server.asked("/1") == []
    server.answers(ARTICLE, path="/2")
    desk.publish(told("b", server.url("/2"), title=f"{TITLE} again, three captains say"))
    assert await end_of(desk, "b") == "read"


async def test_a_robots_txt_that_cannot_be_had_puts_the_page_off_and_at_last_ends_it(
    desk: Desk, server: Server
) -> None:
    server.answers(Answer(503), path="/robots.txt")
    desk.publish(told("a", server.url("/1")))
    before = ends()
    async with reading(desk.pages()):
        for tries in (1, 2, 3, 4):
            await until(lambda tries=tries: len(server.asked("/robots.txt")) == tries)  # type: ignore[misc]
            await until(lambda: desk.sync_redis.zcard(keys.due_times(DUE_PAGES)) or since(before))
            await desk.hasten("a")
        await until(lambda: since(before))
    assert since(before) == {"robots_unreachable": 1}
    assert server.asked("/1") == []


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(401), "refused"),
        (Answer(402, ARTICLE.body), "refused"),
        (Answer(403), "refused"),
        (Answer(451), "refused"),
        (page(LEAD, *MORE, head=LOCKED), "paywall"),
        (page(LEAD, *MORE, head='<meta name="robots" content="index, noarchive">'), "withheld"),
        (page(LEAD, *MORE, headers={"X-Robots-Tag": "nosnippet"}), "withheld"),
        (page(LEAD), "short"),
        (replace(ARTICLE, headers={"Content-Type": "application/pdf"}), "not_html"),
        (page(*MORE * 5_000), "too_large"),
        (Answer(302, headers={"Location": "/"}), "front_page"),
        (Answer(302, headers={"Location": "/1"}), "too_many_redirects"),
    ],
)  # fmt: skip
async def test_where_no_text_is_to_be_had_the_page_ends_at_once_in_its_named_outcome(
    desk: Desk, server: Server, answer: Answer, outcome: str
) -> None:
    server.answers(answer, path="/1")
    desk.publish(told("a", server.url("/1")))
    assert await end_of(desk, "a") == outcome
    assert desk.entry("a").text == ""
    assert desk.queued() == []
    assert await desk.due.members() == set()


# What goes wrong on the way


async def test_a_page_that_does_not_come_in_time_is_tried_again_later(desk: Desk, server: Server) -> None:
    server.answers(HANG, ARTICLE, path="/1")
    desk.publish(told("a", server.url("/1")))
    before = ends()
    async with reading(desk.pages(limited(total_seconds=0.3))):
        await until(lambda: desk.sync_redis.zcount(keys.due_times(DUE_PAGES), "(0", "+inf") and server.asked("/1"))
        assert since(before) == {}
        await desk.hasten("a")
        await until(lambda: since(before))
    assert since(before) == {"read": 1}


async def test_a_redirect_to_a_private_address_is_denied_and_nobody_is_asked_there(desk: Desk) -> None:
    async with AsyncExitStack() as stack:
        public = await stack.enter_async_context(serving(host="127.0.0.2"))
        private = await stack.enter_async_context(serving(host="127.0.0.3"))
        allow = (IPv4Network("127.0.0.2/32"),)
        http = await stack.enter_async_context(GuardedClient(user_agent="t", limits=Limits(), allow=allow))
        public.answers(NO_ROBOTS, path="/robots.txt")
        public.answers(Answer(302, headers={"Location": private.url("/1")}), path="/1")
        desk.publish(told("a", public.url("/1")))
        assert await end_of(replace(desk, http=http), "a") == "address_denied"
        assert private.requests == []


async def test_a_redirect_to_another_host_is_followed_as_far_as_that_host_allows(desk: Desk, server: Server) -> None:
    async with serving(host="127.0.0.2") as other:
        server.answers(Answer(301, headers={"Location": other.url("/1")}), path="/1")
        server.answers(Answer(301, headers={"Location": other.url("/2")}), path="/2")
        other.answers(Answer(200, ROBOTS), path="/robots.txt")
        other.answers(ARTICLE, path="/2")
        desk.publish(told("a", server.url("/1")))
        assert await end_of(desk, "a") == "disallowed"
        desk.publish(told("b", server.url("/2"), title=f"{TITLE}, say three of their captains"))
        assert await end_of(desk, "b") == "read"
        assert [request.path for request in other.requests] == ["/robots.txt", "/2"]


@dataclass(frozen=True)
class Pausing:
    """A client that has fetched the page, and never comes back with it."""

    http: GuardedClient
    reached: asyncio.Event

    async def fetch(
        self, url: str, *, headers: Mapping[str, str] | None = None, limits: Limits | None = None
    ) -> Response:
        response = await self.http.fetch(url, headers=headers, limits=limits)
        if not url.endswith("/robots.txt"):
            self.reached.set()
            await asyncio.Event().wait()
        return response


class Dying:
    """The due-set of a process that is killed: it can give nothing back."""

    def __init__(self, due: DueSet) -> None:
        self.claim, self.commit, self.postpone = due.claim, due.commit, due.postpone

    async def release(self, lease: Lease) -> None:
        """A killed process releases nothing."""


async def test_a_poller_killed_between_fetch_and_commit_loses_nothing_and_nothing_is_done_twice(
    desk: Desk, server: Server
) -> None:
    desk.publish(told("a", server.url("/1")))
    reached, before = asyncio.Event(), ends()
    hasty = replace(desk.pages(replace(READING, lease_seconds=0.3)), http=Pausing(desk.http, reached))
    task = asyncio.create_task(replace(hasty, due=Dying(desk.due)).run(asyncio.Event()))
    await asyncio.wait_for(reached.wait(), 20)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert (await desk.due.counts()).leased == 1
    assert (desk.entry("a").text, desk.queued()) == ("", [])
    async with reading(desk.pages(), desk.pages()):
        await until(lambda: since(before))
    assert since(before) == {"read": 1}
    assert desk.queued() == [["a" * 16]]
    assert len(server.asked("/1")) == 2


async def test_a_poller_that_stops_gives_its_pages_back(desk: Desk, server: Server) -> None:
    server.answers(HANG, path="/1")
    desk.publish(told("a", server.url("/1")))
    async with reading(desk.pages()):
        await until(lambda: server.asked("/1"))
    assert await desk.due.counts() == Counts(waiting=0, due=1, leased=0)


async def test_a_page_that_ends_poller_after_poller_is_left(desk: Desk, server: Server) -> None:
    desk.publish(told("a", server.url("/1")))
    for _ in range(3):
        await until(lambda: desk.due.claim(1, 0.001))
    before = ends()
    async with reading(desk.pages()):
        await until(lambda: since(before))
    assert since(before) == {"lease_expired": 1}
    assert server.requests == []


async def test_a_page_named_while_it_is_read_is_looked_at_again_and_left_alone(desk: Desk, server: Server) -> None:
    """Two topics may name the same page: the second while a poller is at it."""
    desk.publish(told("a", server.url("/1")))
    (lease,) = await desk.due.claim(1, 30)
    run_sync(desk.sync_redis, [page_command("a" * 16, 0.0)])
    assert await desk.due.counts() == Counts(waiting=0, due=0, leased=1)
    await desk.due.commit(lease, next_at=None)
    assert await desk.due.counts() == Counts(waiting=0, due=1, leased=0)


# What the text changes


async def test_the_text_may_change_the_event_and_there_is_one_article_as_before(desk: Desk, server: Server) -> None:
    desk.publish(told("a", server.url("/1")))
    (before,) = await desk.stories()
    assert (before.event_type, before.severity) == ("sailing", "medium")
    await end_of(desk, "a")
    desk.classify("a" * 16)
    (after,) = await desk.stories()
    assert (after.id, after.event_type, after.severity) == (before.id, "sinking", "critical")
    assert [article.entry_id for article in after.articles] == ["a" * 16]
    assert [(claim.kind, claim.role, claim.value) for claim in after.claims if claim.value] == [("sinking", "sunk", 2)]
    assert await desk.rung() == ["new_story"]
    assert await desk.wanted() == set()


async def test_the_same_batch_twice_is_the_same_story(desk: Desk, server: Server) -> None:
    desk.publish(told("a", server.url("/1")))
    await end_of(desk, "a")
    desk.classify("a" * 16)
    once, announced = await desk.stories(), await desk.redis.xlen(keys.alerts())
    desk.classify("a" * 16)
    assert await desk.stories() == once
    assert await desk.redis.xlen(keys.alerts()) == announced


async def test_an_entry_that_is_read_again_without_its_text_takes_nothing_back(desk: Desk, server: Server) -> None:
    """A poll that is repeated after Redis lost its tail writes the entry anew, as the feed has it."""
    desk.publish(told("a", server.url("/1")))
    await end_of(desk, "a")
    desk.classify("a" * 16)
    with_text = await desk.stories()
    desk.publish(told("a", server.url("/1")))
    assert await desk.stories() == with_text
    assert await desk.wanted() == set()


async def test_what_is_no_longer_relevant_with_its_text_stays_and_nothing_is_told(desk: Desk, server: Server) -> None:
    regatta = "The regatta, in which amateurs have met for half a century, begins on Sunday as it ever does."
    server.answers(page(regatta, *MORE), path="/1")
    desk.publish(told("a", server.url("/1")))
    before = await desk.stories()
    assert desk.relevant("a")
    assert await end_of(desk, "a") == "read"
    assert not desk.relevant("a")
    desk.classify("a" * 16)
    assert await desk.stories() == before
    assert await desk.rung() == ["new_story"]


# Pages that mean harm


HOSTILE = {
    "400 KB of div": b"<div>" * 80_000,
    "half a million spans": b"<span>" * 500_000,
    "misnested": b"<b><i><a><p>" * 30_000,
    "nothing but NULs": b"<p>\0a" * 100_000,
    "tables in tables": b"<table><tr><td>" * 30_000,
    "attributes without end": b"<p " + b"a=b " * 200_000 + b">",
    "comments never closed": b"<!--" * 100_000,
    "characters that are none": b"&#0;&#xD800;&#x110000;" * 20_000,
    "a paragraph a letter": b"<p>x</p>" * 400_000,
    "utf-16 cut short": "<p>\u5317".encode("utf-16")[:-1],
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_page_is_read_or_cut_short_and_the_next_one_is_read(body: bytes) -> None:
    async with ParsingPool(1, 1.0) as pool:
        with suppress(TimeoutError, ChildDied, MemoryError):
            found = await pool.extract(body, None, "Tocsin")
            found.text.encode()
            assert "\0" not in found.text
        assert (await pool.extract(ARTICLE.body, "utf-8", "Tocsin")) == extract(ARTICLE.body, "utf-8", "Tocsin")


async def test_a_page_that_would_be_read_for_ever_is_counted_and_holds_nobody_up(desk: Desk, server: Server) -> None:
    server.answers(replace(ARTICLE, body=HOSTILE["400 KB of div"]), path="/1")
    desk.publish(told("a", server.url("/1")))
    before = ends()
    async with ParsingPool(1, 0.5) as hasty, reading(replace(desk.pages(limited(max_bytes=500_000)), extractor=hasty)):
        await until(lambda: since(before))
    assert since(before) == {"parse_timeout": 1}
