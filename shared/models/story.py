"""The cluster of entries that report one happening, and the announcements of its revisions."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.models.base import Model, UtcDatetime
from shared.models.topic import Claim, Severity, Tier

FIGURE_TOLERANCE = 0.05


class Relation(StrEnum):
    """Why an article stands in its story."""

    FIRST = "first"
    DUPLICATE = "duplicate"  # the same guid, address or folded text
    COPY = "copy"  # near-duplicate wording: a wire story re-run
    INDEPENDENT = "independent"  # other words, the same happening


class Fingerprint(Model):
    """What an article is compared by. `terms`, `figures` and `voices` know no language; the rest does."""

    terms: dict[str, float] = Field(default_factory=dict, description="`kind:value` → weight by its best position")
    figures: dict[str, tuple[float, ...]] = Field(
        default_factory=dict, description="role → values in the title and the lead"
    )
    voices: Annotated[tuple[str, ...], Field(description="who says so in the title and the lead")] = ()
    shingles: Annotated[tuple[int, ...], Field(description="bottom-k sketch of the title and the lead, sorted")] = ()
    text_hash: str = ""


class Article(Model):
    """An entry inside a story."""

    entry_id: str
    source: str
    feed_name: str
    tier: int = 2
    title: str
    url: str | None = None
    guid: str | None = None
    language: str | None = None
    published: UtcDatetime | None = None
    seen_at: UtcDatetime
    event_type: str | None = None
    severity: Severity = Severity.LOW
    relation: Relation
    similarity: float = 1.0
    reason: str
    fingerprint: Fingerprint = Fingerprint()

    @property
    def moment(self) -> datetime:
        """When it was said: a date in the future is a mistake of the feed."""
        return min(self.published or self.seen_at, self.seen_at)


class KnownClaim(Claim):
    """A claim that a story holds. `start` and `end` point into the text of `entry_id`, which said it first."""

    entry_id: str
    sources: Annotated[tuple[str, ...], Field(description="all who say so, in the order of their coming")]
    position: Annotated[int, Field(ge=0, description="0 the title, 1 the lead, then the sentences after it")]
    said_at: Annotated[UtcDatetime, Field(description="when it was said last")]

    def only_by(self, entry_id: str) -> bool:
        """Whether nobody else has said so."""
        return self.entry_id == entry_id and len(self.sources) == 1

    def restates(self, other: Claim) -> bool:
        """The same statement, figures compared with a tolerance of 5 %."""
        mine = (self.kind, self.role, self.region, self.certainty)
        return mine == (other.kind, other.role, other.region, other.certainty) and same_figure(self.value, other.value)


def same_figure(a: float | None, b: float | None) -> bool:
    """Equal within 5 % of the greater; no figure equals only no figure."""
    if a is None or b is None:
        return a is b
    return abs(a - b) <= FIGURE_TOLERANCE * max(abs(a), abs(b))


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
    """`id` never changes; `revisions[-1].number` is the current revision, from 1; 0 is a story that never rang."""

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
    claims: tuple[KnownClaim, ...] = ()
    articles: tuple[Article, ...]
    revisions: tuple[Revision, ...] = ()
    first_seen_at: UtcDatetime
    updated_at: UtcDatetime

    @property
    def revision(self) -> int:
        return self.revisions[-1].number if self.revisions else 0

    @property
    def sources(self) -> frozenset[str]:
        return frozenset(article.source for article in self.articles)

    @property
    def audience(self) -> tuple[object, ...]:
        """All that a subscription may choose by: when it changes, others may want the story."""
        return self.languages, self.severity, self.tier, self.score

    @property
    def languages(self) -> frozenset[str]:
        return frozenset(article.language for article in self.articles if article.language)

    def has_entry(self, entry_id: str) -> bool:
        return self.article(entry_id) is not None

    def article(self, entry_id: str) -> Article | None:
        return next((article for article in self.articles if article.entry_id == entry_id), None)


class Alert(Model):
    """The record in the alerts stream: this story has this revision now.

    `again`: the revision was announced before, but the story has since become one that more subscriptions want (another
    language, a higher score): no news, but a reason to look at it once more.
    """

    story_id: str
    topic: str
    revision: int
    type: AlertType
    reason: str
    detail: str
    title: str
    at: UtcDatetime
    again: bool = False
