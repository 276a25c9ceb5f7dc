"""The HTTP client for URLs that strangers wrote: feeds, redirects, webhooks."""

import asyncio
import re
import ssl
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import lru_cache
from types import TracebackType
from typing import Self

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from httpx_aiohttp import AiohttpTransport

from shared.errors import FetchError, Timeout, TooManyRedirects
from shared.http.addresses import Network
from shared.http.decode import ACCEPT_ENCODING, BoundedBody
from shared.http.failures import classified
from shared.http.resolver import GuardedResolver, GuardedSockets, SystemResolver
from shared.http.urls import checked_url, headers_for, redirect_target

# aiohttp's 8 KB are too few for the Content-Security-Policy of some large publishers.
_MAX_HEADER_BYTES = 32 * 1024
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# Parsing is dear, and what we fetch has the same addresses again and again. Not for redirects: strangers write those.
_checked_url = lru_cache(maxsize=4096)(checked_url)
_NO_BODY = frozenset({204, 304})  # RFC 9110, 6.4.1


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one fetch.

    `read_seconds`: between two pieces of an answer; `total_seconds`: all together, redirects and body included.
    `max_bytes`: of the decoded body; `truncate`: stop there and return what there is, instead of raising TooLarge.
    `body_optional`: once its headers are here an answer stands, with as much of its body as came, whatever ends that.
    """

    connect_seconds: float = 5
    read_seconds: float = 10
    total_seconds: float = 30
    max_bytes: int = 15 * 1024 * 1024
    max_redirects: int = 5
    truncate: bool = False
    body_optional: bool = False


@dataclass(frozen=True, slots=True)
class Redirect:
    """A hop taken: the status received, and the address that it led to."""

    status: int
    url: str


@dataclass(frozen=True, slots=True)
class Response:
    """`headers`: names in lower case; `body` is decoded; `url` is where the answer came from, after `redirects`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True)
class _Request:
    url: httpx.URL
    method: str
    headers: dict[str, str]
    content: bytes | None
    limits: Limits
    redirects: tuple[Redirect, ...] = ()

    def for_transport(self) -> httpx.Request:
        timeout = {"connect": self.limits.connect_seconds, "read": self.limits.read_seconds}
        headers = httpx.Headers(self.headers, encoding="utf-8")
        extensions = {"timeout": timeout}
        return httpx.Request(self.method, self.url, headers=headers, content=self.content, extensions=extensions)

    def target(self, status: int, headers: Mapping[str, str]) -> httpx.URL | None:
        """Where to go on. Only safe methods do, so that no body is ever sent to where a redirect points."""
        if self.method not in {"GET", "HEAD"} or not self.limits.max_redirects:
            return None
        return redirect_target(self.url, status, headers)

    def redirected(self, status: int, target: httpx.URL) -> "_Request":
        hops = (*self.redirects, Redirect(status, str(target)))
        return replace(self, url=target, headers=headers_for(target, self.url, self.headers), redirects=hops)


@dataclass(slots=True)
class _Arrival:
    """How much of the answer is here. `head`: all but its body."""

    head: Response | None = None
    body: BoundedBody | None = None

    def so_far(self) -> Response | None:
        return self.head and replace(self.head, body=self.body.kept if self.body else b"")


class GuardedClient:
    """httpx over aiohttp's connections, with a guard against addresses that are not public (SSRF).

    Stands on httpx's transport, not on its client, which would resolve redirects, keep cookies and log whole URLs.
    Keeps connections, but no cookies; reads no proxies from the environment. `allow`: networks that may be reached
    although they are not public. `limits.connect_seconds` also bounds each look-up of a name. The client belongs to the
    event loop that it first fetches in.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        limits: Limits = Limits(),
        allow: Sequence[Network] = (),
        resolver: AbstractResolver | None = None,
        max_connections: int = 200,
    ) -> None:
        self._limits = limits
        self._allow = tuple(allow)
        self._resolver = GuardedResolver(resolver or SystemResolver(), self._allow, limits.connect_seconds)
        self._max_connections = max_connections
        self._tls = ssl.create_default_context()
        self._headers = {"user-agent": user_agent, "accept-encoding": ACCEPT_ENCODING}
        self._transport = AiohttpTransport(verify=self._tls, trust_env=False, client=self._session)

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            socket_factory=GuardedSockets(self._allow),
            use_dns_cache=False,
            ssl=self._tls,
            limit=self._max_connections,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_field_size=_MAX_HEADER_BYTES,
        )

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        limits: Limits | None = None,
    ) -> Response:
        """One answer, of any status, after the redirects that `limits` allows; with none, a 3xx is the answer.

        Raises a FetchError, whose message names the host and the cause and no secrets. Redirects of methods other than
        GET and HEAD are not followed; on the way to another host only harmless headers are kept.
        """
        limits = limits or self._limits
        target = _checked_url(url)
        sent = self._headers | {name.lower(): value for name, value in (headers or {}).items()}
        request = _Request(target, method.upper(), sent, content, limits)
        arrival = _Arrival()
        try:
            return await self._in_time(request, arrival)
        except FetchError:
            answer = arrival.so_far() if limits.body_optional else None
            if answer is None:
                raise
            return answer

    async def _in_time(self, request: _Request, arrival: _Arrival) -> Response:
        seconds = request.limits.total_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(request, arrival)
        except TimeoutError as error:
            raise Timeout(f"{request.url.host}: no complete answer within {seconds:g} s") from error

    async def _follow(self, request: _Request, arrival: _Arrival) -> Response:
        while True:
            response = await self._exchange(request, arrival)
            target = request.target(response.status, response.headers)
            if target is None:
                return response
            # A page that leads to itself is a passing fault more often than a loop, so the hops alone are counted.
            if len(request.redirects) == request.limits.max_redirects:
                raise TooManyRedirects(f"{request.url.host}: more than {len(request.redirects)} redirects")
            request = request.redirected(response.status, target)

    async def _exchange(self, request: _Request, arrival: _Arrival) -> Response:
        """One hop. The body of a redirect that is to be followed stays unread."""
        try:
            answer = await self._transport.handle_async_request(request.for_transport())
            async with aclosing(answer):
                headers = _sendable(answer.headers)
                head = Response(answer.status_code, headers, b"", str(request.url), request.redirects)
                if request.target(head.status, headers) is not None:
                    return head
                arrival.head = head
                unread = head.status in _NO_BODY
                return head if unread else replace(head, body=await _read(answer, request.limits, arrival))
        except (FetchError, httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, ValueError) as error:
            raise classified(error, request.url.host) from error

    async def aclose(self) -> None:
        await self._transport.aclose()
        await self._resolver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _sendable(headers: httpx.Headers) -> dict[str, str]:
    """Without values that hold control characters: an ETag like that could not be sent back (RFC 9110, 5.5)."""
    return {name: value for name, value in headers.items() if not _CONTROL.search(value)}


async def _read(answer: httpx.Response, limits: Limits, arrival: _Arrival) -> bytes:
    body = BoundedBody(answer.headers.get("content-encoding", ""), limits.max_bytes, truncate=limits.truncate)
    arrival.body = body
    async for chunk in answer.aiter_raw():
        if not body.feed(chunk):
            break
    return body.finish()
