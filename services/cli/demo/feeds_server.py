"""The demo's outlets: a real HTTP server for `seeds/demo/feeds`, and one entry that appears later.

Run alone: `python -m services.cli.demo.feeds_server --port 8910 --later-after 20`.
"""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Self

import typer
from ruamel.yaml import YAML
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from services.cli.demo.feeds import Later, dated, with_later
from services.cli.demo.serving import LOOPBACK, stop_signal
from shared.runtime.pausing import pause
from shared.runtime.serving import served

SEEDS = Path("seeds/demo")


class FeedServer:
    """Serves each feed at `/feeds/<file>` with ETag and Last-Modified; conditional requests get 304 (RFC 9110, 13).

    `statuses` counts the answers by HTTP status. Dates are filled in once, when the server starts.
    """

    def __init__(self, seeds: Path = SEEDS, *, host: str = LOOPBACK, port: int = 0) -> None:
        self.port = port
        self.statuses: Counter[int] = Counter()
        self._host = host
        self._seeds = seeds
        self._later = Later.model_validate(YAML(typ="safe").load(seeds / "later.yaml"))
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self.port}"

    @property
    def urls(self) -> tuple[str, ...]:
        """The address of each feed, in the order of the files' names."""
        return tuple(f"{self.url}/feeds/{path.name}" for path in self._sources())

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._public = Path(stack.enter_context(TemporaryDirectory(prefix="tocsin-demo-")))
            self._publish_all(datetime.now(UTC))
            self._files = Starlette(routes=[Mount("/feeds", StaticFiles(directory=self._public))])
            self.port = await stack.enter_async_context(served(self._answer, self._host, self.port))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def publish_later(self) -> None:
        """Add the later entry to its feed; once it stands there, nothing."""
        document = (self._public / self._later.feed).read_text("utf-8")
        if self._later.guid not in document:
            self._publish(self._later.feed, with_later(document, self._later, datetime.now(UTC)))

    def _sources(self) -> list[Path]:
        return sorted((self._seeds / "feeds").glob("*.xml"))

    def _publish_all(self, now: datetime) -> None:
        for source in self._sources():
            self._publish(source.name, dated(source.read_text("utf-8"), now))

    def _publish(self, name: str, document: str) -> None:
        # Renamed into place: a reader sees the old document or the new one, never half of either.
        draft = self._public / f".{name}"
        draft.write_text(document, "utf-8")
        draft.replace(self._public / name)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.statuses[message["status"]] += 1
            await send(message)

        await self._files(scope, receive, counted)


async def run(host: str, port: int, seeds: Path, later_after: float | None) -> None:
    stop = stop_signal()
    async with FeedServer(seeds, host=host, port=port) as server:
        print(server.url, flush=True)
        if later_after is not None:
            await pause(stop, later_after)
            await server.publish_later()
        await stop.wait()


def main(
    host: Annotated[str, typer.Option(help="address to listen on")] = LOOPBACK,
    port: Annotated[int, typer.Option(help="0 takes any free port")] = 0,
    seeds: Annotated[Path, typer.Option(help="directory with feeds/ and later.yaml")] = SEEDS,
    later_after: Annotated[float | None, typer.Option(help="seconds until the later entry; without it, never")] = None,
) -> None:
    """Serve the demo's feeds until SIGINT or SIGTERM; the first line printed is the address."""
    asyncio.run(run(host, port, seeds, later_after))


if __name__ == "__main__":
    typer.run(main)
