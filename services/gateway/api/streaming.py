"""Server-sent events (WHATWG HTML, section 9.2), over sse-starlette."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import HTTPException
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from services.gateway.api.problems import RETRY_AFTER_SECONDS
from services.gateway.live import Live, NotYet, Opened, Still, Told, Wants
from shared.logs import get_logger
from shared.store.patience import StoreUnavailable

# Whoever takes nothing for so long has gone, or never read.
SEND_SECONDS = 30.0
RETRY_MILLISECONDS = 3_000
RESET = "reset"
LOST = '{"detail":"what came after the id that you named is no longer kept; read /v1/stories anew"}'
log = get_logger()


class AlertEvents(EventSourceResponse):
    """All that is wanted after the alert `after`. Takes a seat, which the route has seen to be free."""

    def __init__(self, live: Live, wants: Wants, after: str | None) -> None:
        # It heartens by itself: an `id:` beside a heartbeat must not overtake an alert, nor be overtaken.
        super().__init__(_events(live, wants, after), ping=0, sep="\n", send_timeout=SEND_SECONDS)
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._live.seat():
            try:
                await super().__call__(scope, receive, send)
            except SendTimeoutError:
                log.info("gateway.stream_cut", silent_seconds=SEND_SECONDS)


async def followed(live: Live, wants: Wants, after: str | None) -> AlertEvents:
    """The answer to who wants to follow. Raises HTTPException (503) while that cannot be."""
    if live.is_full:
        raise _come_again("so many follow already that no more are taken")
    try:
        await live.ready()
    except NotYet:
        raise _come_again("Redis does not answer") from None
    return AlertEvents(live, wants, after)


def _come_again(why: str) -> HTTPException:
    return HTTPException(503, why, {"Retry-After": str(RETRY_AFTER_SECONDS)})


async def _events(live: Live, wants: Wants, after: str | None) -> AsyncGenerator[bytes]:
    """It ends with the store: whoever comes again is told what came meanwhile."""
    try:
        async with aclosing(live.follow(wants, after)) as following:
            async for each in following:
                yield _event(each)
                # To a socket that takes all, nothing else would wait; nor would it be noticed that it is gone.
                await asyncio.sleep(0)
    except StoreUnavailable as error:
        log.warning("redis.unavailable", error=str(error)[:200])


def _event(each: Opened | Told | Still) -> bytes:
    """An `id` without data is noted by readers and shown to nobody: they come again from there."""
    if isinstance(each, Told):
        return each.event
    if isinstance(each, Still):
        return ServerSentEvent(comment="still here", id=each.record_id, sep="\n").encode()
    event, data = (RESET, LOST) if each.lost else (None, None)
    return ServerSentEvent(data, id=each.record_id, event=event, retry=RETRY_MILLISECONDS, sep="\n").encode()
