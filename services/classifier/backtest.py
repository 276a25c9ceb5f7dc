"""A pack over the entries that are kept: what it finds, and what is new or lost against another verdict (pure)."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from heapq import nlargest

from services.classifier.match import Matcher
from shared.models.entry import Entry
from shared.models.examination import Backtest, BacktestHit, BacktestState
from shared.models.topic import TopicMatch

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that one of the two finds. `match`: the verdict of the one that finds it."""

    entry: Entry
    match: TopicMatch


@dataclass(slots=True)
class Compared:
    """Of `entries`, so many are found by the changed pack, and by both. `new`: by it alone; `lost`: no more."""

    entries: int = 0
    found: int = 0
    both: int = 0
    new: list[Hit] = field(default_factory=list)
    lost: list[Hit] = field(default_factory=list)


def compare(entries: Iterable[Entry], topic: str, changed: Matcher, in_force: Matcher) -> Compared:
    result = Compared()
    for entry in entries:
        result.entries += 1
        now, before = _relevant(changed, entry, topic), _relevant(in_force, entry, topic)
        result.found += now is not None
        result.both += now is not None and before is not None
        if now and not before:
            result.new.append(Hit(entry, now))
        elif before and not now:
            result.lost.append(Hit(entry, before))
    return result


def go_on(so_far: Backtest, entries: Sequence[Entry], told: Set[str], matcher: Matcher) -> Backtest:
    """The backtest with these entries as well; `told`: those that were relevant when they came."""
    judged = [(entry, _judged(matcher, entry, so_far.topic)) for entry in entries]
    found = {entry.id for entry, match in judged if match and match.relevant}
    new = [_hit(entry, match) for entry, match in judged if entry.id in found - told]
    lost = [_hit(entry, match) for entry, match in judged if entry.id in told - found]
    return so_far.model_copy(
        update={
            "state": BacktestState.RUNNING,
            "entries": so_far.entries + len(judged),
            "found": so_far.found + len(found),
            "both": so_far.both + len(found & told),
            "new": so_far.new + len(new),
            "lost": so_far.lost + len(lost),
            "newest_new": _newest([*so_far.newest_new, *new]),
            "newest_lost": _newest([*so_far.newest_lost, *lost]),
        }
    )


def _newest(hits: Iterable[BacktestHit]) -> tuple[BacktestHit, ...]:
    return tuple(nlargest(SHOWN, hits, key=lambda hit: (hit.seen_at, hit.entry_id)))


def _hit(entry: Entry, match: TopicMatch | None) -> BacktestHit:
    told = entry.model_dump(include={"source", "title", "url", "language", "seen_at"})
    return BacktestHit(entry_id=entry.id, match=match, **told)


def _judged(matcher: Matcher, entry: Entry, topic: str) -> TopicMatch | None:
    matches = matcher.classify(entry, entry.seen_at).matches
    return next((match for match in matches if match.topic == topic), None)


def _relevant(matcher: Matcher, entry: Entry, topic: str) -> TopicMatch | None:
    match = _judged(matcher, entry, topic)
    return match if match and match.relevant else None
