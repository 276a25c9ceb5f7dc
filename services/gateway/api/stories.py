"""`/v1/stories`."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response

from services.gateway.api.access import needs
from services.gateway.api.paging import TOLD, Limit, Page, paged
from services.gateway.api.problems import RESPONSES
from services.gateway.areas.stories import StoryArea
from services.gateway.choice import StoryChoice
from services.gateway.views.stories import ArticleView, StorySummary, StoryView
from services.gateway.views.timeline import Timeline
from shared.models.access import Scope
from shared.store.stories import Place

NOT_FOUND: dict[int | str, dict[str, Any]] = {404: RESPONSES[404]}


PlaceCursor = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,12}(\.[0-9]{1,9})?~[A-Za-z0-9_-]{1,100}$", description=TOLD)
]
PositionCursor = Annotated[str | None, Query(pattern="^[0-9]{1,9}$", description=TOLD)]


class StoryQuery(StoryChoice):
    limit: Limit = 50
    cursor: PlaceCursor = None


def story_routes(area: StoryArea) -> APIRouter:
    router = APIRouter(prefix="/stories", tags=["stories"], dependencies=[needs(Scope.READ)])

    @router.get("", summary="Stories, newest change first")
    async def stories(
        query: Annotated[StoryQuery, Query()], request: Request, response: Response
    ) -> Page[StorySummary]:
        """With rare filters a page may be short, or empty, although more follow: `next` says so.

        A story that changes while you read its list moves to the front of it: you meet none twice.
        """
        found = await area.page(query, query.limit, place_of(query.cursor))
        return paged(request, response, found.stories, cursor_of(found.following))

    @router.get("/{story_id}", summary="A story in full", responses=NOT_FOUND)
    async def story(story_id: str) -> StoryView:
        return await _found(area, story_id)

    @router.get("/{story_id}/articles", summary="Its articles, and why each stands there", responses=NOT_FOUND)
    async def articles(
        story_id: str, request: Request, response: Response, limit: Limit = 50, cursor: PositionCursor = None
    ) -> Page[ArticleView]:
        """In the order in which they came. `decision` is the rung of the ladder, `reason` says it in words."""
        told, at = (await _found(area, story_id)).articles, int(cursor or 0)
        return paged(request, response, told[at : at + limit], _beyond(at + limit, len(told)))

    @router.get("/{story_id}/timeline", summary="What became of each figure and claim", responses=NOT_FOUND)
    async def story_timeline(story_id: str) -> Timeline:
        """Every revision, and for each thing that is claimed all that was said: when, by whom, what it changed."""
        found = await area.timeline(story_id)
        if found is None:
            raise _missing(story_id)
        return found

    return router


async def _found(area: StoryArea, story_id: str) -> StoryView:
    found = await area.find(story_id)
    if found is None:
        raise _missing(story_id)
    return found


def _missing(story_id: str) -> HTTPException:
    return HTTPException(404, f"there is no story {story_id}")


def place_of(text: str | None) -> Place | None:
    if text is None:
        return None
    moment, _, story_id = text.partition("~")
    return float(moment), story_id


def cursor_of(place: Place | None) -> str | None:
    return f"{place[0]:.6f}~{place[1]}" if place else None


def _beyond(position: int, of: int) -> str | None:
    return str(position) if position < of else None
