"""What a receiver answers: frozen values, from any status to what no HTTP server lets one do."""

import asyncio
import socket
import struct
from abc import ABC, abstractmethod
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import ClassVar

_RESPONSE = b"HTTP/1.1 200 OK\r\n"


@dataclass(frozen=True, slots=True)
class Request:
    """`number`: from 1; `headers`: names in lower case; `whole`: its body was read to the end."""

    number: int
    at: datetime
    path: str
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Exchange:
    request: Request
    reader: StreamReader
    writer: StreamWriter


class Answer(ABC):
    """`halfway`: it comes when half of the request's body has been read."""

    halfway: ClassVar[bool] = False

    @abstractmethod
    async def give(self, exchange: Exchange) -> None:
        """The connection is used again unless this closes it."""


@dataclass(frozen=True)
class Status(Answer):
    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def give(self, exchange: Exchange) -> None:
        bodiless = self.code in (204, 304)
        stated = self.headers if bodiless else {"Content-Length": str(len(self.body)), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in stated.items())
        exchange.writer.write(f"HTTP/1.1 {self.code} As told\r\n{lines}\r\n".encode() + self.body)


@dataclass(frozen=True)
class RetryAfter(Answer):
    """`as_date`: an HTTP date, so many seconds after the request came by the receiver's clock."""

    seconds: int
    code: int = 429
    as_date: bool = False

    async def give(self, exchange: Exchange) -> None:
        then = exchange.request.at.astimezone(UTC) + timedelta(seconds=self.seconds)
        stated = format_datetime(then, usegmt=True) if self.as_date else str(self.seconds)
        await Status(self.code, {"Retry-After": stated}).give(exchange)


@dataclass(frozen=True)
class Chosen(Answer):
    """What the request decides."""

    choose: Callable[[Request], Answer]

    async def give(self, exchange: Exchange) -> None:
        await self.choose(exchange.request).give(exchange)


@dataclass(frozen=True)
class Sends(Answer):
    """These bytes as they are, and then what the name says."""

    sent: bytes
    then: Callable[[Exchange], Awaitable[None]]

    async def give(self, exchange: Exchange) -> None:
        exchange.writer.write(self.sent)
        await exchange.writer.drain()
        await self.then(exchange)


class _ResetsHalfway(Answer):
    halfway = True

    async def give(self, exchange: Exchange) -> None:
        await _reset(exchange)


async def _close(exchange: Exchange) -> None:
    exchange.writer.close()


async def _reset(exchange: Exchange) -> None:
    # Lingering for no time makes the end of the socket an RST instead of a FIN.
    exchange.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.writer.transport.abort()


async def _silence(exchange: Exchange) -> None:
    await exchange.reader.read()  # until the other side hangs up
    exchange.writer.close()


async def _drip(exchange: Exchange) -> None:
    while not exchange.writer.is_closing():
        exchange.writer.write(b"x")
        await exchange.writer.drain()
        await asyncio.sleep(0.02)


async def _pour(exchange: Exchange) -> None:
    while not exchange.writer.is_closing():
        exchange.writer.write(b"x" * 65_536)
        await exchange.writer.drain()


# On any status.
DISABLE = {"webhook-delivery": "disable"}
ABORT = {"webhook-delivery": "abort-message"}

OK, GONE, TOO_LARGE = Status(204), Status(410), Status(413)
HANGS = Sends(b"", _silence)
CLOSES = Sends(b"", _close)
RESETS = Sends(b"", _reset)
RESETS_HALFWAY = _ResetsHalfway()
BABBLES = Sends(b"SSH-2.0-OpenSSH_9.6\r\n", _close)
DRIPS_HEADERS = Sends(_RESPONSE + b"X-Slow: ", _drip)
# What follows is taken: a 200, whatever happens to its body.
DRIPS = Sends(_RESPONSE + b"Content-Length: 1000000\r\n\r\n", _drip)
POURS = Sends(_RESPONSE + b"\r\n", _pour)
CUTS = Sends(_RESPONSE + b"Content-Length: 100\r\n\r\n0123456789", _close)
CUTS_BY_RESET = Sends(_RESPONSE + b"Content-Length: 100\r\n\r\n0123456789", _reset)


def redirects(to: str, code: int = 302) -> Answer:
    return Status(code, {"Location": to})


def above(size: int, answer: Answer = TOO_LARGE, otherwise: Answer = OK) -> Answer:
    """`answer` to each body of more than `size` bytes."""
    return Chosen(lambda request: answer if len(request.body) > size else otherwise)


def every(nth: int, answer: Answer, otherwise: Answer = OK) -> Answer:
    """`answer` to each `nth` request."""
    return Chosen(lambda request: otherwise if request.number % nth else answer)
