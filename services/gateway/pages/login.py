"""`/login` and `/logout`: a token, once one is needed, kept in a cookie of the browser."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from services.gateway.areas.access import AccessArea
from services.gateway.guard.rules import place_here
from services.gateway.guard.session import forget, remember
from services.gateway.pages.rendering import Pages

LONGEST = 500
Text = Annotated[str, Form(max_length=LONGEST)]


def login(access: AccessArea, pages: Pages, *, https: bool) -> APIRouter:
    """`https`: people reach us by it, and the cookie goes over nothing else."""
    router = APIRouter()

    @router.get("/login")
    async def ask(request: Request, next: str = "/") -> Response:  # noqa: A002  the name in the address
        return pages.page(request, "login.html", next=place_here(next), wrong=False)

    @router.post("/login")
    async def enter(request: Request, token: Text = "", next: Text = "/") -> Response:  # noqa: A002
        text = token.strip()
        owned = await access.owner(text) if text else None
        if owned is None or owned.has_expired(datetime.now(UTC)):
            return pages.page(request, "login.html", 401, next=place_here(next), wrong=True)
        answer = RedirectResponse(place_here(next), 303)
        remember(answer, text, owned, https=https)
        return answer

    @router.post("/logout")
    async def leave() -> Response:
        answer = RedirectResponse("/login", 303)
        forget(answer, https=https)
        return answer

    return router
