"""A POST with an Idempotency-Key is done once, however often it is sent (draft-ietf-httpapi-idempotency-key-header)."""

import re
from hashlib import sha256

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.guard.bodies import handing_on, whole
from services.gateway.ports import Replays
from shared.logs import get_logger
from shared.models.access import LOCAL, Caller
from shared.store.idempotency import Done, Kept
from shared.store.patience import StoreUnavailable

_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)
_UNKEPT = ("content-length",)
log = get_logger()


class Idempotency:
    """Of the API. Only what was done is kept; what was refused or failed may be tried again under the same key."""

    def __init__(self, app: ASGIApp, replays: Replays) -> None:
        self.app = app
        self._replays = replays

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = _key(scope)
        if key is None:
            await self.app(scope, receive, send)
            return
        body = await whole(receive) or b""
        request = _request(scope, key)
        kept, is_ours = await self._replays.begin(request, _fingerprint(scope, body))
        if is_ours:
            await self._do(request, kept, scope, handing_on(body, receive), send)
        else:
            await _again(kept, _fingerprint(scope, body))(scope, receive, send)

    async def _do(self, request: str, mine: Kept, scope: Scope, receive: Receive, send: Send) -> None:
        answer: list[Message] = []

        async def hold(message: Message) -> None:
            answer.append(message)
            if not message.get("more_body", message["type"] == "http.response.start"):
                await self._settle(request, mine, answer)
                for each in answer:
                    await send(each)

        await self.app(scope, receive, hold)

    async def _settle(self, request: str, mine: Kept, answer: list[Message]) -> None:
        """What was done is done, whether or not Redis can still be told."""
        try:
            if answer[0]["status"] < 400:
                await self._replays.keep(request, mine, _done(answer))
            else:
                await self._replays.free(request, mine)
        except StoreUnavailable as error:
            log.warning("redis.unavailable", error=str(error)[:200])


def _key(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith("/v1/"):
        return None
    key = Headers(scope=scope).get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise HTTPException(400, "Idempotency-Key: allowed are 1 to 255 printable ASCII characters without blanks")
    return key


def _request(scope: Scope, key: str) -> str:
    caller: Caller = scope.get("caller", LOCAL)
    return sha256(f"{caller.token_id or ''} {key}".encode()).hexdigest()


def _fingerprint(scope: Scope, body: bytes) -> str:
    target = f"{scope['method']} {scope['path']}?".encode() + scope["query_string"]
    return sha256(target + b"\n" + body).hexdigest()


def _done(answer: list[Message]) -> Done:
    start, *rest = answer
    headers = Headers(raw=start["headers"])
    if "no-store" in headers.get("cache-control", ""):
        return Done(status=start["status"], headers=(), body=None)
    kept = tuple((name, value) for name, value in headers.items() if name not in _UNKEPT)
    return Done(
        status=start["status"], headers=kept, body=b"".join(part.get("body", b"") for part in rest).decode("latin-1")
    )


def _again(kept: Kept, fingerprint: str) -> Response:
    if kept.fingerprint != fingerprint:
        raise HTTPException(422, "Idempotency-Key: it was used for another request; take a new one")
    if kept.done is None:
        raise HTTPException(409, "the same request is still worked on", {"Retry-After": "1"})
    if kept.done.body is None:
        raise HTTPException(409, "this was done before, and what it answered held a secret that is shown only once")
    answer = Response(kept.done.body.encode("latin-1"), kept.done.status)
    answer.headers.update(dict(kept.done.headers) | {"Idempotency-Replayed": "true"})
    return answer
