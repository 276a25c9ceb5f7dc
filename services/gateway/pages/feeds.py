"""`/feeds`: how polling each of them goes, and a form for another."""

from collections import Counter

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from services.gateway.api.access import needs
from services.gateway.areas.feeds import FeedArea
from services.gateway.pages.forms import NOTHING, Written, written
from services.gateway.pages.names import COUNTRIES, LANGUAGES
from services.gateway.pages.rendering import Pages
from services.gateway.views.feeds import NewFeed
from shared.errors import Refused
from shared.models.access import Scope
from shared.models.feed import FeedKind


def feed_pages(feeds: FeedArea, pages: Pages) -> APIRouter:
    router = APIRouter(prefix="/feeds")

    @router.get("")
    async def all_feeds(request: Request, added: str = "") -> Response:
        return await _shown(request, feeds, pages, NOTHING, added)

    @router.post("", dependencies=[needs(Scope.FEEDS)])
    async def add(request: Request) -> Response:
        form = await written(request)
        try:
            made = await feeds.add(_new(form))
        except (ValidationError, Refused) as error:
            return await _shown(request, feeds, pages, form.refused(error))
        return RedirectResponse(f"/feeds?added={made.id}#feed-{made.id}", 303)

    return router


async def _shown(request: Request, feeds: FeedArea, pages: Pages, form: Written, added: str = "") -> Response:
    found = await feeds.every()
    return pages.page(
        request,
        "feeds.html",
        status=422 if form.problems else 200,
        feeds=found,
        states=Counter(feed.state.value for feed in found),
        added=next((feed for feed in found if feed.id == added), None),
        form=form,
        kinds=[kind.value for kind in FeedKind],
        languages=LANGUAGES,
        countries=COUNTRIES,
    )


def _new(form: Written) -> NewFeed:
    given: dict[str, object] = dict(form.values)
    if form.get("tier").isdecimal():
        given["tier"] = int(form.get("tier"))
    return NewFeed.model_validate(given)
