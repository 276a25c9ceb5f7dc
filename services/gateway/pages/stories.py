"""`/`, `/stories/{id}` and `/alerts`: what rings, what is said of it, and what has rung."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from services.gateway.areas.alerts import AlertArea
from services.gateway.areas.reading import ReadingArea
from services.gateway.pages.cards import articles, card, page
from services.gateway.pages.rendering import Pages, languages_of

STORIES_SHOWN = 30
ALERTS_SHOWN = 100


def story_pages(reading: ReadingArea, alerts: AlertArea, pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    async def stories(request: Request) -> HTMLResponse:
        newest = await alerts.newest(1)
        found = [card(each) for each in await reading.ringing(STORIES_SHOWN, languages_of(request))]
        return pages.page(request, "stories.html", cards=found, newest=newest[0] if newest else None)

    @router.get("/stories/{story_id}")
    async def story(request: Request, story_id: str) -> HTMLResponse:
        found = await reading.find(story_id, languages_of(request))
        if found is None:
            return pages.page(request, "missing.html", 404, what=f"There is no story {story_id}.")
        newest = await alerts.newest(1)
        return pages.page(
            request,
            "story.html",
            card=page(found),
            articles=articles(found),
            unlisted=found.unlisted,
            newest=newest[0] if newest else None,
        )

    @router.get("/alerts")
    async def rung(request: Request, limit: Annotated[int, Query(ge=1, le=500)] = ALERTS_SHOWN) -> HTMLResponse:
        return pages.page(request, "alerts.html", alerts=await alerts.newest(limit))

    return router
