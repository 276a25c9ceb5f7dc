"""What the poller needs from outside."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.poller.parse import Document
from shared.http import Limits, Response
from shared.models.entry import Entry
from shared.models.feed import FeedState, PollRecord
from shared.models.websub import PushOffer, PushRequest, PushSubscription
from shared.store.due import Command, Lease
from shared.store.feeds import StoredFeed
from shared.store.hosts import Turn
from shared.store.websub import Push


class HttpClient(Protocol):
    async def fetch(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response: ...


class Parser(Protocol):
    async def parse(self, body: bytes, base_url: str, charset: str | None = None) -> Document:
        """Raises NotAFeed, TimeoutError, or whatever killed the parsing process."""
        ...


class DueFeeds(Protocol):
    async def claim(self, n: int, lease_seconds: float) -> list[Lease]: ...
    async def commit(self, lease: Lease, *, next_at: float | None, commands: Sequence[Command] = ()) -> None: ...
    async def release(self, lease: Lease) -> None: ...
    async def next_at(self) -> float | None: ...


class Feeds(Protocol):
    async def load(self, feed_ids: Sequence[str]) -> list[StoredFeed]:
        """In the order asked for, in one round trip."""
        ...

    def state_commands(
        self, feed_id: str, state: FeedState, seen: bytes | None, record: PollRecord
    ) -> Sequence[Command]: ...


class Hosts(Protocol):
    async def enter_many(self, hosts: Mapping[str, str]) -> dict[str, Turn]: ...
    def leave_command(self, turn: Turn) -> Command: ...
    async def slow_down(self, host: str, seconds: float) -> None: ...


class Entries(Protocol):
    def save_commands(self, entries: Sequence[Entry]) -> Sequence[Command]: ...


class Queue(Protocol):
    def batch_commands(self, entry_ids: Sequence[str]) -> Sequence[Command]: ...


class Pushes(Protocol):
    async def take(self, feed_id: str) -> Push | None: ...
    async def load(self, feed_id: str) -> PushSubscription | None: ...
    def done_commands(self, push: Push) -> Sequence[Command]: ...
    def offer_commands(self, feed_id: str, offer: PushOffer | None) -> Sequence[Command]: ...


class HubClient(Protocol):
    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        limits: Limits | None = None,
    ) -> Response: ...


class DueHubs(Protocol):
    async def claim(self, n: int, lease_seconds: float) -> list[Lease]: ...
    async def renew(self, lease: Lease, lease_seconds: float, *, commands: Sequence[Command] = ()) -> Lease: ...
    async def commit(self, lease: Lease, *, next_at: float | None, commands: Sequence[Command] = ()) -> None: ...


class HubSubscriptions(Protocol):
    async def schedule_changes(self, now: float) -> int: ...
    async def offer(self, feed_id: str) -> PushOffer | None: ...
    async def load(self, feed_id: str) -> PushSubscription | None: ...
    def save_commands(self, request: PushRequest) -> Sequence[Command]: ...
    def forget_commands(self, request: PushRequest) -> Sequence[Command]: ...
