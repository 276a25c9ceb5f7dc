"""The board's cookie: the token itself, out of reach of scripts and of other sites."""

from starlette.responses import Response

from services.gateway.guard.credentials import COOKIE
from shared.models.access import Token


def remember(response: Response, text: str, token: Token, *, https: bool) -> None:
    """Until the token expires, or the browser is closed."""
    response.set_cookie(COOKIE, text, expires=token.expires_at, secure=https, httponly=True, samesite="strict")


def forget(response: Response, *, https: bool) -> None:
    response.delete_cookie(COOKIE, secure=https, httponly=True, samesite="strict")
