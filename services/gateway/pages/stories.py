"""`/`, `/stories/{id}` and `/alerts`: what rings, what is said of it, and what has rung."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from services.gateway.api.stories import PlaceCursor, cursor_of, place_of
from services.gateway.areas.alerts import AlertArea
from services.gateway.areas.reading import Found, ReadingArea
from services.gateway.choice import StoryChoice
from services.gateway.pages.cards import articles, card, page
from services.gateway.pages.rendering import Pages, languages_of
from shared.models.topic import Severity

STORIES_SHOWN = 30
ALERTS_SHOWN = 100
Words = Annotated[str, Query(max_length=200)]


def story_pages(reading: ReadingArea, alerts: AlertArea, pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    async def stories(
        request: Request, severity: str = "", q: Words = "", topic: Words = "", cursor: PlaceCursor = None
    ) -> HTMLResponse:
        """A filter that is left empty lets everything through, as a form sends it."""
        newest = await alerts.newest(1)
        least = Severity(severity) if severity in list(Severity) else None
        choice = StoryChoice(rung=True, severity=least, q=q.strip() or None, topic=topic or None)
        found = await reading.page(choice, STORIES_SHOWN, languages_of(request), place_of(cursor))
        return pages.page(
            request,
            "stories.html",
            cards=[card(each) for each in found.readings],
            newest=newest[0] if newest else None,
            choice=choice,
            severities=list(Severity),
            older=_older(request, found),
        )

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


def _older(request: Request, found: Found) -> str | None:
    """Where the list goes on."""
    if found.following is None:
        return None
    return f"/?{request.url.include_query_params(cursor=cursor_of(found.following)).query}"
