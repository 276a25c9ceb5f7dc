"""What the classifier needs from outside."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from shared.models.change import Background, Change, Marks
from shared.models.entry import Entry
from shared.models.story import Story


class Entries(Protocol):
    def load(self, entry_ids: Sequence[str]) -> list[Entry]: ...


class Counters(Protocol):
    def add(self, counted: Mapping[str, float]) -> None: ...


class Stories(Protocol):
    def assign(
        self,
        topic: str,
        entry_id: str,
        marks: Marks,
        now: datetime,
        decide: Callable[[Background], Change],
        *,
        edition: str = "",
    ) -> Change | None: ...
    def amend(
        self, topic: str, identities: Sequence[str], decide: Callable[[Story], Change | None]
    ) -> Change | None: ...
    def reread(
        self, topic: str, entry_id: str, edition: str, now: datetime, decide: Callable[[Story, Background], Change]
    ) -> Change | None: ...
