"""What running classifiers make of a text, and of the entries that are kept, when a person asks."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.models.base import Model, UtcDatetime
from shared.models.topic import Claim, Evidence, Severity, Tier, TopicMatch


class TopicVerdict(Model):
    """What a topic makes of a text. Tier and severity are those of an event: without one there are none."""

    topic: str
    version: str
    relevant: bool
    score: float
    threshold: float
    reason: Annotated[str, Field(description="why this verdict")]
    event_type: str | None = None
    severity: Severity | None = None
    tier: Tier | None = None
    language: Annotated[str | None, Field(description="as which it was read")] = None
    evidence: tuple[Evidence, ...] = ()
    negative: Annotated[tuple[Evidence, ...], Field(description="signs of another subject")] = ()
    claims: tuple[Claim, ...] = ()


class Examined(Model):
    """`text`: as it was read; all spans are code points of it. `verdicts`: of every topic."""

    text: str
    language: str | None
    relevant: bool
    verdicts: tuple[TopicVerdict, ...]


class Answer(Model):
    """To who had a text examined. `failure`: why there is nothing else."""

    examined: Examined | None = None
    failure: str | None = None


class BacktestState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in (BacktestState.DONE, BacktestState.FAILED)


class BacktestHit(Model):
    """An entry of which the pack in force now says otherwise than was said when it was classified."""

    entry_id: str
    source: str
    title: str
    url: str | None
    language: str | None
    seen_at: UtcDatetime
    match: Annotated[TopicMatch | None, Field(description="the verdict now; null: the topic's actor is not named")]


class Backtest(Model):
    """The topic's pack in force over the entries that are kept, beside what was made of them when they came."""

    id: str
    topic: str
    days: float
    asked_at: UtcDatetime
    state: BacktestState = BacktestState.WAITING
    detail: Annotated[str, Field(description="why it failed")] = ""
    version: Annotated[str | None, Field(description="of the pack")] = None
    entries: Annotated[int, Field(description="read so far")] = 0
    left: Annotated[int, Field(description="known so far and not yet read")] = 0
    found: Annotated[int, Field(description="relevant now")] = 0
    both: Annotated[int, Field(description="relevant now, and when they came")] = 0
    new: Annotated[int, Field(description="relevant now alone")] = 0
    lost: Annotated[int, Field(description="relevant only when they came")] = 0
    newest_new: Annotated[tuple[BacktestHit, ...], Field(description="the newest 50 of them")] = ()
    newest_lost: Annotated[tuple[BacktestHit, ...], Field(description="the newest 50 of them")] = ()

    @property
    def since(self) -> UtcDatetime:
        return self.asked_at - timedelta(days=self.days)


class BacktestProgress(Model):
    """A backtest as it is kept. `cursor`: where the search for entries goes on; None when all are known."""

    backtest: Backtest
    cursor: int | None = 0
