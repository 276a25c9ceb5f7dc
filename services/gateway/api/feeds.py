"""`/v1/feeds`."""

from fastapi import APIRouter

from services.gateway.api.access import needs
from services.gateway.api.paging import Page
from services.gateway.areas.feeds import FeedArea
from services.gateway.views.feeds import FeedView
from shared.models.access import Scope


def feed_routes(area: FeedArea) -> APIRouter:
    router = APIRouter(prefix="/feeds", tags=["feeds"])

    @router.get("", summary="Configured feeds, and how polling them goes", dependencies=[needs(Scope.READ)])
    async def feeds() -> Page[FeedView]:
        return Page(items=tuple(await area.every()))

    return router
