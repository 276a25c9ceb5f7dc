"""How a story became what it is: its revisions, and what became of each figure and claim (pure)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field

from shared.models.base import Model, UtcDatetime
from shared.models.story import AlertType, Article, KnownClaim, Story
from shared.models.topic import Certainty


class ToldRevision(Model):
    """A change that rang, and the article that made it; null if a person did, or it is gone."""

    number: int
    type: AlertType
    reason: str
    detail: str
    at: UtcDatetime
    entry_id: str | None
    source: str | None
    url: str | None


class Statement(Model):
    """What was said once, and by whom since. `change`: against the statement before it in its thread."""

    value: float | None
    qualifier: str | None
    unit: str | None
    certainty: Certainty
    place: str | None
    time: Annotated[str | None, Field(description="as written")]
    attribution: Annotated[str | None, Field(description="who says so, by the first article")]
    entry_id: Annotated[str, Field(description="the article that said it first")]
    source: Annotated[str | None, Field(description="the outlet of that article")]
    sources: Annotated[tuple[str, ...], Field(description="all outlets that say so; empty: all have corrected it")]
    voices: Annotated[tuple[str, ...], Field(description="all speakers that they name")]
    first_said_at: UtcDatetime
    last_said_at: UtcDatetime
    revision: Annotated[int | None, Field(description="the revision that the first article made, if it made one")]
    change: Annotated[str | None, Field(examples=["3,000 → 4,000"])] = None


class Thread(Model):
    """All statements on one thing, in the order in which they were first said."""

    kind: Annotated[str, Field(description="the event type of the first")]
    role: Annotated[str | None, Field(description="what a figure counts; null where there is none")]
    region: str | None
    statements: tuple[Statement, ...]


class Timeline(Model):
    story_id: str
    revisions: tuple[ToldRevision, ...]
    threads: Annotated[tuple[Thread, ...], Field(description="in the order in which they began")]


def timeline(story: Story) -> Timeline:
    threads = sorted(_threads(story), key=lambda thread: thread.statements[0].first_said_at)
    return Timeline(story_id=story.id, revisions=tuple(_revisions(story)), threads=tuple(threads))


def _revisions(story: Story) -> Iterator[ToldRevision]:
    for revision in story.revisions:
        article = story.article(revision.entry_id) if revision.entry_id else None
        told = revision.model_dump(include={"number", "type", "reason", "detail", "at", "entry_id"})
        yield ToldRevision(**told, source=article.source if article else None, url=article.url if article else None)


def _threads(story: Story) -> Iterator[Thread]:
    # A figure is one thing whatever the event in which it is told; without one the event itself is the thing.
    same: defaultdict[tuple[str | None, ...], list[KnownClaim]] = defaultdict(list)
    for claim in story.claims:
        same[claim.role, None if claim.role else claim.kind, claim.region].append(claim)
    for claims in same.values():
        said = sorted((_statement(story, claim) for claim in claims), key=lambda each: each.first_said_at)
        yield Thread(
            kind=claims[0].kind, role=claims[0].role, region=claims[0].region, statements=tuple(_changing(said))
        )


def _statement(story: Story, claim: KnownClaim) -> Statement:
    article = story.article(claim.entry_id)
    made = (revision.number for revision in story.revisions if revision.entry_id == claim.entry_id)
    shared = set(Statement.model_fields) & set(KnownClaim.model_fields)
    return Statement(
        **claim.model_dump(include=shared),
        source=article.source if article else None,
        first_said_at=_first_said_at(article, claim),
        last_said_at=claim.said_at,
        revision=next(made, None),
    )


def _first_said_at(article: Article | None, claim: KnownClaim) -> UtcDatetime:
    return min(article.moment, claim.said_at) if article else claim.said_at


def _changing(statements: Iterable[Statement]) -> Iterator[Statement]:
    before: Statement | None = None
    for statement in statements:
        yield statement.model_copy(update={"change": _change(before, statement)}) if before else statement
        before = statement


def _change(before: Statement, now: Statement) -> str | None:
    pairs = [(_figure(before.value), _figure(now.value)), (before.certainty.value, now.certainty.value)]
    return "; ".join(f"{was} → {is_}" for was, is_ in pairs if was != is_) or None


def _figure(value: float | None) -> str:
    return "no figure" if value is None else f"{value:,.10g}"
