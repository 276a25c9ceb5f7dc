"""`/v1/subscriptions`."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import JSONResponse

from services.gateway.api.access import needs
from services.gateway.api.etags import check_match
from services.gateway.api.paging import TOLD, Limit, Page, RecordCursor, paged
from services.gateway.api.problems import RESPONSES
from services.gateway.areas.subscriptions import SubscriptionArea
from services.gateway.views.subscription_requests import (
    Days,
    DraftDays,
    NewSecret,
    NewSubscription,
    Since,
    StoryToTell,
    SubscriptionPatch,
)
from services.gateway.views.subscriptions import (
    Asked,
    AttemptView,
    RecoveryView,
    RehearsalView,
    SubscriptionInFull,
    SubscriptionView,
    WithSecret,
)
from shared.models.access import Scope
from shared.models.base import Model
from shared.models.endpoint import Order
from shared.store.endpoints import LOG_ENDS

Responses = dict[int | str, dict[str, Any]]

PREFIX = "/subscriptions"
MERGE_PATCH = "application/merge-patch+json"
ONCE = {"Cache-Control": "no-store"}  # whoever keeps answers shall not keep secrets
IdCursor = Annotated[str | None, Query(pattern="^[a-z0-9-]{1,63}$", description=TOLD)]

READS = needs(Scope.READ)
CHANGES = needs(Scope.SUBSCRIPTIONS)
MALFORMED: Responses = {400: RESPONSES[400]}
NOT_THERE: Responses = {404: RESPONSES[404]}
NOT_DONE: Responses = {code: RESPONSES[code] for code in (404, 409)}
NOT_MATCHED: Responses = {code: RESPONSES[code] for code in (404, 409, 412)}
LATER: Responses = {202: {"model": Asked, "description": "Asked for, and not done yet"}}

A_WEBHOOK = {
    "summary": "Grave news in English, to a webhook",
    "value": {
        "id": "newsroom",
        "channel": {"type": "webhook", "url": "https://newsroom.example/alerts"},
        "languages": ["en"],
        "min_severity": "high",
    },
}
A_DIGEST = {
    "summary": "A digest each morning, to Slack",
    "value": {
        "id": "morning",
        "channel": {"type": "slack", "url": "https://hooks.slack.com/services/T000/B000/XXXX"},
        "digest": {"at": ["08:00"], "days": ["mon", "tue", "wed", "thu", "fri"]},
        "timezone": "Europe/Kyiv",
    },
}
QUIETER = {
    "summary": "Quiet at night",
    "value": {"quiet": {"start": "22:00", "end": "07:00", "unless": "critical"}},
}
MOVED = {"summary": "Another address", "value": {"channel": {"url": "https://newsroom.example/v2/alerts"}}}

New = Annotated[NewSubscription, Body(openapi_examples={"webhook": A_WEBHOOK, "digest": A_DIGEST})]
Patch = Annotated[SubscriptionPatch, Body(media_type=MERGE_PATCH, openapi_examples={"quiet": QUIETER, "moved": MOVED})]
Failed = Annotated[bool, Query(description="only attempts that failed")]


def subscription_routes(area: SubscriptionArea) -> APIRouter:
    router = APIRouter(tags=["subscriptions"])
    router.include_router(_reading(area))
    router.include_router(_changing(area))
    router.include_router(_asking(area))
    return router


def _reading(area: SubscriptionArea) -> APIRouter:
    router = APIRouter(prefix=PREFIX, dependencies=[READS])

    @router.get("", summary="Who is told, and how that goes, by id")
    async def subscriptions(
        request: Request,
        response: Response,
        limit: Limit = 50,
        cursor: IdCursor = None,
    ) -> Page[SubscriptionView]:
        found, more = await area.page(limit, cursor or "")
        return paged(request, response, found, found[-1].id if more else None)

    @router.get("/{subscription_id}", summary="One in full, with its last attempts", responses=NOT_THERE)
    async def subscription(subscription_id: str) -> SubscriptionInFull:
        return await area.find(subscription_id)

    @router.get("/{subscription_id}/deliveries", summary="Every attempt, the newest first", responses=NOT_THERE)
    async def deliveries(
        subscription_id: str,
        request: Request,
        response: Response,
        limit: Limit = 50,
        cursor: RecordCursor = None,
        failed: Failed = False,
    ) -> Page[AttemptView]:
        found, more = await area.deliveries(subscription_id, limit, cursor or LOG_ENDS, failed=failed)
        return paged(request, response, found, found[-1].id if more else None)

    @router.post("/dry-run", summary="What would a draft have been told?", responses=MALFORMED | {409: RESPONSES[409]})
    async def rehearse_draft(asked: DraftDays) -> RehearsalView:
        return await area.rehearse_draft(asked.subscription, asked.days)

    @router.post("/{subscription_id}/dry-run", summary="What would it have been told?", responses=MALFORMED | NOT_THERE)
    async def rehearse(subscription_id: str, asked: Days) -> RehearsalView:
        return await area.rehearse(subscription_id, asked.days)

    return router


def _changing(area: SubscriptionArea) -> APIRouter:
    router = APIRouter(prefix=PREFIX, dependencies=[CHANGES])

    @router.post(
        "",
        status_code=201,
        summary="Make one; a webhook's secret is shown this once",
        description="It is pending, and told nothing, until a `webhook.test` is answered with 2xx.",
        responses=MALFORMED | {409: RESPONSES[409]},
    )
    async def create(new: New, response: Response) -> WithSecret:
        made = await area.create(new)
        response.headers.update(ONCE | {"Location": f"/v1/subscriptions/{made.id}"})
        return made

    @router.patch("/{subscription_id}", summary="Change it", responses=MALFORMED | NOT_MATCHED)
    async def change(subscription_id: str, patch: Patch, request: Request) -> SubscriptionInFull:
        return await area.change(subscription_id, patch, lambda view: check_match(request, view))

    @router.delete(
        "/{subscription_id}",
        status_code=204,
        summary="Take it out, with what waits for it; its log stays",
        responses=NOT_MATCHED,
    )
    async def remove(subscription_id: str, request: Request) -> None:
        await area.remove(subscription_id, lambda view: check_match(request, view))

    @router.post(
        "/{subscription_id}/rotate",
        summary="Give a webhook a new secret, shown this once; the old one signs beside it for a day",
        responses=MALFORMED | NOT_MATCHED,
    )
    async def rotate(
        subscription_id: str, request: Request, response: Response, new: NewSecret | None = None
    ) -> WithSecret:
        given = new.secret.get_secret_value() if new and new.secret else None
        response.headers.update(ONCE)
        return await area.rotate(subscription_id, given, lambda view: check_match(request, view))

    return router


def _asking(area: SubscriptionArea) -> APIRouter:
    """Of the notifier, for whose answer a while is waited."""
    router = APIRouter(prefix=PREFIX, dependencies=[CHANGES], responses=NOT_DONE)

    @router.post(
        "/{subscription_id}/test",
        summary="Send it a test as alerts are sent",
        response_model=AttemptView,
        responses=LATER,
    )
    async def send_test(subscription_id: str) -> Response:
        return _done_or_asked(await area.send_test(subscription_id))

    @router.post(
        "/{subscription_id}/redeliver",
        summary="Have it told a story once more, under a new message id",
        response_model=AttemptView,
        responses=MALFORMED | LATER,
    )
    async def redeliver(subscription_id: str, story: StoryToTell) -> Response:
        return _done_or_asked(await area.redeliver(subscription_id, story.story_id))

    @router.post(
        "/{subscription_id}/recover",
        summary="Have it told after all what it has missed",
        response_model=RecoveryView,
        responses=MALFORMED | {202: {"model": RecoveryView, "description": "Asked for, and not begun yet"}},
    )
    async def recover(subscription_id: str, since: Since) -> Response:
        found = await area.recover(subscription_id, since.since)
        return _json(found, 202 if found.detail else 200)

    @router.post(
        "/{subscription_id}/enable",
        summary="Let messages go to it again",
        response_model=SubscriptionInFull,
        responses=LATER,
    )
    async def enable(subscription_id: str) -> Response:
        return _done_or_asked(await area.switch(subscription_id, Order.ENABLE))

    @router.post(
        "/{subscription_id}/disable",
        summary="Send it nothing until it is enabled; everything is kept",
        response_model=SubscriptionInFull,
        responses=LATER,
    )
    async def disable(subscription_id: str) -> Response:
        return _done_or_asked(await area.switch(subscription_id, Order.DISABLE))

    return router


def _done_or_asked(answer: Model) -> JSONResponse:
    return _json(answer, 202 if isinstance(answer, Asked) else 200)


def _json(view: Model, status: int) -> JSONResponse:
    return JSONResponse(view.model_dump(mode="json"), status)
