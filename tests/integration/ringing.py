"""Stories that ring, as the classifier stores them, and a gateway that tells of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from redis import Redis as SyncRedis

from services.gateway.app import create_app
from services.gateway.wiring import listening, opened
from shared import keys
from shared.models.change import Change
from shared.models.story import Story
from shared.settings import Settings
from shared.store.stories import StoryStore
from tests.factories import after, alert, article, entry, revision, story


@asynccontextmanager
async def gateway_on(url: str, home: str = "", streams: int = 1000) -> AsyncIterator[httpx.AsyncClient]:
    """The application on this Redis, without a socket."""
    async with opened(Settings(public_url=home or None, gateway_streams=streams), url) as gateway:
        transport = httpx.ASGITransport(create_app(gateway), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            yield client


@asynccontextmanager
async def gateway_at(url: str, port: int = 0, streams: int = 1000) -> AsyncIterator[str]:
    """The same on a socket; its address."""
    async with (
        opened(Settings(gateway_streams=streams), url) as gateway,
        listening(create_app(gateway), "127.0.0.1", port) as bound,
    ):
        yield f"http://127.0.0.1:{bound}"


def put(redis: SyncRedis, told: Story, *, rings: bool = True) -> str:
    """Store it as it is now; the id of its alert, if it rings."""
    stories = StoryStore(redis, window_seconds=1e9, retention_seconds=3600)
    change = Change(told, alert(told) if rings and told.revisions else None)
    assert stories.change(told.topic, [], lambda _: change)
    return newest_id(redis) if change.alert else ""


def newest_id(redis: SyncRedis) -> str:
    rows: list[tuple[bytes, object]] = redis.xrevrange(keys.alerts(), count=1)  # type: ignore[assignment]
    return rows[0][0].decode()


def told(name: str, seconds: float = 0, revisions: int = 1, **over: object) -> Story:
    """A story of this name that changed so long after noon, with so many revisions."""
    numbered = tuple(revision(number=each, at=after(seconds)) for each in range(1, revisions + 1))
    first = article(entry(title=f"Title of {name}", source=f"Source of {name}"))
    fields = {"id": name, "title": first.title, "articles": (first,), "updated_at": after(seconds)}
    return story(**fields | {"revisions": numbered} | over)


@dataclass(frozen=True)
class Pages:
    """What a list tells page by page, by following `next`."""

    client: httpx.AsyncClient

    async def read(self, path: str) -> AsyncIterator[list[dict[str, object]]]:
        join, cursor = "&" if "?" in path else "?", ""
        while True:
            answer = await self.client.get(path + (f"{join}cursor={cursor}" if cursor else ""))
            assert answer.status_code == 200, answer.text
            yield answer.json()["items"]
            cursor = answer.json()["next"]
            assert ("link" in answer.headers) is bool(cursor)
            if not cursor:
                break

    async def ids(self, path: str, name: str = "id") -> list[object]:
        return [each[name] async for page in self.read(path) for each in page]
