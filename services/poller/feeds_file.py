"""The feeds of the file and those that were added through the API, followed while the poller runs."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from shared import metrics
from shared.config.feeds import load_feeds
from shared.config.watch import Watch
from shared.errors import ConfigError
from shared.logs import get_logger
from shared.metrics.labels import ConfigFile
from shared.models.feed import Feed, together
from shared.runtime.pausing import pause
from shared.store.feeds import FeedStore
from shared.store.patience import patiently

LOOK_EVERY_SECONDS = 2.0
# All feeds of a new installation are due at once; their first polls are spread over this.
FIRST_POLLS_SECONDS = 10.0
log = get_logger()


@dataclass(slots=True)
class FeedsFile:
    """`path` is read at the start and whenever it changes; a file that is wrong leaves its old feeds in force. The
    added ones are read whenever their version is another.

    `canary` is polled beside them, and counted nowhere; None where it is off.
    """

    path: Path
    store: FeedStore
    interval_seconds: float
    canary: Feed | None = None
    look_every_seconds: float = LOOK_EVERY_SECONDS
    _complaint: str | None = "feeds: not yet read"
    _written: tuple[Feed, ...] = ()
    _version: int | None = None
    _watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self._watch = Watch(lambda: (self.path,))

    async def configure(self, stop: asyncio.Event) -> None:
        """Raises ConfigError."""
        self._written = load_feeds(self.path)
        await self._take(stop)

    def complaint(self) -> str | None:
        """What is wrong with them, in a few words."""
        return self._complaint

    async def run(self, stop: asyncio.Event) -> None:
        """Follow both until `stop`."""
        while not stop.is_set():
            await pause(stop, self.look_every_seconds)
            try:
                if self._watch.changed():
                    await self.configure(stop)
                elif await patiently(self.store.added.version, stop) not in (None, self._version):
                    await self._take(stop, of_the_file=False)
            except ConfigError as error:
                self._complaint = "feeds: refused, and those before are in force"
                metrics.config_read(ConfigFile.FEEDS, good=False)
                log.error("feeds.refused", problems=list(error.problems), in_force="the feeds before this change")

    async def _take(self, stop: asyncio.Event, *, of_the_file: bool = True) -> None:
        changed = await patiently(self._configure, stop)
        if changed is None:
            return
        if of_the_file:
            self._complaint = None
            metrics.config_read(ConfigFile.FEEDS, good=True)
        feeds, added, removed = changed
        log.info("feeds.configured", feeds=feeds, added=added, removed=removed)

    async def _configure(self) -> tuple[int, int, int]:
        """How many there are, are new, and went. The version is older than what is read, or the same: what is changed
        meanwhile is seen at the next look."""
        version, beside = await self.store.added.version(), await self.store.added.all()
        polled = (*self._written, self.canary) if self.canary else self._written
        spread = min(FIRST_POLLS_SECONDS, self.interval_seconds)
        new, gone = await self.store.configure(polled, now=time.time(), spread_seconds=spread, added=beside)
        self._version = version
        return len(together(self._written, beside)), new, gone
