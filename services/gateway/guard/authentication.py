"""Who calls: found out before any route is chosen."""

from collections.abc import Collection
from datetime import UTC, datetime
from urllib.parse import quote

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.areas.access import AccessArea
from services.gateway.guard.credentials import presented
from services.gateway.guard.rates import Rates
from services.gateway.guard.revoking import Revocable
from services.gateway.guard.rules import HUBS, SAFE, Arrival, Door, needs_no_token, neighbourhood, stranger_fault
from shared.models.access import LOCAL, Caller
from shared.store.patience import StoreUnavailable

# Feed readers are asked for a name and a password, and give the token as that; browsers' scripts would only be asked.
FEEDS = ("/v1/alerts.atom", "/v1/alerts.rss", "/v1/alerts.json")
LOGIN = "/login"
LOOK_AGAIN_SECONDS = 30.0


class Refused(HTTPException):
    """401."""


class Authentication:
    """Puts the caller into the scope as `caller`. Who is none is answered 401, and a person is led to the login."""

    def __init__(
        self,
        app: ASGIApp,
        access: AccessArea,
        rates: Rates,
        own_names: Collection[str],
        look_again_seconds: float = LOOK_AGAIN_SECONDS,
    ) -> None:
        self.app = app
        self._access = access
        self._rates = rates
        self._own_names = own_names
        self._look_again_seconds = look_again_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["type"] == "http":
                await self._let_in(scope)
        except Refused:
            if not _is_person(scope):
                raise
            await RedirectResponse(f"{LOGIN}?next={quote(_place(scope))}", 303)(scope, receive, send)
            return
        if "caller" in scope:
            send = Revocable(send, lambda: self._is_still_let_in(scope), self._look_again_seconds)
        await self.app(scope, receive, send)

    async def _is_still_let_in(self, scope: Scope) -> bool:
        try:
            return bool(await self._caller(scope["path"], arrival_of(scope)))
        except HTTPException:
            return False
        except StoreUnavailable:
            return True  # nobody is sent away for an outage

    async def _let_in(self, scope: Scope) -> None:
        arrival, writes = arrival_of(scope), scope["method"] not in SAFE
        if not needs_no_token(scope["path"]):
            caller = scope["caller"] = await self._caller(scope["path"], arrival)
            self._count(caller.token_id or neighbourhood(arrival.there), writes)
        elif writes and not scope["path"].startswith(HUBS):
            self._count(neighbourhood(arrival.there), writes)

    async def _caller(self, path: str, arrival: Arrival) -> Caller:
        text = presented(arrival.headers)
        token = await self._access.owner(text) if text else None
        if token and not token.has_expired(datetime.now(UTC)):
            return token.caller
        door = await self._access.door()
        if door is Door.TOKENS and text is not None:
            raise self._wrong(path, arrival, "the token has expired" if token else "no such token, or it was revoked")
        if fault := stranger_fault(door, arrival, self._own_names):
            raise _unauthorized(path, fault) if door is Door.TOKENS else HTTPException(403, fault)
        return LOCAL

    def _wrong(self, path: str, arrival: Arrival, fault: str) -> HTTPException:
        """Only who has the wrong one waits: whoever guesses must not lock out others at the same address."""
        seconds = self._rates.failure(neighbourhood(arrival.there))
        return _too_many(seconds) if seconds else _unauthorized(path, fault, ', error="invalid_token"')

    def _count(self, client: str, writes: bool) -> None:
        if seconds := self._rates.request(client, writes=writes):
            raise _too_many(seconds)


def arrival_of(scope: Scope) -> Arrival:
    here, there = ((scope.get(end) or ("", 0))[0] for end in ("server", "client"))
    return Arrival(here, there, dict(Headers(scope=scope)))


def _unauthorized(path: str, fault: str, error: str = "") -> Refused:
    basic = ', Basic realm="Tocsin", charset="UTF-8"' if path in FEEDS else ""
    return Refused(401, fault, {"WWW-Authenticate": f'Bearer realm="Tocsin"{error}{basic}'})


def _too_many(seconds: int) -> HTTPException:
    return HTTPException(429, f"too many requests; wait for {seconds} s", {"Retry-After": str(seconds)})


def _is_person(scope: Scope) -> bool:
    """A browser that wants a page."""
    wants = Headers(scope=scope).get("accept", "")
    return scope["method"] == "GET" and "text/html" in wants and not scope["path"].startswith("/v1/")


def _place(scope: Scope) -> str:
    path, query = str(scope["path"]), scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path
