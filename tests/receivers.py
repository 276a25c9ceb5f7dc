"""A receiver of webhooks on a port of its own that does as a script says.

async with Receiver(Status(500), RetryAfter(30), OK, secrets=[SECRET]) as receiver:
    ...                                # the last answer stays, until
    receiver.answers(HANGS)            # others are named
    await receiver.down()              # nobody listens on the port
    await receiver.up()                # until now
assert not receiver.refusals           # every signature was right
"""

import asyncio
import socket
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Self

from standardwebhooks import Webhook

from tests.answers import OK, Answer, Exchange, Request

TOLERANCE = timedelta(minutes=5)  # as the reference libraries of Standard Webhooks have it
_TLS_HANDSHAKE = b"\x16"


def _now() -> datetime:
    return datetime.now(UTC)


class Receiver:
    """Remembers in `requests` what it was sent. Its port stays its own while it is down.

    `secrets`: each request must be signed with one of them (Standard Webhooks); what is not stands in `refusals`, and
    is answered all the same. `most_at_once`: of requests in hand.
    """

    def __init__(
        self,
        *answers: Answer,
        secrets: Sequence[str] = (),
        clock: Callable[[], datetime] = _now,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.refusals: list[str] = []
        self.connections = self.at_once = self.most_at_once = 0
        self._answers = list(answers) or [OK]
        self._secrets, self._clock, self._tls = secrets, clock, tls
        self._arrived = 0
        self._place = _socket(0)
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        return int(self._place.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/hook"

    def answers(self, *answers: Answer) -> None:
        """To the requests from now on, in turn; the last one stays."""
        self._answers = list(answers)

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._accept, sock=_socket(self.port), ssl=self._tls)

    async def down(self) -> None:
        """Nobody listens; what was in hand is dropped."""
        if self._server is None:
            return
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()
        self._place.close()

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, OSError):
                while not writer.is_closing():
                    await self._exchange(reader, writer)
                    await writer.drain()
        finally:
            writer.transport.abort() if self._server is None else writer.close()

    async def _exchange(self, reader: StreamReader, writer: StreamWriter) -> None:
        first = await reader.readexactly(1)
        if first == _TLS_HANDSHAKE:
            writer.write(b"HTTP/1.1 400 No TLS here\r\nConnection: close\r\n\r\n")
            writer.close()
            return
        head = first + await reader.readuntil(b"\r\n\r\n")
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            request = await self._request(head, reader, whole=not answer.halfway)
            self._remember(request)
            await answer.give(Exchange(request, reader, writer))
        finally:
            self.at_once -= 1

    async def _request(self, head: bytes, reader: StreamReader, *, whole: bool) -> Request:
        self._arrived += 1
        number, at = self._arrived, self._clock()
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        body = await reader.readexactly(length if whole else length // 2)
        return Request(number, at, first.split()[1], headers, body, whole)

    def _remember(self, request: Request) -> None:
        self.requests.append(request)
        if self._secrets and request.whole:
            refused = refusal(request, self._secrets)
            if refused:
                self.refusals.append(f"request {request.number}: {refused}")


def refusal(request: Request, secrets: Sequence[str]) -> str | None:
    """Why the request is not to be believed. Its time is held against when it came, not against the time of day."""
    headers = request.headers
    missing = {"webhook-id", "webhook-timestamp", "webhook-signature"} - headers.keys()
    if missing:
        return f"no {', '.join(sorted(missing))}"
    if not headers["webhook-timestamp"].isdecimal():
        return "webhook-timestamp is no time"
    signed_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    if abs(signed_at - request.at) > TOLERANCE:
        return f"signed at {signed_at:%H:%M:%S}, but it is {request.at:%H:%M:%S}"
    body = request.body.decode(errors="replace")
    rightly = {Webhook(secret).sign(headers["webhook-id"], signed_at, body) for secret in secrets}
    return None if rightly & set(headers["webhook-signature"].split()) else "signed with no secret of ours"


def _socket(port: int) -> socket.socket:
    """Bound, but not listening: who connects is refused. Several may be bound, and one of them listen."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound
