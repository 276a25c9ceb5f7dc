"""The ASGI application: the API, the page, health, and how errors are told."""

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp

from services.gateway.api.headers import WithHeaders, security_headers
from services.gateway.api.problems import answer_with_problems
from services.gateway.api.routes import api
from services.gateway.api.websub import callbacks
from services.gateway.gateway import Gateway
from services.gateway.guard.guard import Guard
from services.gateway.pages.board import STYLE_HASH, board
from services.gateway.ports import Pushes

STORIES_ON_BOARD = 30


def create_app(gateway: Gateway, pushes: Pushes | None = None, guard: Guard | None = None) -> ASGIApp:
    """With `pushes`, hubs are listened to as well. Without `guard`, whoever calls may do everything: for tests."""
    # FastAPI's own documentation pages load scripts from elsewhere: the description at /openapi.json must do.
    app = FastAPI(title="Tocsin", version=gateway.system.version, docs_url=None, redoc_url=None)
    app.include_router(api(gateway))
    if pushes is not None:
        app.include_router(callbacks(pushes))
    answer_with_problems(app)

    @app.get("/", include_in_schema=False)
    async def latest() -> HTMLResponse:
        return HTMLResponse(board(await gateway.stories.newest_in_full(STORIES_ON_BOARD)))

    @app.get("/healthz", include_in_schema=False)
    async def alive() -> PlainTextResponse:
        return PlainTextResponse("alive\n")

    headers = security_headers(STYLE_HASH, https=guard is not None and guard.https)
    return WithHeaders(guard.around(app) if guard else app, headers)
