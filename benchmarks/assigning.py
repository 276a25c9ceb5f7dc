"""What an assignment costs, what a story takes, and whether its like is found: 100,000 live stories beside 1,000.

    python -m benchmarks.assigning [--many N] [--few N] [--entries N] [--rounds N] [--probes N]

Each number of stories has a server of its own, where they are spread over the window (`benchmarks.happenings`). An
assignment is the classifier's: marks, what is known, the ladder, the alert and the transaction. Counted is CPU, ours
and that server's. For a probe all stories are gone through: the one that is most like it must be among the few that an
assignment looks at, where it is so like that it decides.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from statistics import mean
from typing import Any

from redis import Redis

from benchmarks.happenings import TOPIC, Press, Report
from benchmarks.measure import Contestant, Row, in_turn, private_redis, progress, row, table
from services.classifier.fingerprint import fingerprint
from services.classifier.likeness import WEIGHTS, Corpus, contradict, likeness
from services.classifier.telling import marks_of, place
from shared import keys
from shared.models.change import Background, Change
from shared.models.story import Fingerprint, Story
from shared.store.connection import connect_sync
from shared.store.stories import StoryStore

MANY, FEW, ENTRIES, ROUNDS, PROBES = 100_000, 1_000, 50, 7, 100
WINDOW_SECONDS, RETENTION_SECONDS = 345_600.0, 2_592_000
KNOWN, SAMPLE, STEP = 2_000, 200, 500
FURTHER = 5  # articles, of as many stories as there are in a sample
Kind = Callable[[Press, Report, datetime], Report]


def _copy(press: Press, of: Report, now: datetime) -> Report:
    return press.copy(of, now)


def _other_words(press: Press, of: Report, now: datetime) -> Report:
    return press.report(of.happening, now)


def _new(press: Press, _: Report, now: datetime) -> Report:
    return press.report(press.happening(), now)


KINDS: dict[str, Kind] = {"a copy": _copy, "other words": _other_words, "a new happening": _new}


class BulkStore(StoryStore):
    """Writes what single assignments would have written, many at once."""

    def open(self, changes: Sequence[tuple[Report, Change]]) -> None:
        with self.redis.pipeline(transaction=False) as pipe:
            for report, change in changes:
                pipe.incr(keys.topic_assignments(TOPIC))
                self._write(pipe, TOPIC, change)
                pipe.set(keys.entry_story(TOPIC, report.entry.id), change.story.id, ex=self.retention_seconds)
            pipe.execute()


@dataclass(slots=True)
class House:
    """So many stories on a server of their own. `known`: some of them, of which more will be told."""

    redis: Redis
    store: BulkStore
    press: Press
    stories: int
    known: list[Report] = field(default_factory=list)
    waiting: list[Report] = field(default_factory=list)
    story_bytes: float = 0.0

    def fill(self) -> None:
        """Oldest first, as they would have come."""
        before, now = _used(self.redis), datetime.now(UTC)
        ages = sorted((self.press.draw.uniform(0, 0.95 * WINDOW_SECONDS) for _ in range(self.stories)), reverse=True)
        for at in range(0, self.stories, STEP):
            progress(f"telling {at} of {self.stories} stories")
            self.store.open([self._opened(now - timedelta(seconds=age)) for age in ages[at : at + STEP]])
        self.story_bytes = (_used(self.redis) - before) / self.stories

    def _opened(self, at: datetime) -> tuple[Report, Change]:
        report = self.press.report(self.press.happening(), at)
        if self.press.draw.random() < KNOWN / self.stories:
            self.known.append(report)
        return report, place(report.entry, report.match, Background(), at)

    def prepare(self, kind: Kind, entries: int) -> None:
        chosen, now = self.press.draw.sample(self.known, entries), datetime.now(UTC)
        self.waiting = [kind(self.press, each, now) for each in chosen]

    def assign(self) -> None:
        for report in self.waiting:
            self.assign_one(report)

    def assign_one(self, report: Report, decide: Callable[[Background], Change] | None = None) -> None:
        """As `services.classifier.classifier` does it."""
        entry, match, now = report.entry, report.match, datetime.now(UTC)
        marks = marks_of(entry, fingerprint(entry, match))
        chosen = decide or partial(_place, report, now)
        if self.store.assign(TOPIC, entry.id, marks, now, chosen) is None:
            raise RuntimeError(f"{entry.id} had been assigned before")

    def all_stories(self) -> Iterator[Story]:
        ids: Any = self.redis.zrange(keys.topic_stories(TOPIC), 0, -1)
        for at in range(0, len(ids), STEP):
            stored = self.redis.mget([keys.story(each.decode()) for each in ids[at : at + STEP]])
            yield from (Story.model_validate_json(text) for text in stored if text)


def _place(report: Report, now: datetime, known: Background) -> Change:
    return place(report.entry, report.match, known, now)


@contextmanager
def _house(stories: int) -> Iterator[House]:
    with private_redis() as url, connect_sync(url) as redis:
        store = BulkStore(redis, window_seconds=WINDOW_SECONDS, retention_seconds=RETENTION_SECONDS)
        house = House(redis, store, Press(Random(stories)), stories)
        house.fill()
        yield house


def _used(redis: Redis) -> int:
    used: int = redis.info("memory")["used_memory"]
    return used


# What an assignment costs.


def measure(many: int = MANY, few: int = FEW, entries: int = ENTRIES, rounds: int = ROUNDS) -> list[Row]:
    with _houses(many, few) as houses:
        return _rows(houses, entries, rounds)


@contextmanager
def _houses(many: int, few: int) -> Iterator[list[House]]:
    with ExitStack() as stack:
        yield [stack.enter_context(_house(stories)) for stories in (many, few)]


def _rows(houses: Sequence[House], entries: int, rounds: int) -> list[Row]:
    ours, peer = houses
    what = f"{ours.stories:,} stories beside {peer.stories:,}"
    meaning = "A story of one article takes {:.2f} times as much, with all by which it is found."
    memory = Row(
        f"{what}: memory",
        "bytes/story",
        ours.story_bytes,
        peer.story_bytes,
        (ours.story_bytes / peer.story_bytes,),
        meaning,
    )
    return [*(_growth(houses, what, kind, entries, rounds) for kind in KINDS), memory]


def _growth(houses: Sequence[House], what: str, kind: str, entries: int, rounds: int) -> Row:
    cpu = in_turn({str(house.stories): _contestant(house, KINDS[kind], entries) for house in houses}, rounds)
    ours, peer = cpu.values()
    meaning = "An assignment runs {:.2f} times as fast."
    return row(f"{what}: {kind}", "entries/CPU s", entries, ours, peer, meaning)


def _contestant(house: House, kind: Kind, entries: int) -> Contestant:
    return Contestant(house.assign, before=lambda: house.prepare(kind, entries), redis=house.redis)


# Whether its like is found.


class _LookedAt(Exception):
    """Ends an assignment that shall write nothing."""


@dataclass(slots=True)
class Probe:
    """`likest`: of all stories, how alike and which."""

    kind: str
    report: Report
    print: Fingerprint
    now: datetime
    background: Background
    likest: tuple[float, str] = (0.0, "")

    def compare(self, story: Story, rarity: Callable[[str], float]) -> None:
        for article in story.articles:
            other = article.fingerprint
            if (other.terms or other.words) and not contradict(self.print, other):
                apart, live = abs(article.moment - self.now), self.background.live
                self.likest = max(self.likest, (likeness(self.print, other, apart, rarity, live=live).value, story.id))

    @property
    def found(self) -> bool:
        return self.likest[1] in {story.id for story in self.background.stories}


def _probe(house: House, kind: str, of: Report) -> Probe:
    now = datetime.now(UTC)
    report = KINDS[kind](house.press, of, now)
    seen: list[Background] = []

    def look(background: Background) -> Change:
        seen.append(background)
        raise _LookedAt

    with suppress(_LookedAt):
        house.assign_one(report, look)
    return Probe(kind, report, fingerprint(report.entry, report.match), now, seen[0])


def found(house: House, probes: int) -> str:
    """A line for each kind: how often the likest of all stories was looked at."""
    kinds = [*KINDS] * probes
    asked = [
        _probe(house, kind, of)
        for kind, of in zip(kinds, house.press.draw.choices(house.known, k=probes), strict=False)
    ]
    rarities = [Corpus(probe.background.live, probe.background.holding).rarity() for probe in asked]
    for number, story in enumerate(house.all_stories()):
        if number % STEP == 0:
            progress(f"comparing with {number} of {house.stories} stories")
        for probe, rarity in zip(asked, rarities, strict=True):
            probe.compare(story, rarity)
    progress("")
    return "\n".join(_found(kind, [probe for probe in asked if probe.kind == kind]) for kind in KINDS)


def _found(kind: str, probes: Sequence[Probe]) -> str:
    told = {
        f"{least:.2f} or more": [probe for probe in probes if least <= probe.likest[0] < most]
        for least, most in ((WEIGHTS.same_story_at, 2.0), (WEIGHTS.related_at, WEIGHTS.same_story_at))
    }
    lines = (f"{sum(probe.found for probe in some)} of {len(some)} where it is {like}" for like, some in told.items())
    return f"{kind}: the likest was found {', '.join(lines)}"


# What a story takes.


def holdings(house: House) -> Iterator[str]:
    """By kind of key: how many a story, and what one takes."""
    sizes, counts = defaultdict[str, list[int]](list), defaultdict[str, int](int)
    draw = Random(1)
    for key in house.redis.scan_iter(keys.PREFIX + "*", count=10_000):
        kind = _kind(key.decode("utf-8", "replace"))
        counts[kind] += 1
        if counts[kind] <= SAMPLE or draw.random() < 0.005:
            sizes[kind].append(int(house.redis.memory_usage(key, samples=0) or 0))
    yield f"{'kind of key':28}{'keys a story':>14}{'bytes a key':>14}{'bytes a story':>15}"
    for kind, some in sorted(sizes.items(), key=lambda each: -counts[each[0]] * mean(each[1])):
        many, size = counts[kind] / house.stories, mean(some)
        yield f"{kind:28}{many:>14.2f}{size:>14,.0f}{many * size:>15,.0f}"


def _kind(key: str) -> str:
    """The story's own keys by what they hold, the topic's by their name."""
    if key.startswith(keys.story("")):
        return "the story"
    name = key.removeprefix(keys.topic_stories(TOPIC).removesuffix("stories"))
    if name.startswith("term:"):
        return (
            "sets of terms" if name.startswith("term:set:") else "words" if name.startswith("term:word:") else "terms"
        )
    return {"entry": "marks of entries", "same": "identities"}.get(name.partition(":")[0], name)


def further(house: House, kind: str) -> str:
    """What one article more of a story takes."""
    before, chosen, now = _used(house.redis), house.press.draw.sample(house.known, SAMPLE), datetime.now(UTC)
    for of in chosen:
        for _ in range(FURTHER):
            house.assign_one(KINDS[kind](house.press, of, now))
    taken = (_used(house.redis) - before) / (SAMPLE * FURTHER)
    return f"a further article, {kind}: {taken:,.0f} bytes"


def after_the_window(house: House) -> str:
    """What is left of a story when nothing is compared with it any more."""
    before = _used(house.redis)
    for key in house.redis.scan_iter(keys.topic_term(TOPIC, "*"), count=10_000):
        house.redis.pexpire(key, 1)
    time.sleep(1)
    while house.redis.randomkey() and next(house.redis.scan_iter(keys.topic_term(TOPIC, "*"), count=100_000), None):
        time.sleep(0.5)
    freed = (before - _used(house.redis)) / house.stories
    return f"after the window a story takes {house.story_bytes - freed:,.0f} bytes, {freed:,.0f} less"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--many", type=int, default=MANY)
    parser.add_argument("--few", type=int, default=FEW)
    parser.add_argument("--entries", type=int, default=ENTRIES, help="assigned a lap")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--probes", type=int, default=PROBES, help="for each of which all stories are gone through")
    options = parser.parse_args()
    with _houses(options.many, options.few) as houses:
        print("\n".join(holdings(houses[0])))
        print(found(houses[0], options.probes))
        print(table(_rows(houses, options.entries, options.rounds)))
        print("\n".join(further(houses[0], kind) for kind in list(KINDS)[:2]))
        print(after_the_window(houses[0]))


if __name__ == "__main__":
    main()
