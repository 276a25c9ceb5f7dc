"""The poller's composition root."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network

from services.poller import canary
from services.poller.conclude import Limits
from services.poller.feeds_file import FeedsFile
from services.poller.fetch import WithCanary
from services.poller.page import product
from services.poller.pages import Pages, Reading
from services.poller.parsing import ParsingPool
from services.poller.poller import Pacing, Poller
from services.poller.schedule import Pace
from services.poller.subscriber import Subscriber
from shared import metrics
from shared.http import GuardedClient
from shared.http import Limits as HttpLimits
from shared.models.canary import canary_feed
from shared.queue import JobQueue
from shared.runtime.status import Page, StatusServer
from shared.settings import Settings
from shared.store.connection import connect, connect_sync, readiness
from shared.store.due import DueSet
from shared.store.entries import EntryStore
from shared.store.feeds import DUE_FEEDS, FeedStore
from shared.store.hosts import HostGovernor
from shared.store.pages import DUE_PAGES, PageStore
from shared.store.websub import DUE_WEBSUB, PushStore

CANARY_PATH = "/canary"


@dataclass(frozen=True, slots=True)
class Parts:
    """`subscriber` only where WebSub is on, `pages` only where full text is."""

    poller: Poller
    feeds_file: FeedsFile
    subscriber: Subscriber | None
    pages: Pages | None

    async def run(self, stop: asyncio.Event) -> None:
        """Raises ConfigError for a feeds file that is wrong from the start."""
        await self.feeds_file.configure(stop)
        others = [part.run(stop) for part in (self.subscriber, self.pages) if part]
        await asyncio.gather(self.poller.run(stop), self.feeds_file.run(stop), *others)


@asynccontextmanager
async def wired(settings: Settings, redis_url: str) -> AsyncIterator[Parts]:
    """Everything that runs in a poller's process."""
    redis, sync_redis = connect(redis_url), connect_sync(redis_url)
    due = DueSet(redis, DUE_FEEDS)
    feeds = FeedStore(redis, due)
    callback_url = settings.websub_callback_url
    pushes = PushStore(redis) if callback_url else None
    hosts = HostGovernor(
        redis,
        concurrent=settings.poll_per_host,
        gap_seconds=settings.poll_host_gap_seconds,
        slot_seconds=settings.poll_lease_seconds,
    )
    entries = EntryStore(sync_redis, retention_seconds=settings.entry_retention_seconds)
    queue = JobQueue(sync_redis, batch_size=settings.batch_size, job_timeout_seconds=settings.job_timeout_seconds)
    configured = feeds_file(settings, feeds)
    with status_server(settings, redis_url, configured) as status:
        async with (
            redis,
            guarded_client(settings) as http,
            own_client(settings, status.host) as own,
            ParsingPool(settings.parse_processes, settings.parse_seconds) as parser,
        ):
            poller = Poller(
                http=WithCanary(http, own, f"http://{status.host}:{status.port}{CANARY_PATH}"),
                parser=parser,
                due=due,
                feeds=feeds,
                hosts=hosts,
                entries=entries,
                queue=queue,
                pacing=pacing(settings),
                pushes=pushes,
            )
            pages = Pages(
                http=http,
                extractor=parser,
                due=DueSet(redis, DUE_PAGES),
                pages=PageStore(redis, retention_seconds=settings.entry_retention_seconds),
                hosts=hosts,
                entries=entries,
                queue=queue,
                reading=reading(settings),
            )
            yield Parts(
                poller,
                configured,
                Subscriber(http, DueSet(redis, DUE_WEBSUB), pushes, callback_url) if pushes and callback_url else None,
                pages if settings.full_text else None,
            )
        sync_redis.close()


def limits(settings: Settings, total_seconds: float, max_bytes: int) -> HttpLimits:
    """Of feeds and pages: they differ in how long and how large they may be."""
    return HttpLimits(settings.poll_connect_seconds, settings.poll_read_seconds, total_seconds, max_bytes)


def status_server(settings: Settings, redis_url: str, feeds_file: FeedsFile) -> StatusServer:
    """With the canary's feed, where that is on."""
    every = settings.canary_seconds
    page = Page(canary.CONTENT_TYPE, lambda: canary.document(time.time(), every))
    exposed = metrics.Exposed(metrics.Service.POLLER)
    return StatusServer(
        settings.metrics_host,
        settings.metrics_port,
        exposed.text,
        readiness(redis_url),
        feeds_file.complaint,
        pages={CANARY_PATH: page} if every else {},
    )


def feeds_file(settings: Settings, feeds: FeedStore) -> FeedsFile:
    own = canary_feed(settings.canary_seconds) if settings.canary_seconds else None
    return FeedsFile(settings.feeds_file, feeds, settings.poll_interval_seconds, own)


def own_client(settings: Settings, host: str) -> GuardedClient:
    """It reaches this process alone."""
    return GuardedClient(
        user_agent=settings.user_agent,
        limits=limits(settings, settings.poll_total_seconds, settings.poll_max_bytes),
        allow=(ip_network(host),),
        max_connections=1,
    )


def guarded_client(settings: Settings) -> GuardedClient:
    return GuardedClient(
        user_agent=settings.user_agent,
        limits=limits(settings, settings.poll_total_seconds, settings.poll_max_bytes),
        allow=settings.allow_networks,
        max_connections=settings.poll_concurrency * 2,
    )


def reading(settings: Settings) -> Reading:
    return Reading(
        concurrency=settings.page_concurrency,
        lease_seconds=settings.poll_lease_seconds,
        limits=limits(settings, settings.page_total_seconds, settings.page_max_bytes),
        most_characters=settings.page_max_characters,
        agent=product(settings.user_agent),
        checks=settings.page_checks_seconds,
    )


def pacing(settings: Settings) -> Pacing:
    return Pacing(
        concurrency=settings.poll_concurrency,
        lease_seconds=settings.poll_lease_seconds,
        pace=Pace(
            least=settings.poll_interval_seconds,
            most=max(settings.poll_interval_seconds, settings.poll_interval_max_seconds),
            jitter=settings.poll_jitter,
            backoff=settings.poll_backoff_seconds,
            backoff_cap=settings.poll_backoff_cap_seconds,
        ),
        limits=Limits(
            seed_max_age_seconds=settings.seed_max_age_seconds,
            seed_max_entries=settings.seed_max_entries,
            max_entries=settings.max_entries_per_poll,
        ),
    )
