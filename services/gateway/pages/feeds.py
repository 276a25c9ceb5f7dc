"""`/feeds`: how polling each of them goes, and a form for another."""

from collections import Counter

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.gateway.areas.feeds import FeedArea
from services.gateway.pages.rendering import Pages


def feed_pages(feeds: FeedArea, pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/feeds")
    async def all_feeds(request: Request) -> HTMLResponse:
        found = await feeds.every()
        return pages.page(request, "feeds.html", feeds=found, states=Counter(feed.state for feed in found))

    return router
