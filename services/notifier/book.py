"""The book of subscriptions: those of the file and those in the store, followed while the notifier runs."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from services.notifier.channels.base import ChannelSender
from services.notifier.ports import Clock, DueEndpoints, Signings, Subscriptions
from shared.config.subscriptions import load_subscriptions, secret_files
from shared.config.watch import Watch
from shared.errors import ConfigError
from shared.logs import get_logger
from shared.models.subscription import Signing, Subscription, WebhookChannel
from shared.store.patience import patiently

LOOK_EVERY_SECONDS = 2.0
log = get_logger()

Senders = Callable[[Subscription], ChannelSender]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A subscription, the sender of its channel, and what signs."""

    subscription: Subscription
    sender: ChannelSender
    signing: Signing | None = None

    def secrets(self, now: datetime) -> tuple[str, ...]:
        """Those that sign now, the current one first; none for channels that do not sign."""
        return self.signing.at(now) if self.signing else ()


@dataclass(slots=True)
class Book:
    """`path` and the store are read at the start and whenever they change; a file that is wrong leaves what was before
    in force. Of two subscriptions with one id that of the file counts."""

    path: Path
    env: Mapping[str, str]
    store: Subscriptions
    signings: Signings
    due: DueEndpoints
    sender: Senders
    clock: Clock
    look_every_seconds: float = LOOK_EVERY_SECONDS
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    _version: int = -1
    _watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self._watch = Watch(lambda: (self.path, *secret_files(self.path)))

    async def configure(self, stop: asyncio.Event) -> None:
        """Raises ConfigError."""
        written = load_subscriptions(self.path, self.env)
        await patiently(lambda: self._take(written), stop)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow file and store until `stop`."""
        while not stop.is_set():
            try:
                await asyncio.wait_for(stop.wait(), self.look_every_seconds)
            except TimeoutError:
                await self.refresh(stop)

    async def refresh(self, stop: asyncio.Event) -> None:
        """Look whether anything has changed."""
        version = await patiently(self.store.version, stop)
        if not self._watch.changed() and version == self._version:
            return
        try:
            await self.configure(stop)
        except ConfigError as error:
            log.error(
                "subscriptions.refused", problems=list(error.problems), in_force="the subscriptions before this change"
            )

    async def _take(self, written: Iterable[Subscription]) -> None:
        version = await self.store.version()
        stored = {each.id: each for each in await self.store.all()}
        subscriptions = {**stored, **{each.id: each for each in written}}
        self.endpoints = {each.id: await self._endpoint(each) for each in subscriptions.values()}
        self._version = version
        # What may have waited since before a restart, or while its subscription was missing.
        await self.due.schedule({each: self.clock().timestamp() for each in self.endpoints})
        log.info("subscriptions.configured", subscriptions=len(subscriptions), stored=len(stored))

    async def _endpoint(self, subscription: Subscription) -> Endpoint:
        known = self.endpoints.get(subscription.id)
        channel, signing = subscription.channel, None
        if isinstance(channel, WebhookChannel):
            secret = channel.secret.get_secret_value()
            signing = await self.signings.settle(subscription.id, secret, self.clock())
        same = known is not None and known.subscription.channel == channel
        sender = known.sender if same and known else self.sender(subscription)
        return Endpoint(subscription, sender, signing)
