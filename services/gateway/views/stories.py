"""A story as people see it, in short and in full."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field

from shared.models.base import Model, UtcDatetime
from shared.models.story import Decision, KnownClaim, Relation, Revision, Story
from shared.models.story import Status as StoryStatus
from shared.models.topic import Severity, Tier

SortedNames = Annotated[tuple[str, ...], BeforeValidator(sorted)]


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
