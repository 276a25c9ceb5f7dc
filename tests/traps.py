"""Servers that mean harm, or are merely broken: what each does to who reads its feed, and how that poll has to end.

Each has an address of its own on the loopback network, so that politeness to one never delays the next. What a trap
redirects to is denied before anything is sent.
"""

import asyncio
import gzip
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial

import brotli  # type: ignore[import-untyped]  # it publishes no types

from shared.models.feed import Outcome

MEGABYTE = 1024 * 1024
RESPONSE = b"HTTP/1.1 200 OK\r\n"
CHUNK = b"10000\r\n" + b"<item/>\n" * 8192 + b"\r\n"

Act = Callable[[StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Trap:
    """`act` answers a request; `slow`: only a deadline of many seconds ends it; `or_else`: on a slow machine."""

    name: str
    outcome: Outcome
    act: Act
    slow: bool = False
    or_else: Outcome | None = None

    def ended_well(self, outcome: str) -> bool:
        return outcome in {self.outcome, self.or_else}


@dataclass(slots=True)
class Sprung:
    """A trap that stands at `url`, and when (Unix seconds) somebody asked there."""

    trap: Trap
    url: str = ""
    asked: list[float] = field(default_factory=list)

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            self.asked.append(time.time())
            await self.trap.act(writer)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def listening(trap: Trap, host: str) -> AsyncIterator[Sprung]:
    sprung = Sprung(trap)
    server = await asyncio.start_server(sprung.serve, host, 0)
    sprung.url = f"http://{host}:{server.sockets[0].getsockname()[1]}/feed.xml"
    try:
        yield sprung
    finally:
        server.close()


def item(title: str = "T", guid: str = "g", date: str = "") -> str:
    stated = f"<pubDate>{date or format_datetime(datetime.now(UTC))}</pubDate>"
    return f"<item><title>{title}</title><guid isPermaLink='false'>{guid}</guid>{stated}</item>"


def rss(*items: str, prologue: str = "") -> bytes:
    document = f"{prologue}<rss version='2.0'><channel><title>Trap</title>{''.join(items)}</channel></rss>"
    return document.encode()


def traps(canary: str) -> list[Trap]:
    """`canary` is an address that nobody may ask for: some bodies name it."""
    return [*_bombs(), *_servers(), *_redirects(), *_documents(canary), *_lies()]


def _bombs() -> list[Trap]:
    members = gzip.compress(bytes(10 * MEGABYTE)) * 40
    small = gzip.compress(members)
    return [
        Trap("gzip bomb, 400 MB", Outcome.TOO_LARGE, _sends(members, "gzip")),
        Trap("gzip in gzip bomb, 400 MB", Outcome.TOO_LARGE, _sends(small, "gzip, gzip")),
        Trap("brotli bomb, 64 MB", Outcome.TOO_LARGE, _sends(brotli.compress(bytes(64 * MEGABYTE), quality=5), "br")),
        Trap("entities, ten to the ninth", Outcome.SEEDED, _sends(_laughs())),
        Trap("one long entity 20,000 times", Outcome.SEEDED, _sends(_quadratic())),
        Trap("entity that is a file", Outcome.SEEDED, _sends(_external("file:///etc/passwd"))),
        Trap("500,000 levels deep", Outcome.NOT_A_FEED, _sends(rss("<item>" + "<a>" * 500_000))),
        Trap("190,000 tags never closed", Outcome.SEEDED, _sends(_unclosed()), True, Outcome.PARSE_TIMEOUT),
        Trap("190,000 more", Outcome.SEEDED, _sends(_unclosed()), True, Outcome.PARSE_TIMEOUT),
        Trap("100,000 levels of JSON", Outcome.NOT_A_FEED, _sends(b'{"items":' * 100_000)),
        Trap("attribute of 12 MB", Outcome.NOT_A_FEED, _sends(rss(f"<x y='{'z' * 12 * MEGABYTE}'/>", item()))),
        Trap("400 KB of comments that never end", Outcome.SEEDED, _sends(b"<rss><channel>" + b"<!--" * 100_000)),
    ]


def _servers() -> list[Trap]:
    body = rss(item())
    return [
        Trap("endless body", Outcome.TOO_LARGE, _endless_body),
        Trap("a byte a second", Outcome.TIMEOUT, partial(_dripping, RESPONSE + b"Content-Length: 999\r\n\r\n"), True),
        Trap("a byte of header a second", Outcome.TIMEOUT, partial(_dripping, RESPONSE + b"X-Slow: "), True),
        Trap("says nothing", Outcome.TIMEOUT, partial(_then_silent, b""), True),
        Trap("falls silent in the middle", Outcome.TIMEOUT, partial(_then_silent, _head(body) + body[:50]), True),
        Trap("endless headers", Outcome.PROTOCOL_ERROR, _endless_headers),
        Trap("resets in the middle", Outcome.PROTOCOL_ERROR, partial(_reset, _head(body) + body[:50])),
        Trap("longer than it is", Outcome.PROTOCOL_ERROR, _writes(_head(body, length=len(body) + 9) + body)),
        Trap("negative length", Outcome.PROTOCOL_ERROR, _writes(_head(body, length=-1) + body)),
        Trap("no HTTP at all", Outcome.PROTOCOL_ERROR, _writes(b"SSH-2.0-OpenSSH_9.6\r\n" + body)),
    ]


def _redirects() -> list[Trap]:
    return [
        Trap("redirects to itself", Outcome.TOO_MANY_REDIRECTS, _redirects_to("/feed.xml")),
        Trap("redirects without end", Outcome.TOO_MANY_REDIRECTS, _redirects_on),
        Trap("redirects to 10.0.0.1", Outcome.ADDRESS_DENIED, _redirects_to("http://10.0.0.1/")),
        Trap("redirects to 10.0.0.1 in IPv6", Outcome.ADDRESS_DENIED, _redirects_to("http://[::ffff:10.0.0.1]/")),
        Trap("redirects to 10.0.0.1 in decimal", Outcome.BAD_URL, _redirects_to("http://167772161/")),
        Trap("redirects to a file", Outcome.BAD_URL, _redirects_to("file:///etc/passwd")),
    ]


def _documents(canary: str) -> list[Trap]:
    one = item("Same", "same")
    page = b"<!DOCTYPE html><html><head><title>News</title></head><body><p>Moved<br></body></html>"
    return [
        Trap("50,000 items", Outcome.SEEDED, _sends(rss(*(item(f"T{n}", f"g{n}") for n in range(50_000))))),
        Trap("10,000 times one guid", Outcome.SEEDED, _sends(rss(one * 10_000))),
        Trap("guid of 1 MB", Outcome.SEEDED, _sends(rss(item("T", "g" * MEGABYTE)))),
        Trap("title of 100,000 characters", Outcome.SEEDED, _sends(rss(item("T" * 100_000)))),
        Trap("the year 9999", Outcome.SEEDED, _sends(rss(item(date="Fri, 31 Dec 9999 23:59:59 -1200")))),
        Trap("the year 1", Outcome.SEEDED, _sends(rss(item(date="Mon, 01 Jan 0001 00:00:00 +1400")))),
        Trap("a page, not a feed", Outcome.NOT_A_FEED, _sends(page)),
        Trap("a path for a body", Outcome.NOT_A_FEED, _sends(b"/etc/passwd")),
        Trap("an address for a body", Outcome.NOT_A_FEED, _sends(canary.encode())),
        Trap("entity that is an address", Outcome.SEEDED, _sends(_external(canary))),
        Trap("nothing but NULs", Outcome.NOT_A_FEED, _sends(bytes(MEGABYTE))),
        Trap("empty", Outcome.NOT_A_FEED, _sends(b"")),
    ]


def _lies() -> list[Trap]:
    body = rss(item("Größe"))
    declared = "<?xml version='1.0' encoding='utf-16'?>"
    return [
        Trap("NULs in between", Outcome.SEEDED, _sends(body.replace(b"<item>", b"\0<item>\0"))),
        Trap("a charset that it is not", Outcome.SEEDED, _sends(body, kind="text/xml; charset=utf-16")),
        Trap("an encoding that it is not", Outcome.SEEDED, _sends(rss(item(), prologue=declared))),
        Trap("a charset that is none", Outcome.SEEDED, _sends(body, kind="text/xml; charset=base64")),
        Trap("UTF-32 with a mark", Outcome.SEEDED, _sends(body.decode().encode("utf-32"))),
        Trap("a picture by its type", Outcome.SEEDED, _sends(body, kind="image/png")),
        Trap("gzip that is none", Outcome.BAD_ENCODING, _sends(body, "gzip")),
        Trap("gzip that stops", Outcome.BAD_ENCODING, _sends(gzip.compress(body)[:-20], "gzip")),
        Trap("a coding nobody knows", Outcome.BAD_ENCODING, _sends(body, "rot13")),
    ]


def _unclosed() -> bytes:
    """Just few enough for the parser that forgives, and costs seconds for it."""
    return b"<rss version='2.0'><channel><item>" + b"<description>" * 190_000


def _laughs() -> bytes:
    entities = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
    return rss(item("&l9;"), prologue=f"<!DOCTYPE rss [<!ENTITY l0 'ha'>{entities}]>")


def _quadratic() -> bytes:
    return rss(item("&l;" * 20_000), prologue=f"<!DOCTYPE rss [<!ENTITY l '{'ha' * 50_000}'>]>")


def _external(address: str) -> bytes:
    return rss(item("&x;"), prologue=f"<!DOCTYPE rss [<!ENTITY x SYSTEM '{address}'>]>")


def _head(body: bytes, coding: str = "", kind: str = "application/rss+xml", length: int | None = None) -> bytes:
    coded = f"Content-Encoding: {coding}\r\n" if coding else ""
    stated = len(body) if length is None else length
    return RESPONSE + f"Content-Type: {kind}\r\n{coded}Content-Length: {stated}\r\n\r\n".encode()


def _sends(body: bytes, coding: str = "", kind: str = "application/rss+xml") -> Act:
    return _writes(_head(body, coding, kind) + body)


def _writes(answer: bytes) -> Act:
    async def act(writer: StreamWriter) -> None:
        writer.write(answer)

    return act


def _redirects_to(address: str) -> Act:
    return _writes(f"HTTP/1.1 301 Moved\r\nLocation: {address}\r\nContent-Length: 0\r\n\r\n".encode())


async def _redirects_on(writer: StreamWriter) -> None:
    await _redirects_to(f"/{time.monotonic_ns()}")(writer)


async def _endless_body(writer: StreamWriter) -> None:
    writer.write(RESPONSE + b"Transfer-Encoding: chunked\r\n\r\n")
    await _for_ever(writer, CHUNK)


async def _endless_headers(writer: StreamWriter) -> None:
    writer.write(RESPONSE)
    await _for_ever(writer, b"X-More: and more\r\n" * 100)


async def _for_ever(writer: StreamWriter, piece: bytes) -> None:
    while not writer.is_closing():
        writer.write(piece)
        await writer.drain()


async def _dripping(head: bytes, writer: StreamWriter) -> None:
    writer.write(head)
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(1)


async def _then_silent(sent: bytes, writer: StreamWriter) -> None:
    writer.write(sent)
    await asyncio.sleep(120)


async def _reset(sent: bytes, writer: StreamWriter) -> None:
    """An RST: what the kernel sends for a connection that is thrown away unread."""
    writer.write(sent)
    await writer.drain()
    writer.transport.abort()
