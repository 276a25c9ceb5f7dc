"""The gateway over a real Redis, without a socket, with and without its guard; and what is asked of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.types import ASGIApp, Message

from services.gateway.app import create_app
from services.gateway.gateway import Gateway
from services.gateway.guard.guard import Guard
from services.gateway.wiring import opened
from shared.models.access import Scope, Token
from shared.settings import Settings, load_settings
from shared.store.connection import connect
from shared.store.idempotency import IdempotencyStore
from shared.store.tokens import TokenStore, new_token
from tests.factories import NOON

MANY = 100_000
PROBLEM = "application/problem+json"
SETTINGS = load_settings({})


@dataclass(frozen=True, slots=True)
class House:
    gateway: Gateway
    app: ASGIApp
    client: httpx.AsyncClient


@asynccontextmanager
async def guarded(url: str, *, base_url: str = "http://localhost", **over: object) -> AsyncIterator[House]:
    """As `tocsin gateway` guards it, with these settings; no rate is limited unless they say so."""
    settings = Settings.model_validate({"gateway_rate_per_minute": MANY, "gateway_writes_per_minute": MANY} | over)
    async with opened(settings, url) as gateway, connect(url) as redis:
        app = create_app(gateway, guard=Guard.of(settings, gateway.access, IdempotencyStore(redis)))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
            yield House(gateway, app, client)


async def token_of(
    redis: Redis, *scopes: Scope, name: str = "desk", expires_at: datetime | None = None
) -> tuple[Token, str]:
    token, text = new_token(name, scopes or (Scope.READ,), NOON, expires_at)
    await TokenStore(redis).add(token)
    return token, text


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def inner(app: ASGIApp) -> FastAPI:
    """The application within all that guards it."""
    while not isinstance(app, FastAPI):
        app = app.app  # type: ignore[attr-defined]  # what wraps an application calls it so, as Starlette does
    return app


async def status_of(
    app: ASGIApp, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes = b"{}"
) -> int:
    """What is answered, of a stream, too, which has no end."""
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    request: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return request.pop() if request else await asyncio.Future()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start" and not started.done():
            started.set_result(message["status"])

    given = [("host", "localhost"), ("content-type", "application/json"), *headers]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given],
    }  # fmt: skip

    async def ask() -> None:
        await app(scope, receive, send)

    asking = asyncio.create_task(ask())
    asking.add_done_callback(lambda _: started.done() or started.cancel())
    try:
        return await started
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking


@asynccontextmanager
async def gateway_on(url: str, settings: Settings = SETTINGS) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(settings, url) as gateway:
        transport = httpx.ASGITransport(create_app(gateway), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            yield client


async def items(gateway: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await gateway.get(path)
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()["items"]
    return listed


def detail_of(answer: httpx.Response, status: int) -> str:
    """What a problem says that has this status."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    return str(answer.json()["detail"])
