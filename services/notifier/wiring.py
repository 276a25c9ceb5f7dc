"""The notifier's composition root."""

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from services.notifier import canary
from services.notifier.book import Book, Senders
from services.notifier.channels import CHANNELS, Means
from services.notifier.conclude import Persistence
from services.notifier.endpoint import Rules
from services.notifier.fanout import FanOut
from services.notifier.notifier import Notifier
from services.notifier.plan import Timing
from services.notifier.ports import Clock, HttpPoster, Stores
from services.notifier.tenure import Pacing
from shared import metrics
from shared.http import GuardedClient
from shared.http import Limits as HttpLimits
from shared.runtime.status import StatusServer
from shared.settings import Settings
from shared.store.alerts import AlertStream
from shared.store.canary import CanaryStore
from shared.store.connection import Connection, connect, readiness
from shared.store.deliveries import DUE_ENDPOINTS, DeliveryStore
from shared.store.due import DueSet
from shared.store.endpoints import EndpointStore
from shared.store.stories import StoryReader
from shared.store.subscriptions import SigningStore, SubscriptionStore

# More of a receiver's answer than this is not read: only the status counts.
MAX_ANSWER_BYTES = 8 * 1024


@asynccontextmanager
async def wired(settings: Settings, redis_url: str) -> AsyncIterator[Notifier]:
    """A notifier for the configured subscriptions."""
    redis = connect(redis_url)
    async with redis, guarded_client(settings) as http:
        made = notifier(settings, redis, senders(settings, http))
        exposed = metrics.Exposed(metrics.Service.NOTIFIER)
        with StatusServer(
            settings.metrics_host, settings.metrics_port, exposed.text, readiness(redis_url), made.book.complaint
        ):
            yield made


def notifier(
    settings: Settings, redis: Connection, sender: Senders, clock: Callable[[], float] | None = None
) -> Notifier:
    """`clock`: Unix seconds; without it the Redis server's time counts for leases, and this machine's for the rest."""
    now = _clock(clock)
    due = DueSet(redis, DUE_ENDPOINTS, clock=clock)
    stores = Stores(
        stories=StoryReader(redis, with_canary=True),
        deliveries=DeliveryStore(redis, retention_seconds=settings.story_retention_seconds),
        endpoints=EndpointStore(redis),
        due=due,
    )
    sink = canary.Sink(stores.stories, CanaryStore(redis), now)
    book = Book(
        path=settings.subscriptions_file,
        env=os.environ,
        store=SubscriptionStore(redis),
        signings=SigningStore(redis),
        due=due,
        sender=sender,
        clock=now,
        built_in=(canary.endpoint(sink),) if settings.canary_seconds else (),
    )
    fan_out = FanOut(
        name=f"{socket.gethostname()}.{os.getpid()}",
        alerts=AlertStream(redis),
        stories=stores.stories,
        deliveries=stores.deliveries,
        endpoints=stores.endpoints,
        due=due,
        book=lambda: book.endpoints,
        hold=settings.alert_hold_seconds,
        clock=now,
    )
    return Notifier(stores=stores, fan_out=fan_out, book=book, pacing=pacing(settings), clock=now)


def senders(settings: Settings, http: HttpPoster) -> Senders:
    means = Means(http, settings.delivery_connect_seconds, settings.delivery_total_seconds)
    return lambda subscription: CHANNELS[subscription.channel.type](subscription.channel, means)


def _clock(clock: Callable[[], float] | None) -> Clock:
    return (lambda: datetime.fromtimestamp(clock(), UTC)) if clock else (lambda: datetime.now(UTC))


def guarded_client(settings: Settings) -> GuardedClient:
    return GuardedClient(
        user_agent=settings.user_agent,
        limits=HttpLimits(
            connect_seconds=settings.delivery_connect_seconds,
            read_seconds=settings.delivery_total_seconds,
            total_seconds=settings.delivery_total_seconds,
            max_bytes=MAX_ANSWER_BYTES,
            max_redirects=0,
            body_optional=True,
        ),
        allow=settings.allow_networks,
    )


def pacing(settings: Settings) -> Pacing:
    return Pacing(
        concurrency=settings.delivery_concurrency,
        lease_seconds=settings.delivery_lease_seconds,
        timing=Timing(
            hold=settings.alert_hold_seconds,
            update_interval=settings.alert_update_interval_seconds,
            max_age=settings.delivery_max_age_seconds,
        ),
        persistence=Persistence(settings.delivery_retry_scale, settings.delivery_max_age_seconds),
        rules=Rules(scale=settings.delivery_retry_scale),
        base_url=settings.public_url,
    )
