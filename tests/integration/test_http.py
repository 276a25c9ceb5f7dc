"""The guarded client against real sockets. Servers and "public" addresses all lie on the loopback network."""

import asyncio
import gzip
import logging
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from ipaddress import IPv4Network

import brotli  # type: ignore[import-untyped]  # it publishes no types
import pytest
from aiohttp.abc import ResolveResult
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import (
    AddressDenied,
    BadEncoding,
    BadUrl,
    ConnectError,
    DnsError,
    FetchError,
    ProtocolError,
    Timeout,
    TlsError,
    TooLarge,
    TooManyRedirects,
)
from shared.http import GuardedClient, Limits, Redirect
from shared.http.resolver import SystemResolver
from tests.servers import CERTIFICATE, LOOPBACK, FakeResolver, self_signed, until

PUBLIC = (IPv4Network("127.0.0.2/32"),)  # stands for the public internet; 127.0.0.3 for a private host
USER_AGENT = "Tocsin/test (+mailto:desk@news.test)"
DEFAULTS = Limits()
NAMES = {"news.test": [["127.0.0.1"]], "other.test": [["127.0.0.1"]]}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Writer = asyncio.StreamWriter
Answer = Callable[[bytes, Writer], Awaitable[None]]


class Server:
    """Answers each request, on as many connections as come, by what `answer` writes. Remembers both."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                self.requests.append(await _request(reader))
                await self._answer(self.requests[-1], writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + (await reader.readexactly(int(length[0])) if length else b"")


@asynccontextmanager
async def serving(
    answer: bytes | Answer, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    async def write(_: bytes, writer: Writer) -> None:
        assert isinstance(answer, bytes)
        writer.write(answer)

    server = Server(write if isinstance(answer, bytes) else answer)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: Writer) -> None:
        task = asyncio.ensure_future(server.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(accept, host, port, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield server
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class SilentResolver(FakeResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        await asyncio.sleep(60)
        raise AssertionError("nobody waits that long")


def client(
    names: Mapping[str, Sequence[list[str] | Exception]] | None = None,
    limits: Limits = DEFAULTS,
    allow: Sequence[IPv4Network] = LOOPBACK,
) -> GuardedClient:
    return GuardedClient(user_agent=USER_AGENT, limits=limits, allow=allow, resolver=FakeResolver(names or {}))


def redirect(location: str, status: int = 302, more: str = "") -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 4\r\n{more}\r\ngone".encode()


def body(content: bytes, coding: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        coding.encode(),
        len(content),
        content,
    )


async def hang_up(writer: Writer) -> None:
    writer.close()


async def reset(writer: Writer) -> None:
    # Lingering for no time makes close() send RST instead of FIN.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def fall_silent(_: Writer) -> None:
    await asyncio.sleep(60)


async def drip(writer: Writer) -> None:
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def pour(writer: Writer) -> None:
    while not writer.is_closing():
        writer.write(b"x" * 10_000)
        await writer.drain()


def header(request: bytes, name: str) -> str | None:
    lines = [line.partition(b": ") for line in request.split(b"\r\n")[1:]]
    return next((value.decode() for key, _, value in lines if key.lower() == name.encode()), None)


# The ordinary case


async def test_a_fetch_returns_status_headers_body_and_address() -> None:
    async with serving(b'HTTP/1.1 404 No\r\nETag: "x"\r\nContent-Length: 2\r\n\r\nno') as server, client() as http:
        response = await http.fetch(f"{server.url}/a?b=c#d")
    assert (response.status, response.headers["etag"], response.body) == (404, '"x"', b"no")
    assert (response.url, response.redirects) == (f"{server.url}/a?b=c", ())
    assert server.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert header(server.requests[0], "user-agent") == USER_AGENT
    assert header(server.requests[0], "accept-encoding") == "gzip, deflate, br"


async def test_a_header_of_the_caller_replaces_the_usual_one() -> None:
    async with serving(OK) as server, client() as http:
        await http.fetch(server.url, headers={"USER-AGENT": "Other"})
    assert header(server.requests[0], "user-agent") == "Other"
    assert server.requests[0].lower().count(b"user-agent") == 1


async def test_a_body_is_posted_as_it_is() -> None:
    async with serving(OK) as server, client() as http:
        await http.fetch(server.url, method="post", content=b'{"a": 1}', headers={"Content-Type": "application/json"})
    assert server.requests[0].startswith(b"POST / HTTP/1.1\r\n")
    assert server.requests[0].endswith(b'\r\n\r\n{"a": 1}')
    assert header(server.requests[0], "content-type") == "application/json"


async def test_validators_go_back_byte_for_byte() -> None:
    etag = 'W/"a  b,\u00fc\\"'
    answer = f"HTTP/1.1 200 OK\r\nETag: {etag}\r\nContent-Length: 0\r\n\r\n".encode()
    async with serving(answer) as server, client() as http:
        first = await http.fetch(server.url)
        await http.fetch(server.url, headers={"If-None-Match": first.headers["etag"]})
    assert b"\r\nif-none-match: " + etag.encode() + b"\r\n" in server.requests[1].replace(
        b"If-None-Match", b"if-none-match"
    )


async def test_a_header_that_could_not_be_sent_back_is_not_reported() -> None:
    answer = b'HTTP/1.1 200 OK\r\nETag: "\x01"\r\nX-Fine: 1\r\nContent-Length: 0\r\n\r\n'
    async with serving(answer) as server, client() as http:
        response = await http.fetch(server.url)
    assert "etag" not in response.headers
    assert response.headers["x-fine"] == "1"


async def test_a_header_that_cannot_be_sent_is_a_fetch_error() -> None:
    async with serving(OK) as server, client() as http:
        with pytest.raises(ProtocolError, match="cannot be written"):
            await http.fetch(server.url, headers={"If-None-Match": "a\r\nX-Injected: 1"})
    assert not server.requests


async def test_an_unchanged_feed_has_no_body_whatever_coding_it_names() -> None:
    async with serving(b"HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n\r\n") as server, client() as http:
        response = await http.fetch(server.url)
    assert (response.status, response.body) == (304, b"")


async def test_head_needs_no_body() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n") as server, client() as http:
        assert (await http.fetch(server.url, method="HEAD")).body == b""


async def test_connections_are_used_again() -> None:
    async with serving(OK) as server, client() as http:
        for _ in range(5):
            await http.fetch(server.url)
    assert (len(server.requests), server.connections) == (5, 1)


async def test_cookies_are_not_kept() -> None:
    async with serving(redirect("/b", more="Set-Cookie: a=b\r\n")) as server, client(NAMES) as http:
        for _ in range(2):
            with pytest.raises(TooManyRedirects):
                await http.fetch(f"http://news.test:{server.port}/")
    assert len(server.requests) > 2
    assert {header(request, "cookie") for request in server.requests} == {None}


async def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(OK) as server, serving(b"HTTP/1.1 502 Proxy\r\nContent-Length: 0\r\n\r\n") as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        async with client() as http:
            assert (await http.fetch(server.url)).status == 200
    assert not proxy.requests


async def test_a_header_of_twenty_kilobytes_is_read() -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-Policy: %s\r\nContent-Length: 0\r\n\r\n" % (b"p" * 20_000)
    async with serving(answer) as server, client() as http:
        assert len((await http.fetch(server.url)).headers["x-policy"]) == 20_000


async def test_neither_logs_nor_errors_hold_query_strings(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving(b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n") as server, client() as http:
        with pytest.raises(ProtocolError) as failure:
            await http.fetch(f"{server.url}/?key=sesame", headers={"Authorization": "sesame"})
    assert str(failure.value).startswith("127.0.0.1: ")
    assert "sesame" not in str(failure.value) + caplog.text


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"])
async def test_a_cancelled_fetch_leaves_no_connection_and_no_task_behind(sent: bytes) -> None:
    asked = asyncio.Event()

    async def stall(_: bytes, writer: Writer) -> None:
        writer.write(sent)
        asked.set()  # and the next request is waited for, which ends when the client hangs up

    async with serving(stall) as server, client(limits=Limits(body_optional=True)) as http:
        before = asyncio.all_tasks()
        fetch = asyncio.ensure_future(http.fetch(server.url))
        await asked.wait()
        await asyncio.sleep(0.05)
        fetch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetch
        await until(lambda: asyncio.all_tasks() == before)
    assert server.connections == 1


# Addresses


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "[fd00:ec2::254]"]
)
async def test_a_literal_address_that_is_not_public_gets_no_socket(host: str) -> None:
    async with client(allow=()) as http:
        with pytest.raises(AddressDenied):
            await http.fetch(f"http://{host}:9/")


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "[::1%25lo]", "u:p@127.0.0.1"]
)
async def test_an_address_in_odd_notation_is_a_bad_url(host: str) -> None:
    async with client() as http:
        with pytest.raises(BadUrl):
            await http.fetch(f"http://{host}:9/")


async def test_a_name_that_resolves_to_a_private_address_is_denied() -> None:
    async with serving(OK, "127.0.0.3") as server, client({"news.test": [["127.0.0.3"]]}, allow=PUBLIC) as http:
        with pytest.raises(AddressDenied, match=r"^news\.test: resolves to 127\.0\.0\.3"):
            await http.fetch(f"http://news.test:{server.port}/")
    assert server.connections == 0


@pytest.mark.parametrize("answer", [["127.0.0.2", "127.0.0.3"], ["127.0.0.3", "127.0.0.2"], ["127.0.0.2", "::1"]])
async def test_one_private_address_condemns_the_whole_name(answer: list[str]) -> None:
    async with serving(OK, "127.0.0.2") as server, client({"news.test": [answer]}, allow=PUBLIC) as http:
        with pytest.raises(AddressDenied):
            await http.fetch(f"http://news.test:{server.port}/")
    assert server.connections == 0


async def test_a_name_that_flips_to_a_private_address_is_connected_where_it_was_checked() -> None:
    """DNS rebinding: the first look-up says public, every later one private."""
    names = {"news.test": [["127.0.0.2"], ["127.0.0.3"]]}
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\npublic"
    async with AsyncExitStack() as stack:
        public = await stack.enter_async_context(serving(closing, "127.0.0.2"))
        private = await stack.enter_async_context(serving(OK, "127.0.0.3", public.port))
        resolver = FakeResolver(names)
        http = await stack.enter_async_context(GuardedClient(user_agent="t", allow=PUBLIC, resolver=resolver))
        assert (await http.fetch(f"http://news.test:{public.port}/")).body == b"public"
        assert resolver.lookups["news.test"] == 1
        with pytest.raises(AddressDenied):
            await http.fetch(f"http://news.test:{public.port}/")
    assert (public.connections, private.connections) == (1, 0)


async def test_the_next_address_is_tried_when_the_first_refuses() -> None:
    async with serving(OK, "127.0.0.2") as server, client({"news.test": [["127.0.0.4", "127.0.0.2"]]}) as http:
        assert (await http.fetch(f"http://news.test:{server.port}/")).body == b"ok"


@pytest.mark.parametrize("answer", [socket.gaierror(socket.EAI_NONAME, "Name not known"), []])
async def test_a_name_without_an_address_is_a_dns_error(answer: list[str] | Exception) -> None:
    async with client({"news.test": [answer]}) as http:
        with pytest.raises(DnsError, match=r"^news\.test: "):
            await http.fetch("http://news.test/")


async def test_a_name_server_that_does_not_answer_is_a_dns_error() -> None:
    limits = Limits(connect_seconds=0.05)
    async with GuardedClient(user_agent="t", limits=limits, resolver=SilentResolver({})) as http:
        with pytest.raises(DnsError):
            await http.fetch("http://news.test/")


async def test_the_system_resolver_knows_localhost() -> None:
    resolver = SystemResolver()
    found = await resolver.resolve("localhost", 80, socket.AF_INET)
    await resolver.close()
    assert {(result["host"], result["port"]) for result in found} == {("127.0.0.1", 80)}


async def test_without_a_resolver_the_system_is_asked_and_still_guarded() -> None:
    async with GuardedClient(user_agent="t") as http:
        with pytest.raises(AddressDenied):
            await http.fetch("http://localhost:9/")


# Redirects


async def test_redirects_are_followed_and_reported() -> None:
    async def answer(request: bytes, writer: Writer) -> None:
        hops = {b"/a": redirect("/b", 301), b"/b": redirect("c?d", 308)}
        writer.write(hops.get(request.split()[1], OK))

    async with serving(answer) as server, client() as http:
        response = await http.fetch(f"{server.url}/a")
    assert response.redirects == (Redirect(301, f"{server.url}/b"), Redirect(308, f"{server.url}/c?d"))
    assert (response.url, response.body) == (f"{server.url}/c?d", b"ok")


async def test_without_redirects_allowed_the_redirect_is_the_answer() -> None:
    async with serving(redirect("/b")) as server, client() as http:
        response = await http.fetch(server.url, limits=Limits(max_redirects=0))
    assert (response.status, response.headers["location"], response.body) == (302, "/b", b"gone")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_post_is_never_redirected(status: int) -> None:
    async with serving(redirect("/b", status)) as server, client() as http:
        assert (await http.fetch(server.url, method="POST", content=b"x")).status == status
    assert len(server.requests) == 1


async def test_a_loop_ends_when_the_hops_run_out() -> None:
    async with serving(redirect("/#again")) as server, client(limits=Limits(max_redirects=3)) as http:
        with pytest.raises(TooManyRedirects, match="more than 3"):
            await http.fetch(server.url)
    assert len(server.requests) == 4


async def test_an_endless_chain_ends_after_the_hops_allowed() -> None:
    async def deeper(request: bytes, writer: Writer) -> None:
        writer.write(redirect(f"{request.split()[1].decode()}x"))

    async with serving(deeper) as server, client(limits=Limits(max_redirects=3)) as http:
        with pytest.raises(TooManyRedirects, match="more than 3"):
            await http.fetch(server.url)
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("http://127.0.0.3:{port}/", AddressDenied),
        ("http://private.test:{port}/", AddressDenied),
        ("http://2130706433:{port}/", BadUrl),
        ("http://user:pw@news.test:{port}/", BadUrl),
        ("file:///etc/passwd", BadUrl),
        ("http://[::1", BadUrl),
    ],
)
async def test_each_hop_is_guarded(location: str, error: type[FetchError]) -> None:
    names = {"news.test": [["127.0.0.2"]], "private.test": [["127.0.0.3"]]}
    async with AsyncExitStack() as stack:
        private = await stack.enter_async_context(serving(OK, "127.0.0.3"))
        answer = redirect(location.format(port=private.port))
        public = await stack.enter_async_context(serving(answer, "127.0.0.2"))
        http = await stack.enter_async_context(client(names, allow=PUBLIC))
        with pytest.raises(error):
            await http.fetch(f"http://news.test:{public.port}/")
    assert private.connections == 0


async def test_another_host_sees_no_secrets() -> None:
    headers = {"Authorization": "Bearer x", "X-Api-Key": "k", "If-None-Match": '"e"'}
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(serving(OK))
        first = await stack.enter_async_context(serving(redirect(f"http://other.test:{other.port}/")))
        http = await stack.enter_async_context(client(NAMES))
        await http.fetch(f"http://news.test:{first.port}/", headers=headers)
    assert header(first.requests[0], "authorization") == "Bearer x"
    assert (header(other.requests[0], "authorization"), header(other.requests[0], "x-api-key")) == (None, None)
    assert header(other.requests[0], "if-none-match") == '"e"'


# Time


async def test_a_slow_loris_meets_the_total_deadline() -> None:
    async def answer(_: bytes, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await drip(writer)

    async with serving(answer) as server, client(limits=Limits(read_seconds=5, total_seconds=0.3)) as http:
        with pytest.raises(Timeout, match=r"within 0\.3 s"):
            await http.fetch(server.url)


async def test_slow_redirects_share_one_deadline() -> None:
    async def slowly(request: bytes, writer: Writer) -> None:
        await asyncio.sleep(0.15)
        writer.write(redirect(f"{request.split()[1].decode()}x"))

    async with serving(slowly) as server, client(limits=Limits(total_seconds=0.3, max_redirects=100)) as http:
        with pytest.raises(Timeout):
            await http.fetch(server.url)


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"])
async def test_a_silent_server_meets_the_read_timeout(sent: bytes) -> None:
    async def stall(_: bytes, writer: Writer) -> None:
        writer.write(sent)
        await asyncio.sleep(60)

    async with serving(stall) as server, client(limits=Limits(read_seconds=0.1)) as http:
        with pytest.raises(Timeout, match="sent nothing"):
            await http.fetch(server.url)


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose queue of connections is full, so that a further handshake gets no answer."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_a_stalled_connect_is_a_timeout() -> None:
    with full_backlog() as port:
        async with client(limits=Limits(connect_seconds=0.1)) as http:
            with pytest.raises(Timeout, match="no connection in time"):
                await http.fetch(f"http://127.0.0.1:{port}/")


async def test_a_stalled_tls_handshake_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with client(limits=Limits(connect_seconds=0.1)) as http:
            with pytest.raises(Timeout):
                await http.fetch(f"https://127.0.0.1:{silent.getsockname()[1]}/")


# Connections and protocol


async def test_a_closed_port_is_a_connect_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with client() as http:
            with pytest.raises(ConnectError, match=r"^127\.0\.0\.1: no connection: Connection refused$"):
                await http.fetch(f"http://127.0.0.1:{unused.getsockname()[1]}/")


async def test_a_reset_before_the_answer_is_a_connect_error() -> None:
    async def answer(_: bytes, writer: Writer) -> None:
        await reset(writer)

    async with serving(answer) as server, client() as http:
        with pytest.raises(ConnectError):
            await http.fetch(server.url)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CUT = {
    "no answer": (b"", "closed"),
    "cut in the headers": (b"HTTP/1.1 200 OK\r\nContent-Le", "closed"),
    "short of Content-Length": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "the body stopped"),
    "short of the last chunk": (CHUNKED + b"1\r\nx\r\n", "the body stopped"),
    "bad chunk": (CHUNKED + b"zz\r\nx\r\n", "(the body stopped|does not speak)"),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "does not speak HTTP"),
    "endless header": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "does not speak HTTP"),
}


@pytest.mark.parametrize("case", CUT)
async def test_an_answer_that_is_not_whole_is_a_protocol_error(case: str) -> None:
    sent, words = CUT[case]

    async def cut(_: bytes, writer: Writer) -> None:
        writer.write(sent)
        await writer.drain()
        writer.close()

    async with serving(cut) as server, client() as http:
        with pytest.raises(ProtocolError, match=rf"^127\.0\.0\.1: {words}"):
            await http.fetch(server.url)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    head=st.lists(
        st.sampled_from(
            [b"HTTP/1.1 ", b"200", b"302", b"204", b"\r\n", b"Content-Length: 3", b"Location: //x:y", b": ", b"\0"]
        )
        | st.binary(max_size=6),
        max_size=12,
    ),
    coding=st.sampled_from([b"", b"Content-Encoding: gzip\r\n", b"Content-Encoding: br\r\n"]),
    content=st.binary(max_size=20),
)
async def test_whatever_a_server_says_is_a_response_or_a_fetch_error(
    head: list[bytes], coding: bytes, content: bytes
) -> None:
    async def say(_: bytes, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" * (b"HTTP/1.1 " not in head) + b"".join(head) + coding + b"\r\n" + content)
        writer.close()

    async with serving(say) as server, client(limits=Limits(read_seconds=1)) as http:
        with suppress(FetchError):  # anything else fails the test
            await http.fetch(server.url)


# Bytes


async def test_an_endless_body_is_too_large_and_the_connection_is_closed() -> None:
    hung_up = asyncio.Event()

    async def endless(_: bytes, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            await pour(writer)
        finally:
            hung_up.set()

    async with serving(endless) as server, client(limits=Limits(max_bytes=100_000)) as http:
        with pytest.raises(TooLarge, match=r"^127\.0\.0\.1: .* 100000 bytes"):
            await http.fetch(server.url)
        await asyncio.wait_for(hung_up.wait(), 5)
        cut = await http.fetch(server.url, limits=Limits(max_bytes=1000, truncate=True))
    assert cut.body == b"x" * 1000


@pytest.mark.parametrize(("coding", "encode"), [("gzip", gzip.compress), ("br", brotli.compress)])
async def test_a_bomb_is_too_large(coding: str, encode: Callable[[bytes], bytes]) -> None:
    async with serving(body(encode(bytes(20_000_000)), coding)) as server, client() as http:
        with pytest.raises(TooLarge):
            await http.fetch(server.url)
        cut = await http.fetch(server.url, limits=Limits(max_bytes=1000, truncate=True))
    assert cut.body == bytes(1000)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "sdch"])
async def test_a_body_that_is_not_what_its_label_says_is_bad(coding: str) -> None:
    async with serving(body(b"<rss></rss>", coding)) as server, client() as http:
        with pytest.raises(BadEncoding, match=r"^127\.0\.0\.1: "):
            await http.fetch(server.url)


async def test_a_compressed_body_that_ends_early_is_bad_although_its_length_is_right() -> None:
    async with serving(body(gzip.compress(b"text" * 100)[:-9], "gzip")) as server, client() as http:
        with pytest.raises(BadEncoding):
            await http.fetch(server.url)


async def test_a_stack_of_codings_is_undone() -> None:
    async with serving(body(brotli.compress(gzip.compress(b"text")), "gzip, br")) as server, client() as http:
        assert (await http.fetch(server.url)).body == b"text"


# Answers of which the head is enough

HEAD = b"HTTP/1.1 200 OK\r\nX-Word: kept\r\n"
FOLLOWED_BY = {
    "a reset": (HEAD + b"Content-Length: 100\r\n\r\n0123456789", reset),
    "a reset and no body": (HEAD + b"Content-Length: 100\r\n\r\n", reset),
    "ten bytes of a hundred": (HEAD + b"Content-Length: 100\r\n\r\n0123456789", hang_up),
    "a chunk that is not the last": (HEAD + b"Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n", hang_up),
    "a chunk that stops": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n0123456789", hang_up),
    "an endless body": (HEAD + b"\r\n0123456789", pour),
    "a byte at a time": (HEAD + b"Content-Length: 100\r\n\r\n0123456789", drip),
    "silence": (HEAD + b"Content-Length: 100\r\n\r\n0123456789", fall_silent),
    "bad gzip": (HEAD + b"Content-Encoding: gzip\r\n\r\n0123456789", hang_up),
    "half of a gzip": (HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"0123456789")[:-9], hang_up),
    "a coding nobody knows": (HEAD + b"Content-Encoding: rot13\r\n\r\n0123456789", hang_up),
}


@pytest.mark.parametrize("case", FOLLOWED_BY)
async def test_an_answer_stands_on_its_head_if_its_body_is_optional(case: str) -> None:
    sent, then = FOLLOWED_BY[case]
    strict = Limits(total_seconds=0.5 if then in {drip, fall_silent} else 20, max_bytes=1000)

    async def answer(_: bytes, writer: Writer) -> None:
        writer.write(sent)
        await writer.drain()
        await then(writer)

    async with serving(answer) as server, client(limits=strict) as http:
        with pytest.raises(FetchError):
            await http.fetch(server.url)
        response = await http.fetch(server.url, limits=replace(strict, body_optional=True))
        assert (response.status, response.headers["x-word"]) == (200, "kept")
        assert response.body[:10] in {b"0123456789", b""}
        assert len(response.body) <= 1000
        await http.fetch(server.url, limits=replace(strict, body_optional=True))
    assert server.connections == 3  # none was used again


async def test_as_much_of_an_optional_body_is_given_as_came() -> None:
    async with serving(FOLLOWED_BY["ten bytes of a hundred"][0]) as server:
        async with client(limits=Limits(total_seconds=0.5, body_optional=True)) as http:
            assert (await http.fetch(server.url)).body == b"0123456789"
        async with client(limits=Limits(max_bytes=4, body_optional=True)) as http:
            assert (await http.fetch(server.url)).body == b"0123"


async def test_what_is_whole_is_given_whole_and_its_connection_used_again() -> None:
    async with serving(OK) as server, client(limits=Limits(body_optional=True)) as http:
        assert [(await http.fetch(server.url)).body for _ in range(3)] == [b"ok"] * 3
    assert server.connections == 1


async def test_an_answer_with_an_optional_body_still_tells_the_way_to_it() -> None:
    async def answer(request: bytes, writer: Writer) -> None:
        writer.write(redirect("/b") if request.split()[1] == b"/" else HEAD + b"Content-Length: 9\r\n\r\nx")
        writer.close()

    async with serving(answer) as server, client(limits=Limits(body_optional=True)) as http:
        response = await http.fetch(server.url)
    assert (response.url, response.redirects) == (f"{server.url}/b", (Redirect(302, f"{server.url}/b"),))


@pytest.mark.parametrize(
    ("sent", "then", "error"),
    [
        (b"", hang_up, ProtocolError),
        (b"", reset, ConnectError),
        (b"", fall_silent, Timeout),
        (HEAD, hang_up, ProtocolError),
        (HEAD, drip, Timeout),
        (HEAD, fall_silent, Timeout),
        (redirect("http://127.0.0.1:1/"), hang_up, ConnectError),
    ],
)
async def test_an_optional_body_excuses_nothing_before_the_end_of_the_head(
    sent: bytes, then: Callable[[Writer], Awaitable[None]], error: type[FetchError]
) -> None:
    async def answer(_: bytes, writer: Writer) -> None:
        writer.write(sent)
        await writer.drain()
        await then(writer)

    async with serving(answer) as server, client(limits=Limits(total_seconds=0.5, body_optional=True)) as http:
        with pytest.raises(error):
            await http.fetch(server.url)


# TLS


@pytest.fixture
def tls() -> ssl.SSLContext:
    return self_signed()


async def test_a_self_signed_certificate_is_a_tls_error(tls: ssl.SSLContext) -> None:
    async with serving(OK, tls=tls) as server, client(NAMES) as http:
        with pytest.raises(TlsError, match=r"^news\.test: .*self-signed certificate"):
            await http.fetch(f"https://news.test:{server.port}/")
    assert not server.requests


async def test_a_trusted_certificate_is_good_for_its_name_only(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(CERTIFICATE))
    async with serving(OK, tls=tls) as server, client(NAMES) as http:
        assert (await http.fetch(f"https://news.test:{server.port}/")).body == b"ok"
        with pytest.raises(TlsError, match="Hostname mismatch"):
            await http.fetch(f"https://other.test:{server.port}/")


async def test_a_server_without_tls_on_an_https_address_is_a_tls_error() -> None:
    async def plain(reader: asyncio.StreamReader, writer: Writer) -> None:
        await reader.read(1)
        writer.write(OK)
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as listener, client() as http:
        with pytest.raises(TlsError):
            await http.fetch(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/")


async def test_a_redirect_may_lead_from_https_to_http(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(CERTIFICATE))
    async with AsyncExitStack() as stack:
        plain = await stack.enter_async_context(serving(OK))
        server = await stack.enter_async_context(serving(redirect(f"http://news.test:{plain.port}/"), tls=tls))
        http = await stack.enter_async_context(client(NAMES))
        assert (await http.fetch(f"https://news.test:{server.port}/")).body == b"ok"
