"""The leased due-set: what is to be done when, and who is at it.

Poller (members: feed ids, and ids of entries whose page is wanted) and notifier (members: ids of subscriptions) claim
from it. A claim gives a lease with a
fencing token (M. Kleppmann, "How to do distributed locking", 2016); only the newest token's holder can commit. A
member is at any time either standing (it has a due time) or leased, never both and never neither.

    schedule ──> standing ──claim──> leased ──commit(next_at)──> standing, or gone
                    ^                  │
                    └── release (old due time), postpone(at), expiry (the lease's end) ──┘

A lease that ran out holds until somebody else's claim takes it back; until then its owner may still renew or commit.
Each operation is one atomic script and one round trip, which commits share, and renewals; memory is six keys whatever
the number of members.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any

from msgpack import packb
from redis.asyncio import Redis

from shared import keys
from shared.errors import CommitFailed, LeaseLost
from shared.store.together import Together

Part = str | bytes | int | float
Command = Sequence[Part]

# Redis does nothing else meanwhile: a commit takes it some 50 µs, with ten entries some 200.
MOST_COMMITS = 50
MAX_PARTS = 4_000  # Lua unpacks fewer than 8,000 values at once; half of it is far from that edge
_SCRIPT = Path(__file__).with_name("due.lua").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a member. Times are Unix seconds.

    `expiries`: how many leases in a row ran out before this one. Only a commit begins it anew.
    """

    member: str
    token: int
    due_at: float
    expires_at: float
    expiries: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Members whose time has not come, whose time has come, and that are leased (or were, until a claim notices)."""

    waiting: int
    due: int
    leased: int


class DueSet:
    """The due-set `name`. Without `clock` the Redis server's own time counts: one clock for all claimants."""

    def __init__(self, redis: Redis, name: str, *, clock: Callable[[], float] | None = None) -> None:
        self._keys = _keys(name)
        self._script = redis.register_script(_SCRIPT)
        self._clock = clock
        self._commits = Together(self._commit_all, MOST_COMMITS)
        self._renewals = Together(self._renew_all, MOST_COMMITS)

    async def schedule(self, due: Mapping[str, float]) -> None:
        """Let each member come up no later than its time: the earliest wins.

        For a leased member the wish is kept and honoured when the lease ends, however it ends: what is wished while
        the work is going on is never lost.
        """
        pairs = iter([(member, _finite(at)) for member, at in due.items()])
        while chunk := list(islice(pairs, MAX_PARTS // 2)):
            await self._run("schedule", *(part for pair in chunk for part in pair))

    async def claim(self, n: int, lease_seconds: float) -> list[Lease]:
        """Up to `n` members whose time has come, in due order, each with a lease of its own.

        Leases that ran out end first: their members are due since the *end* of the lease, and so stand behind all that
        became due before. If the answer is lost with the connection, the leases given run out and count as expired.
        """
        return [_lease(fields) for fields in await self._run("claim", n, _finite(lease_seconds))]

    async def renew(self, lease: Lease, lease_seconds: float, *, commands: Iterable[Command] = ()) -> Lease:
        """Runs `commands` and keeps the lease, until `lease_seconds` from now. Raises as `commit` does.

        Renewals are done in the order in which they were asked for.
        """
        asked = (lease.member, lease.token, _finite(lease_seconds), _packed(commands))
        return replace(lease, expires_at=float(_held(lease, await self._renewals.do(asked))[0]))

    async def _renew_all(self, renewals: Sequence[tuple[Part, ...]]) -> Sequence[Sequence[bytes]]:
        return await self._each("renew", renewals)

    async def commit(self, lease: Lease, *, next_at: float | None, commands: Iterable[Command] = ()) -> None:
        """Ends the work: runs `commands`, lets the member stand at `next_at` (None: it leaves) or at an earlier wish.

        Raises LeaseLost if the token no longer holds, and then nothing at all was done. So it is, too, if the first
        answer was lost with the connection and the client tried again: the commit then stands, once. Raises
        CommitFailed if Redis refuses a command; ValueError, before anything is sent, for one of over MAX_PARTS parts.
        """
        at = "" if next_at is None else _finite(next_at)
        _held(lease, await self._commits.do((lease.member, lease.token, at, _packed(commands))))

    async def _commit_all(self, commits: Sequence[tuple[Part, ...]]) -> Sequence[Sequence[bytes]]:
        return await self._each("commit", commits)

    async def _each(self, operation: str, asked: Sequence[tuple[Part, ...]]) -> Sequence[Sequence[bytes]]:
        answers: Sequence[Sequence[bytes]] = await self._run(operation, *(part for one in asked for part in one))
        return answers

    async def release(self, lease: Lease) -> None:
        """Gives the member back untouched, at its old due time or an earlier wish. Raises LeaseLost."""
        _held(lease, await self._run("release", lease.member, lease.token))

    async def postpone(self, lease: Lease, at: float) -> None:
        """Gives the member back untouched, to stand at `at` or at an earlier wish: nothing was tried, so the expiries
        still count. Raises LeaseLost."""
        _held(lease, await self._run("postpone", lease.member, lease.token, _finite(at)))

    async def remove(self, members: Iterable[str]) -> None:
        """Ends their leases, too: whoever works on one gets LeaseLost at commit."""
        rest = iter(members)
        while chunk := list(islice(rest, MAX_PARTS)):
            await self._run("remove", *chunk)

    async def next_at(self) -> float | None:
        """When the next member comes up, by due time or by the end of a lease; None if there is no member."""
        at = await self._run("next_at")
        return None if at is None else float(at)

    async def counts(self) -> Counts:
        return Counts(*await self._run("counts"))

    async def members(self) -> set[str]:
        standing, leased = await self._run("members")
        return {member.decode() for member in [*standing, *leased]}

    async def _run(self, operation: str, *args: Part) -> Any:
        now = "" if self._clock is None else repr(self._clock())
        return await self._script(self._keys, [operation, now, *args])


def schedule_command(name: str, member: str, at: float) -> Command:
    """As `DueSet.schedule`, for a transaction that has other things to write as well.

    The script travels with it: a transaction cannot find out first whether the server knows it.
    """
    return _script_command(name, "schedule", member, _finite(at))


def remove_command(name: str, member: str) -> Command:
    """As `DueSet.remove`."""
    return _script_command(name, "remove", member)


def _script_command(name: str, operation: str, *args: Part) -> Command:
    named = _keys(name)
    return ("EVAL", _SCRIPT, len(named), *named, operation, "", *args)


def _keys(name: str) -> list[str]:
    builders = keys.due_times, keys.due_expiry, keys.due_leases, keys.due_wishes, keys.due_expiries, keys.due_token
    return [build(name) for build in builders]


def _lease(fields: Sequence[bytes]) -> Lease:
    member, token, due_at, expires_at, expiries = fields
    return Lease(member.decode(), int(token), float(due_at), float(expires_at), int(expiries))


def _held(lease: Lease, answer: Sequence[bytes]) -> Sequence[bytes]:
    """What follows the verdict, if it is good."""
    verdict, *rest = answer
    if verdict == b"lost":
        raise LeaseLost(f"{lease.member}: token {lease.token} no longer holds")
    if verdict == b"failed":
        command, reason = (part.decode("utf-8", "replace") for part in rest)
        raise CommitFailed(f"{lease.member}: {command}: {reason}")
    return rest


def _packed(commands: Iterable[Command]) -> bytes:
    """As one value: Redis' protocol, in Python, is the dearer the more values there are.

    In MessagePack's old form, where text and bytes are one type, as they are in Lua: Redis reads no other.
    """
    packed: bytes = packb([_checked(command) for command in commands], use_bin_type=False)
    return packed


def _checked(command: Command) -> Command:
    if not 0 < len(command) <= MAX_PARTS:
        raise ValueError(f"a command has 1 to {MAX_PARTS} parts, this has {len(command)}: {list(command[:2])}")
    return command


def _finite(number: float) -> float:
    if not isfinite(number):
        raise ValueError(f"a finite number of seconds is needed, not {number}")
    return number
