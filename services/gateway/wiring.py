"""The gateway's composition root."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_address

from starlette.types import ASGIApp

from services.gateway.app import create_app
from services.gateway.areas.alerts import AlertArea
from services.gateway.areas.feeds import FeedArea
from services.gateway.areas.stories import StoryArea
from services.gateway.areas.system import SystemArea
from services.gateway.areas.topics import TopicArea
from services.gateway.gateway import Gateway
from shared import metrics
from shared.errors import ConfigError
from shared.metrics import package_version
from shared.queue import JobQueue
from shared.runtime.serving import served
from shared.runtime.status import StatusServer
from shared.settings import Settings
from shared.store.alerts import AlertStream
from shared.store.connection import connect, connect_sync, readiness
from shared.store.deliveries import DUE_ENDPOINTS
from shared.store.due import DueSet
from shared.store.examinations import ExaminationReader
from shared.store.feeds import DUE_FEEDS, FeedStore
from shared.store.stories import StoryReader
from shared.store.topics import TopicReader
from shared.store.websub import PushStore


@asynccontextmanager
async def wired(settings: Settings, redis_url: str) -> AsyncIterator[ASGIApp]:
    """The application on this Redis, and the status beside it."""
    async with opened(settings, redis_url) as gateway, connect(redis_url, hurried=True) as redis:
        pushes = PushStore(redis) if settings.websub_callback_url else None
        exposed = metrics.Exposed(metrics.Service.GATEWAY)
        with StatusServer(settings.metrics_host, settings.metrics_port, exposed.text, readiness(redis_url)):
            yield create_app(gateway, pushes)


@asynccontextmanager
async def opened(settings: Settings, redis_url: str) -> AsyncIterator[Gateway]:
    with connect_sync(redis_url, hurried=True) as sync_redis:
        async with connect(redis_url, hurried=True) as redis:
            due_feeds = DueSet(redis, DUE_FEEDS)
            feeds = FeedArea(FeedStore(redis, due_feeds), due_feeds, str(settings.feeds_file))
            due, queue = DueSet(redis, DUE_ENDPOINTS), JobQueue(sync_redis)
            yield Gateway(
                feeds=feeds,
                topics=TopicArea(TopicReader(redis), ExaminationReader(redis), queue, queue.examinations),
                stories=StoryArea(StoryReader(redis)),
                alerts=AlertArea(AlertStream(redis)),
                system=SystemArea(feeds, due, queue, package_version()),
            )


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


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`; a name other than localhost is held for open."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
