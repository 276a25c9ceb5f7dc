"""A server of feeds that never change, cheap enough not to be what is measured.

    python -m benchmarks.feed_server FEEDS

The first line printed is JSON: the feeds' URLs, each at a loopback address of its own, as most feeds have a host of
their own. Every path but `/answered` is a feed with an ETag; who brings it back gets 304. Each answer ends its
connection, as polls that lie minutes apart find it. The server ends when its standard input does.
"""

import asyncio
import json
import sys
from collections import Counter

ITEMS = 20
_DOCUMENT = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>A feed</title><link>http://feeds.example{path}</link>{items}</channel></rss>"""
_ITEM = """<item><title>Item {number} of {path}</title><link>http://feeds.example{path}/{number}</link>
<guid>http://feeds.example{path}/{number}</guid><pubDate>Mon, 03 Feb 2025 12:00:00 GMT</pubDate>
<description>The council met on Monday and put the vote off until the spring, its speaker said.</description></item>"""


class FeedConnection(asyncio.Protocol):
    def __init__(self, answered: Counter[int]) -> None:
        self._answered = answered
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
            return _response("200 OK", json.dumps(self._answered))
        etag = f'"unchanged-{path}"'
        known = b"if-none-match: " + etag.encode() in self._head.replace(b"If-None-Match", b"if-none-match")
        self._answered[304 if known else 200] += 1
        return _response("304 Not Modified", "", etag) if known else _response("200 OK", _document(path), etag)


def _document(path: str) -> str:
    return _DOCUMENT.format(path=path, items="".join(_ITEM.format(path=path, number=n) for n in range(ITEMS)))


def _response(status: str, body: str, etag: str = "") -> bytes:
    payload = body.encode()
    kind = f"ETag: {etag}\r\nContent-Type: application/rss+xml\r\n" if etag else ""
    return f"HTTP/1.1 {status}\r\n{kind}Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n".encode() + payload


async def serve(feeds: int) -> None:
    answered: Counter[int] = Counter()
    hosts = [f"127.0.{1 + n // 250}.{1 + n % 250}" for n in range(feeds)]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: FeedConnection(answered), hosts, 0, backlog=1000)
    names = [socket.getsockname() for socket in server.sockets]
    stop = asyncio.Event()
    loop.add_reader(sys.stdin, stop.set)
    print(json.dumps([f"http://{host}:{port}/feed.xml" for host, port in names]), flush=True)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
