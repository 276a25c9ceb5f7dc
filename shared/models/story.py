"""The cluster of entries that report one happening, and the announcements of its revisions."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.models.base import Model, UtcDatetime
from shared.models.topic import Claim, Evidence, Reply, Severity, Tier

FIGURE_TOLERANCE = 0.05
MILESTONES = (2, 3, 4, 5, 10, 25)  # independent sources
# The source of what does not say whose it is: it may be anybody's, also one that is known.
UNNAMED = "unnamed source"
# Where many owners' pages stand side by side.
_SHARED_SITES = frozenset({"news.google.com", "news.yahoo.com", "t.me", "x.com", "twitter.com", "youtube.com"})


class Decision(StrEnum):
    """The rung of the ladder on which an article came into its story."""

    EXACT = "exact"  # the same guid, address or folded text
    COPY = "copy"  # near-duplicate wording: a wire story re-run
    SAME_STORY = "same_story"  # other words, the same happening
    RELATED = "related"  # a happening beside one that is told already: a story of its own, linked to the other
    NEW = "new"  # nothing like it is told
    MOVED = "moved"  # by a merge or a split

    @property
    def opens(self) -> bool:
        """Whether the article opened its story."""
        return self in (Decision.RELATED, Decision.NEW)


class StoryDecision(StrEnum):
    """What became of a relevant entry: its metric's label. The first are those of `Decision`."""

    EXACT = "exact"
    COPY = "copy"
    SAME_STORY = "same_story"
    RELATED = "related"
    NEW = "new"
    MOVED = "moved"
    UNLISTED = "unlisted"  # one derived article too many to be listed
    READ_AGAIN = "read_again"  # with the text of its page
    WITHDRAWN = "withdrawn"  # its publisher no longer stands by it
    ASSIGNED_BEFORE = "assigned_before"  # the batch was repeated


class Relation(StrEnum):
    """Whose word an article is: a derived one adds no source."""

    INDEPENDENT = "independent"
    DERIVED = "derived"


class Status(StrEnum):
    """How a story stands."""

    BREAKING = "breaking"  # one source
    DEVELOPING = "developing"  # several, or it has changed
    CONFIRMED = "confirmed"  # by the last official who confirmed or denied it
    DENIED = "denied"  # likewise
    RETRACTED = "retracted"  # nobody stands by it any more


class Fingerprint(Model):
    """What an article is compared by. All but `words`, `shingles` and `text_hash` knows no language."""

    terms: dict[str, float] = Field(default_factory=dict, description="`kind:value` → weight by its best position")
    figures: dict[str, tuple[float, ...]] = Field(
        default_factory=dict, description="role → values in the title and the lead"
    )
    voices: Annotated[tuple[str, ...], Field(description="who says so in the title and the lead")] = ()
    classes: Annotated[tuple[str, ...], Field(description="whose word that is")] = ()
    replies: Annotated[bool, Field(description="it confirms or denies what somebody said before")] = False
    grounds: Annotated[tuple[str, ...], Field(description="the topic's own grounds that it names there")] = ()
    language: str | None = None
    words: dict[str, float] = Field(
        default_factory=dict, description="stem → weight by its best position, but for the topic's own"
    )
    shingles: Annotated[tuple[int, ...], Field(description="bottom-k sketch of the title and the lead, sorted")] = ()
    text_hash: str = ""


class Article(Model):
    """An entry inside a story."""

    entry_id: str
    source: str
    feed_name: str
    tier: int = 2
    title: str
    summary: Annotated[str, Field(description="its beginning; empty for a derived article")] = ""
    url: str | None = None
    guid: str | None = None
    language: str | None = None
    published: UtcDatetime | None = None
    seen_at: UtcDatetime
    event_type: str | None = None
    events: Annotated[tuple[str, ...], Field(description="every event type that title and lead name")] = ()
    voices: Annotated[tuple[str, ...], Field(description="who says so in title and lead, by class")] = ()
    evidence: Annotated[tuple[Evidence, ...], Field(description="what in it counted for the topic, the first few")] = ()
    reply: Annotated[Reply | None, Field(description="how it answers what somebody said before")] = None
    severity: Severity = Severity.LOW
    decision: Decision
    similarity: float = 1.0
    reason: str
    derived_from: Annotated[str | None, Field(description="the source whose word it repeats")] = None
    withdrawn: Annotated[str | None, Field(description="why its publisher no longer stands by it")] = None
    fingerprint: Fingerprint = Fingerprint()

    @property
    def moment(self) -> datetime:
        """When it was said: a date in the future is a mistake of the feed."""
        return min(self.published or self.seen_at, self.seen_at)

    @property
    def relation(self) -> Relation:
        return Relation.DERIVED if self.derived_from else Relation.INDEPENDENT

    @property
    def counts(self) -> bool:
        """Whether it is a source of its own that stands by what it says."""
        return self.relation is Relation.INDEPENDENT and self.withdrawn is None


class KnownClaim(Claim):
    """A claim that a story holds. `start` and `end` point into the text of `entry_id`, which said it first."""

    entry_id: str
    sources: Annotated[tuple[str, ...], Field(description="all outlets that say so, in the order of their coming")]
    voices: Annotated[tuple[str, ...], Field(description="all speakers that they name, in that order")] = ()
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


def is_among(value: float | None, figures: Iterable[float | None]) -> bool:
    """Whether one of the figures is the same."""
    return any(same_figure(value, figure) for figure in figures)


def figure_key(role: str | None, value: float) -> str:
    """A figure and what it counts, two digits of it, as it is remembered."""
    return f"{role or ''}={value:.2g}"


def _absent(article: Article, authors: Mapping[str, str | None]) -> str | None:
    """The author whose words it repeats, if nothing of his own is there. `authors`: source → whom it repeats."""
    author, met = article.derived_from, set[str]()
    while author and author in authors and author not in met:
        met.add(author)
        author = authors[author]
    return author


def _sites(article: Article) -> set[str]:
    """The site of its page; nothing for an address that is none."""
    host = article.url.partition("://")[2].partition("/")[0].lower() if article.url else ""
    site = host.removeprefix("www.").removeprefix("m.")
    return {f"//{site}"} if site and site not in _SHARED_SITES else set()


class AlertType(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    MERGED = "merged"
    RETRACTED = "retracted"


class Reason(StrEnum):
    """Why a story rang, or did not: the label under which the decision is counted."""

    NEW_STORY = "new_story"
    CORRECTED = "corrected"
    FIGURE_CHANGED = "figure_changed"
    DENIED = "denied"
    CONFIRMED = "confirmed"
    NEW_FIGURE = "new_figure"
    NEW_EVENT_TYPE = "new_event_type"
    NEW_PLACE = "new_place"
    NEW_VOICE = "new_voice"
    SEVERITY_RAISED = "severity_raised"
    WITHDRAWN = "withdrawn"
    RETRACTED = "retracted"
    MERGED = "merged"
    SPLIT = "split"
    STALE = "stale"
    COMPLETING = "completing"
    EXACT = "exact"
    COPY = "copy"
    RELATED = "related"
    NOTHING_NEW = "nothing_new"


# Of those that do not ring.
SILENT = frozenset({Reason.STALE, Reason.COMPLETING, Reason.EXACT, Reason.COPY, Reason.RELATED, Reason.NOTHING_NEW})


class Stage(StrEnum):
    """The parts of an alert's way: its metric's label."""

    LISTING = "listing"  # published → the poll that found it
    QUEUE = "queue"  # that poll → a classifier took it up
    CLASSIFY = "classify"  # taken up → the revision was written
    DELIVERY = "delivery"  # written → a subscription acknowledged it
    TOTAL = "total"  # that poll → acknowledged


class Revision(Model):
    """One change of a story that matters.

    `entry_id`: the entry that made it. `taken_at`: when a classifier took that up as a poll had found it; None if it
    came another way, as when its page was read.
    """

    number: int
    type: AlertType
    reason: Annotated[str, Field(description="the label: new_story, figure_changed, …")]
    detail: Annotated[str, Field(description="the same in words: casualties 3,000 → 4,000")]
    at: UtcDatetime
    entry_id: str | None = None
    taken_at: UtcDatetime | None = None


class Story(Model):
    """`id` never changes; `revisions[-1].number` is the current revision, from 1; 0 is a story that never rang.

    Title and summary are the best article's; `told_in` chooses for a reader.
    """

    id: str
    topic: str
    topic_version: str
    title: str
    summary: str = ""
    language: str | None = None
    event_type: str | None = None
    severity: Severity = Severity.LOW
    tier: Tier = Tier.RELATED
    status: Status = Status.BREAKING
    score: float
    threshold: float
    claims: tuple[KnownClaim, ...] = ()
    articles: tuple[Article, ...]
    revisions: tuple[Revision, ...] = ()
    unlisted: Annotated[int, Field(ge=0, description="articles beyond those that are kept, all of them derived")] = 0
    related_to: Annotated[str | None, Field(description="the story beside which it happened")] = None
    merged_into: Annotated[str | None, Field(description="the story that has taken over its articles")] = None
    merged_from: Annotated[tuple[str, ...], Field(description="the stories whose articles it has taken over")] = ()
    split_from: Annotated[
        str | None, Field(description="the story of which a person has made it a part of its own")
    ] = None
    apart: Annotated[
        tuple[str, ...], Field(description="the stories with which it is never merged again, but by a person")
    ] = ()
    first_seen_at: UtcDatetime
    updated_at: UtcDatetime

    @property
    def revision(self) -> int:
        return self.revisions[-1].number if self.revisions else 0

    @property
    def said(self) -> tuple[KnownClaim, ...]:
        """Without what all who said it have corrected, which is remembered only."""
        return tuple(claim for claim in self.claims if claim.sources)

    @property
    def sources(self) -> frozenset[str]:
        return frozenset(article.source for article in self.articles)

    @property
    def independent_sources(self) -> int:
        """Owners whose own word it is: two feeds of one owner, or with pages on one site, are one source, and what does
        not say whose it is adds none."""
        owners: list[set[str]] = []
        for article in self.standing:
            names = {article.source, *_sites(article)}
            same = [known for known in owners if known & names]
            owners = [known for known in owners if known not in same] + [names.union(*same)]
        return len(owners) - (len(owners) > 1 and {UNNAMED} in owners)

    @property
    def standing(self) -> tuple[Article, ...]:
        """The sources of their own that stand by what they say. Where a split has left copies without what they repeat,
        the first of them stands for it."""
        authors = {article.source: article.derived_from for article in self.articles}
        authors |= {article.source: None for article in self.articles if article.derived_from is None}
        found: dict[str, Article] = {}
        for article in self.articles:
            absent = _absent(article, authors)
            if article.withdrawn is None and (absent or article.derived_from is None):
                found.setdefault(absent or article.entry_id, article)
        return tuple(found.values())

    @property
    def audience(self) -> tuple[object, ...]:
        """All that a subscription may choose by: when it changes, others may want the story."""
        reached = sum(self.independent_sources >= many for many in MILESTONES)
        return self.languages, self.sources, self.event_type, self.severity, self.tier, self.score, reached

    def told_in(self, languages: Sequence[str] = ()) -> Article:
        """The best article for a reader of these languages, the first of which he likes best."""
        order = {language: place for place, language in enumerate(languages)}

        def rank(article: Article) -> tuple[object, ...]:
            place = order.get((article.language or "").split("-")[0], len(order))
            derived = article.derived_from is not None
            return article.withdrawn is not None, not article.title, derived, place, article.tier, article.moment

        return min(self.articles, key=rank)

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
