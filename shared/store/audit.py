"""What was asked to be changed through the gateway, by whom, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

from redis.asyncio import Redis

from shared import keys
from shared.models.access import Audited

# Those we know and those we do not stand apart: strangers who knock often must not displace what was done.
CALLERS, STRANGERS = "callers", "strangers"
KEPT = {CALLERS: 10_000, STRANGERS: 1_000}


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """`id` grows with time."""

    id: str
    audited: Audited


class AuditLog:
    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    async def note(self, audited: Audited) -> None:
        of = STRANGERS if audited.who is None else CALLERS
        await self.redis.xadd(keys.audit(of), {"audited": audited.model_dump_json()}, maxlen=KEPT[of], approximate=True)

    async def newest(self, n: int, before: str | None = None) -> list[AuditRecord]:
        """Newest first, from the one after `before`, an id."""
        lists = [await self._newest(of, n, before) for of in KEPT]
        return list(islice(merge(*lists, key=_order, reverse=True), n))

    async def _newest(self, of: str, n: int, before: str | None) -> Sequence[AuditRecord]:
        # redis-py types an answer as all that any option could make of it, hence Any.
        rows: Any = await self.redis.xrevrange(keys.audit(of), max=f"({before}" if before else "+", count=n)
        return [AuditRecord(row[0].decode(), Audited.model_validate_json(row[1][b"audited"])) for row in rows]


def _order(record: AuditRecord) -> tuple[int, datetime, int]:
    """Within a millisecond each stream counts for itself."""
    milliseconds, _, number = record.id.partition("-")
    return int(milliseconds), record.audited.at, int(number)
