"""A feed as people see it."""

from typing import Annotated, Self

from pydantic import Field

from shared.models.base import Model, UtcDatetime
from shared.models.feed import Feed, FeedKind, FeedState, health_of


class FeedView(Model):
    """A feed as configured, and how polling it goes. Times are null until it has been polled."""

    id: str
    url: str
    name: str
    language: str | None
    country: str | None
    kind: FeedKind
    tier: int
    owner: str | None
    interval_seconds: float | None
    state: Annotated[str, Field(description="healthy, failing or disabled")]
    failures: Annotated[int, Field(description="in a row")]
    outcome: Annotated[str | None, Field(description="how the last poll ended")]
    polled_at: UtcDatetime | None
    changed_at: UtcDatetime | None
    next_due_at: UtcDatetime | None
    next_due_reason: str | None

    @classmethod
    def of(cls, feed: Feed, state: FeedState) -> Self:
        known = {**feed.model_dump(), **state.model_dump(), "id": feed.id}
        shown = {name: known[name] for name in cls.model_fields if name in known}
        return cls.model_validate(shown | {"state": health_of(feed, state).value})
