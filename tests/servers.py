"""A loopback HTTP server that answers as a test says and remembers what it was asked; names; and waiting for things.

Nothing here leaves the loopback network.
"""

import asyncio
import socket
import ssl
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path

from aiohttp.abc import AbstractResolver, ResolveResult
from starlette.requests import Request as AsgiRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.http import GuardedClient, Limits
from shared.runtime.serving import served

LOOPBACK = (IPv4Network("127.0.0.0/8"),)
PATIENCE = 20.0
CERTIFICATE = Path(__file__).parent / "data" / "self-signed-news.test.pem"


@dataclass(frozen=True, slots=True)
class Answer:
    """`hangs`: it never comes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False


HANG = Answer(hangs=True)


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    headers: Mapping[str, str]
    body: bytes


class Server:
    """Answers each path with its answers in turn; the last one stays."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host, self.port = host, 0
        self.requests: list[Request] = []
        self._answers: dict[str, list[Answer]] = defaultdict(lambda: [Answer()])
        self._closing = asyncio.Event()

    def url(self, path: str = "/") -> str:
        return f"http://{self.host}:{self.port}{path}"

    def answers(self, *answers: Answer, path: str = "/") -> None:
        self._answers[path] = list(answers)

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = AsgiRequest(scope, receive)
        self.requests.append(Request(scope["path"], dict(request.headers), await request.body()))
        waiting = self._answers[scope["path"]]
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if answer.hangs:
            await self._closing.wait()
        await Response(answer.body, answer.status, answer.headers)(scope, receive, send)

    def close(self) -> None:
        self._closing.set()


@asynccontextmanager
async def serving(port: int = 0, *, host: str = "127.0.0.1") -> AsyncIterator[Server]:
    server = Server(host)
    async with served(server.asgi, host, port) as server.port:
        try:
            yield server
        finally:
            server.close()


def loopback_client(**limits: float) -> GuardedClient:
    return GuardedClient(user_agent="Tocsin/test", limits=Limits(**limits), allow=LOOPBACK)  # type: ignore[arg-type]


class FakeResolver(AbstractResolver):
    """Answers from a table, look-up by look-up; the last answer stays. An exception in the table is raised."""

    def __init__(self, table: Mapping[str, Sequence[list[str] | Exception]]) -> None:
        self._table = table
        self.lookups: Counter[str] = Counter()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answers = self._table[host]
        answer = answers[min(self.lookups[host], len(answers) - 1)]
        self.lookups[host] += 1
        if isinstance(answer, Exception):
            raise answer
        return [
            ResolveResult(
                hostname=host,
                host=a,
                port=port,
                family=socket.AF_INET6 if ":" in a else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for a in answer
        ]

    async def close(self) -> None:
        pass


def self_signed() -> ssl.SSLContext:
    """Of a server that calls itself news.test, on nobody's word but its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


_watching = list[list[str]]()


def _watch(event: str, details: tuple[object, ...]) -> None:
    if event == "socket.connect" and _watching:
        where = details[1]
        host = str(where[0]) if isinstance(where, tuple) else "127.0.0.1"  # a path is as near as that
        for made in _watching:
            made.append(host)
        assert host.startswith("127."), f"a connection to {host} was about to be made"


@cache
def _watch_for_good() -> None:
    """There is no taking an audit hook away."""
    sys.addaudithook(_watch)


@contextmanager
def connections() -> Iterator[list[str]]:
    """The addresses that this process connects to meanwhile. All but those of 127.0.0.0/8 are kept from happening."""
    _watch_for_good()
    made = list[str]()
    _watching.append(made)
    try:
        yield made
    finally:
        _watching.pop()


async def until(condition: Callable[[], object | Awaitable[object]]) -> None:
    """Wait until `condition` holds. Raises TimeoutError after PATIENCE seconds."""
    async with asyncio.timeout(PATIENCE):
        while not await _value(condition()):  # noqa: ASYNC110 - what is waited for happens in Redis, too
            await asyncio.sleep(0.005)


async def _value(found: object) -> object:
    return await found if isinstance(found, Awaitable) else found
