"""What every channel answers."""

from dataclasses import dataclass
from typing import Protocol

from shared.models.subscription import Envelope


@dataclass(frozen=True, slots=True)
class Sent:
    """How an attempt ended.

    `known`: whether the end is certain. After a timeout the receiver may have the message or not, so the next attempt
    must be the same message again, even if there is newer news.
    """

    outcome: str
    ok: bool
    known: bool = True
    retry_after: float | None = None
    final: bool = False
    detail: str = ""


class ChannelSender(Protocol):
    async def send(self, envelope: Envelope) -> Sent:
        """Never raises for what a receiver can do to us."""
        ...
