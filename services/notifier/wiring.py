"""The notifier's composition root."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from services.notifier.channels import CHANNELS
from services.notifier.notifier import PER_ENDPOINT, Endpoint, Notifier, Pacing
from services.notifier.plan import Timing
from services.notifier.ports import HttpPoster
from shared.config.subscriptions import load_subscriptions
from shared.http import GuardedClient
from shared.http import Limits as HttpLimits
from shared.models.subscription import Subscription
from shared.runtime.status import StatusServer
from shared.settings import Settings
from shared.store.alerts import AlertStream
from shared.store.connection import connect, readiness
from shared.store.deliveries import DUE_DELIVERIES, DeliveryStore
from shared.store.due import DueSet
from shared.store.stories import StoryReader

# More of a receiver's answer than this is not read: only the status counts.
MAX_ANSWER_BYTES = 8 * 1024


@asynccontextmanager
async def wired(settings: Settings, redis_url: str) -> AsyncIterator[Notifier]:
    """A notifier for the configured subscriptions. Raises ConfigError."""
    subscriptions = load_subscriptions(settings.subscriptions_file, os.environ)
    redis = connect(redis_url)
    async with redis, guarded_client(settings) as http:
        with StatusServer(settings.metrics_host, settings.metrics_port, readiness(redis_url)):
            yield Notifier(
                name=f"{socket.gethostname()}.{os.getpid()}",
                alerts=AlertStream(redis),
                stories=StoryReader(redis),
                deliveries=DeliveryStore(redis, retention_seconds=settings.story_retention_seconds),
                due=DueSet(redis, DUE_DELIVERIES),
                endpoints=endpoints(subscriptions, http),
                pacing=pacing(settings),
            )


def endpoints(subscriptions: Iterable[Subscription], http: HttpPoster) -> dict[str, Endpoint]:
    return {
        subscription.id: Endpoint(
            subscription,
            CHANNELS[subscription.channel.type](subscription.channel, http),
            asyncio.Semaphore(PER_ENDPOINT),
        )
        for subscription in subscriptions
    }


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
        retry_scale=settings.delivery_retry_scale,
        timing=Timing(
            hold=settings.alert_hold_seconds,
            update_interval=settings.alert_update_interval_seconds,
            max_age=settings.delivery_max_age_seconds,
        ),
    )
