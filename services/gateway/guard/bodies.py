"""The body of a request: bounded, and read whole before anything is done."""

import asyncio

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.guard.rules import HUBS, SAFE

MAX_BYTES = 1024 * 1024
READ_SECONDS = 30.0


class WholeBodies:
    """Of requests that ask for a change, but for those of hubs, which bound theirs themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE or scope["path"].startswith(HUBS):
            await self.app(scope, receive, send)
            return
        body = await _read(scope, receive)
        if body is not None:
            await self.app(scope, handing_on(body, receive), send)


def handing_on(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives this body, and then what comes after it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return first.pop() if first else await receive()

    return received


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """None: the client has gone."""
    stated = Headers(scope=scope).get("content-length", "")
    if stated.isdecimal() and int(stated) > MAX_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await whole(receive)
    except TimeoutError:
        raise HTTPException(408, f"the body did not come within {READ_SECONDS:g} s") from None


async def whole(receive: Receive) -> bytes | None:
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> HTTPException:
    return HTTPException(413, f"the body is larger than {MAX_BYTES:,} bytes")
