"""A server of feeds that never change, or bring news with each poll, cheap enough not to be what is measured.

    python -m benchmarks.feed_server FEEDS [NEWS [DIR]]

The first line printed is JSON: the feeds' URLs, each at a loopback address of its own, as most feeds have a host of
their own. Every path but `/answered` is a feed with an ETag; who brings it back gets 304. With NEWS above 0 each answer
has so many new items instead, and as many fewer old ones; the documents are those in DIR, in turn, where one is named.
Each answer ends its connection, as polls that lie minutes
apart find it. The server ends when its standard input does.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from pathlib import Path

from benchmarks.renewal import Renewable

ITEMS = 20
_STARTED = datetime.now(UTC).timestamp() - 86400
_DOCUMENT = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>A feed</title><link>http://feeds.example{path}</link>{items}</channel></rss>"""
_ITEM = """<item><title>Item {number} of {path}</title><link>http://feeds.example{path}/{number}</link>
<guid>http://feeds.example{path}/{number}</guid><pubDate>{date}</pubDate>
<description>The council met on Monday and put the vote off until the spring, its speaker said.</description></item>"""


class FeedConnection(asyncio.Protocol):
    def __init__(self, answered: Counter[int], told: Counter[str], news: int, document: Renewable | None) -> None:
        self._answered = answered
        self._told = told
        self._news = news
        self._document = document
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" in self._head:
            self._transport.write(self._answer())
            self._transport.close()

    def _answer(self) -> bytes:
        path = self._head.split(b" ", 2)[1].decode()
        if path == "/answered":
            return _response("200 OK", json.dumps(self._answered).encode())
        host = self._transport.get_extra_info("sockname")[0]
        etag = f'"{self._told[host]}-{path}"'
        known = b"if-none-match: " + etag.encode() in self._head.replace(b"If-None-Match", b"if-none-match")
        self._answered[304 if known else 200] += 1
        if known:
            return _response("304 Not Modified", b"", etag)
        told = self._told[host]
        self._told[host] += self._news
        document = self._document.version(told) if self._document else _document(path, told).encode()
        return _response("200 OK", document, etag)


def _document(path: str, first: int) -> str:
    numbers = range(first, first + ITEMS)
    return _DOCUMENT.format(path=path, items="".join(_ITEM.format(path=path, number=n, date=_date(n)) for n in numbers))


def _date(number: int) -> str:
    """Each item has its own, for ever."""
    return format_datetime(datetime.fromtimestamp(_STARTED + number, UTC))


def _response(status: str, body: bytes, etag: str = "") -> bytes:
    kind = f"ETag: {etag}\r\nContent-Type: application/rss+xml\r\n" if etag else ""
    return f"HTTP/1.1 {status}\r\n{kind}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


async def serve(feeds: int, news: int, documents: Sequence[Renewable]) -> None:
    answered: Counter[int] = Counter()
    told: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    servers = []
    for n in range(feeds):
        document = documents[n % len(documents)] if documents else None
        connection = partial(FeedConnection, answered, told, news, document)
        servers.append(await loop.create_server(connection, f"127.0.{1 + n // 250}.{1 + n % 250}", 0, backlog=1000))
    names = [server.sockets[0].getsockname() for server in servers]
    stop = asyncio.Event()
    loop.add_reader(sys.stdin, stop.set)
    print(json.dumps([f"http://{host}:{port}/feed.xml" for host, port in names]), flush=True)
    await stop.wait()


def main(feeds: str, news: str = "0", directory: str = "") -> None:
    files = sorted(Path(directory).iterdir()) if directory else []
    asyncio.run(serve(int(feeds), int(news), [Renewable.of(file.read_bytes(), int(news)) for file in files]))


if __name__ == "__main__":
    main(*sys.argv[1:])
