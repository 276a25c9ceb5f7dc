"""What all serialised models have in common."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


def _to_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


UtcDatetime = Annotated[datetime, AfterValidator(_to_utc)]


class Model(BaseModel):
    """Frozen, and strict about names: an unknown field is a typing mistake, not an extension."""

    model_config = ConfigDict(frozen=True, extra="forbid")
