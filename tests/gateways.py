"""The gateway's application on a real Redis, without a socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from services.gateway.app import create_app
from services.gateway.wiring import opened
from shared.settings import Settings, load_settings

PROBLEM = "application/problem+json"
SETTINGS = load_settings({})


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
