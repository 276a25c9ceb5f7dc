"""Errors as problem details (RFC 9457)."""

from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import ExceptionHandler

from shared.errors import ConfigError, Invalid, ReadOnly, Refused, TocsinError, Unanswered, Unknown
from shared.logs import get_logger
from shared.models.base import Model
from shared.store.patience import StoreUnavailable

METHODS = ("GET", "POST", "PATCH", "DELETE")
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
# What is wrong with a file of the server's is nothing that the caller can help.
KINDS: dict[type[TocsinError], int] = {Unknown: 404, Refused: 409, ReadOnly: 409, Invalid: 422, ConfigError: 503}
log = get_logger()


class Problem(Model):
    """`type` is about:blank: the status says what kind of problem it is, `detail` what is wrong this time."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str


# For the OpenAPI description of every route.
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
    for status in (400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 429, 503)
}


def problem(request: Request, status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, instance=request.url.path)
    return JSONResponse(told.model_dump(), status, headers=headers, media_type=MEDIA_TYPE)


async def _told(status: int, request: Request, error: Exception) -> JSONResponse:
    return problem(request, status, "; ".join(error.problems if isinstance(error, ConfigError) else [str(error)]))


async def refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(methods_at(request)) or headers.get("Allow", "")
    return problem(request, error.status_code, error.detail, headers)


def methods_at(request: Request) -> list[str]:
    """Of all routes there, not of the first one only; or of what is described by just this path."""
    described = request.app.openapi()["paths"].get(request.url.path)
    if described:
        return [method for method in METHODS if method.lower() in described]
    routes: list[BaseRoute] = request.app.routes
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


async def away(request: Request, error: Exception) -> Response:
    log.warning("redis.unavailable", error=str(error)[:200])
    return problem(request, 503, "Redis does not answer", {"Retry-After": str(RETRY_AFTER_SECONDS)})


# What is told in the same words wherever it is raised, in a route or before any is chosen.
HANDLERS: dict[type[Exception], ExceptionHandler] = {HTTPException: refused, **dict.fromkeys(StoreUnavailable, away)}


def answer_with_problems(app: FastAPI) -> None:
    """Have every error of `app` answered as a problem."""
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = (
            f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg'].removeprefix('Value error, ')}"
            for each in error.errors()
        )
        return problem(request, 422, "; ".join(wrong))

    @app.exception_handler(Unanswered)
    async def unanswered(request: Request, error: Unanswered) -> JSONResponse:
        return problem(request, 503, str(error), {"Retry-After": str(RETRY_AFTER_SECONDS)})

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return problem(request, 500, f"this should not happen ({type(error).__name__}); the log says more")

    for wrong, status in KINDS.items():
        app.add_exception_handler(wrong, partial(_told, status))
