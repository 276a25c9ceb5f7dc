"""The alerts stream: a record for each revision of a story, and for each change of an endpoint that others hear of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared import keys
from shared.logs import get_logger
from shared.models import canary
from shared.models.endpoint import EndpointNotice
from shared.models.story import Alert
from shared.store.due import Command

GROUP = "notifiers"
# A record that a notifier took and never acknowledged is another's after this time: it has died.
CLAIM_AFTER_MILLISECONDS = 10_000
MOST_IN_A_MILLISECOND = 2**64 - 1
log = get_logger()


@dataclass(frozen=True, slots=True)
class Record:
    """A stream id and what stands there."""

    id: str
    alert: Alert


@dataclass(frozen=True, slots=True)
class NoticeRecord:
    id: str
    notice: EndpointNotice


AnyRecord = Record | NoticeRecord


@dataclass(frozen=True, slots=True)
class Read:
    """Some of the stream. `upto`: the last record that was looked at; where it began, if there was none."""

    records: list[Record]
    upto: str


def notice_command(notice: EndpointNotice) -> Command:
    """For a write that is fenced by the endpoint's lease."""
    return ("XADD", keys.alerts(), "*", "notice", notice.model_dump_json())


class AlertStream:
    """Read by notifiers as a consumer group (each record by one of them), and by people."""

    def __init__(self, redis: Redis, *, claim_after_milliseconds: int = CLAIM_AFTER_MILLISECONDS) -> None:
        self.redis = redis
        self.claim_after_milliseconds = claim_after_milliseconds

    async def join(self) -> None:
        """Make the group of the notifiers, once; records older than it are theirs too."""
        try:
            await self.redis.xgroup_create(keys.alerts(), GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def take(self, consumer: str, n: int, wait_milliseconds: int) -> list[AnyRecord]:
        """Records for this consumer: those of dead ones, and new ones, waiting a while if there is neither.

        What can be read by nobody comes up again and again; it must not keep back what is new.
        """
        _, abandoned, *_ = await self.redis.xautoclaim(
            keys.alerts(), GROUP, consumer, self.claim_after_milliseconds, count=n
        )
        block = None if abandoned else wait_milliseconds
        new = await self.redis.xreadgroup(GROUP, consumer, {keys.alerts(): ">"}, count=n, block=block)
        return [*_records(abandoned), *_first(new)]

    async def acknowledge(self, records: Sequence[AnyRecord]) -> None:
        """They are not taken again. The canary's go from the stream, where they would displace what people read."""
        if not records:
            return
        canaries = [record.id for record in records if _is_canary(record)]
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.xack(keys.alerts(), GROUP, *(record.id for record in records))
            if canaries:
                pipe.xdel(keys.alerts(), *canaries)
            await pipe.execute()

    async def since(self, record_id: str, n: int, wait_milliseconds: int | None = None) -> list[Record]:
        """Records after `record_id` (`0` for the first, `$` for what is still to come), outside of any group."""
        while True:
            read = await self.read(record_id, n, wait_milliseconds)
            if read.records or read.upto == record_id:
                return read.records
            record_id = read.upto

    async def read(self, record_id: str, n: int, wait_milliseconds: int | None = None) -> Read:
        """What people are shown among the next `n` that stand after `record_id`, waiting a while if there is none."""
        answer: Any = await self.redis.xread({keys.alerts(): record_id}, count=n, block=wait_milliseconds)
        return _read(answer[0][1] if answer else [], record_id)

    async def read_back(self, record_id: str, n: int) -> Read:
        """The same, newest first, among the `n` before `record_id`, or the newest of all for `+`."""
        before = record_id if record_id == "+" else f"({record_id}"
        return _read(await self.redis.xrevrange(keys.alerts(), max=before, count=n), record_id)

    async def newest(self, n: int) -> list[Record]:
        """Newest first."""
        found, before = list[Record](), "+"
        while len(found) < n:
            read = await self.read_back(before, 2 * n)
            found += read.records
            if read.upto == before:
                break
            before = read.upto
        return found[:n]

    async def oldest_id(self) -> str | None:
        """Of all that is still there."""
        rows: Any = await self.redis.xrange(keys.alerts(), count=1)
        return rows[0][0].decode() if rows else None


def id_at(moment: datetime) -> str:
    """Before every record of that moment, and after all that came earlier."""
    return f"{max(0, int(moment.timestamp() * 1000) - 1)}-{MOST_IN_A_MILLISECOND}"


def order(record_id: str) -> tuple[int, int]:
    """By which ids compare."""
    milliseconds, _, number = record_id.partition("-")
    return int(milliseconds), int(number or 0)


def _read(rows: Any, record_id: str) -> Read:
    return Read(_news(_records(rows)), rows[-1][0].decode() if rows else record_id)


def _news(records: list[AnyRecord]) -> list[Record]:
    """What people are shown."""
    alerts = (record for record in records if isinstance(record, Record) and not _is_canary(record))
    return [record for record in alerts if not record.alert.again]


def _is_canary(record: AnyRecord) -> bool:
    return isinstance(record, Record) and record.alert.topic == canary.NAME


# redis-py types an answer as all that any option could make of it, hence Any.
def _first(answer: Any) -> list[AnyRecord]:
    return _records(answer[0][1]) if answer else []


def _records(rows: Any) -> list[AnyRecord]:
    """Without what has been trimmed away, and what a newer version wrote: that stays pending for a newer reader."""
    read = [_record(row[0].decode(), row[1]) for row in rows if row[1]]
    return [record for record in read if record]


def _record(record_id: str, fields: dict[bytes, bytes]) -> AnyRecord | None:
    try:
        if b"notice" in fields:
            return NoticeRecord(record_id, EndpointNotice.model_validate_json(fields[b"notice"]))
        return Record(record_id, Alert.model_validate_json(fields[b"alert"]))
    except (KeyError, ValidationError) as error:
        log.error("alert.unreadable", record_id=record_id, error=repr(error)[:300])
        return None
