"""`/live`: tells an open page that something rang, so that it asks for itself again."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.gateway.areas.alerts import AlertArea
from services.gateway.views.alerts import AlertView

MOST_READERS = 200
RETRY_MILLISECONDS = 3000
_PLACE = re.compile(r"[0-9]{1,20}(-[0-9]{1,20})?", re.ASCII)
Place = Annotated[str, Query(pattern=f"^{_PLACE.pattern}$", description="in the stream of alerts")]


def live(alerts: AlertArea) -> APIRouter:
    router = APIRouter()
    readers = asyncio.Semaphore(MOST_READERS)

    @router.get("/live")
    async def events(request: Request, after: Place = "0") -> EventSourceResponse:
        """Server-sent events: `alert` for any story, `story-<id>` for one."""
        if readers.locked():
            raise HTTPException(503, "too many pages are open; this one does not follow by itself")
        begin = request.headers.get("last-event-id", "")
        return EventSourceResponse(_told(alerts, begin if _PLACE.fullmatch(begin) else after, readers), ping=15)

    return router


async def _told(alerts: AlertArea, after: str, readers: asyncio.Semaphore) -> AsyncIterator[ServerSentEvent]:
    async with readers:
        yield ServerSentEvent(comment="here", retry=RETRY_MILLISECONDS)
        async for alert in alerts.follow(after):
            for event in _events(alert):
                yield event


def _events(alert: AlertView) -> tuple[ServerSentEvent, ...]:
    told = f"{alert.title}: {alert.detail}".replace("\n", " ")
    return (
        ServerSentEvent(told, event=f"story-{alert.story_id}"),
        ServerSentEvent(told, event="alert", id=alert.id),
    )
