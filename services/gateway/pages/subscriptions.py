"""`/subscriptions`: who is told, how that goes, and a form for another webhook."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from services.gateway.api.access import needs
from services.gateway.api.headers import SHOWN_ONCE
from services.gateway.areas.subscriptions import SubscriptionArea
from services.gateway.pages.forms import NOTHING, Written, written
from services.gateway.pages.rendering import Pages
from services.gateway.views.subscription_requests import NewSubscription
from services.gateway.views.subscriptions import AttemptView, SubscriptionView, WithSecret
from shared.errors import Invalid, Refused
from shared.models.access import Scope
from shared.models.topic import Severity
from shared.store.endpoints import LOG_ENDS

SHOWN = 100
ATTEMPTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Line:
    """`attempts`: the last ones, the newest first."""

    subscription: SubscriptionView
    attempts: list[AttemptView]


def subscription_pages(subscriptions: SubscriptionArea, pages: Pages) -> APIRouter:
    router = APIRouter(prefix="/subscriptions")

    @router.get("")
    async def all_subscriptions(request: Request) -> Response:
        return await _shown(request, subscriptions, pages, NOTHING)

    @router.post("", dependencies=[needs(Scope.SUBSCRIPTIONS)])
    async def add(request: Request) -> Response:
        """The answer itself shows the secret: no address may lead to it again."""
        form = await written(request)
        try:
            made = await subscriptions.create(_new(form))
        except (ValidationError, Invalid, Refused) as error:
            return await _shown(request, subscriptions, pages, form.refused(error))
        return await _shown(request, subscriptions, pages, NOTHING, made)

    return router


async def _shown(
    request: Request, area: SubscriptionArea, pages: Pages, form: Written, made: WithSecret | None = None
) -> Response:
    found, more = await area.page(SHOWN)
    lines = await asyncio.gather(*(_line(area, each) for each in found))
    status = 201 if made else 422 if form.problems else 200
    page = pages.page(
        request,
        "subscriptions.html",
        status=status,
        lines=lines,
        more=more,
        made=made,
        form=form,
        severities=[each.value for each in Severity],
    )
    if made:
        page.headers.update(SHOWN_ONCE)
    return page


async def _line(area: SubscriptionArea, subscription: SubscriptionView) -> Line:
    attempts, _ = await area.deliveries(subscription.id, ATTEMPTS_SHOWN, LOG_ENDS, failed=False)
    return Line(subscription, attempts)


def _new(form: Written) -> NewSubscription:
    return NewSubscription.model_validate(
        {
            "id": form.get("id"),
            "channel": {"type": "webhook", "url": form.get("url")},
            "topics": [topic for topic in form.get("topics").replace(",", " ").split() if topic],
            "min_severity": form.get("min_severity", Severity.LOW.value),
        }
    )
