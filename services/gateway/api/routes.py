"""The REST API, version 1: read-only."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from services.gateway.api.problems import RESPONSES
from services.gateway.gateway import Gateway
from services.gateway.views import AlertView, FeedView, Listing, Status, StorySummary, StoryView
from shared.queue import DeadLetter

Limit = Annotated[int, Query(ge=1, le=500, description="the most that are listed")]
Topic = Annotated[str | None, Query(max_length=100, description="only stories of this topic")]


def api(gateway: Gateway) -> APIRouter:
    """The routes over `gateway`."""
    router = APIRouter(prefix="/v1", responses={code: RESPONSES[code] for code in (422, 503)})

    @router.get("/feeds", summary="Configured feeds, and how polling them goes")
    async def feeds() -> Listing[FeedView]:
        return Listing(items=tuple(await gateway.list_feeds()))

    @router.get("/stories", summary="Stories, newest change first")
    async def stories(limit: Limit = 50, topic: Topic = None) -> Listing[StorySummary]:
        return Listing(items=tuple(await gateway.newest_stories(limit, topic)))

    @router.get("/stories/{story_id}", summary="A story in full", responses={404: RESPONSES[404]})
    async def story(story_id: str) -> StoryView:
        found = await gateway.find_story(story_id)
        if found is None:
            raise HTTPException(404, f"there is no story {story_id}")
        return found

    @router.get("/alerts", summary="Alerts, newest first")
    async def alerts(limit: Limit = 50) -> Listing[AlertView]:
        return Listing(items=tuple(await gateway.newest_alerts(limit)))

    @router.get("/dead-letters", summary="Entries that could not be classified, oldest first")
    async def dead_letters() -> Listing[DeadLetter]:
        return Listing(items=tuple(await gateway.dead_letters()))

    @router.get("/status", summary="How the whole system does")
    async def status() -> Status:
        return await gateway.status()

    return router
