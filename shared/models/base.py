"""What all serialised models have in common."""

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict


def _to_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


UtcDatetime = Annotated[datetime, AfterValidator(_to_utc)]


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() for c in url):
        raise ValueError("an absolute http:// or https:// address is needed")
    return url


HttpUrl = Annotated[str, AfterValidator(_http_url)]


class Model(BaseModel):
    """Frozen, and strict about names: an unknown field is a typing mistake, not an extension."""

    model_config = ConfigDict(frozen=True, extra="forbid")
