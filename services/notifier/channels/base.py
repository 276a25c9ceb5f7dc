"""What every channel answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.models.subscription import Envelope

# `type`, `timestamp`, `data`: what a webhook's body says, as plain data.
Payload = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Sent:
    """How an attempt ended. `outcome` is the label under which it is counted.

    `known`: whether the end is certain. After a timeout the receiver may have the message or not, so the next attempt
    must be the same message again, even if there is newer news.
    `retry_after`: seconds in which this receiver wants nothing at all. `too_large`: something shorter may be taken.
    `final`: it never wants this message. `gone`: it never wants any.
    """

    outcome: str
    ok: bool
    known: bool = True
    retry_after: float | None = None
    too_large: bool = False
    final: bool = False
    gone: bool = False
    detail: str = ""


class ChannelSender(Protocol):
    """`write` is pure: what it made is frozen before the first attempt, and `send` sends just that."""

    def write(self, payload: Payload) -> str:
        """The body in the channel's own form, cut to what the channel takes."""
        ...

    async def send(self, envelope: Envelope, secrets: Sequence[str]) -> Sent:
        """Never raises for what a receiver can do to us. `secrets`: those that sign, the current one first."""
        ...
