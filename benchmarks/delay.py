"""How long an entry waits between its first listing and its reading: the adaptive schedule beside a fixed interval.

    python -m benchmarks.delay --history REPOSITORY [--from 2021-02-21 --days 28] [--faults 0.05] [--rounds 5]

A replay in virtual time. REPOSITORY is a git repository into which somebody committed `*.xml` feeds as they changed; a
version is served from its commit on, with its blob as the ETag. What decides is what runs in the poller: parsing,
identity, conclusion and schedule. A share of the polls fails, under every schedule alike.
"""

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import add
from pathlib import Path
from statistics import median, quantiles

from benchmarks.history import Library, Timeline, read_history
from benchmarks.replay import Listing, Schedule, adaptive, fixed, listings

FIXED_SECONDS = 900.0
# A feed is active from so many new entries a day on.
ACTIVE_PER_DAY = 5.0
DAY_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Delays:
    """Of one schedule, in seconds.

    `waits`: from each entry's first listing to its reading; `missed`: how long each was listed that was never read.
    """

    polls: int = 0
    waits: list[float] = field(default_factory=list)
    missed: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return median(self.waits) if self.waits else 0.0

    @property
    def p95(self) -> float:
        return quantiles(self.waits, n=20)[-1] if len(self.waits) > 1 else self.median

    def __add__(self, other: "Delays") -> "Delays":
        return Delays(self.polls + other.polls, self.waits + other.waits, self.missed + other.missed)


@dataclass(frozen=True, slots=True)
class Compared:
    """One feed, or several together.

    `even`: one fixed interval for all feeds, with as many polls in all as `adaptive` has; `own`: one for each feed,
    with as many polls of it; `fixed`: 15 minutes.
    """

    name: str
    days: float
    adaptive: Delays
    even: Delays
    own: Delays
    fixed: Delays

    @property
    def entries(self) -> int:
        return len(self.adaptive.waits) + len(self.adaptive.missed)

    @property
    def active(self) -> bool:
        return self.entries >= ACTIVE_PER_DAY * self.days


@dataclass(frozen=True, slots=True)
class Case:
    """A feed's history under trial; `faults`: the share of polls that fail."""

    timeline: Timeline
    library: Library
    listings: dict[str, Listing]
    faults: float

    def run(self, schedule: Schedule, number: int) -> Delays:
        """The dice of a round are the same for each schedule."""
        chance = random.Random(f"{self.timeline.name} {number}")
        replay = schedule(self.timeline, self.library, chance, self.faults)
        waits = [replay.read[entry] - one.first for entry, one in self.listings.items() if entry in replay.read]
        missed = [one.seconds for entry, one in self.listings.items() if entry not in replay.read]
        return Delays(replay.polls, waits, missed)


def compare(cases: Sequence[Case], number: int) -> list[Compared]:
    """One round: the fixed intervals follow from the number of polls that the adaptive schedule made in it."""
    ours = [case.run(adaptive, number) for case in cases]
    even = fixed(sum(case.timeline.seconds for case in cases) / sum(delays.polls for delays in ours))
    return [
        Compared(
            name=case.timeline.name,
            days=case.timeline.seconds / DAY_SECONDS,
            adaptive=mine,
            even=case.run(even, number),
            own=case.run(fixed(case.timeline.seconds / mine.polls), number),
            fixed=case.run(fixed(FIXED_SECONDS), number),
        )
        for case, mine in zip(cases, ours, strict=True)
    ]


def together(name: str, some: Sequence[Compared]) -> Compared:
    return Compared(
        name=name,
        days=sum(one.days for one in some),
        adaptive=reduce(add, (one.adaptive for one in some), Delays()),
        even=reduce(add, (one.even for one in some), Delays()),
        own=reduce(add, (one.own for one in some), Delays()),
        fixed=reduce(add, (one.fixed for one in some), Delays()),
    )


def table(rounds: Sequence[Sequence[Compared]]) -> Iterator[str]:
    """Times in minutes; polls, entries and missed ones of one round; `*`: active."""
    times = len(rounds)
    yield f"{'':37}{'adaptive':>29}{'even':>29}{'own':>29}{'15 minutes':>29}   less than even"
    yield f"{'feed':29}{'entries':>8}" + f"{'polls':>8}{'missed':>7}{'median':>7}{'p95':>7}" * 4 + "   median  p95"
    feeds = [together(same[0].name, same) for same in zip(*rounds, strict=True)]
    active = [feed for feed in feeds if feed.active]
    for row in [*feeds, together("all that are active", active), together("all", feeds)]:
        cells = "".join(
            f"{one.polls / times:8.0f}{len(one.missed) / times:7.1f}{one.median / 60:7.1f}{one.p95 / 60:7.1f}"
            for one in (row.adaptive, row.even, row.own, row.fixed)
        )
        less = f"{_less(row.adaptive.median, row.even.median)}  {_less(row.adaptive.p95, row.even.p95)}"
        yield f"{'*' if row.active else ' '} {row.name:27}{row.entries / times:8.0f}{cells}   {less}"
    yield from remarks(rounds, {feed.name for feed in active})


def remarks(rounds: Sequence[Sequence[Compared]], active: set[str]) -> Iterator[str]:
    """What the table does not show: how far the rounds differ, and what was missed."""
    each = [together("", [feed for feed in feeds if feed.name in active]) for feeds in rounds]
    medians = sorted(1 - one.adaptive.median / one.even.median for one in each if one.even.waits)
    p95s = sorted(1 - one.adaptive.p95 / one.even.p95 for one in each if one.even.waits)
    if medians:
        yield f"active, by round: median {medians[0]:+.0%} to {medians[-1]:+.0%}, p95 {p95s[0]:+.0%} to {p95s[-1]:+.0%}"
    missed = [seconds for feeds in rounds for feed in feeds for seconds in feed.adaptive.missed]
    if missed:
        yield f"the adaptive schedule missed nothing that was listed for more than {max(missed) / 60:.1f} minutes"


def _less(ours: float, peer: float) -> str:
    return f"{1 - ours / peer:+6.0%}" if peer else f"{'–':>6}"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--history", type=Path, required=True, help="a git repository, bare or not")
    parser.add_argument("--from", dest="begin", type=datetime.fromisoformat, default="2021-02-21", help="a day (UTC)")
    parser.add_argument("--days", type=float, default=28.0)
    parser.add_argument("--faults", type=float, default=0.05, help="the share of polls that fail")
    parser.add_argument("--rounds", type=int, default=5, help="repetitions with other dice")
    given = parser.parse_args(arguments)
    begin = given.begin.replace(tzinfo=UTC)
    timelines = read_history(given.history, begin.timestamp(), (begin + timedelta(days=given.days)).timestamp())
    if not timelines:
        sys.exit("no feed with two versions in that time")
    library = Library(given.history)
    library.load(timelines)
    cases = [Case(timeline, library, listings(timeline, library), given.faults) for timeline in timelines]
    print("\n".join(table([compare(cases, number) for number in range(given.rounds)])))


if __name__ == "__main__":
    main(sys.argv[1:])
