"""The feeds file, followed while the poller runs."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from shared import metrics
from shared.config.feeds import load_feeds
from shared.config.watch import Watch
from shared.errors import ConfigError
from shared.logs import get_logger
from shared.models.feed import Feed, FeedHealth
from shared.runtime.pausing import pause
from shared.store.feeds import FeedStore
from shared.store.patience import StoreUnavailable, patiently

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
    feeds: tuple[Feed, ...] = ()
    _watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self._watch = Watch(lambda: (self.path,))

    async def configure(self, stop: asyncio.Event) -> None:
        """Raises ConfigError."""
        self.feeds = feeds = load_feeds(self.path)
        polled = (*feeds, self.canary) if self.canary else feeds
        spread = min(FIRST_POLLS_SECONDS, self.interval_seconds)
        changed = await patiently(lambda: self.store.configure(polled, now=time.time(), spread_seconds=spread), stop)
        if changed:
            added, removed = changed
            log.info("feeds.configured", feeds=len(feeds), added=added, removed=removed)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the file until `stop`."""
        while not stop.is_set():
            await pause(stop, self.look_every_seconds)
            await self._count_states()
            if not self._watch.changed():
                continue
            try:
                await self.configure(stop)
            except ConfigError as error:
                log.error("feeds.refused", problems=list(error.problems), in_force="the feeds before this change")

    async def _count_states(self) -> None:
        with suppress(*StoreUnavailable):
            counts = await self.store.unwell()
            disabled = sum(not feed.enabled for feed in self.feeds)
            counts[FeedHealth.DISABLED] += disabled
            counts[FeedHealth.HEALTHY] = len(self.feeds) - counts.total()
            for health in FeedHealth:
                metrics.FEEDS.labels(state=health.value).set(counts[health])
