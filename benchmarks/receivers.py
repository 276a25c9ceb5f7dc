"""Receivers of webhooks, cheap enough not to be what is measured, and a few that behave badly.

    python -m benchmarks.receivers QUICK [WAY N]

QUICK of them answer 204 at once; N more behave in one of the WAYS. The first line printed is JSON: their URLs, those
that behave badly last. The path `/seen` of any tells what arrived since it was asked last, as [endpoint, story, when]
in Unix seconds. They end when their standard input does.
"""

import asyncio
import json
import re
import socket
import sys
import time
from collections.abc import Callable
from functools import partial

WAYS = ("hangs", "drips", "refuses")
DRIP_SECONDS = 0.2
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STORY = re.compile(rb'"story_id":"([0-9a-f]+)"')
_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
Seen = list[tuple[int, int, float]]


class Quick(asyncio.Protocol):
    def __init__(self, endpoint: int, seen: Seen) -> None:
        self._endpoint = endpoint
        self._seen = seen
        self._came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._came += data
        head, end, body = self._came.partition(b"\r\n\r\n")
        stated = _LENGTH.search(head) if end else None
        if end and len(body) >= (int(stated[1]) if stated else 0):
            self._came = b""
            self._transport.write(self._answer(head, body))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET /seen"):
            told = json.dumps(self._seen).encode()
            self._seen.clear()
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told)
        story = _STORY.search(body)
        self._seen.append((self._endpoint, int(story[1], 16) if story else -1, time.time()))
        return _TAKEN


class Hangs(asyncio.Protocol):
    """Reads everything and says nothing."""


class Drips(asyncio.Protocol):
    """Its answer's headers never end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self._drip()

    def _drip(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(b"x")
            asyncio.get_running_loop().call_later(DRIP_SECONDS, self._drip)


async def serve(quick: int, way: str, badly: int) -> None:
    seen: Seen = []
    loop = asyncio.get_running_loop()
    protocols: list[Callable[[], asyncio.Protocol]] = [partial(Quick, endpoint, seen) for endpoint in range(quick)]
    protocols += [each for name, each in (("hangs", Hangs), ("drips", Drips)) if name == way for _ in range(badly)]
    servers = [await loop.create_server(each, "127.0.0.1", 0, backlog=1000) for each in protocols]
    bound = [_bound() for _ in range(badly if way == "refuses" else 0)]
    listening = [server.sockets[0] for server in servers]
    stop = asyncio.Event()
    loop.add_reader(sys.stdin, stop.set)
    print(json.dumps([f"http://127.0.0.1:{each.getsockname()[1]}/hook" for each in (*listening, *bound)]), flush=True)
    await stop.wait()


def _bound() -> socket.socket:
    """Nobody listens: who connects is refused."""
    place = socket.socket()
    place.bind(("127.0.0.1", 0))
    return place


def main(quick: str, way: str = "", badly: str = "0") -> None:
    asyncio.run(serve(int(quick), way, int(badly)))


if __name__ == "__main__":
    main(*sys.argv[1:])
