"""What the classifier needs from outside."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from shared.models.change import Background, Change, Marks
from shared.models.entry import Entry
from shared.models.examination import BacktestProgress, Examined
from shared.models.story import Story


class Entries(Protocol):
    def load(self, entry_ids: Sequence[str]) -> list[Entry]: ...


class KeptEntries(Protocol):
    def look(self, cursor: int) -> tuple[list[str], int | None]: ...
    def seen_since(self, entry_ids: Sequence[str], moment: datetime) -> list[Entry]: ...


class Told(Protocol):
    def told(self, topic: str, entry_ids: Sequence[str]) -> set[str]: ...


class Steps(Protocol):
    def go_on(self, examination_id: str, step: int) -> None: ...


class Answers(Protocol):
    def answer(self, examination_id: str, examined: Examined) -> None: ...
    def fail(self, examination_id: str, why: str) -> None: ...
    def progress(self, examination_id: str) -> BacktestProgress | None: ...
    def keep(self, progress: BacktestProgress) -> None: ...
    def gather(self, examination_id: str, entry_ids: Sequence[str]) -> int: ...
    def take(self, examination_id: str, most: int) -> tuple[list[str], int]: ...


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
