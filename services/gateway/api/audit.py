"""`/v1/audit`."""

from fastapi import APIRouter, Request, Response

from services.gateway.api.access import needs
from services.gateway.api.paging import Limit, Page, RecordCursor, paged
from services.gateway.areas.access import AccessArea
from services.gateway.views.access import AuditView
from shared.models.access import Scope


def audit_routes(area: AccessArea) -> APIRouter:
    router = APIRouter(prefix="/audit", tags=["access"], dependencies=[needs(Scope.ADMIN)])

    @router.get("", summary="What was asked to be changed, by whom, and what came of it; newest first")
    async def audit(
        request: Request, response: Response, limit: Limit = 50, cursor: RecordCursor = None
    ) -> Page[AuditView]:
        shown = await area.audited(limit, cursor)
        return paged(request, response, shown, shown[-1].id if len(shown) == limit else None)

    return router
