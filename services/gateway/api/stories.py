"""`/v1/stories`."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from services.gateway.api.access import needs
from services.gateway.api.paging import Limit, Page
from services.gateway.api.problems import RESPONSES
from services.gateway.areas.stories import StoryArea
from services.gateway.views.stories import StorySummary, StoryView
from shared.models.access import Scope

Topic = Annotated[str | None, Query(max_length=100, description="only stories of this topic")]


def story_routes(area: StoryArea) -> APIRouter:
    router = APIRouter(prefix="/stories", tags=["stories"], dependencies=[needs(Scope.READ)])

    @router.get("", summary="Stories, newest change first")
    async def stories(limit: Limit = 50, topic: Topic = None) -> Page[StorySummary]:
        return Page(items=tuple(await area.newest(limit, topic)))

    @router.get("/{story_id}", summary="A story in full", responses={404: RESPONSES[404]})
    async def story(story_id: str) -> StoryView:
        found = await area.find(story_id)
        if found is None:
            raise HTTPException(404, f"there is no story {story_id}")
        return found

    return router
