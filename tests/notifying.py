"""A house around notifiers: real Redis, real sockets, stories told as the classifier tells them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from redis import Redis as SyncRedis
from redis.asyncio import Redis

from services.notifier import wiring
from services.notifier.book import Senders
from services.notifier.notifier import Notifier
from shared import keys
from shared.http import GuardedClient
from shared.models.change import Change, Marks
from shared.models.endpoint import EndpointState
from shared.models.story import Story
from shared.models.subscription import REVEAL, Delivery, Subscription
from shared.settings import Settings
from shared.store.alerts import AlertStream
from shared.store.deliveries import DUE_ENDPOINTS, DeliveryStore
from shared.store.due import DueSet
from shared.store.endpoints import EndpointStore
from shared.store.stories import StoryStore
from tests.factories import alert, make_id
from tests.servers import loopback_client

DAY = 86_400.0
TICK_SECONDS = 0.01
SERVICE = Path(wiring.__file__).parent


def settings(**over: object) -> Settings:
    """Without waiting for anything."""
    at_once: dict[str, object] = {
        "canary_seconds": 0,
        "alert_hold_seconds": 0.0,
        "alert_update_interval_seconds": 0.0,
        "delivery_retry_scale": 0.001,
        "story_retention_seconds": 3600,
    }
    return Settings.model_validate(at_once | over)


@dataclass(slots=True)
class House:
    """`clock`: Unix seconds, where a test turns it itself."""

    redis: Redis
    stories: StoryStore
    http: GuardedClient
    home: Path
    clock: Callable[[], float] | None = None
    entries: Iterator[int] = field(default_factory=count)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC) if self.clock else datetime.now(UTC)

    @property
    def due(self) -> DueSet:
        return DueSet(self.redis, DUE_ENDPOINTS, clock=self.clock)

    @property
    def endpoints(self) -> EndpointStore:
        return EndpointStore(self.redis)

    def tell(self, told: Story) -> Story:
        """The story as the classifier writes it, with the alert of its newest revision."""
        change = Change(told, alert(told))
        self.stories.assign(told.topic, make_id(next(self.entries)), Marks(), self.now, lambda _: change)
        return told

    def write(self, *subscriptions: Subscription) -> Path:
        """As a file."""
        path = self.home / "subscriptions.yaml"
        written = [each.model_dump(mode="json", context={REVEAL: True}) for each in subscriptions]
        path.write_text(json.dumps({"subscriptions": written}))
        return path

    def notifier(
        self, *subscriptions: Subscription, name: str = "n1", senders: Senders | None = None, **over: object
    ) -> Notifier:
        """With these subscriptions in its file, and these settings."""
        chosen = settings(**over, subscriptions_file=self.write(*subscriptions))
        made = wiring.notifier(chosen, self.redis, senders or wiring.senders(chosen, self.http), self.clock)
        fan_out = replace(made.fan_out, name=name, alerts=AlertStream(self.redis, claim_after_milliseconds=50))
        made.book.look_every_seconds = 0.05
        return replace(made, fan_out=fan_out, pacing=replace(made.pacing, tick_seconds=TICK_SECONDS))

    async def delivery(self, told: Story | str, name: str = "desk") -> Delivery:
        subject = told if isinstance(told, str) else told.id
        return await DeliveryStore(self.redis, retention_seconds=3600).load(name, subject)

    async def state(self, name: str = "desk") -> EndpointState:
        return await self.endpoints.load(name)

    async def wake(self, subject: str, name: str = "desk") -> None:
        """Let it be looked at now."""
        await self.endpoints.add({name: {subject: 0.0}})
        await self.due.schedule({name: 0.0})

    async def is_idle(self) -> bool:
        """Every alert is fanned out, and no endpoint is due or worked on."""
        groups = await self.redis.xinfo_groups(keys.alerts()) if await self.redis.exists(keys.alerts()) else []
        if not groups:
            return False
        newest = (await self.redis.xinfo_stream(keys.alerts()))["last-generated-id"]
        all_read = groups[0]["last-delivered-id"] == newest and not groups[0]["pending"]
        counts = await self.due.counts()
        return all_read and not counts.due and not counts.leased


@asynccontextmanager
async def house_of(
    redis: Redis, sync_redis: SyncRedis, home: Path, clock: Callable[[], float] | None = None
) -> AsyncIterator[House]:
    store = StoryStore(sync_redis, window_seconds=DAY, retention_seconds=3600)
    async with loopback_client(total_seconds=20, max_redirects=0, body_optional=True) as http:
        yield House(redis, store, http, home, clock)


@asynccontextmanager
async def running(*notifiers: Notifier) -> AsyncIterator[None]:
    """They end as if killed."""
    others = asyncio.all_tasks()
    tasks = [asyncio.create_task(notifier.run(asyncio.Event())) for notifier in notifiers]
    try:
        yield
    finally:
        # More than once, for a call to Redis that ends just then swallows it (wait_for, before Python 3.12).
        while alive := [task for task in asyncio.all_tasks() - others if _is_of_a_notifier(task)]:
            for task in alive:
                task.cancel()
            await asyncio.wait(alive, timeout=0.1)
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)


def _is_of_a_notifier(task: asyncio.Task[object]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and Path(code.co_filename).is_relative_to(SERVICE)
