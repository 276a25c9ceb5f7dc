"""Entity tags (RFC 9110, 8.8.3): what has not changed is not sent again, and what has is not overwritten unseen."""

from hashlib import sha256

from fastapi import HTTPException
from pydantic import BaseModel
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TAGGED = ("application/json", "application/feed+json", "application/atom+xml", "application/rss+xml")
_REVALIDATED = "private, no-cache"


def etag_of(body: bytes) -> str:
    """A strong one."""
    return f'"{sha256(body).hexdigest()[:32]}"'


def check_match(request: Request, current: BaseModel) -> None:
    """For a route that changes something. `current`: its view, as GET returns it now. Raises HTTPException (412)."""
    wanted = request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return
    if etag_of(current.model_dump_json(by_alias=True).encode()) not in _tags(wanted):
        raise HTTPException(412, "it has changed since it was read: read it again, and decide anew")


def _tags(header: str) -> set[str]:
    return {tag.strip() for tag in header.split(",")}


class WithETags:
    """Tags what GET answers in full, and answers 304 to who has it already; no stream, no secret."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            send = _Tagging(Headers(scope=scope).get("if-none-match"), send)
        await self.app(scope, receive, send)


class _Tagging:
    def __init__(self, known: str | None, send: Send) -> None:
        self._known = known
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _may_be_tagged(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._answer(self._start)

    async def _answer(self, start: Message) -> None:
        tag, headers = etag_of(bytes(self._body)), MutableHeaders(scope=start)
        headers["ETag"] = tag
        headers.setdefault("Cache-Control", _REVALIDATED)
        has_it = self._known is not None and (
            self._known.strip() == "*" or tag in {known.removeprefix("W/") for known in _tags(self._known)}
        )
        if has_it:
            del headers["Content-Length"], headers["Content-Type"]
        await self._send({**start, "status": 304} if has_it else start)
        await self._send({"type": "http.response.body", "body": b"" if has_it else bytes(self._body)})


def _may_be_tagged(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "").partition(";")[0]
    kept = "no-store" not in headers.get("cache-control", "")
    return start["status"] == 200 and kind in TAGGED and kept and "etag" not in headers
