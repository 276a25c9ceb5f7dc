"""Light, dark, or as the reader's system has it: kept in a cookie, so that it needs no script."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse

from services.gateway.pages.rendering import FOR_A_YEAR, THEME_COOKIE, Theme

Back = Annotated[str, Form(max_length=2000)]


def theme_choice() -> APIRouter:
    router = APIRouter()

    @router.post("/theme")
    async def choose(to: Annotated[Theme, Form()], back: Back = "/") -> RedirectResponse:
        answer = RedirectResponse(local(back), 303)
        if to is Theme.AUTO:
            answer.delete_cookie(THEME_COOKIE, samesite="strict", httponly=True)
        else:
            answer.set_cookie(THEME_COOKIE, to, max_age=FOR_A_YEAR, samesite="strict", httponly=True)
        return answer

    return router


def local(address: str) -> str:
    """A path of ours; the board itself for anything else, so that no form leads people away."""
    parts = urlsplit(address)
    ours = address.startswith("/") and not address.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return address if ours and address.isprintable() else "/"
