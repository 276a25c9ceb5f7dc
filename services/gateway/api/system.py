"""`/v1/status`, `/v1/dead-letters`."""

from fastapi import APIRouter

from services.gateway.api.access import needs
from services.gateway.api.paging import Page
from services.gateway.areas.system import SystemArea
from services.gateway.views.system import Status
from shared.models.access import Scope
from shared.queue import DeadLetter


def system_routes(area: SystemArea) -> APIRouter:
    router = APIRouter(tags=["system"])

    @router.get(
        "/dead-letters",
        summary="Entries that could not be classified, oldest first",
        dependencies=[needs(Scope.READ)],
    )
    async def dead_letters() -> Page[DeadLetter]:
        return Page(items=tuple(await area.dead_letters()))

    @router.get("/status", summary="How the whole system does", dependencies=[needs(Scope.READ)])
    async def status() -> Status:
        return await area.status()

    return router
