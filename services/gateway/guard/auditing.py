"""Whoever asks for a change is noted, with what came of it; never what he sent."""

from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.guard.rules import HUBS, SAFE
from services.gateway.ports import Audits
from shared.logs import get_logger, without_secrets
from shared.models.access import Audited, Caller
from shared.store.patience import StoreUnavailable

LONGEST = 200
log = get_logger()


class Auditing:
    """Notes before it is answered: nobody is told of a change that left no trace, unless Redis is away."""

    def __init__(self, app: ASGIApp, audits: Audits) -> None:
        self.app = app
        self._audits = audits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE or scope["path"].startswith(HUBS):
            await self.app(scope, receive, send)
            return

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._note(audited(scope, message["status"], datetime.now(UTC)))
            await send(message)

        await self.app(scope, receive, noting)

    async def _note(self, told: Audited) -> None:
        log.info("gateway.audit", **told.model_dump(mode="json", exclude={"at"}))
        try:
            await self._audits.note(told)
        except StoreUnavailable as error:
            log.warning("redis.unavailable", error=str(error)[:200])


def audited(scope: Scope, status: int, at: datetime) -> Audited:
    """Once the answer is known, the scope tells the caller, and the route with its ids."""
    caller: Caller | None = scope.get("caller")
    return Audited(
        at=at,
        who=caller.name if caller else None,
        token_id=caller.token_id if caller else None,
        address=(scope.get("client") or ("",))[0],
        method=scope["method"],
        route=_short(_route(scope)),
        target=_short("/".join(map(str, scope.get("path_params", {}).values()))),
        status=status,
    )


def _route(scope: Scope) -> str:
    """As the description has it. A route knows its path below the router that it was included in."""
    path, below = str(scope["path"]), str(getattr(scope.get("route"), "path", ""))
    return "/".join(path.split("/")[: 1 + path.count("/") - below.count("/")]) + below


def _short(text: str) -> str:
    return without_secrets(text)[:LONGEST]
