"""Light, dark, or as the reader's system has it: kept in a cookie, so that it needs no script.

Nothing of ours changes by it, hence GET: it is neither a write that is counted and noted, nor one that needs a token.
"""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import RedirectResponse

from services.gateway.guard.rules import place_here
from services.gateway.pages.rendering import FOR_A_YEAR, THEME_COOKIE, Theme

Back = Annotated[str, Query(max_length=2000)]


def theme_choice() -> APIRouter:
    router = APIRouter()

    @router.get("/theme")
    async def choose(to: Theme, back: Back = "/") -> RedirectResponse:
        answer = RedirectResponse(place_here(back), 303)
        if to is Theme.AUTO:
            answer.delete_cookie(THEME_COOKIE, samesite="strict", httponly=True)
        else:
            answer.set_cookie(THEME_COOKIE, to, max_age=FOR_A_YEAR, samesite="strict", httponly=True)
        return answer

    return router
