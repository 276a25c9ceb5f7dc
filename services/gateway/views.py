"""What the API shows: the shared models, without what only Tocsin itself needs (validators, fingerprints)."""

from typing import Annotated, Generic, Self, TypeVar

from pydantic import BeforeValidator, Field

from shared.models.base import Model, UtcDatetime
from shared.models.feed import Feed, FeedKind, FeedState, health_of
from shared.models.story import Alert, Decision, KnownClaim, Relation, Revision, Story
from shared.models.story import Status as StoryStatus
from shared.models.topic import Severity, Tier

T = TypeVar("T")
SortedNames = Annotated[tuple[str, ...], BeforeValidator(sorted)]


class Listing(Model, Generic[T]):
    items: tuple[T, ...]


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


class StorySummary(Model):
    """A story without its articles. `revision` 0 has not rung."""

    id: str
    topic: str
    title: str
    summary: str
    language: str | None
    event_type: str | None
    status: StoryStatus
    severity: Severity
    tier: Tier
    score: float
    threshold: float
    revision: int
    sources: SortedNames
    independent_sources: int
    languages: SortedNames
    first_seen_at: UtcDatetime
    updated_at: UtcDatetime

    @classmethod
    def of(cls, story: Story) -> Self:
        return cls.model_validate(story, from_attributes=True)


class ArticleView(Model):
    """An entry inside a story, and why it stands there."""

    entry_id: str
    source: str
    feed_name: str
    tier: int
    title: str
    url: str | None
    language: str | None
    published: UtcDatetime | None
    seen_at: UtcDatetime
    decision: Annotated[Decision, Field(description="the rung of the ladder")]
    relation: Relation
    derived_from: str | None
    withdrawn: str | None
    similarity: float
    reason: str


class StoryView(StorySummary):
    """A story in full: what is claimed, by whom, and what changed since."""

    topic_version: str
    related_to: str | None
    merged_into: str | None
    merged_from: tuple[str, ...]
    split_from: str | None
    apart: tuple[str, ...]
    claims: tuple[KnownClaim, ...]
    articles: tuple[ArticleView, ...]
    revisions: tuple[Revision, ...]


class AlertView(Alert):
    id: Annotated[str, Field(description="its place in the stream; it grows")]

    @classmethod
    def of(cls, record_id: str, alert: Alert) -> Self:
        return cls.model_validate({"id": record_id, **alert.model_dump()})


class Status(Model):
    version: str
    feeds: Annotated[dict[str, int], Field(description="state → how many")]
    queue_depth: Annotated[int, Field(description="batches that wait for a classifier")]
    due_endpoints: Annotated[int, Field(description="subscriptions that something is to be sent to now")]
    dead_letters: Annotated[int, Field(description="entries that could not be classified")]
