"""What the watched system reads: outlets on hosts of their own, with real ones' faults; the demo's; others' feeds."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.cli.demo.feeds_server import SEEDS, FeedServer
from shared.config.feeds import load_feeds
from shared.runtime.serving import served
from tests.acceptance.chaos import OUTLETS, Outlets, page
from tests.hub import Hub, running_hub
from tests.servers import until

HOSTS = 5
PUBLISH_SECONDS = 0.6
# A topic of which each report is a story, so that somebody is told something all the time.
TOPIC = "lighthouses"
PACK = {
    "topic.yaml": {
        "name": TOPIC,
        "title": "Lighthouses",
        "rule": {"actor": ["lighthouse"], "core": ["coast"]},
        "threshold": 5,
        "events": {"outage": {"severity": "low"}},
        "gather": False,
    },
    "en.yaml": {
        "language": "en",
        "concepts": {"lighthouse": ["lighthouse*"], "coast": ["coast*"]},
        "events": {"outage": ["dark"]},
    },
}
# The demo's outlets are polled more rarely than ours: when these are down, they are most of what is polled.
DEMO_INTERVAL_SECONDS = 8.0
FAULTY_SHARE = 0.05
MOST_REPLAYED = 60
STALL_SECONDS = 4.0
FAULTS = (
    Response("oops", 500),
    Response(status_code=503, headers={"retry-after": "1"}),
    Response(status_code=429, headers={"retry-after": "1"}),
    Response("<html><body>We are moving house.</body></html>", media_type="text/html"),
    Response(status_code=302, headers={"location": "?"}),
)


@dataclass(slots=True)
class Host:
    """Serves on an address of its own; it keeps its port while it is down."""

    address: str
    app: ASGIApp
    port: int = 0
    _serving: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def up(self) -> None:
        self.port = await self._serving.enter_async_context(served(self.app, self.address, self.port))

    async def down(self) -> None:
        await self._serving.aclose()


@dataclass(slots=True)
class Newsroom:
    """`replayed`: feeds that somebody else serves on loopback, by name. `names_hub`: whether an outlet does so yet."""

    demo: FeedServer
    hub: Hub
    replayed: Mapping[str, str]
    draw: random.Random
    faulty_share: float = FAULTY_SHARE
    publishes: bool = True
    names_hub: bool = False
    outlets: Outlets = field(init=False)
    hosts: list[Host] = field(init=False)

    def __post_init__(self) -> None:
        self.outlets = Outlets(self.draw)
        routes = [Route("/{outlet:int}", self.outlets.serve), Route("/page/{guid}", page)]
        self.hosts = [Host(f"127.0.5.{n + 1}", self._answering(Starlette(routes=routes))) for n in range(HOSTS)]

    def feeds(self) -> list[dict[str, Any]]:
        """As they stand in the file."""
        return [*self.own(), *self._of_the_demo(), *({"url": url, "name": name} for name, url in self.replayed.items())]

    def own(self) -> list[dict[str, Any]]:
        return [
            {"url": f"http://{host.address}:{host.port}/{n}", "name": outlet_name(n), "language": "en"}
            for n in range(OUTLETS)
            for host in [self.hosts[n % HOSTS]]
        ]

    def _of_the_demo(self) -> list[dict[str, Any]]:
        moved = (
            feed.model_copy(
                update={
                    "url": f"{self.demo.url}{urlsplit(feed.url).path}",
                    "interval_seconds": DEMO_INTERVAL_SECONDS,
                }
            )
            for feed in load_feeds(SEEDS / "feeds.yaml")
        )
        return [feed.model_dump(mode="json", exclude_defaults=True) for feed in moved]

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            if self.publishes:
                self.publish()
            await asyncio.sleep(PUBLISH_SECONDS)

    def publish(self) -> None:
        """Two entries: a story of its own, and one that may belong to another."""
        self.outlets.publish()
        outlet = self.draw.randrange(OUTLETS)
        listed = self.outlets.published[outlet]
        guid = f"urn:outlet-{outlet}:{len(listed)}"
        listed.append((guid, f"Lighthouse number {guid[4:]} on the coast has gone dark", datetime.now(UTC)))

    async def push(self) -> None:
        """The hub tells what it has been asked for; it waits until it is."""
        await until(lambda: self.hub.answers)
        asked = self.hub.asked[-1]
        async with httpx.AsyncClient(trust_env=False) as http:
            body = (await http.get(asked["hub.topic"])).content
        await self.hub.push(asked, body)

    def _answering(self, app: ASGIApp) -> ASGIApp:
        """With the faults of real ones; the first outlet is who names the hub."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            is_feed = not scope["path"].startswith("/page/")
            if is_feed and self.draw.random() < self.faulty_share:
                await self._fail(scope, receive, send)
                return
            host, port = scope["server"]
            topic = f"<http://{host}:{port}{scope['path']}>; rel=self"
            link = (b"link", f"<{self.hub.url}>; rel=hub, {topic}".encode())

            async def linked(message: Message) -> None:
                if message["type"] == "http.response.start" and scope["path"] == "/0" and self.names_hub:
                    message["headers"] = [*message["headers"], link]
                await send(message)

            await app(scope, receive, linked)

        return answer

    async def _fail(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.draw.random() * (len(FAULTS) + 1) < 1:
            await asyncio.sleep(STALL_SECONDS)
        await self.draw.choice(FAULTS)(scope, receive, send)


def outlet_name(number: int) -> str:
    return f"Outlet {number}"


def on_host(number: int) -> list[str]:
    """The names of the outlets there."""
    return [outlet_name(n) for n in range(OUTLETS) if n % HOSTS == number]


@asynccontextmanager
async def newsroom(replay: str | None, seed: int) -> AsyncIterator[Newsroom]:
    async with FeedServer() as demo, running_hub() as hub:
        room = Newsroom(demo, hub, await replayed(replay) if replay else {}, random.Random(seed))
        for host in room.hosts:
            await host.up()
        publishing = asyncio.create_task(room.run())
        try:
            yield room
        finally:
            publishing.cancel()
            with suppress(asyncio.CancelledError):
                await publishing
            for host in room.hosts:
                await host.down()


async def replayed(index: str) -> dict[str, str]:
    """Name → address of the feeds of a list of addresses, one a line. Raises ValueError for one beyond loopback."""
    _on_loopback(index)
    async with httpx.AsyncClient(trust_env=False) as http:
        urls = (await http.get(index)).raise_for_status().text.split()[:MOST_REPLAYED]
    for url in urls:
        _on_loopback(url)
    return {f"Replayed {n}": url for n, url in enumerate(urls)}


def _on_loopback(url: str) -> None:
    host = urlsplit(url).hostname or ""
    if host != "localhost" and not ip_address(host).is_loopback:
        raise ValueError(f"{url} is not on this machine")
