"""`/v1/alerts`."""

from fastapi import APIRouter

from services.gateway.api.access import needs
from services.gateway.api.paging import Limit, Page
from services.gateway.areas.alerts import AlertArea
from services.gateway.views.alerts import AlertView
from shared.models.access import Scope


def alert_routes(area: AlertArea) -> APIRouter:
    router = APIRouter(prefix="/alerts", tags=["alerts"], dependencies=[needs(Scope.READ)])

    @router.get("", summary="Alerts, newest first")
    async def alerts(limit: Limit = 50) -> Page[AlertView]:
        return Page(items=tuple(await area.newest(limit)))

    return router
