"""`/v1/status`, `/v1/dead-letters`."""

from fastapi import APIRouter, HTTPException, Request, Response

from services.gateway.api.access import needs
from services.gateway.api.paging import KeyCursor, Limit, Page, cut
from services.gateway.api.problems import RESPONSES
from services.gateway.areas.system import SystemArea
from services.gateway.views.system import Status
from shared.models.access import Scope
from shared.queue import DeadLetter


def _missing(entry_id: str) -> HTTPException:
    return HTTPException(404, f"there is no dead letter {entry_id}")


def system_routes(area: SystemArea) -> APIRouter:
    router = APIRouter(tags=["system"])

    @router.get(
        "/dead-letters",
        summary="Entries that could not be classified, oldest first",
        dependencies=[needs(Scope.READ)],
    )
    async def dead_letters(
        request: Request, response: Response, limit: Limit = 50, cursor: KeyCursor = None
    ) -> Page[DeadLetter]:
        every = await area.dead_letters()
        return cut(every, lambda each: (each.at.isoformat(), each.entry_id), limit, cursor, request, response)

    @router.post(
        "/dead-letters/{entry_id}/retry",
        summary="Have an entry classified again",
        status_code=202,
        dependencies=[needs(Scope.ADMIN)],
        responses={404: RESPONSES[404]},
    )
    async def retry(entry_id: str) -> None:
        if not await area.retry(entry_id):
            raise _missing(entry_id)

    @router.delete(
        "/dead-letters/{entry_id}",
        summary="Forget an entry for good",
        status_code=204,
        dependencies=[needs(Scope.ADMIN)],
        responses={404: RESPONSES[404]},
    )
    async def drop(entry_id: str) -> None:
        if not await area.drop(entry_id):
            raise _missing(entry_id)

    @router.get("/status", summary="How the whole system does", dependencies=[needs(Scope.READ)])
    async def status() -> Status:
        return await area.status()

    return router
