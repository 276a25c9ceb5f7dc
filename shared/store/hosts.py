"""The host governor: how many requests run at a host, and how far apart they start, whoever sends them.

All pollers share it through Redis. A host that is slowed, full, or was asked less than the gap ago has a line:

    enter ──> a slot, until `leave` or its expiry
      └─────> a place in the line, and the time to come back; whoever then asks under the same name has kept its place

Only the first in the line gets in, so nobody is overtaken; each is told a time behind that of the one before it, so
three hundred feeds of one host come back one after the other and not all at once. The time told is the earliest
possible; who finds the host behind schedule is told a new one and keeps its place. Who has not come
LATE_SECONDS after its time is struck from the line (its feed was removed, its poller died) and holds nobody up any
longer; should it come after all, it lines up anew. So a death costs the host a slot until the slot's expiry, and its
line LATE_SECONDS at the most.

Each operation is one atomic script and one round trip. Memory: a member for each feed that waits, and four keys for a
host, which expire.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from redis.asyncio import Redis

from shared import keys
from shared.store.due import Command

# Many times what a poller with room takes to notice that a feed is due. One without room loses places in the line, but
# the due-set then hands out its feeds in the order of the times they were told.
LATE_SECONDS = 5.0
_SCRIPT = Path(__file__).with_name("hosts.lua").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Turn:
    """What a host answers.

    `wait` 0: go now, the slot is yours until `leave` or its expiry. Above 0: no slot; come back in that many seconds.
    """

    host: str
    token: str
    wait: float


class HostGovernor:
    """At most `concurrent` slots a host, taken at least `gap_seconds` apart, each for `slot_seconds` at the most.

    A slot must outlast the longest request. Without `clock` the Redis server's own time counts.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        concurrent: int,
        gap_seconds: float,
        slot_seconds: float,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if concurrent < 1:
            raise ValueError(f"at least one slot is needed, not {concurrent}")
        self._limits = concurrent, _positive(gap_seconds), _positive(slot_seconds), LATE_SECONDS
        self._script = redis.register_script(_SCRIPT)
        self._clock = clock

    async def enter_many(self, hosts: Mapping[str, str]) -> dict[str, Turn]:
        """For each who → host, in this order, in one round trip: a slot, or a place in the host's line under the name
        `who` (a feed id), which is kept by asking again in time."""
        if not hosts:
            return {}
        tokens = {who: uuid4().hex for who in hosts}
        named = (part for who, token in tokens.items() for part in (who, token))
        waits = await self._run("enter", hosts.values(), *self._limits, *named)
        return {
            who: Turn(host, tokens[who], float(wait)) for (who, host), wait in zip(hosts.items(), waits, strict=True)
        }

    @staticmethod
    def leave_command(turn: Turn) -> Command:
        """Gives the slot back, in a commit that comes anyway; nothing happens if it expired, or never was one."""
        return ("ZREM", keys.host_slots(turn.host), turn.token)

    async def slow_down(self, host: str, seconds: float) -> None:
        """Nobody starts at the host for so long (429 and its Retry-After, RFC 6585 and 9110); never shortens that."""
        if seconds > 0:
            await self._run("slow_down", [host], _positive(seconds))

    async def _run(self, operation: str, hosts: Iterable[str], *args: str | float) -> Any:
        now = "" if self._clock is None else repr(self._clock())
        return await self._script([key for host in hosts for key in _keys(host)], [operation, now, *args])


def host_of(url: str) -> str:
    """Under what a URL's host is governed: in lower case, without port; a port more is not a host more."""
    return (urlsplit(url).hostname or "").removesuffix(".")


def _keys(host: str) -> tuple[str, str, str, str]:
    return keys.host_slots(host), keys.host_opens(host), keys.host_line(host), keys.host_expected(host)


def _positive(seconds: float) -> float:
    if not (isfinite(seconds) and seconds > 0):
        raise ValueError(f"a positive number of seconds is needed, not {seconds}")
    return seconds
