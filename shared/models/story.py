"""The cluster of entries that report one happening, and the announcements of its revisions."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.models.base import Model, UtcDatetime
from shared.models.topic import Claim, Severity, Tier


class Relation(StrEnum):
    """Why an article stands in its story."""

    FIRST = "first"
    DUPLICATE = "duplicate"  # the same guid, address or folded text
    COPY = "copy"  # near-duplicate wording: a wire story re-run
    INDEPENDENT = "independent"  # other words, the same happening


class Fingerprint(Model):
    """What an article is compared by. Concepts and figures are language-free; shingles are not."""

    concepts: dict[str, float] = {}
    figures: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    shingles: tuple[int, ...] = ()
    text_hash: str = ""


class Article(Model):
    """An entry inside a story."""

    entry_id: str
    source: str
    feed_name: str
    tier: int = 2
    title: str
    url: str | None = None
    language: str | None = None
    published: UtcDatetime | None = None
    seen_at: UtcDatetime
    relation: Relation
    similarity: float = 1.0
    reason: str
    fingerprint: Fingerprint = Fingerprint()


class AlertType(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    MERGED = "merged"
    RETRACTED = "retracted"


class Revision(Model):
    """One change of a story that matters."""

    number: int
    type: AlertType
    reason: Annotated[str, Field(description="the label: new_story, figure_changed, …")]
    detail: Annotated[str, Field(description="the same in words: casualties 3,000 → 4,000")]
    at: UtcDatetime


class Story(Model):
    """`id` never changes; `revisions[-1].number` is the current revision, from 1."""

    id: str
    topic: str
    topic_version: str
    title: str
    summary: str = ""
    language: str | None = None
    event_type: str | None = None
    severity: Severity = Severity.LOW
    tier: Tier = Tier.RELATED
    score: float
    threshold: float
    claims: tuple[Claim, ...] = ()
    articles: tuple[Article, ...]
    revisions: tuple[Revision, ...]
    first_seen_at: UtcDatetime
    updated_at: UtcDatetime

    @property
    def revision(self) -> int:
        return self.revisions[-1].number

    @property
    def sources(self) -> frozenset[str]:
        return frozenset(article.source for article in self.articles)

    @property
    def languages(self) -> frozenset[str]:
        return frozenset(article.language for article in self.articles if article.language)


class Alert(Model):
    """The record in the alerts stream: this story has this revision now."""

    story_id: str
    topic: str
    revision: int
    type: AlertType
    reason: str
    detail: str
    title: str
    at: UtcDatetime
