"""Receivers that kill who posts to them, at a point of their choice, and remember what they heard."""

import asyncio
import json
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256

from tests.answers import Request
from tests.factories import SECRET
from tests.receivers import refusal


class Point(StrEnum):
    BEFORE_BODY = "before the body"
    BEFORE_ANSWER = "before the answer"
    AFTER_ANSWER = "right after the answer"
    LATER = "a moment later"


Kill = Callable[[], None]
# Who posts, by the User-Agent → at which point to kill, and how; None: not now.
Strike = Callable[[str], tuple[Point, Kill] | None]

LATER_SECONDS = 0.05
_OK = b"HTTP/1.1 204 No Content\r\n\r\n"
_FAILS = b"HTTP/1.1 500 As told\r\nContent-Length: 0\r\n\r\n"
# In Slack's form there is neither id nor revision; the title tells both.
TITLE = "Happening {story} as of revision {revision}"
_TITLE = re.compile(r"Happening ([0-9a-f]{16}) as of revision (\d+)")


@dataclass(slots=True)
class Heard:
    """A request whose body was read to its end. `stories`: id → revision. `taken`: it was answered with a 2xx."""

    endpoint: str
    webhook_id: str
    sha256: str
    stories: Mapping[str, int]
    taken: bool = False


@dataclass(slots=True)
class Audience:
    """`fails`: whether the next request is answered with a 500."""

    strike: Strike
    fails: Callable[[], bool]
    delay: Callable[[], float]
    heard: list[Heard] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def at(self, endpoint: str) -> AsyncIterator[str]:
        """A receiver for this endpoint; its address."""

        async def serve(reader: StreamReader, writer: StreamWriter) -> None:
            with suppress(asyncio.IncompleteReadError, OSError):
                while await self._exchange(endpoint, reader, writer):
                    pass
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"

    async def _exchange(self, endpoint: str, reader: StreamReader, writer: StreamWriter) -> bool:
        """Whether the connection goes on."""
        headers = _headers(await reader.readuntil(b"\r\n\r\n"))
        point, kill = self.strike(headers.get("user-agent", "")) or (None, None)
        if kill and point is Point.BEFORE_BODY:
            kill()
            return False
        body = await reader.readexactly(int(headers["content-length"]))
        heard = self._note(endpoint, headers, body)
        if kill and point is Point.BEFORE_ANSWER:
            kill()
            return False
        heard.taken = not self.fails()
        writer.write(_OK if heard.taken else _FAILS)  # it is in the kernel's hands when this returns
        if kill and point is Point.AFTER_ANSWER:
            kill()
        elif kill:
            asyncio.get_running_loop().call_later(self.delay() * LATER_SECONDS, kill)
        return True

    def _note(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> Heard:
        signed = "webhook-id" in headers
        request = Request(len(self.heard), datetime.now(UTC), "/hook", headers, body)
        if signed and (wrong := refusal(request, [SECRET])):
            self.refusals.append(f"{endpoint}: {wrong}")
        stories = dict(_stories(body, signed=signed))
        digest = sha256(body).hexdigest()
        # Slack's has no id: its only story's revision stands for one.
        identity = headers.get("webhook-id") or f"{endpoint}: {stories}"
        heard = Heard(endpoint, identity, digest, stories)
        self.heard.append(heard)
        return heard


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in lines if name}


def _stories(body: bytes, *, signed: bool) -> Iterator[tuple[str, int]]:
    if not signed:
        found = _TITLE.search(body.decode())
        assert found is not None
        yield found[1], int(found[2])
        return
    data = json.loads(body)["data"]
    for story in data.get("stories", [data]):
        yield story["story_id"], story["revision"]
