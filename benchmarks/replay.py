"""A feed's history under a schedule, in virtual time: how many polls it takes, and when each entry is read."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.history import Library, Timeline, Version
from services.poller.conclude import Around, Conclusion, Known, body_hash, conclude_read, conclude_unread, wants_whole
from services.poller.identity import SeenWindow, entry_id
from services.poller.outcome import Fetched
from services.poller.wiring import pacing
from shared.models.feed import Feed, FeedState, Outcome
from shared.settings import Settings

# What is listed just before the end may rightly be read after it.
GRACE_SECONDS = 2 * 3600.0
FAULTS = (Outcome.SERVER_ERROR, Outcome.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Replay:
    """One schedule over one feed: the number of polls, and by entry the moment it was read."""

    polls: int
    read: dict[str, float]


Schedule = Callable[[Timeline, Library, random.Random, float], Replay]


def adaptive(timeline: Timeline, library: Library, chance: random.Random, faults: float) -> Replay:
    """As the poller would have done it."""
    settings = pacing(Settings())
    known = Known(_feed(timeline), FeedState(), SeenWindow({}))
    now, polls, read = timeline.begin, 0, dict[str, float]()
    while now < timeline.end:
        around = Around(datetime.fromtimestamp(now, UTC), chance.random(), settings.pace, settings.limits)
        failure = chance.choice(FAULTS) if chance.random() < faults else None
        conclusion = _poll(known, timeline.at(now), library, around, failure)
        for entry in conclusion.entries:
            read.setdefault(entry.id, now)
        known = Known(known.feed, conclusion.state, known.seen if conclusion.seen is None else conclusion.seen)
        now, polls = now + conclusion.next_after, polls + 1
    return Replay(polls, read)


def _poll(known: Known, version: Version, library: Library, around: Around, failure: Outcome | None) -> Conclusion:
    if failure:
        return conclude_unread(known, failure, Fetched(failure=failure), around)
    if known.state.etag == version.blob and not wants_whole(known.state, around.now):
        return conclude_unread(known, Outcome.UNCHANGED, Fetched(status=304, etag=version.blob), around)
    body = library.body(version.blob)
    fetched = Fetched(status=200, body=body, url=known.feed.url, etag=version.blob)
    if known.state.body_hash == body_hash(body):
        return conclude_unread(known, Outcome.SAME_BODY, fetched, around)
    return conclude_read(known, library.document(version.blob), fetched, around)


def fixed(seconds: float) -> Schedule:
    """A poll every so many seconds, whatever comes; the first at a moment drawn at random."""

    def replay(timeline: Timeline, library: Library, chance: random.Random, faults: float) -> Replay:
        now, polls, read = timeline.begin + chance.random() * seconds, 0, dict[str, float]()
        while now < timeline.end:
            if chance.random() >= faults:
                for entry in _listed(timeline, timeline.at(now), library):
                    read.setdefault(entry, now)
            now, polls = now + seconds, polls + 1
        return Replay(polls, read)

    return replay


def _feed(timeline: Timeline) -> Feed:
    return Feed(url=f"https://feeds.example/{timeline.name}", name=timeline.name)


def _listed(timeline: Timeline, version: Version, library: Library) -> Iterator[str]:
    feed_id = _feed(timeline).id
    return (entry_id(feed_id, identity, 0) for identity in library.identities(version.blob))


@dataclass(frozen=True, slots=True)
class Listing:
    """An entry's first appearance (seconds since 1970), and for how many seconds it was listed in all."""

    first: float
    seconds: float


def listings(timeline: Timeline, library: Library) -> dict[str, Listing]:
    """By entry; without what was there from the beginning, and what came just before the end."""
    found: dict[str, Listing] = {}
    ends = [version.at for version in timeline.versions[1:]] + [timeline.end]
    for version, end in zip(timeline.versions, ends, strict=True):
        for entry in _listed(timeline, version, library):
            before = found.get(entry, Listing(version.at, 0.0))
            found[entry] = Listing(before.first, before.seconds + end - version.at)
    counted = (timeline.begin, timeline.end - GRACE_SECONDS)
    return {entry: listing for entry, listing in found.items() if counted[0] < listing.first < counted[1]}
