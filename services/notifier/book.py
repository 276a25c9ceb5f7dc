"""The book of subscriptions: those of the file and those in the store, followed while the notifier runs."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from services.notifier.channels.base import ChannelSender
from services.notifier.ports import Clock, DueEndpoints, Signings, Subscriptions
from shared import metrics
from shared.config.subscriptions import load_subscriptions, secret_files
from shared.config.watch import Stamp, Watch, stamp
from shared.errors import ConfigError
from shared.logs import get_logger
from shared.metrics.labels import ConfigFile
from shared.models.subscription import Signing, Subscription, WebhookChannel
from shared.runtime.pausing import pause
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
    in force. Of two subscriptions with one id that of the file counts. `built_in` stands beside them."""

    path: Path
    env: Mapping[str, str]
    store: Subscriptions
    signings: Signings
    due: DueEndpoints
    sender: Senders
    clock: Clock
    built_in: tuple[Endpoint, ...] = ()
    look_every_seconds: float = LOOK_EVERY_SECONDS
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    _written: tuple[Subscription, ...] = ()
    _version: int = -1
    _stamp: Stamp = ()
    _complaint: str | None = "subscriptions: not yet read"
    _secret_files: tuple[Path, ...] = ()
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self._watch = Watch(self._files)

    def _files(self) -> tuple[Path, ...]:
        """What the file of subscriptions names is looked up when that has changed: to read it takes long."""
        written = stamp((self.path,))
        if written != self._stamp:
            self._stamp, self._secret_files = written, tuple(secret_files(self.path))
        return (self.path, *self._secret_files)

    async def configure(self, stop: asyncio.Event) -> None:
        """Raises ConfigError."""
        written = load_subscriptions(self.path, self.env)
        await patiently(lambda: self._take(written), stop)
        self._complaint = None
        metrics.config_read(ConfigFile.SUBSCRIPTIONS, good=True)

    def complaint(self) -> str | None:
        """What is wrong with them, in a few words."""
        return self._complaint

    async def run(self, stop: asyncio.Event) -> None:
        """Follow file and store until `stop`."""
        while not stop.is_set():
            if not await pause(stop, self.look_every_seconds):
                await self.refresh(stop)

    async def refresh(self, stop: asyncio.Event) -> None:
        """Look whether anything has changed."""
        if self._watch.changed():
            await self._reread(stop)
        await self.follow_store(stop)

    async def follow_store(self, stop: asyncio.Event) -> None:
        """What is claimed after this is delivered to as the store had it when it was claimed, or later."""
        if await patiently(self.store.version, stop) not in (self._version, None):
            await patiently(lambda: self._take(self._written), stop)

    async def _reread(self, stop: asyncio.Event) -> None:
        try:
            await self.configure(stop)
        except ConfigError as error:
            self._complaint = "subscriptions: refused, and those before are in force"
            metrics.config_read(ConfigFile.SUBSCRIPTIONS, good=False)
            in_force = "the subscriptions before this change"
            log.error("subscriptions.refused", problems=list(error.problems), in_force=in_force)

    async def _take(self, written: tuple[Subscription, ...]) -> None:
        async with self._taking:  # or an older reading might take the place of a newer one
            await self._take_alone(written)

    async def _take_alone(self, written: tuple[Subscription, ...]) -> None:
        version = await self.store.version()
        stored = {each.id: each for each in await self.store.all()}
        endpoints = {each.id: await self._endpoint(each) for each in written}
        for each in stored.values():
            if each.id not in endpoints and (endpoint := await self._endpoint_if_possible(each)):
                endpoints[each.id] = endpoint
        own = {each.subscription.id: each for each in self.built_in}
        self.endpoints, self._written, self._version = own | endpoints, written, version
        metrics.know("subscription", endpoints)
        await self.store.announce([name for name, each in endpoints.items() if each.subscription.enabled])
        # What may have waited since before a restart, or while its subscription was missing.
        await self.due.schedule({each: self.clock().timestamp() for each in self.endpoints})
        log.info("subscriptions.configured", subscriptions=len(endpoints), stored=len(stored))

    async def _endpoint_if_possible(self, subscription: Subscription) -> Endpoint | None:
        """What was stored when more was possible must not keep back the others."""
        try:
            return await self._endpoint(subscription)
        except ConfigError as error:
            log.error("subscription.refused", subscription=subscription.id, problems=list(error.problems))
            return None

    async def _endpoint(self, subscription: Subscription) -> Endpoint:
        known = self.endpoints.get(subscription.id)
        same = known is not None and known.subscription.channel == subscription.channel
        sender = known.sender if same and known else self._sender(subscription)
        return Endpoint(subscription, sender, await self._signing(subscription))

    def _sender(self, subscription: Subscription) -> ChannelSender:
        try:
            return self.sender(subscription)
        except ConfigError as error:
            raise ConfigError(*(f"subscription {subscription.id}: {each}" for each in error.problems)) from None

    async def _signing(self, subscription: Subscription) -> Signing | None:
        if not isinstance(subscription.channel, WebhookChannel):
            return None
        secret = subscription.channel.secret.get_secret_value()
        return await self.signings.settle(subscription.id, secret, self.clock())
