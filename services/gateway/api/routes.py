"""The REST API, version 1: the table of its areas."""

from fastapi import APIRouter

from services.gateway.api.alerts import alert_routes
from services.gateway.api.audit import audit_routes
from services.gateway.api.feeds import feed_routes
from services.gateway.api.outlets import outlet_routes
from services.gateway.api.problems import RESPONSES
from services.gateway.api.stories import story_routes
from services.gateway.api.subscriptions import subscription_routes
from services.gateway.api.system import system_routes
from services.gateway.api.tokens import token_routes
from services.gateway.api.topics import topic_routes
from services.gateway.gateway import Gateway

# What the guard answers before a route is chosen, what it makes of a wrong request, and Redis.
EVERYWHERE = (401, 403, 422, 429, 503)


def api(gateway: Gateway) -> APIRouter:
    """The routes over `gateway`."""
    router = APIRouter(prefix="/v1", responses={code: RESPONSES[code] for code in EVERYWHERE})
    router.include_router(feed_routes(gateway.feeds))
    router.include_router(topic_routes(gateway.topics))
    router.include_router(story_routes(gateway.stories))
    router.include_router(alert_routes(gateway.alerts, gateway.live))
    router.include_router(outlet_routes(gateway.alerts))
    router.include_router(subscription_routes(gateway.subscriptions))
    router.include_router(system_routes(gateway.system))
    router.include_router(token_routes(gateway.access))
    router.include_router(audit_routes(gateway.access))
    return router
