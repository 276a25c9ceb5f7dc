"""The ASGI application: the API, the board, health, and how errors are told."""

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.types import ASGIApp

from services.gateway.api.headers import SECURITY_HEADERS, WithHeaders
from services.gateway.api.problems import answer_with_problems
from services.gateway.api.routes import api
from services.gateway.api.websub import callbacks
from services.gateway.gateway import Gateway
from services.gateway.pages.rendering import Files, Pages
from services.gateway.pages.routes import board
from services.gateway.ports import Pushes


def create_app(gateway: Gateway, pushes: Pushes | None = None) -> ASGIApp:
    """With `pushes`, hubs are listened to as well."""
    # FastAPI's own documentation pages load scripts from elsewhere: the description at /openapi.json must do.
    app = FastAPI(title="Tocsin", version=gateway.system.version, docs_url=None, redoc_url=None)
    app.include_router(api(gateway))
    if pushes is not None:
        app.include_router(callbacks(pushes))
    pages = Pages(gateway.system.version)
    app.include_router(board(gateway, pages))
    app.mount("/static", Files())
    answer_with_problems(app)

    @app.get("/healthz", include_in_schema=False)
    async def alive() -> PlainTextResponse:
        return PlainTextResponse("alive\n")

    return WithHeaders(app, SECURITY_HEADERS)
