"""The alerts stream: one record for each revision of a story."""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared import keys
from shared.models.story import Alert

GROUP = "notifiers"
# A record that a notifier took and never acknowledged is another's after this time: it has died.
CLAIM_AFTER_MILLISECONDS = 10_000


@dataclass(frozen=True, slots=True)
class Record:
    """A stream id and what stands there."""

    id: str
    alert: Alert


class AlertStream:
    """Read by notifiers as a consumer group (each record by one of them), and by people."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    async def join(self) -> None:
        """Make the group of the notifiers, once; records older than it are theirs too."""
        try:
            await self.redis.xgroup_create(keys.alerts(), GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def take(self, consumer: str, n: int, wait_milliseconds: int) -> list[Record]:
        """Records for this consumer: those of dead ones first, then new ones, waiting for them a while."""
        _, abandoned, *_ = await self.redis.xautoclaim(
            keys.alerts(), GROUP, consumer, CLAIM_AFTER_MILLISECONDS, count=n
        )
        if abandoned:
            return _records(abandoned)
        return _first(
            await self.redis.xreadgroup(GROUP, consumer, {keys.alerts(): ">"}, count=n, block=wait_milliseconds)
        )

    async def acknowledge(self, records: list[Record]) -> None:
        if records:
            await self.redis.xack(keys.alerts(), GROUP, *(record.id for record in records))

    async def since(self, record_id: str, n: int, wait_milliseconds: int | None = None) -> list[Record]:
        """Records after `record_id` (`0` for the first, `$` for what is still to come), outside of any group."""
        return _first(await self.redis.xread({keys.alerts(): record_id}, count=n, block=wait_milliseconds))

    async def newest(self, n: int) -> list[Record]:
        """Newest first."""
        return _records(await self.redis.xrevrange(keys.alerts(), count=n))


# redis-py types an answer as all that any option could make of it, hence Any.
def _first(answer: Any) -> list[Record]:
    return _records(answer[0][1]) if answer else []


def _records(rows: Any) -> list[Record]:
    return [Record(row[0].decode(), Alert.model_validate_json(row[1][b"alert"])) for row in rows if row[1]]
