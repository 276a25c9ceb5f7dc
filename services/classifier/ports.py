"""What the classifier needs from outside."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from shared.models.entry import Entry
from shared.models.story import Story
from shared.store.stories import Change


class Entries(Protocol):
    def load(self, entry_ids: Sequence[str]) -> list[Entry]: ...


class Stories(Protocol):
    def assign(
        self,
        topic: str,
        entry_id: str,
        now: datetime,
        decide: Callable[[Sequence[Story]], Change],
        *,
        edition: str = "",
    ) -> Change | None: ...
    def reread(self, topic: str, entry_id: str, edition: str, decide: Callable[[Story], Change]) -> Change | None: ...
