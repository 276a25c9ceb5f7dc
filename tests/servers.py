"""A loopback HTTP server that answers as a test says and remembers what it was asked; and waiting for things."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from starlette.requests import Request as AsgiRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.http import GuardedClient, Limits
from shared.runtime.serving import served

LOOPBACK = (IPv4Network("127.0.0.0/8"),)
PATIENCE = 20.0


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


async def until(condition: Callable[[], object | Awaitable[object]]) -> None:
    """Wait until `condition` holds. Raises TimeoutError after PATIENCE seconds."""
    async with asyncio.timeout(PATIENCE):
        while not await _value(condition()):  # noqa: ASYNC110 - what is waited for happens in Redis, too
            await asyncio.sleep(0.005)


async def _value(found: object) -> object:
    return await found if isinstance(found, Awaitable) else found
