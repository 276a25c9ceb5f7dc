"""`/v1/audit`."""

import re

from fastapi import APIRouter, HTTPException, Request, Response

from services.gateway.api.access import needs
from services.gateway.api.paging import Cursor, Limit, Page, cursor, parts_of
from services.gateway.areas.access import AccessArea
from services.gateway.views.access import AuditView
from shared.models.access import Scope

_RECORD_ID = re.compile(r"[0-9]{1,16}-[0-9]{1,16}", re.ASCII)


def audit_routes(area: AccessArea) -> APIRouter:
    router = APIRouter(prefix="/audit", tags=["access"], dependencies=[needs(Scope.ADMIN)])

    @router.get("", summary="What was asked to be changed, by whom, and what came of it; newest first")
    async def audit(request: Request, response: Response, limit: Limit = 50, cursor: Cursor = None) -> Page[AuditView]:
        return _page(request, response, await area.audited(limit, _before(cursor)), limit)

    return router


def _before(text: str | None) -> str | None:
    if text is None:
        return None
    (record_id,) = parts_of(text, (str,))
    if not _RECORD_ID.fullmatch(str(record_id)):
        raise HTTPException(422, "cursor: is none of ours; allowed: `next` of a page")
    return str(record_id)


def _page(request: Request, response: Response, shown: list[AuditView], limit: int) -> Page[AuditView]:
    if len(shown) < limit:
        return Page(items=tuple(shown))
    following = cursor(shown[-1].id)
    url = request.url.include_query_params(limit=limit, cursor=following)
    response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return Page(items=tuple(shown), next=following)
