"""The board as it is served, and a browser that watches what it should not see."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, async_playwright
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from services.gateway.app import create_app
from services.gateway.guard.guard import Guard
from services.gateway.wiring import opened
from shared.runtime.serving import served
from shared.settings import Settings
from shared.store.connection import connect
from shared.store.idempotency import IdempotencyStore
from tests.browser.chromium import CHROMIUM, DESKTOP, Size
from tests.browser.tales import announce, put, the_story
from tests.gateways import MANY
from tests.integration.test_queue import ROOT, python, wait_until


@dataclass(frozen=True, slots=True)
class Look:
    size: Size = field(default_factory=lambda: DESKTOP)
    scheme: str = "light"
    scripts: bool = True


class Board:
    """Opens pages. `complaints`: what a page must not have caused: errors, and requests to other hosts."""

    def __init__(self, url: str, browser: Browser) -> None:
        self.url = url
        self.complaints: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    async def open(self, path: str = "/", look: Look | None = None) -> Page:
        look = look or Look()
        context = await self._browser.new_context(
            viewport={"width": look.size["width"], "height": look.size["height"]},
            color_scheme="dark" if look.scheme == "dark" else "light",
            java_script_enabled=look.scripts,
            locale="en-GB",
        )
        self._contexts.append(context)
        page = await context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)
        page.on("response", self._answered)
        await page.goto(self.url + path)
        return page

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()

    def _heard(self, message: ConsoleMessage) -> None:
        # What a server answered is judged below: a page of its own may be an error that was meant.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.request.resource_type != "document":
            self.complaints.append(f"{response.url} was answered {response.status}")

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.url).netloc:
            self.complaints.append(f"{request.url} was asked for")


@asynccontextmanager
async def board_on(redis_url: str) -> AsyncIterator[str]:
    """Served and guarded as `tocsin gateway` does it."""
    settings = Settings.model_validate({"gateway_rate_per_minute": MANY, "gateway_writes_per_minute": MANY})
    async with opened(settings, redis_url) as gateway, connect(redis_url) as redis:
        app = create_app(gateway, guard=Guard.of(settings, gateway.access, IdempotencyStore(redis)))
        async with served(app, "127.0.0.1", 0) as port:
            yield f"http://127.0.0.1:{port}"


@pytest.fixture
def classifier(redis_url: str, sync_redis: SyncRedis, tmp_path: Path) -> Iterator[None]:
    """One that runs."""
    own = {"TOCSIN_REDIS_URL": redis_url, "TOCSIN_METRICS_PORT": "0", "TOCSIN_DATA_DIR": str(tmp_path)}
    with python("-m", "services.classifier", cwd=ROOT, env=own):
        wait_until(lambda: sync_redis.exists("rq:workers"), 60)
        yield


@pytest.fixture
async def board(redis_url: str, redis: Redis, sync_redis: SyncRedis) -> AsyncIterator[Board]:
    """With one story. What a page must not do fails the test that made it."""
    if not CHROMIUM:
        pytest.skip("no Chromium: install one, or name it in CHROMIUM")
    announce(sync_redis)
    put(sync_redis, *the_story())
    async with board_on(redis_url) as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM)
        board = Board(url, browser)
        yield board
        await board.close()
        await browser.close()
    assert board.complaints == []
