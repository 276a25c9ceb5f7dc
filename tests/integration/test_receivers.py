"""The receivers that other tests stand on: each behaviour as a delivery sees it, through the guarded client."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import IPv4Network

import pytest
from standardwebhooks import Webhook

from services.notifier.sign import signed_headers
from shared.errors import AddressDenied, ConnectError, DnsError, FetchError
from shared.http import GuardedClient, Limits, Response
from shared.http.headers import retry_after_seconds
from tests.answers import (
    ABORT,
    BABBLES,
    CLOSES,
    CUTS,
    CUTS_BY_RESET,
    DISABLE,
    DRIPS,
    DRIPS_HEADERS,
    GONE,
    HANGS,
    OK,
    POURS,
    RESETS,
    RESETS_HALFWAY,
    TOO_LARGE,
    Answer,
    RetryAfter,
    Status,
    above,
    every,
    redirects,
)
from tests.factories import NOON, SECRET, after
from tests.receivers import Receiver
from tests.servers import LOOPBACK, FakeResolver, connections, self_signed, until

OTHER_SECRET = "whsec_" + "YW5vdGhlci10ZXN0LXNlY3JldC0yNC1ieXRlcw=="
LIMITS = Limits(total_seconds=20, max_bytes=8192, max_redirects=0, body_optional=True)
SHORT = replace(LIMITS, total_seconds=0.5)
ONE = (IPv4Network("127.0.0.1/32"),)


@pytest.fixture
async def http() -> AsyncIterator[GuardedClient]:
    async with GuardedClient(user_agent="Tocsin/test", limits=LIMITS, allow=LOOPBACK) as client:
        yield client


async def post(
    http: GuardedClient, url: str, body: bytes = b"{}", secret: str = SECRET, at: float = 0, limits: Limits = LIMITS
) -> Response:
    headers = signed_headers([secret], "msg_1", int(at or time.time()), body)
    return await http.fetch(url, method="POST", headers=headers, content=body, limits=limits)


async def seen(http: GuardedClient, url: str, body: bytes = b"{}", limits: Limits = LIMITS) -> int | str:
    """The status, or the outcome of the error."""
    try:
        return (await post(http, url, body, limits=limits)).status
    except FetchError as error:
        return error.outcome


async def test_a_request_is_remembered_with_its_moment_and_believed_if_it_is_signed(http: GuardedClient) -> None:
    async with Receiver(secrets=[SECRET], clock=lambda: NOON) as receiver:
        assert (await post(http, receiver.url, b'{"a": 1}', at=NOON.timestamp())).status == 204
    (request,) = receiver.requests
    assert (request.number, request.at, request.path, request.body) == (1, NOON, "/hook", b'{"a": 1}')
    assert (request.headers["webhook-id"], request.headers["user-agent"]) == ("msg_1", "Tocsin/test")
    assert (receiver.refusals, receiver.connections) == ([], 1)


@pytest.mark.parametrize(
    ("secret", "seconds", "why"),
    [(OTHER_SECRET, 0, "with no secret"), (SECRET, -301, "but it is 12:00:00"), (SECRET, 301, "but it is 12:00:00")],
)
async def test_a_request_that_is_signed_wrongly_is_refused(
    http: GuardedClient, secret: str, seconds: float, why: str
) -> None:
    async with Receiver(secrets=[SECRET], clock=lambda: NOON) as receiver:
        await post(http, receiver.url, secret=secret, at=NOON.timestamp() + seconds)
    (refusal,) = receiver.refusals
    assert why in refusal


async def test_a_request_that_is_not_signed_or_was_changed_is_refused(http: GuardedClient) -> None:
    signed = signed_headers([SECRET], "msg_1", int(time.time()), b"{}")
    async with Receiver(secrets=[SECRET]) as receiver:
        await http.fetch(receiver.url, method="POST", content=b"{}")
        await http.fetch(receiver.url, method="POST", content=b"\xff", headers=signed)
        await http.fetch(receiver.url, method="POST", content=b"{}", headers=signed | {"webhook-timestamp": "soon"})
        await http.fetch(receiver.url, method="POST", content=b"{}", headers=signed)
    assert receiver.refusals == [
        "request 1: no webhook-id, webhook-signature, webhook-timestamp",
        "request 2: signed with no secret of ours",
        "request 3: webhook-timestamp is no time",
    ]


async def test_while_secrets_rotate_either_is_good(http: GuardedClient) -> None:
    async with Receiver(secrets=[SECRET, OTHER_SECRET]) as receiver:
        await post(http, receiver.url)
        await post(http, receiver.url, secret=OTHER_SECRET)
    assert not receiver.refusals
    for request, secret in zip(receiver.requests, (SECRET, OTHER_SECRET), strict=True):
        assert Webhook(secret).verify(request.body, dict(request.headers)) == {}


# What it answers


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (OK, 204),
        (Status(200, body=b"thanks"), 200),
        (Status(500, {"X-Why": "tired"}, b"no"), 500),
        (GONE, 410),
        (TOO_LARGE, 413),
        (redirects("http://127.0.0.1:1/"), 302),
        (RetryAfter(30), 429),
        (HANGS, "timeout"),
        (DRIPS_HEADERS, "timeout"),
        (RESETS, "connect_error"),
        (RESETS_HALFWAY, "connect_error"),
        (CLOSES, "protocol_error"),
        (BABBLES, "protocol_error"),
        (CUTS, 200),
        (CUTS_BY_RESET, 200),
        (DRIPS, 200),
        (POURS, 200),
    ],
)
async def test_each_answer_ends_as_its_name_says(http: GuardedClient, answer: Answer, end: int | str) -> None:
    async with Receiver(answer, secrets=[SECRET]) as receiver:
        limits = SHORT if answer in (HANGS, DRIPS_HEADERS, DRIPS) else LIMITS
        assert await seen(http, receiver.url, limits=limits) == end
        assert (len(receiver.requests), receiver.connections, receiver.refusals) == (1, 1, [])
        await until(lambda: receiver.at_once == 0)  # it notices when the other side gives up
        receiver.answers(OK)
        assert await seen(http, receiver.url) == 204


@pytest.mark.parametrize("answer", [CUTS, CUTS_BY_RESET, DRIPS, POURS])
async def test_who_needs_the_body_has_no_answer_from_these(http: GuardedClient, answer: Answer) -> None:
    async with Receiver(answer) as receiver:
        with pytest.raises(FetchError):
            await http.fetch(receiver.url, limits=replace(SHORT, body_optional=False))


async def test_headers_and_body_arrive_as_scripted(http: GuardedClient) -> None:
    async with Receiver(Status(400, {"X-Why": "tired", **ABORT}, b"no"), Status(200, DISABLE)) as receiver:
        first, second = await post(http, receiver.url), await post(http, receiver.url)
    assert (first.status, first.headers["x-why"], first.body) == (400, "tired", b"no")
    assert (first.headers["webhook-delivery"], second.headers["webhook-delivery"]) == ("abort-message", "disable")
    assert receiver.connections == 1


async def test_answers_come_in_turn_the_last_one_stays_and_others_may_be_named(http: GuardedClient) -> None:
    async with Receiver(Status(500), Status(503)) as receiver:
        ends = [await seen(http, receiver.url) for _ in range(3)]
        receiver.answers(GONE, OK)
        ends += [await seen(http, receiver.url) for _ in range(3)]
    assert ends == [500, 503, 503, 410, 204, 204]


async def test_the_size_or_the_number_of_a_request_can_decide(http: GuardedClient) -> None:
    async with Receiver(above(10)) as receiver:
        assert [await seen(http, receiver.url, b"x" * size) for size in (10, 11)] == [204, 413]
        receiver.answers(every(3, Status(500)))
        assert [await seen(http, receiver.url) for _ in range(4)] == [500, 204, 204, 500]


@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_is_told_in_seconds_or_as_a_date_by_the_receivers_clock(
    http: GuardedClient, as_date: bool
) -> None:
    async with Receiver(RetryAfter(90, code=503, as_date=as_date), clock=lambda: NOON) as receiver:
        answer = await post(http, receiver.url)
    assert answer.status == 503
    assert retry_after_seconds(answer.headers, NOON) == 90
    assert answer.headers["retry-after"] == ("Mon, 03 Feb 2025 12:01:30 GMT" if as_date else "90")


async def test_half_of_a_request_is_remembered_as_half(http: GuardedClient) -> None:
    async with Receiver(RESETS_HALFWAY) as receiver:
        with pytest.raises(ConnectError):
            await post(http, receiver.url, b"12345678")
    assert [(request.body, request.whole) for request in receiver.requests] == [(b"1234", False)]


async def test_it_counts_how_many_requests_it_has_in_hand(http: GuardedClient) -> None:
    async with Receiver(HANGS) as receiver:
        assert await asyncio.gather(*(seen(http, receiver.url, limits=SHORT) for _ in range(3))) == ["timeout"] * 3
        await until(lambda: receiver.at_once == 0)
    assert receiver.most_at_once == 3


async def test_a_clock_that_is_moved_moves_the_requests(http: GuardedClient) -> None:
    now = [NOON]

    def clock() -> datetime:
        return now[0]

    async with Receiver(clock=clock) as receiver:
        await post(http, receiver.url)
        now[0] += timedelta(hours=5)
        await post(http, receiver.url)
    assert [request.at for request in receiver.requests] == [NOON, after(5 * 3600)]


# Whether it is there at all


async def test_it_goes_down_and_comes_up_on_the_same_port(http: GuardedClient) -> None:
    async with Receiver() as receiver:
        url = receiver.url
        ends = [await seen(http, url)]
        await receiver.down()
        ends += [await seen(http, url), await seen(http, url)]
        await receiver.up()
        ends.append(await seen(http, url))
    assert ends == [204, "connect_error", "connect_error", 204]
    assert len(receiver.requests) == 2


async def test_what_is_in_hand_when_it_goes_down_is_dropped(http: GuardedClient) -> None:
    async with Receiver(HANGS) as receiver:
        waiting = asyncio.ensure_future(seen(http, receiver.url))
        await until(lambda: receiver.requests)
        await receiver.down()
        assert await waiting in {"connect_error", "protocol_error"}


async def test_its_certificate_is_on_its_own_word_only(http: GuardedClient) -> None:
    async with Receiver(tls=self_signed()) as receiver:
        assert receiver.url.startswith("https://")
        assert await seen(http, receiver.url) == "tls_error"
    assert not receiver.requests


async def test_on_a_port_without_tls_there_is_no_https(http: GuardedClient) -> None:
    async with Receiver() as receiver:
        assert await seen(http, receiver.url.replace("http:", "https:")) == "tls_error"
        assert await seen(http, receiver.url) == 204
    assert len(receiver.requests) == 1


# Names


def named(*answers: list[str] | Exception) -> GuardedClient:
    resolver = FakeResolver({"news.test": answers})
    return GuardedClient(user_agent="t", limits=LIMITS, allow=ONE, resolver=resolver)


@pytest.mark.parametrize("inside", ["10.0.0.1", "169.254.169.254", "127.0.0.3"])
async def test_a_name_that_flips_to_an_address_inside_is_denied_before_any_connection(inside: str) -> None:
    async with Receiver(Status(204, {"Connection": "close"})) as receiver, named(["127.0.0.1"], [inside]) as http:
        with connections() as made:
            url = f"http://news.test:{receiver.port}/"
            assert (await post(http, url)).status == 204
            for _ in range(2):
                with pytest.raises(AddressDenied, match=inside):
                    await post(http, url)
        assert made == ["127.0.0.1"]
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("answer", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"]])
async def test_a_name_that_is_half_inside_is_denied_before_any_connection(answer: list[str]) -> None:
    async with Receiver() as receiver, named(answer) as http:
        with connections() as made, pytest.raises(AddressDenied):
            await post(http, f"http://news.test:{receiver.port}/")
        assert made == []


async def test_a_name_can_be_unknown_for_a_while() -> None:
    async with Receiver() as receiver, named(OSError("Name not known"), [], ["127.0.0.1"]) as http:
        for _ in range(2):
            with pytest.raises(DnsError):
                await post(http, f"http://news.test:{receiver.port}/")
        assert (await post(http, f"http://news.test:{receiver.port}/")).status == 204


async def test_a_connection_to_elsewhere_is_kept_from_happening_while_connections_are_watched() -> None:
    with connections() as made:
        with pytest.raises(AssertionError, match=r"0\.0\.0\.0"):
            await asyncio.open_connection("0.0.0.0", 1)  # this machine, too, were it not kept
        with suppress(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", 1)
    assert made == ["0.0.0.0", "127.0.0.1"]
