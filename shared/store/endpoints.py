"""What stands at each endpoint: its state, what waits for it, what people have asked for, and the log of attempts.

A subject waits, by when it is due; who holds the endpoint's lease takes it, and puts it back or lets it go:

    add ──> waiting ──take──> under way ──put(at)──> waiting
               ^                 └──────────drop───> gone
               └── take_back, by the next holder of the lease, when this one has died

What is added while its subject is under way waits again by itself, and so is never lost; the earliest time wins.
Commands are for writes that are fenced by the lease.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from shared import keys
from shared.models.endpoint import EndpointState, Order
from shared.models.subscription import Attempt
from shared.store.due import Command

LOGGED_ATTEMPTS = 1000
# The subject of what is asked of the endpoint as a whole.
ITSELF = ""
LOG_BEGINS, LOG_ENDS = "0-0", "+"


@dataclass(frozen=True, slots=True)
class Logged:
    """An attempt, and its place in the log; places grow."""

    place: str
    attempt: Attempt


class EndpointStore:
    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    async def load(self, subscription_id: str) -> EndpointState:
        return (await self.load_many([subscription_id]))[0]

    async def load_many(self, subscription_ids: Sequence[str]) -> list[EndpointState]:
        """One for each, in this order; of one that is not known, the state that all begin with."""
        if not subscription_ids:
            return []
        texts = await self.redis.mget([keys.endpoint(each) for each in subscription_ids])
        return [EndpointState.model_validate_json(text) if text else EndpointState() for text in texts]

    def save_command(self, subscription_id: str, state: EndpointState) -> Command:
        return ("SET", keys.endpoint(subscription_id), state.model_dump_json(exclude_defaults=True))

    def remove_command(self, subscription_id: str) -> Command:
        """All that stands there, but for the log."""
        builders = keys.endpoint, keys.waiting, keys.under_way, keys.orders, keys.signing
        return ("DEL", *(build(subscription_id) for build in builders))

    # What waits.

    async def add(self, due: Mapping[str, Mapping[str, float]]) -> None:
        """Subscription → subject → when. Tell the due-set of them afterwards."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for subscription_id, subjects in due.items():
                pipe.zadd(keys.waiting(subscription_id), dict(subjects), lt=True)
            await pipe.execute()

    def add_command(self, subscription_id: str, subject: str, at: float) -> Command:
        return ("ZADD", keys.waiting(subscription_id), "LT", repr(at), subject)

    async def due(self, subscription_id: str, now: float, n: int) -> dict[str, float]:
        """Up to `n` subjects whose time has come, and when that was; the earliest first."""
        found: Any = await self.redis.zrangebyscore(
            keys.waiting(subscription_id), "-inf", repr(now), 0, n, withscores=True
        )
        return {subject.decode(): float(at) for subject, at in found}

    async def next_at(self, subscription_id: str) -> float | None:
        first = await self.redis.zrange(keys.waiting(subscription_id), 0, 0, withscores=True)
        return float(first[0][1]) if first else None

    async def waiting(self, subscription_ids: Sequence[str]) -> list[int]:
        """How many subjects wait at each, whether due or not."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for each in subscription_ids:
                pipe.zcard(keys.waiting(each))
            return [int(number) for number in await pipe.execute()]

    async def later(self, subscription_id: str, now: float) -> list[str]:
        """Subjects whose time has not come."""
        return _subjects(await self.redis.zrangebyscore(keys.waiting(subscription_id), f"({now!r}", "+inf"))

    async def has_strays(self, subscription_id: str) -> bool:
        """Whether somebody has died over some."""
        return bool(await self.redis.exists(keys.under_way(subscription_id)))

    def take_back_commands(self, subscription_id: str) -> list[Command]:
        waiting, under_way = keys.waiting(subscription_id), keys.under_way(subscription_id)
        return [("ZUNIONSTORE", waiting, 2, waiting, under_way, "AGGREGATE", "MIN"), ("DEL", under_way)]

    def take_commands(self, subscription_id: str, subjects: Sequence[str], now: float) -> list[Command]:
        scored = [part for subject in subjects for part in (repr(now), subject)]
        return [
            ("ZREM", keys.waiting(subscription_id), *subjects),
            ("ZADD", keys.under_way(subscription_id), *scored),
        ]

    def put_commands(self, subscription_id: str, subject: str, at: float | None) -> list[Command]:
        """It waits until then, or until what was added meanwhile; with None for that alone."""
        done: list[Command] = [("ZREM", keys.under_way(subscription_id), subject)]
        again: Command = ("ZADD", keys.waiting(subscription_id), "LT", repr(at), subject)
        return done if at is None else [*done, again]

    def hasten_commands(self, subscription_id: str, subjects: Iterable[str], now: float) -> list[Command]:
        """Those that wait still are due now."""
        return [("ZADD", keys.waiting(subscription_id), "XX", "LT", repr(now), subject) for subject in subjects]

    # What people ask for.

    async def order(self, subscription_id: str, orders: Mapping[str, Order]) -> None:
        """Subject → what. Tell the due-set of it afterwards."""
        await self.redis.hset(
            keys.orders(subscription_id), mapping={subject: order.value for subject, order in orders.items()}
        )

    async def orders(self, subscription_id: str) -> dict[str, Order]:
        found: dict[Any, Any] = await self.redis.hgetall(keys.orders(subscription_id))
        return {subject.decode(): Order(order.decode()) for subject, order in found.items()}

    def obeyed_command(self, subscription_id: str, subject: str) -> Command:
        return ("HDEL", keys.orders(subscription_id), subject)

    # The log.

    def log_command(self, subscription_id: str, attempt: Attempt) -> Command:
        written = attempt.model_dump_json(exclude_defaults=True)
        return ("XADD", keys.attempts(subscription_id), "MAXLEN", "~", LOGGED_ATTEMPTS, "*", "attempt", written)

    async def log(self, subscription_id: str, n: int, *, before: str = LOG_ENDS) -> list[Logged]:
        """The newest first; `before`: only what stands before this place."""
        end = before if before == LOG_ENDS else f"({before}"
        return _logged(await self.redis.xrevrange(keys.attempts(subscription_id), max=end, count=n))

    async def log_after(self, subscription_id: str, place: str) -> list[Logged]:
        """The oldest first."""
        return _logged(await self.redis.xrange(keys.attempts(subscription_id), min=f"({place}"))

    async def log_end(self, subscription_id: str) -> str:
        """The place of the last attempt: what comes from now on stands after it."""
        last = await self.log(subscription_id, 1)
        return last[0].place if last else LOG_BEGINS


# redis-py types an answer as all that any option could make of it, hence Any.
def _subjects(found: Any) -> list[str]:
    return [subject.decode() for subject in found]


def _logged(rows: Any) -> list[Logged]:
    return [Logged(place.decode(), Attempt.model_validate_json(fields[b"attempt"])) for place, fields in rows]
