"""`/live`: tells an open page that something rang, so that it asks for itself again."""

from typing import Annotated

from fastapi import APIRouter, Header, Query

from services.gateway.api.streaming import AlertEvents, followed
from services.gateway.live import Live
from services.gateway.views.alerts import AlertView

PLACE = r"^[0-9]{1,20}-[0-9]{1,20}$"
Place = Annotated[str | None, Query(pattern=PLACE, description="in the stream of alerts: what the page has shown")]
LastEventId = Annotated[str | None, Header(description="what the browser had last, when it comes again")]


def live_page(live: Live) -> APIRouter:
    router = APIRouter()

    @router.get("/live", response_class=AlertEvents)
    async def events(after: Place = None, story: str | None = None, last_event_id: LastEventId = None) -> AlertEvents:
        """Server-sent events of each alert, or of those of one story: as /v1/alerts/stream, named by their types."""

        def wants(alert: AlertView) -> bool:
            return story in (None, alert.story_id)

        return await followed(live, wants, last_event_id or after)

    return router
