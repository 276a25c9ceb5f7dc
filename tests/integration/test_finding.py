"""From an address to its feeds, asked of a server on loopback."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

import pytest

from services.cli.finding import AT_ONCE, MOST_REQUESTS, Finder, Finding
from services.poller.discover import Sign
from services.poller.parse import Document, parse
from services.poller.ports import HttpClient
from shared.http import Response
from shared.models.feed import Outcome
from tests.servers import Answer, Server, loopback_client, serving

HTML = {"content-type": "text/html; charset=utf-8"}


class InThisProcess:
    """The poller's own parser, without a child."""

    async def parse(self, body: bytes, base_url: str, charset: str | None = None) -> Document:
        return parse(body, base_url, charset)


class Watched:
    """Counts how many requests run at once."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._running = self.most = 0

    async def fetch(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        self._running += 1
        self.most = max(self.most, self._running)
        try:
            return await self._http.fetch(url, headers=headers)
        finally:
            self._running -= 1


def rss(title: str, items: int = 2) -> Answer:
    told = "".join(
        f"<item><title>Item {number}</title><link>https://paper.example/{number}</link>"
        f"<pubDate>Mon, 0{number} Sep 2025 10:00:00 GMT</pubDate></item>"
        for number in range(1, items + 1)
    )
    head = f"<title>{title}</title><link>https://paper.example/</link><language>uk-UA</language>"
    return Answer(body=f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{told}</channel></rss>'.encode())


def page(*links: str) -> Answer:
    told = "".join(f'<link rel="alternate" type="application/rss+xml" href="{link}">' for link in links)
    return Answer(body=f"<!doctype html><html><head>{told}</head><body>Paper</body></html>".encode(), headers=HTML)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        yield running


async def find(server: Server, path: str = "/") -> Finding:
    async with loopback_client(total_seconds=5) as http:
        return await Finder(http, InThisProcess()).find(server.url(path))


async def test_the_address_of_a_feed_is_the_feed_and_one_request_is_enough(server: Server) -> None:
    server.answers(rss("Газета"), path="/rss")
    (offer,) = (await find(server, "/rss")).offers
    assert (offer.url, offer.title, offer.language, offer.items) == (server.url("/rss"), "Газета", "uk-ua", 2)
    assert (offer.newest, offer.sign) == (datetime(2025, 9, 2, 10, tzinfo=UTC), None)
    assert len(server.requests) == 1


async def test_of_a_page_each_declared_address_is_tried_and_what_is_a_feed_is_offered_in_order(server: Server) -> None:
    server.answers(page("/broken", "world", "/gone", "/sport"), path="/news/")
    server.answers(page(), path="/broken")
    server.answers(rss("World"), path="/news/world")
    server.answers(rss("Sport", items=0), path="/sport")
    offers = (await find(server, "/news/")).offers
    assert [(offer.title, offer.url, offer.items) for offer in offers] == [
        ("World", server.url("/news/world"), 2),
        ("Sport", server.url("/sport"), 0),
    ]
    assert {offer.sign for offer in offers} == {Sign.DECLARED}
    assert len(server.requests) == 5


async def test_two_addresses_that_lead_to_one_feed_are_one_offer(server: Server) -> None:
    server.answers(page("/old", "/new"))
    server.answers(Answer(status=301, headers={"location": "/new"}), path="/old")
    server.answers(rss("Paper"), path="/new")
    assert [offer.url for offer in (await find(server)).offers] == [server.url("/old")]


async def test_links_start_from_where_a_redirect_led(server: Server) -> None:
    server.answers(Answer(status=302, headers={"location": "/en/home"}))
    server.answers(page("feed"), path="/en/home")
    server.answers(rss("Paper"), path="/en/feed")
    assert [offer.url for offer in (await find(server)).offers] == [server.url("/en/feed")]


async def test_the_usual_places_are_tried_only_if_the_page_shows_nothing_and_only_until_one_is_right(
    server: Server,
) -> None:
    server.answers(page())
    server.answers(rss("Paper"), path="/rss.xml")
    (offer,) = (await find(server)).offers
    assert (offer.url, offer.sign) == (server.url("/rss.xml"), Sign.GUESSED)
    assert [request.path for request in server.requests] == ["/", "/feed", "/rss", "/rss.xml"]


async def test_a_server_is_asked_ten_times_at_the_most_however_much_a_page_promises(server: Server) -> None:
    server.answers(page(*(f"/feeds/{number}" for number in range(500))))
    assert (await find(server)).offers == ()
    assert len(server.requests) == MOST_REQUESTS == 10
    server.requests.clear()
    server.answers(page("/feeds/1"), path="/a/page")
    assert (await find(server, "/a/page")).offers == ()
    assert len(server.requests) == MOST_REQUESTS


async def test_no_more_than_a_poller_would_is_asked_at_once(server: Server) -> None:
    server.answers(page(*(f"/feeds/{number}" for number in range(5))))
    async with loopback_client(total_seconds=5) as http:
        watched = Watched(http)
        await Finder(watched, InThisProcess()).find(server.url())
    assert watched.most == AT_ONCE


@pytest.mark.parametrize(
    ("answer", "failure"), [(Answer(status=404), Outcome.NOT_FOUND), (Answer(status=403), Outcome.REFUSED)]
)
async def test_an_address_that_is_refused_is_no_reason_to_try_others(
    server: Server, answer: Answer, failure: Outcome
) -> None:
    server.answers(answer)
    finding = await find(server)
    assert (finding.offers, finding.failure, finding.away) == ((), failure, False)
    assert len(server.requests) == 1


async def test_a_server_that_is_not_there_is_away(server: Server) -> None:
    server.answers(Answer(hangs=True))
    async with loopback_client(total_seconds=0.2) as http:
        finding = await Finder(http, InThisProcess()).find(server.url())
        assert (finding.failure, finding.away) == (Outcome.TIMEOUT, True)
        finding = await Finder(http, InThisProcess()).find("http://127.0.0.1:1/")
        assert (finding.failure, finding.away) == (Outcome.CONNECT_ERROR, True)


async def test_a_page_cannot_send_us_to_an_address_that_the_guard_denies(server: Server) -> None:
    server.answers(page("http://[::1]:9/feed", "/feed"))
    server.answers(rss("Paper"), path="/feed")
    assert [offer.url for offer in (await find(server)).offers] == [server.url("/feed")]
