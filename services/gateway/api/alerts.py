"""`/v1/alerts`: what has rung, and `/v1/alerts/stream`, as it rings."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field

from services.gateway.api.access import needs
from services.gateway.api.paging import Limit, Page, RecordCursor, paged
from services.gateway.api.problems import RESPONSES
from services.gateway.api.streaming import AlertEvents, followed
from services.gateway.areas.alerts import NEWEST, OLDEST, AlertArea, Found
from services.gateway.choice import AlertChoice
from services.gateway.live import Live
from services.gateway.views.alerts import AlertView
from shared.models.access import Scope
from shared.models.base import Moment
from shared.store.alerts import id_at, order

RECORD_ID = r"^[0-9]{1,18}(-[0-9]{1,18})?$"
RETRY_AFTER_SECONDS = 5

RecordId = Annotated[str | None, Field(pattern=RECORD_ID, examples=["1770120000000-0"])]


class Order(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"


class AlertQuery(AlertChoice):
    after: Annotated[RecordId, Field(description="that came after this one; 0: all")] = None
    since: Annotated[
        Moment | None, Field(description="that rang at this time or later", examples=["2026-02-03T12:00:00Z"])
    ] = None
    order: Annotated[
        Order | None, Field(description="which come first; without it the oldest after `after`, else the newest")
    ] = None
    limit: Limit = 50
    cursor: RecordCursor = None

    @property
    def first(self) -> Order:
        return self.order or (Order.OLDEST if self.after else Order.NEWEST)

    @property
    def bound(self) -> str:
        """The alert after which all is wanted."""
        since = id_at(self.since) if self.since else OLDEST
        return max(self.after or OLDEST, since, key=order)


class StreamQuery(AlertChoice):
    last_event_id: Annotated[
        RecordId, Field(description="begin after this alert; the header Last-Event-ID, if there is one, outweighs it")
    ] = None


LastEventId = Annotated[
    str, Header(pattern=f"{RECORD_ID}|^$", description="the last alert that you had; browsers send it by themselves")
]
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: `id` its place in the stream, `event` its type, `data` the alert as JSON; "
        "`reset` if what followed the id that was named is no longer kept.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


def alert_routes(area: AlertArea, live: Live) -> APIRouter:
    router = APIRouter(prefix="/alerts", tags=["alerts"], dependencies=[needs(Scope.READ)])

    @router.get("", summary="Alerts")
    async def alerts(query: Annotated[AlertQuery, Query()], request: Request, response: Response) -> Page[AlertView]:
        """With `after` set to the `id` of the last that you have, what came since. With rare filters a page may be
        short, or empty, although more follow: `next` says so."""
        found = await _found(area, query)
        return paged(request, response, found.alerts, found.following)

    @router.get(
        "/stream",
        status_code=200,
        summary="Alerts as they ring",
        response_class=AlertEvents,
        responses={**EVENTS, 503: RESPONSES[503]},
    )
    async def stream(query: Annotated[StreamQuery, Query()], last_event_id: LastEventId = "") -> AlertEvents:
        """Each alert once. When the connection breaks, come again with the last `id` in `Last-Event-ID`: what came
        meanwhile is told first. A heartbeat comes every 15 s; whoever is too slow is cut off, and may come again."""
        return await followed(live, query.wants, last_event_id or query.last_event_id)

    return router


async def _found(area: AlertArea, query: AlertQuery) -> Found:
    if query.first is Order.OLDEST:
        return await area.forward(query, query.limit, query.cursor or query.bound)
    return await area.back(query, query.limit, query.cursor or NEWEST, query.bound)
