"""The feeds file, followed while the poller runs."""

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
from shared.models.feed import Feed
from shared.runtime.pausing import pause
from shared.store.feeds import FeedStore
from shared.store.patience import patiently

LOOK_EVERY_SECONDS = 2.0
# All feeds of a new installation are due at once; their first polls are spread over this.
FIRST_POLLS_SECONDS = 10.0
log = get_logger()


@dataclass(slots=True)
class FeedsFile:
    """`path` is read at the start and whenever it changes; a file that is wrong leaves the old feeds in force.

    `canary` is polled beside them, and counted nowhere; None where it is off.
    """

    path: Path
    store: FeedStore
    interval_seconds: float
    canary: Feed | None = None
    look_every_seconds: float = LOOK_EVERY_SECONDS
    _complaint: str | None = "feeds: not yet read"
    _watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self._watch = Watch(lambda: (self.path,))

    async def configure(self, stop: asyncio.Event) -> None:
        """Raises ConfigError."""
        feeds = load_feeds(self.path)
        polled = (*feeds, self.canary) if self.canary else feeds
        spread = min(FIRST_POLLS_SECONDS, self.interval_seconds)
        changed = await patiently(lambda: self.store.configure(polled, now=time.time(), spread_seconds=spread), stop)
        if changed:
            added, removed = changed
            self._complaint = None
            metrics.config_read(ConfigFile.FEEDS, good=True)
            log.info("feeds.configured", feeds=len(feeds), added=added, removed=removed)

    def complaint(self) -> str | None:
        """What is wrong with them, in a few words."""
        return self._complaint

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the file until `stop`."""
        while not stop.is_set():
            await pause(stop, self.look_every_seconds)
            if not self._watch.changed():
                continue
            try:
                await self.configure(stop)
            except ConfigError as error:
                self._complaint = "feeds: refused, and those before are in force"
                metrics.config_read(ConfigFile.FEEDS, good=False)
                log.error("feeds.refused", problems=list(error.problems), in_force="the feeds before this change")
