"""Somebody who follows server-sent events as a browser does: WHATWG HTML, section 9.2.6, written from its words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    type: str
    data: str


@dataclass(slots=True)
class Follower:
    """`last_event_id` is what it would come again with; `comments` are heartbeats."""

    url: str
    last_event_id: str = ""
    retry: int | None = None
    comments: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def following(self, session: aiohttp.ClientSession) -> AsyncIterator[AsyncIterator[Event]]:
        """One connection."""
        headers = {"Last-Event-ID": self.last_event_id} if self.last_event_id else {}
        async with session.get(self.url, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            assert answer.content_type == "text/event-stream"
            self.headers = {name.lower(): value for name, value in answer.headers.items()}
            yield self._events(answer)

    async def _events(self, answer: aiohttp.ClientResponse) -> AsyncIterator[Event]:
        data, fields = list[str](), {"id": self.last_event_id}
        async for line in answer.content:
            name, _, value = line.decode().rstrip("\r\n").partition(":")
            if line.strip():
                self._note(name, value.removeprefix(" "), data, fields)
                continue
            self.last_event_id = fields["id"]
            if data:
                yield Event(fields["id"], fields.get("event", "message"), "\n".join(data))
            data, fields = [], {"id": fields["id"]}

    def _note(self, name: str, value: str, data: list[str], fields: dict[str, str]) -> None:
        if not name:
            self.comments += 1
        elif name == "data":
            data.append(value)
        elif name == "retry" and value.isdigit():
            self.retry = int(value)
        elif name != "id" or "\0" not in value:
            fields[name] = value


@asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as opened:
        yield opened
