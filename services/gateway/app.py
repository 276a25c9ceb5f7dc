"""The ASGI application: the API, the board, health, and how errors are told."""

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.types import ASGIApp

from services.gateway.api.counting import Counted
from services.gateway.api.describing import describe
from services.gateway.api.headers import WithHeaders, security_headers
from services.gateway.api.problems import answer_with_problems
from services.gateway.api.routes import api
from services.gateway.api.websub import callbacks
from services.gateway.gateway import Gateway
from services.gateway.guard.guard import Guard
from services.gateway.pages.errors import ErrorPages
from services.gateway.pages.rendering import Files, Pages
from services.gateway.pages.routes import board
from services.gateway.ports import Pushes


def create_app(gateway: Gateway, pushes: Pushes | None = None, guard: Guard | None = None) -> ASGIApp:
    """With `pushes`, hubs are listened to as well. Without `guard`, whoever calls may do everything: for tests."""
    app = described(gateway)
    if pushes is not None:
        app.include_router(callbacks(pushes))
    pages, https = Pages(gateway.system.version), guard is not None and guard.https
    app.include_router(board(gateway, pages, https=https))
    app.mount("/static", Files())
    answer_with_problems(app)

    @app.get("/healthz", include_in_schema=False)
    async def alive() -> PlainTextResponse:
        return PlainTextResponse("alive\n")

    guarded = ErrorPages(guard.around(app) if guard else app, pages)
    return Counted(WithHeaders(guarded, security_headers(https=https)))


def described(gateway: Gateway) -> FastAPI:
    """The API alone, and its description at /openapi.json."""
    # FastAPI's own documentation pages load scripts from elsewhere: the description must do.
    app = FastAPI(title="Tocsin", version=gateway.system.version, docs_url=None, redoc_url=None)
    app.include_router(api(gateway))
    describe(app)
    return app
