"""Pages elsewhere have nobody's browser change anything here."""

from collections.abc import Collection

from fastapi import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.guard.authentication import arrival_of
from services.gateway.guard.rules import HUBS, is_foreign


class NoForeignPages:
    """`own`: origins that are trusted beside the one that is asked."""

    def __init__(self, app: ASGIApp, own: Collection[str]) -> None:
        self.app = app
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and not scope["path"].startswith(HUBS)
        if is_page and is_foreign(scope["method"], arrival_of(scope), self._own):
            raise HTTPException(403, "a page elsewhere asked for this change")
        await self.app(scope, receive, send)
