"""What all serialised models have in common."""

import re
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

_WRITTEN_OUT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


def _to_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # UTC has no such time any more, at an end of the calendar
        return moment.replace(tzinfo=UTC)


def _written_out(value: object) -> object:
    """Pydantic would take numbers, too, and less than the whole."""
    if isinstance(value, datetime) or (isinstance(value, str) and _WRITTEN_OUT.fullmatch(value)):
        return value
    raise ValueError("a time as RFC 3339 has it is needed, such as 2026-02-03T12:00:00Z")


UtcDatetime = Annotated[datetime, AfterValidator(_to_utc)]
# As people give it: the schema's `date-time`, and nothing else.
Moment = Annotated[UtcDatetime, BeforeValidator(_written_out)]


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# Before a strict int: JSON knows no difference between 1 and 1.0.
WHOLE = BeforeValidator(_whole)


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() for c in url):
        raise ValueError("an absolute http:// or https:// address is needed")
    return url


HttpUrl = Annotated[str, AfterValidator(_http_url)]


class Model(BaseModel):
    """Frozen, and strict about names: an unknown field is a typing mistake, not an extension."""

    model_config = ConfigDict(frozen=True, extra="forbid")
