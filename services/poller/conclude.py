"""What follows from one poll (pure): the feed's new state, its new entries, when to come back and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from services.poller.identity import Identity, SeenWindow, entry_id, identify
from services.poller.outcome import Fetched, Outcome
from services.poller.parse import Document, Item
from services.poller.schedule import Pace, next_poll
from shared.models.entry import Entry
from shared.models.feed import Feed, FeedState


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one poll may bring in."""

    seed_max_age_seconds: float
    seed_max_entries: int
    max_entries: int


@dataclass(frozen=True, slots=True)
class Known:
    """A feed before the poll."""

    feed: Feed
    state: FeedState
    seen: SeenWindow


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A feed after the poll. `seen` is None when it has not changed; `passed` entries were only marked as seen."""

    outcome: Outcome
    state: FeedState
    next_after: float
    seen: SeenWindow | None = None
    entries: tuple[Entry, ...] = ()
    passed: int = 0
    detail: str = ""


def body_hash(body: bytes) -> str:
    return sha256(body).hexdigest()[:32]


def conclude_unread(
    known: Known, outcome: Outcome, fetched: Fetched, pace: Pace, now: datetime, draw: float
) -> Conclusion:
    """The poll brought no document: a failure, a 304, or the bytes we know already."""
    if outcome.succeeded:
        state = known.state.model_copy(update=_validators(known.state, fetched) | {"failures": 0})
    else:
        state = known.state.model_copy(update={"failures": known.state.failures + 1})
    return _scheduled(Conclusion(outcome, state, 0.0, detail=fetched.detail), fetched, pace, now, draw)


def conclude_expired(known: Known, expiries: int, pace: Pace, now: datetime, draw: float) -> Conclusion:
    """Polls of this feed end pollers, or hang for longer than a lease: each such end counts as a failure."""
    state = known.state.model_copy(update={"failures": known.state.failures + expiries})
    detail = f"the last {expiries} polls never came to an end"
    return _scheduled(Conclusion(Outcome.LEASE_EXPIRED, state, 0.0, detail=detail), Fetched(), pace, now, draw)


def conclude_read(
    known: Known, document: Document, fetched: Fetched, limits: Limits, pace: Pace, now: datetime, draw: float
) -> Conclusion:
    """The poll brought a document that could be read."""
    today = int(now.timestamp() // 86400)
    # A first poll may mark any number as seen: what goes on to the classifier is bounded by `_fresh`.
    most = limits.max_entries if known.state.seeded else len(document.items)
    unseen, marked, overflow = _unseen(known.seen, document.items, most, today)
    fresh = unseen if known.state.seeded else _fresh(unseen, limits, now)
    entries = tuple(_entry(known.feed, document, item, identity, now) for item, identity in reversed(fresh))
    update: dict[str, object] = {"failures": 0, "seeded": True}
    # After an overflow the rest must come with the next poll, so nothing may make the server say "unchanged".
    update |= (
        {"etag": None, "last_modified": None, "body_hash": None}
        if overflow
        else _validators(FeedState(), fetched) | {"body_hash": body_hash(fetched.body)}
    )
    if entries:
        update["changed_at"] = now
    later = Outcome.NEW if entries else Outcome.NOTHING_NEW
    conclusion = Conclusion(
        later if known.state.seeded else Outcome.SEEDED,
        known.state.model_copy(update=update),
        0.0,
        seen=known.seen.after(marked, today),
        entries=entries,
        passed=len(unseen) - len(entries),
        detail=document.path,
    )
    return _scheduled(conclusion, fetched, pace, now, draw)


def _validators(before: FeedState, fetched: Fetched) -> dict[str, object]:
    return {
        "etag": fetched.etag or before.etag,
        "last_modified": fetched.last_modified or before.last_modified,
    }


Found = tuple[Item, Identity]


def _unseen(seen: SeenWindow, items: Sequence[Item], most: int, today: int) -> tuple[list[Found], list[Identity], bool]:
    """New items in document order, identities to mark as listed, and whether some had to wait."""
    unseen: list[Found] = []
    marked: list[Identity] = []
    met: set[bytes] = set()
    overflow = False
    for item, identity in zip(items, identify(items), strict=True):
        if seen.knows(identity, today):
            marked.append(identity)
        elif identity.key in met or identity.alias in met:
            continue
        elif len(unseen) >= most:
            overflow = True
        else:
            unseen.append((item, identity))
            marked.append(identity)
            met |= {identity.key} | ({identity.alias} if identity.alias else set())
    return unseen, marked, overflow


def _fresh(unseen: Sequence[Found], limits: Limits, now: datetime) -> list[Found]:
    """The first poll of a feed must not flood: only what is young may go on, and not much of it."""
    oldest = now - timedelta(seconds=limits.seed_max_age_seconds)
    young = [found for found in unseen if found[0].published and found[0].published >= oldest]
    newest = sorted(young, key=lambda found: found[0].published or oldest, reverse=True)[: limits.seed_max_entries]
    chosen = {identity.key for _, identity in newest}
    return [found for found in young if found[1].key in chosen]


def _entry(feed: Feed, document: Document, item: Item, identity: Identity, now: datetime) -> Entry:
    return Entry(
        id=entry_id(feed.id, identity),
        feed_id=feed.id,
        source=feed.source,
        feed_name=feed.name,
        country=feed.country,
        tier=feed.tier,
        language=feed.language or document.language,
        guid=item.guid,
        url=item.url,
        title=item.title,
        summary=item.summary,
        # A date in the future is a clock that is wrong, and would keep the entry fresh for ever.
        published=min(item.published, now) if item.published else None,
        seen_at=now,
    )


def _scheduled(conclusion: Conclusion, fetched: Fetched, pace: Pace, now: datetime, draw: float) -> Conclusion:
    then = next_poll(conclusion.outcome, conclusion.state.failures, fetched.retry_after, pace, draw)
    state = conclusion.state.model_copy(
        update={
            "outcome": conclusion.outcome.value,
            "polled_at": now,
            "next_due_at": now + timedelta(seconds=then.after),
            "next_due_reason": then.reason,
        }
    )
    return Conclusion(
        conclusion.outcome,
        state,
        then.after,
        conclusion.seen,
        conclusion.entries,
        conclusion.passed,
        conclusion.detail,
    )
