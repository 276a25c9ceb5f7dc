"""`/v1/tokens`."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response

from services.gateway.api.access import needs
from services.gateway.api.etags import check_match
from services.gateway.api.headers import SHOWN_ONCE
from services.gateway.api.paging import Page
from services.gateway.api.problems import RESPONSES
from services.gateway.areas.access import AccessArea
from services.gateway.views.access import MadeToken, NewToken, TokenView
from shared.models.access import Scope

TokenId = Annotated[str, Path(max_length=100)]


def token_routes(area: AccessArea) -> APIRouter:
    router = APIRouter(prefix="/tokens", tags=["access"], dependencies=[needs(Scope.ADMIN)])

    @router.get("", summary="The tokens, oldest first, without their texts")
    async def tokens() -> Page[TokenView]:
        return Page(items=tuple(await area.every()))

    @router.post(
        "",
        status_code=201,
        summary="Make a token; its text is shown in this answer and never again",
        responses={code: RESPONSES[code] for code in (400, 409)},
    )
    async def create(new: NewToken, response: Response) -> MadeToken:
        made = await area.create(new)
        response.headers.update({"Location": f"/v1/tokens/{made.id}"} | SHOWN_ONCE)
        return made

    @router.get("/{token_id}", summary="A token, without its text", responses={404: RESPONSES[404]})
    async def token(token_id: TokenId) -> TokenView:
        return await _found(area, token_id)

    @router.delete(
        "/{token_id}",
        status_code=204,
        summary="Revoke a token; it opens nothing from now on",
        responses={code: RESPONSES[code] for code in (404, 412)},
    )
    async def revoke(token_id: TokenId, request: Request) -> None:
        check_match(request, await _found(area, token_id))
        await area.revoke(token_id)

    return router


async def _found(area: AccessArea, token_id: str) -> TokenView:
    found = await area.find(token_id)
    if found is None:
        raise HTTPException(404, f"there is no token {token_id}")
    return found
