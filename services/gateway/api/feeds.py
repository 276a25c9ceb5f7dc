"""`/v1/feeds`."""

from typing import Annotated, TypeVar

from fastapi import APIRouter, Body, Depends, HTTPException, Query, Request, Response

from services.gateway.api.access import needs
from services.gateway.api.etags import check_match
from services.gateway.api.paging import KeyCursor, Limit, Page, cut
from services.gateway.api.problems import RESPONSES
from services.gateway.areas.feeds import FeedArea, FeedFilter
from services.gateway.merge_patch import MEDIA_TYPE
from services.gateway.views.feeds import FeedPatch, FeedView, NewFeed
from shared.models.access import Scope
from shared.models.feed import CountryCode, FeedHealth, FeedKind, LanguageCode, PollRecord

Found = Annotated[str | None, Query(max_length=100, description="part of the name, the owner or the address")]
OPML = "text/x-opml"
T = TypeVar("T")


def _there(found: T | None, feed_id: str) -> T:
    if found is None:
        raise HTTPException(404, f"there is no feed {feed_id}")
    return found


def _filter(
    state: FeedHealth | None = None,
    language: Annotated[LanguageCode | None, Query(description="as it is configured, e.g. uk")] = None,
    country: Annotated[CountryCode | None, Query(description="ISO 3166-1 alpha-2, e.g. UA")] = None,
    kind: FeedKind | None = None,
    q: Found = None,
) -> FeedFilter:
    return FeedFilter(state=state, language=language, country=country, kind=kind, query=q)


def feed_routes(area: FeedArea) -> APIRouter:
    router = APIRouter(tags=["feeds"])
    router.include_router(_reading(area), dependencies=[needs(Scope.READ)])
    router.include_router(_changing(area), dependencies=[needs(Scope.FEEDS)])
    return router


def _reading(area: FeedArea) -> APIRouter:
    router = APIRouter()

    @router.get("/feeds", summary="Feeds, and how polling them goes, by name")
    async def feeds(
        request: Request,
        response: Response,
        wanted: Annotated[FeedFilter, Depends(_filter)],
        limit: Limit = 50,
        cursor: KeyCursor = None,
    ) -> Page[FeedView]:
        every = await area.every(wanted)
        return cut(every, lambda view: (view.name, view.id), limit, cursor, request, response)

    @router.get(
        "/feeds.opml",
        summary="All feeds as OPML 2.0, for other readers",
        response_class=Response,
        responses={200: {"content": {OPML: {}}}},
    )
    async def opml() -> Response:
        return Response(await area.opml(), media_type=OPML)

    @router.get("/feeds/{feed_id}", summary="A feed", responses={404: RESPONSES[404]})
    async def feed(feed_id: str) -> FeedView:
        return _there(await area.find(feed_id), feed_id)

    @router.get("/feeds/{feed_id}/polls", summary="Its last polls, the newest first", responses={404: RESPONSES[404]})
    async def polls(feed_id: str) -> Page[PollRecord]:
        return Page(items=tuple(_there(await area.polls(feed_id), feed_id)))

    return router


def _changing(area: FeedArea) -> APIRouter:
    router = APIRouter(responses={code: RESPONSES[code] for code in (400, 404, 409, 412)})

    @router.post("/feeds", summary="Add a feed", status_code=201)
    async def add(new: NewFeed, response: Response) -> FeedView:
        """It is polled within seconds. The address is taken as it is: it is asked when it is polled, not before."""
        added = await area.add(new)
        response.headers["Location"] = f"/v1/feeds/{added.id}"
        return added

    @router.patch("/feeds/{feed_id}", summary="Change a feed that was added here")
    async def change(
        request: Request, feed_id: str, patch: Annotated[FeedPatch, Body(media_type=MEDIA_TYPE)]
    ) -> FeedView:
        """A JSON merge patch (RFC 7396). With If-Match, only if it is still as it was read."""
        check_match(request, _there(await area.find(feed_id), feed_id))
        return _there(await area.change(feed_id, patch), feed_id)

    @router.delete("/feeds/{feed_id}", summary="Remove a feed that was added here", status_code=204)
    async def remove(request: Request, feed_id: str) -> None:
        """What polling learnt stays: if it is added again, it does not begin anew. With If-Match, only if it is still
        as it was read."""
        check_match(request, _there(await area.find(feed_id), feed_id))
        _there(await area.remove(feed_id) or None, feed_id)

    @router.post("/feeds/{feed_id}/poll", summary="Poll a feed now", status_code=202)
    async def poll(feed_id: str) -> FeedView:
        """As it was before. Its host may have to be waited for."""
        return _there(await area.poll(feed_id), feed_id)

    return router
