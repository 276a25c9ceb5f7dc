"""The gateway's composition root."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from starlette.types import ASGIApp

from services.gateway.app import create_app
from services.gateway.areas.access import AccessArea
from services.gateway.areas.alerts import AlertArea
from services.gateway.areas.feeds import FeedArea
from services.gateway.areas.reading import ReadingArea
from services.gateway.areas.stories import StoryArea
from services.gateway.areas.subscriptions import SubscriptionArea
from services.gateway.areas.system import SystemArea
from services.gateway.areas.topics import TopicArea
from services.gateway.gateway import Gateway
from services.gateway.guard.guard import Guard
from services.gateway.guard.rules import Door, is_loopback
from services.gateway.live import Live
from services.operations.subscriptions.stores import delivering
from shared import metrics
from shared.errors import ConfigError
from shared.metrics import package_version
from shared.queue import JobQueue
from shared.runtime.serving import served
from shared.runtime.status import StatusServer
from shared.settings import Settings
from shared.store.alerts import AlertStream
from shared.store.audit import AuditLog
from shared.store.connection import connect, connect_sync, readiness
from shared.store.deliveries import DUE_ENDPOINTS
from shared.store.due import DueSet
from shared.store.entries import EntryReader
from shared.store.examinations import ExaminationReader
from shared.store.feeds import DUE_FEEDS, FeedStore
from shared.store.idempotency import IdempotencyStore
from shared.store.patience import StoreUnavailable
from shared.store.stories import StoryReader
from shared.store.tokens import TokenStore
from shared.store.topics import TopicReader
from shared.store.websub import PushStore

LOOPBACK = "127.0.0.1"


class Doorkeeper:
    """Says where to listen: while there is no token, where only this machine comes, unless it is left open."""

    def __init__(self, access: AccessArea, host: str) -> None:
        self._access = access
        self._host = host
        self.door = Door.THIS_MACHINE

    async def look(self) -> str:
        """The address to listen on now; the last one while Redis is away."""
        with suppress(*StoreUnavailable):
            self.door = await self._access.door()
        return LOOPBACK if self.door is Door.THIS_MACHINE and not is_loopback(self._host) else self._host


@dataclass(frozen=True, slots=True)
class Wired:
    app: ASGIApp
    doorkeeper: Doorkeeper


@asynccontextmanager
async def wired(settings: Settings, redis_url: str, stop: asyncio.Event | None = None) -> AsyncIterator[Wired]:
    """The application on this Redis, and the status beside it. Once `stop` is set, whoever follows alerts is let go."""
    async with opened(settings, redis_url, stop) as gateway, connect(redis_url, hurried=True) as redis:
        pushes = PushStore(redis) if settings.websub_callback_url else None
        guard = Guard.of(settings, gateway.access, IdempotencyStore(redis))
        exposed = metrics.Exposed(metrics.Service.GATEWAY)
        with StatusServer(settings.metrics_host, settings.metrics_port, exposed.text, readiness(redis_url)):
            yield Wired(create_app(gateway, pushes, guard), Doorkeeper(gateway.access, settings.gateway_host))


@asynccontextmanager
async def opened(settings: Settings, redis_url: str, stop: asyncio.Event | None = None) -> AsyncIterator[Gateway]:
    home, streams = settings.public_url or "", settings.gateway_streams
    with connect_sync(redis_url, hurried=True) as sync_redis:
        async with connect(redis_url, hurried=True) as redis, following(redis_url, home, streams, stop) as live:
            due_feeds = DueSet(redis, DUE_FEEDS)
            feed_store, stories, topics = FeedStore(redis, due_feeds), StoryReader(redis), TopicReader(redis)
            feeds = FeedArea(feed_store, due_feeds, str(settings.feeds_file))
            due, queue = DueSet(redis, DUE_ENDPOINTS), JobQueue(sync_redis)
            yield Gateway(
                feeds=feeds,
                topics=TopicArea(topics, ExaminationReader(redis), queue, queue.examinations),
                stories=StoryArea(stories),
                reading=ReadingArea(StoryArea(stories), stories, EntryReader(redis), feed_store, topics),
                alerts=AlertArea(AlertStream(redis), stories, home),
                live=live,
                subscriptions=SubscriptionArea(settings, delivering(settings, redis)),
                system=SystemArea(feeds, due, queue, package_version()),
                access=AccessArea(TokenStore(redis), AuditLog(redis), settings.gateway_open),
            )


@asynccontextmanager
async def following(redis_url: str, home: str, streams: int, stop: asyncio.Event | None) -> AsyncIterator[Live]:
    """It waits for what comes, and so has connections of its own that are in no hurry."""
    async with connect(redis_url) as redis:
        live = Live(AlertArea(AlertStream(redis), StoryReader(redis), home), most=streams)
        async with live.running(stop):
            yield live


@asynccontextmanager
async def listening(app: ASGIApp, host: str, port: int) -> AsyncIterator[int]:
    """Serve `app` and give the port. Raises ConfigError if the address cannot be listened on."""
    async with AsyncExitStack() as stack:
        try:
            bound = await stack.enter_async_context(served(app, host, port))
        except OSError as error:
            raise ConfigError(
                f"TOCSIN_GATEWAY_PORT: cannot listen on {host}:{port}: {error.strerror}; allowed: a free one, 0 for any"
            ) from None
        yield bound
