"""The board: the table of its pages."""

from fastapi import APIRouter

from services.gateway.api.access import needs
from services.gateway.gateway import Gateway
from services.gateway.pages.feeds import feed_pages
from services.gateway.pages.live import live_page
from services.gateway.pages.login import login
from services.gateway.pages.rendering import Pages
from services.gateway.pages.stories import story_pages
from services.gateway.pages.subscriptions import subscription_pages
from services.gateway.pages.testing import test_page
from services.gateway.pages.theme import theme_choice
from shared.models.access import Scope


def board(gateway: Gateway, pages: Pages, *, https: bool = False) -> APIRouter:
    """All of it is for people, and so no part of the API's description. `https`: they reach us by it."""
    router = APIRouter(include_in_schema=False)
    router.include_router(theme_choice())
    router.include_router(login(gateway.access, pages, https=https))
    read = APIRouter(dependencies=[needs(Scope.READ)])
    read.include_router(story_pages(gateway.reading, gateway.alerts, pages))
    read.include_router(feed_pages(gateway.feeds, pages))
    read.include_router(subscription_pages(gateway.subscriptions, pages))
    read.include_router(test_page(gateway.topics, pages))
    read.include_router(live_page(gateway.live))
    router.include_router(read)
    return router
