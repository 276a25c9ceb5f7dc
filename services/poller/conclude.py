"""What follows from one poll (pure): the feed's new state, its new entries, when to come back and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from statistics import median

from services.poller import health
from services.poller.identity import Identity, SeenWindow, entry_id, identify
from services.poller.outcome import Fetched
from services.poller.parse import Document, Item
from services.poller.schedule import Habits, Next, Pace, Setback, next_regular, next_try
from services.poller.websub import offered, slowed
from shared.models.entry import Entry
from shared.models.feed import Feed, FeedState, Outcome, PollRecord
from shared.models.websub import PushSubscription

RHYTHM_OF = 20
# A feed that is new as a whole has changed its guids or its address, not its news.
BREAK_SHARE, BREAK_AT_LEAST = 0.8, 5
DETAIL = 200
_NOTHING_SEEN = SeenWindow({})


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one poll may bring in."""

    seed_max_age_seconds: float
    seed_max_entries: int
    max_entries: int


@dataclass(frozen=True, slots=True)
class Known:
    """A feed before the poll. `seen` counts only where a document came."""

    feed: Feed
    state: FeedState
    seen: SeenWindow = _NOTHING_SEEN


@dataclass(frozen=True, slots=True)
class Around:
    """The circumstances of a poll.

    `draw` is a uniform random number in [0, 1); `expiries`: leases that ran out before; `storm`: the network is down;
    `hubs`: WebSub is on; `subscription`: the feed's own at a hub.
    """

    now: datetime
    draw: float
    pace: Pace
    limits: Limits
    expiries: int = 0
    storm: bool = False
    hubs: bool = False
    subscription: PushSubscription | None = None


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A feed after the poll. `seen` is None when it has not changed; `passed` entries were only marked as seen."""

    outcome: Outcome
    state: FeedState
    next_after: float
    record: PollRecord
    seen: SeenWindow | None = None
    entries: tuple[Entry, ...] = ()
    passed: int = 0


def body_hash(body: bytes) -> str:
    return sha256(body).hexdigest()[:32]


def wants_whole(state: FeedState, now: datetime) -> bool:
    """Whether to ask without conditions: once a day, when "unchanged" has been said for 3 times the usual gap.

    There are servers that say 304 for ever. Where the usual gap is unknown, a day is long enough.
    """
    if state.read_at is None or now - state.read_at < timedelta(days=1):
        return False
    return now - (state.changed_at or state.read_at) > timedelta(seconds=3 * (state.gap_seconds or 0.0))


def conclude_unread(known: Known, outcome: Outcome, fetched: Fetched, around: Around) -> Conclusion:
    """The poll brought no document: a failure, a 304, or the bytes we know already."""
    state = known.state
    if outcome.succeeded:
        whole: dict[str, object] = {"read_at": around.now} if outcome is Outcome.SAME_BODY else {}
        state = state.model_copy(update=_validators(state, fetched) | _hints(state, fetched) | whole)
    return _concluded(outcome, state, fetched, around, fetched.detail)


def conclude_expired(known: Known, around: Around) -> Conclusion:
    """Polls of this feed end pollers, or hang for longer than a lease: each such end counts as a failure."""
    detail = f"the last {around.expiries} polls never came to an end"
    return _concluded(Outcome.LEASE_EXPIRED, known.state, Fetched(), around, detail)


def conclude_read(known: Known, document: Document, fetched: Fetched, around: Around) -> Conclusion:
    """The poll brought a document that could be read."""
    today = int(around.now.timestamp() // 86400)
    listing = _compare(known.seen, document.items, today)
    broken = known.state.seeded and _broken(listing, known.state)
    tell_all = known.state.seeded and not broken
    if tell_all:
        # Else any number is marked as seen: what goes on to the classifier is bounded by `_fresh`.
        listing = listing.at_most(around.limits.max_entries)
    told = listing.unseen if tell_all else _fresh(listing.unseen, around.limits, around.now)
    changed = listing.changed if tell_all else []
    entries = tuple(
        _entry(known, document, item, identity, around.now) for item, identity in reversed([*told, *changed])
    )
    update = _read(known.state, document, fetched, around.now, overflow=listing.overflow)
    if entries:
        update |= {"changed_at": around.now} | ({"missed_at": around.now} if around.hubs and not fetched.pushed else {})
    if around.hubs and not fetched.pushed:
        update["push_offer"] = offered(fetched.link, document.hub, document.self_url, fetched.url)
    if listing.known:
        update |= _adoption(known.state, fetched, around.now)
    outcome = _outcome(known.state, broken, bool(entries))
    state = known.state.model_copy(update=update)
    return replace(
        _concluded(outcome, state, fetched, around, document.path.value, len(entries)),
        seen=known.seen.after([*listing.known, *(identity for _, identity in listing.unseen)], today),
        entries=entries,
        passed=len(listing.unseen) - len(told),
    )


def _outcome(state: FeedState, broken: bool, news: bool) -> Outcome:
    if not state.seeded:
        return Outcome.SEEDED
    if broken:
        return Outcome.IDENTITY_BREAK
    return Outcome.NEW if news else Outcome.NOTHING_NEW


def _read(
    state: FeedState, document: Document, fetched: Fetched, now: datetime, *, overflow: bool
) -> dict[str, object]:
    dates = sorted((min(item.published, now) for item in document.items if item.published), reverse=True)
    gaps = [(newer - older).total_seconds() for newer, older in pairwise(dates[: RHYTHM_OF + 1])]
    update: dict[str, object] = {
        "seeded": True,
        "newest_at": max(filter(None, (state.newest_at, dates[0] if dates else None)), default=None),
    }
    # After an overflow the rest must come with the next poll, so nothing may make the server say "unchanged".
    forgotten: dict[str, object] = {"etag": None, "last_modified": None, "body_hash": None}
    if fetched.pushed:
        # It may hold only what is new: of the whole document it says nothing.
        return update | (forgotten if overflow else {})
    update |= {"read_at": now, "gap_seconds": median(gaps) if gaps else None, **_hints(state, fetched, document)}
    validators = _validators(FeedState(), fetched) | {"body_hash": fetched.digest or body_hash(fetched.body)}
    return update | (forgotten if overflow else validators)


def _validators(before: FeedState, fetched: Fetched) -> dict[str, object]:
    return {
        "etag": fetched.etag or before.etag,
        "last_modified": fetched.last_modified or before.last_modified,
    }


def _hints(state: FeedState, fetched: Fetched, document: Document | None = None) -> dict[str, object]:
    """The publisher's wishes: headers may speak on a 304, too; the document speaks only when it comes."""
    stated = document.ttl_seconds or 0.0 if document else state.floor_seconds
    return {"floor_seconds": max(fetched.fresh, stated)}


def _adoption(state: FeedState, fetched: Fetched, now: datetime) -> dict[str, object]:
    """Only a target that lists what we know is the same feed; so this document must have come from there."""
    target = health.adopted(state, now)
    if target is None or fetched.url != target or fetched.pushed:
        return {}
    return {"adopted_url": target, "moved_to": None, "moved_times": 0, "moved_since": None}


Found = tuple[Item, Identity]


@dataclass(frozen=True, slots=True)
class Listing:
    """A document against what was seen before: items in document order; `overflow`: some had to wait."""

    unseen: list[Found]
    changed: list[Found]
    known: list[Identity]
    overflow: bool = False

    def at_most(self, n: int) -> "Listing":
        return self if len(self.unseen) <= n else replace(self, unseen=self.unseen[:n], overflow=True)


def _compare(seen: SeenWindow, items: Sequence[Item], today: int) -> Listing:
    unseen: list[Found] = []
    changed: list[Found] = []
    known: list[Identity] = []
    met: set[bytes] = set()
    telling = [item for item in items if item.title or item.summary or item.url or item.guid]
    for item, identity in zip(telling, identify(telling), strict=True):
        if seen.knows(identity, today):
            known.append(identity)
            if seen.change(identity):
                changed.append((item, identity))
        elif identity.key not in met and identity.alias not in met:
            unseen.append((item, identity))
            met |= {identity.key} | ({identity.alias} if identity.alias else set())
    return Listing(unseen, changed, known)


def _broken(listing: Listing, state: FeedState) -> bool:
    """Nearly all is new at once, and most of it older than what we read before: the names changed, not the news."""
    count = len(listing.unseen)
    if count < BREAK_AT_LEAST or count <= BREAK_SHARE * (count + len(listing.known)) or state.newest_at is None:
        return False
    # As old as the newest is not older: there are publishers who state only the day.
    old = sum(1 for item, _ in listing.unseen if item.published and item.published < state.newest_at)
    return old >= BREAK_SHARE * count


def _fresh(unseen: Sequence[Found], limits: Limits, now: datetime) -> list[Found]:
    """The first poll of a feed must not flood: only what is young may go on, and not much of it."""
    oldest = now - timedelta(seconds=limits.seed_max_age_seconds)
    young = [found for found in unseen if found[0].published and found[0].published >= oldest]
    newest = sorted(young, key=lambda found: found[0].published or oldest, reverse=True)[: limits.seed_max_entries]
    chosen = {identity.key for _, identity in newest}
    return [found for found in young if found[1].key in chosen]


def _entry(known: Known, document: Document, item: Item, identity: Identity, now: datetime) -> Entry:
    feed, change = known.feed, known.seen.change(identity)
    return Entry(
        id=entry_id(feed.id, identity, change),
        feed_id=feed.id,
        source=feed.source,
        feed_name=feed.name,
        country=feed.country,
        tier=feed.tier,
        language=feed.language or item.language or document.language,
        guid=item.guid,
        url=item.url,
        title=item.title,
        summary=item.summary,
        # A date in the future is a clock that is wrong, and would keep the entry fresh for ever.
        published=min(item.published, now) if item.published else None,
        seen_at=now,
        change=change,
    )


def _concluded(
    outcome: Outcome, state: FeedState, fetched: Fetched, around: Around, detail: str, new: int = 0
) -> Conclusion:
    """Judge the feed's health, and decide when to come back."""
    state = health.after(state, health.Poll(outcome, fetched, around.now, around.expiries, around.storm))
    then = _next(state, outcome, fetched, around)
    due = {"next_due_at": around.now + timedelta(seconds=then.after), "next_due_reason": then.reason}
    record = PollRecord(
        at=around.now,
        outcome=outcome.value,
        detail=detail[:DETAIL],
        new=new,
        seconds=round(fetched.seconds, 3),
        next_after=round(then.after, 1),
        next_reason=then.reason,
    )
    return Conclusion(
        outcome, state.model_copy(update={"outcome": outcome.value, "polled_at": around.now, **due}), then.after, record
    )


def _next(state: FeedState, outcome: Outcome, fetched: Fetched, around: Around) -> Next:
    if outcome.succeeded:
        then = next_regular(_habits(state, around), around.pace, around.draw)
        paced = slowed(then.after, around.subscription, state.missed_at, around.now)
        return Next(paced.interval, paced.reason) if paced.interval > then.after else then
    if around.storm:
        return replace(next_try(outcome, Setback(1), around.pace, around.draw), reason="network_down")
    row = (around.now - state.failing_since).total_seconds() if state.failing_since else 0.0
    # Three pollers may have died of something else: the first time the feed is tried again soon.
    parked = state.health.parked and (outcome is not Outcome.LEASE_EXPIRED or state.failures > health.EXPIRIES_BORNE)
    setback = Setback(state.failures, row, fetched.retry_after, parked)
    return next_try(outcome, setback, around.pace, around.draw)


def _habits(state: FeedState, around: Around) -> Habits:
    newest = state.newest_at or state.changed_at
    return Habits(
        gap=state.gap_seconds,
        age=(around.now - newest).total_seconds() if newest else None,
        floor=state.floor_seconds,
    )
