"""What the gateway needs from outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from shared.models.access import Audited, Token
from shared.models.entry import Entry
from shared.models.feed import Feed, FeedState
from shared.models.pack import Place
from shared.models.story import Story
from shared.models.websub import PushRequest, PushSubscription
from shared.queue import DeadLetter
from shared.store.alerts import Record
from shared.store.audit import AuditRecord
from shared.store.due import Counts
from shared.store.idempotency import Done, Kept


class Feeds(Protocol):
    async def all(self) -> list[Feed]: ...
    async def states(self, feed_ids: Sequence[str]) -> list[FeedState]: ...


class Stories(Protocol):
    async def load(self, story_id: str) -> Story | None: ...
    async def newest(self, n: int, *, topic: str | None = None) -> list[Story]: ...


class Entries(Protocol):
    async def load(self, entry_ids: Sequence[str]) -> list[Entry]: ...


class Places(Protocol):
    """The gazetteers of the topics."""

    def of(self, topic: str) -> Mapping[str, Place]: ...


class Alerts(Protocol):
    async def newest(self, n: int) -> list[Record]: ...
    async def since(self, record_id: str, n: int) -> list[Record]: ...


class DueEndpoints(Protocol):
    async def counts(self) -> Counts: ...


class Queue(Protocol):
    """It blocks: called in a thread."""

    def depth(self) -> int: ...
    def dead_letters(self) -> list[DeadLetter]: ...


class Pushes(Protocol):
    async def find(self, callback_id: str) -> PushSubscription | None: ...
    async def verified(self, request: PushRequest, at: datetime, lease_expires_at: datetime) -> None: ...
    async def denied(self, request: PushRequest, reason: str) -> None: ...

    async def accept(self, request: PushRequest, body: bytes, content_type: str, now: datetime) -> bool:
        """Whether it was stored; False if too many wait already."""
        ...


class Tokens(Protocol):
    async def all(self) -> list[Token]: ...
    async def find(self, token_id: str) -> Token | None: ...
    async def are_there(self) -> bool: ...
    async def add(self, token: Token) -> None: ...
    async def revoke(self, token_id: str) -> bool: ...


class Audits(Protocol):
    async def note(self, audited: Audited) -> None: ...
    async def newest(self, n: int, before: str | None = None) -> list[AuditRecord]: ...


class Replays(Protocol):
    """What was answered to requests with a key."""

    async def begin(self, request: str, fingerprint: str) -> tuple[Kept, bool]: ...
    async def keep(self, request: str, mine: Kept, done: Done) -> None: ...
    async def free(self, request: str, mine: Kept) -> None: ...
