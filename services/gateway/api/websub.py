"""The callbacks of hubs: they confirm subscriptions here, and push what is new."""

import asyncio
from datetime import UTC, datetime

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from services.gateway.ports import Pushes
from services.gateway.websub import Confirmed, Denied, Refused, judge, signature_fault
from shared import metrics
from shared.logs import get_logger
from shared.models.websub import HubAnswer, PushRequest, PushResult

MAX_BYTES = 15 * 1024 * 1024  # of a push: as large as a feed may be when it is fetched
READ_SECONDS = 30.0
RETRY_AFTER_SECONDS = 60
log = get_logger()


def callbacks(pushes: Pushes) -> APIRouter:
    """`GET` and `POST /websub/{callback_id}`, for hubs only: no part of the API."""
    router = APIRouter(prefix="/websub", include_in_schema=False)

    @router.get("/{callback_id}")
    async def verify(callback_id: str, request: Request) -> Response:
        return await _verify(pushes, callback_id, request)

    @router.post("/{callback_id}")
    async def receive(callback_id: str, request: Request) -> Response:
        return await _receive(pushes, callback_id, request)

    return router


async def _verify(pushes: Pushes, callback_id: str, request: Request) -> Response:
    subscription, now = await pushes.find(callback_id), datetime.now(UTC)
    if subscription is None:
        raise _refused(HubAnswer.UNKNOWN)
    verdict = judge(subscription, request.query_params, now)
    if isinstance(verdict, Refused):
        raise _refused(verdict.reason)
    return await _heed(pushes, subscription.request, verdict, now)


def _refused(reason: HubAnswer) -> HTTPException:
    metrics.WEBSUB_ANSWERS.labels(result=reason).inc()
    return HTTPException(404, "no such subscription was asked for")


async def _heed(pushes: Pushes, request: PushRequest, verdict: Confirmed | Denied, now: datetime) -> Response:
    if isinstance(verdict, Denied):
        await pushes.denied(request, verdict.reason)
        metrics.WEBSUB_ANSWERS.labels(result=HubAnswer.DENIED).inc()
        log.warning("websub.denied", feed_id=request.feed_id, hub=request.offer.hub, told=verdict.reason)
        return Response()
    await pushes.verified(request, now, verdict.lease_expires_at)
    metrics.WEBSUB_ANSWERS.labels(result=HubAnswer.CONFIRMED).inc()
    log.info("websub.confirmed", feed_id=request.feed_id, lease_expires_at=verdict.lease_expires_at.isoformat())
    # Never as a page: whoever made the link would run what the challenge says (5.3.1, 8.2).
    return Response(verdict.challenge, media_type="application/octet-stream")


async def _receive(pushes: Pushes, callback_id: str, request: Request) -> Response:
    """Received is all that it says: the poller reads it in its own time (section 7)."""
    subscription, status = await pushes.find(callback_id), 410
    result = PushResult.UNKNOWN
    if subscription:
        result, status = await _take_in(pushes, subscription.request, request)
    metrics.WEBSUB_PUSHES.labels(result=result).inc()
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None
    return Response(status_code=status, headers=headers)


async def _take_in(pushes: Pushes, asked: PushRequest, request: Request) -> tuple[PushResult, int]:
    """What became of a push, and the status to answer. A forged one is answered like a good one: it learns nothing."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            body = await _body(request)
    except (TimeoutError, ClientDisconnect):
        return PushResult.BROKEN_OFF, 408
    if body is None:
        return PushResult.TOO_LARGE, 413
    if fault := signature_fault(request.headers.get("x-hub-signature"), asked.secret, body):
        log.warning("websub.forged", feed_id=asked.feed_id, hub=asked.offer.hub, fault=fault)
        return fault, 202
    content_type = request.headers.get("content-type", "")
    stored = await pushes.accept(asked, body, content_type, datetime.now(UTC))
    return (PushResult.ACCEPTED, 202) if stored else (PushResult.TOO_MANY, 503)


async def _body(request: Request) -> bytes | None:
    """None once it is larger than allowed; what follows is not read."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BYTES:
            return None
    return bytes(body)
