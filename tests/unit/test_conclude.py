"""What follows from one poll."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.conclude import (
    Around,
    Conclusion,
    Known,
    Limits,
    body_hash,
    conclude_expired,
    conclude_read,
    conclude_unread,
    wants_whole,
)
from services.poller.identity import SeenWindow
from services.poller.outcome import Fetched, Redirect
from services.poller.parse import Document, Item
from services.poller.schedule import Pace
from shared.models.feed import Feed, FeedHealth, FeedState, Outcome, ParsePath
from tests.factories import NOON, after, feed, feed_state

PACE = Pace(least=300, most=3600, jitter=0, backoff=60, backoff_cap=21_600)
LIMITS = Limits(seed_max_age_seconds=86_400, seed_max_entries=20, max_entries=100)
UNFETCHED = Fetched()
AROUND = Around(now=NOON, draw=0.5, pace=PACE, limits=LIMITS)
FETCHED = Fetched(status=200, body=b"<rss/>", url="https://news.example/rss", etag='"new"', last_modified="today")
NEW_FEED = Known(feed(), FeedState(), SeenWindow({}))


def item(title: str, *, ago: float | None = 60) -> Item:
    published = NOON - timedelta(seconds=ago) if ago is not None else None
    return Item(guid=title, url=f"https://news.example/{title}", title=title, summary="", published=published)


def items(n: int, *, ago: float = 60) -> list[Item]:
    """Newest first, a second apart."""
    return [item(f"n{number:03}", ago=ago + number) for number in range(n)]


def read(known: Known, *listed: Item, limits: Limits = LIMITS, fetched: Fetched = FETCHED) -> Conclusion:
    return conclude_read(known, Document(listed, ParsePath.FAST), fetched, replace(AROUND, limits=limits))


def unread(state: FeedState, outcome: Outcome, fetched: Fetched = UNFETCHED) -> Conclusion:
    return conclude_unread(replace(NEW_FEED, state=state), outcome, fetched, AROUND)


def later(conclusion: Conclusion, of: Feed | None = None) -> Known:
    """The feed as the next poll finds it."""
    assert conclusion.seen is not None
    return Known(of or feed(), conclusion.state, conclusion.seen)


def titles(conclusion: Conclusion) -> list[str]:
    return [entry.title for entry in conclusion.entries]


SEEDED = later(read(NEW_FEED))


# The first poll


def test_the_first_poll_lets_at_most_twenty_through_the_youngest_oldest_first() -> None:
    done = read(NEW_FEED, *items(50))
    assert done.outcome is Outcome.SEEDED
    assert titles(done) == [f"n{number:03}" for number in reversed(range(20))]
    assert done.passed == 30


def test_the_youngest_count_wherever_they_stand() -> None:
    done = read(NEW_FEED, *reversed(items(50)))
    assert set(titles(done)) == {f"n{number:03}" for number in range(20)}


@pytest.mark.parametrize(("ago", "passes"), [(86_400, True), (86_401, False), (None, False), (-3600, True)])
def test_the_first_poll_lets_through_what_is_dated_within_a_day(ago: float | None, passes: bool) -> None:
    assert bool(read(NEW_FEED, item("a", ago=ago)).entries) is passes


def test_what_the_first_poll_did_not_let_through_is_not_new_later() -> None:
    listed = [*items(30), item("undated", ago=None), item("old", ago=90_000)]
    again = read(later(read(NEW_FEED, *listed)), item("new"), *listed)
    assert titles(again) == ["new"]


def test_a_first_poll_of_any_length_leaves_nothing_for_the_next() -> None:
    listed = items(1000)
    first = read(NEW_FEED, *listed)
    assert first.state.etag == '"new"'
    assert read(later(first), *listed).outcome is Outcome.NOTHING_NEW


def test_an_empty_feed_is_seeded_and_its_first_entry_is_new() -> None:
    assert titles(read(SEEDED, item("undated", ago=None))) == ["undated"]


# Later polls


def test_what_was_not_listed_before_is_new_oldest_first() -> None:
    known = later(read(NEW_FEED, *items(3)))
    done = read(known, item("b"), item("a"), *items(3))
    assert (done.outcome, titles(done), done.passed) == (Outcome.NEW, ["a", "b"], 0)
    assert done.state.changed_at == NOON


def test_when_nothing_is_new_the_time_of_the_last_change_stays() -> None:
    known = replace(SEEDED, state=feed_state(seeded=True, changed_at=after(-500), failures=4))
    done = read(known)
    assert (done.outcome, done.state.changed_at, done.state.failures) == (Outcome.NOTHING_NEW, after(-500), 0)


def test_an_item_listed_twice_is_one_entry() -> None:
    assert titles(read(SEEDED, item("a"), item("a"))) == ["a"]


def test_the_rest_of_an_overflow_comes_with_the_next_polls_and_nothing_may_say_unchanged_meanwhile() -> None:
    few, listed = replace(LIMITS, max_entries=2), items(5)
    known, found, etags, hashes = SEEDED, list[str](), list[str | None](), list[str | None]()
    for _ in range(4):
        done = read(known, *listed, limits=few)
        known = later(done)
        found += titles(done)
        etags.append(done.state.etag)
        hashes.append(done.state.body_hash)
    assert sorted(found) == [f"n{number:03}" for number in range(5)]
    assert etags == [None, None, '"new"', '"new"']
    assert hashes == [None, None, *[body_hash(FETCHED.body)] * 2]


def test_a_document_brings_its_own_validators_and_takes_the_old_ones_away() -> None:
    known = replace(SEEDED, state=feed_state(seeded=True, etag='"old"', last_modified="yesterday", body_hash="x"))
    done = read(known, fetched=replace(FETCHED, etag=None))
    assert (done.state.etag, done.state.last_modified) == (None, "today")
    assert done.state.body_hash == body_hash(FETCHED.body)


def test_a_date_in_the_future_is_now() -> None:
    (entry,) = read(SEEDED, item("a", ago=-3600)).entries
    assert (entry.published, entry.seen_at) == (NOON, NOON)


def test_an_entry_carries_what_is_known_of_its_feed() -> None:
    of = feed(owner="Owner", country="UA", tier=1, language="uk")
    (entry,) = read(replace(SEEDED, feed=of), item("a")).entries
    told = (entry.feed_id, entry.source, entry.feed_name, entry.country, entry.tier, entry.language)
    assert told == (of.id, "Owner", "Example News", "UA", 1, "uk")
    assert (entry.guid, entry.url, entry.published) == ("a", "https://news.example/a", after(-60))


@pytest.mark.parametrize(
    ("configured", "stated", "language"), [("uk", "ru", "uk"), (None, "ru", "ru"), (None, None, None)]
)
def test_the_language_is_the_configured_one_or_else_the_stated_one(
    configured: str | None, stated: str | None, language: str | None
) -> None:
    document = Document((item("a"),), ParsePath.FAST, language=stated)
    known = replace(SEEDED, feed=feed(language=configured))
    (entry,) = conclude_read(known, document, FETCHED, AROUND).entries
    assert entry.language == language


def test_an_item_that_says_nothing_is_no_entry() -> None:
    blank = Item(guid=None, url=None, title="", summary="", published=NOON)
    assert titles(read(SEEDED, blank, item("a"))) == ["a"]


# Without a document


def test_304_keeps_the_validators_and_takes_new_ones() -> None:
    before = feed_state(seeded=True, etag='"old"', last_modified="yesterday", body_hash="x", failures=2)
    kept = unread(before, Outcome.UNCHANGED, Fetched(304)).state
    assert (kept.etag, kept.last_modified, kept.body_hash, kept.failures) == ('"old"', "yesterday", "x", 0)
    taken = unread(before, Outcome.UNCHANGED, Fetched(304, etag='"new"')).state
    assert (taken.etag, taken.last_modified) == ('"new"', "yesterday")


def test_the_bytes_known_already_bring_new_validators() -> None:
    done = unread(feed_state(seeded=True, etag='"old"', body_hash="x"), Outcome.SAME_BODY, Fetched(200, etag='"new"'))
    assert (done.state.etag, done.state.body_hash, done.seen, done.entries) == ('"new"', "x", None, ())


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if not outcome.succeeded])
def test_a_failure_is_counted_and_changes_nothing_that_was_learnt(outcome: Outcome) -> None:
    before = feed_state(seeded=True, etag='"old"', last_modified="yesterday", body_hash="x", failures=2)
    done = unread(before, outcome, Fetched(500, etag='"of an error page"', detail="HTTP 500"))
    assert (done.outcome, done.record.detail, done.seen) == (outcome, "HTTP 500", None)
    learnt = {"etag", "last_modified", "body_hash", "seeded", "changed_at"}
    assert done.state.model_dump(include=learnt) == before.model_dump(include=learnt)
    assert done.state.failures == 3


def test_each_poll_that_never_ended_is_a_failure() -> None:
    around = replace(AROUND, expiries=2)
    done = conclude_expired(replace(NEW_FEED, state=feed_state(failures=3, etag='"e"')), around)
    assert (done.outcome, done.state.failures, done.state.etag) == (Outcome.LEASE_EXPIRED, 5, '"e"')
    assert done.next_after > conclude_expired(NEW_FEED, around).next_after
    assert "2 polls" in done.record.detail


def test_a_conclusion_says_when_and_why_to_come_back() -> None:
    done = read(SEEDED)
    assert (done.next_after, done.state.next_due_at, done.state.next_due_reason) == (300, after(300), "least")
    assert (done.state.outcome, done.state.polled_at) == ("nothing_new", NOON)
    asked = unread(FeedState(), Outcome.THROTTLED, Fetched(429, retry_after=1800.0))
    assert (asked.next_after, asked.state.next_due_reason) == (1800, "retry_after")


# Whatever a feed lists

LISTINGS = st.lists(st.lists(st.integers(0, 15), max_size=12), min_size=1, max_size=8)


@given(LISTINGS, st.integers(1, 5))
def test_each_item_is_an_entry_once_and_the_last_listing_is_told_in_the_end(
    listings: list[list[int]], most: int
) -> None:
    known, limits, told = SEEDED, replace(LIMITS, max_entries=most), list[str]()
    for listing in [*listings, *[listings[-1]] * 12]:
        done = read(known, *[item(f"t{number}") for number in listing], limits=limits)
        assert len(done.entries) <= most
        told += titles(done)
        known = later(done)
    assert len(told) == len(set(told))
    assert {f"t{number}" for number in listings[-1]} <= set(told)


@given(st.lists(st.tuples(st.integers(0, 40), st.none() | st.integers(-200_000, 200_000)), max_size=40))
def test_no_first_poll_floods(listed: list[tuple[int, int | None]]) -> None:
    done = read(NEW_FEED, *[item(f"t{number}", ago=ago) for number, ago in listed])
    assert len(done.entries) <= 20
    oldest: datetime = NOON - timedelta(days=1)
    assert all(entry.published and oldest <= entry.published <= NOON for entry in done.entries)


# A feed that changes its names, not its news


def renamed(listed: list[Item]) -> list[Item]:
    """As after a move to another publishing system: new guids, new addresses."""
    return [replace(each, guid=f"new-{each.guid}", url=f"https://news.example/new/{each.guid}") for each in listed]


def test_an_identity_break_is_marked_as_seen_and_not_told() -> None:
    listed = items(30, ago=200_000)
    known = later(read(NEW_FEED, *listed))
    done = read(known, *renamed(listed))
    assert (done.outcome, done.entries, done.passed) == (Outcome.IDENTITY_BREAK, (), 30)
    assert read(later(done), *renamed(listed)).outcome is Outcome.NOTHING_NEW


def test_an_identity_break_of_more_than_one_poll_may_tell_is_one_all_the_same() -> None:
    listed = items(30, ago=200_000)
    few = replace(LIMITS, max_entries=10)
    done = read(later(read(NEW_FEED, *listed)), *renamed(listed), limits=few)
    assert (done.outcome, done.passed, done.state.etag) == (Outcome.IDENTITY_BREAK, 30, '"new"')
    assert not read(later(done), *renamed(listed), limits=few).entries


def test_what_is_young_goes_on_even_at_an_identity_break() -> None:
    listed = items(30, ago=200_000)
    done = read(later(read(NEW_FEED, *listed)), item("young"), *renamed(listed))
    assert (done.outcome, titles(done)) == (Outcome.IDENTITY_BREAK, ["young"])


@pytest.mark.parametrize("ago", [0, 60])
def test_a_feed_that_is_new_as_a_whole_and_no_older_than_before_is_news(ago: float) -> None:
    """A busy feed after a night without polls; or one that dates by the day."""
    known = later(read(NEW_FEED, item("before")))
    assert len(read(known, *[item(f"n{number}", ago=ago) for number in range(10)]).entries) == 10


# Changed entries


def test_a_changed_entry_is_told_at_most_three_times_each_under_an_id_of_its_own() -> None:
    known, told = later(read(SEEDED, item("a"))), list[tuple[str, int]]()
    for version in range(1, 7):
        for _ in range(2):
            done = read(known, replace(item("a"), title=f"a, version {version}"))
            known = later(done)
            told += [(entry.title, entry.change) for entry in done.entries]
    assert told == [(f"a, version {n}", n) for n in (1, 2, 3)]


def test_an_entry_that_goes_back_to_what_it_said_is_not_told_again() -> None:
    first = read(SEEDED, item("a"))
    second = read(later(first), replace(item("a"), title="b"))
    assert not read(later(second), item("a")).entries
    assert len({entry.id for done in (first, second) for entry in done.entries}) == 2


# Moved for good

THERE = "https://moved.example/rss"
FOLLOWED = replace(FETCHED, url=THERE, redirects=(Redirect(301, THERE),))
MOVED = {"seeded": True, "moved_to": THERE, "moved_times": 5, "moved_since": after(-90_000)}


def told_often_to_move() -> Known:
    known = later(read(SEEDED, item("a")))
    return replace(known, state=known.state.model_copy(update=MOVED))


def test_a_permanent_redirect_is_adopted_if_the_target_lists_what_is_known() -> None:
    assert read(told_often_to_move(), item("a"), fetched=FOLLOWED).state.adopted_url == THERE
    assert read(told_often_to_move(), item("other"), fetched=FOLLOWED).state.adopted_url is None
    assert read(told_often_to_move(), fetched=FOLLOWED).state.adopted_url is None


def test_a_publisher_who_takes_the_redirect_back_is_believed() -> None:
    state = read(told_often_to_move(), item("a")).state
    assert (state.adopted_url, state.moved_to, state.moved_times) == (None, None, 0)


# The publisher's wishes


def test_ttl_and_max_age_are_floors_and_hold_on_304_too() -> None:
    document = Document((), ParsePath.FAST, ttl_seconds=900)
    first = conclude_read(SEEDED, document, FETCHED, AROUND)
    assert (first.next_after, first.record.next_reason) == (900, "publisher")
    same = unread(first.state, Outcome.UNCHANGED, Fetched(304))
    assert (same.next_after, same.record.next_reason) == (900, "publisher")
    asked = unread(first.state, Outcome.UNCHANGED, Fetched(304, fresh=1800))
    assert (asked.next_after, asked.record.next_reason) == (1800, "publisher")


def test_a_failure_of_a_poll_does_not_wait_for_the_publisher() -> None:
    failed = unread(feed_state(seeded=True, floor_seconds=3000), Outcome.SERVER_ERROR, Fetched(500))
    assert failed.record.next_reason == "backoff"


# Servers that say 304 for ever


@pytest.mark.parametrize(
    ("read_ago", "changed_ago", "gap", "whole"),
    [
        (90_000, 90_000, 3600, True),
        (80_000, 90_000, 3600, False),  # read within the day
        (90_000, 90_000, 36_000, False),  # it publishes so seldom
        (90_000, 200_000, 36_000, True),
        (90_000, None, None, True),  # of undated entries no gap is known
        (None, None, None, False),
    ],
)
def test_a_whole_document_is_asked_for_once_a_day_if_304s_outlast_three_gaps(
    read_ago: float | None, changed_ago: float | None, gap: float | None, whole: bool
) -> None:
    read_at = after(-read_ago) if read_ago else None
    changed_at = after(-changed_ago) if changed_ago else None
    state = feed_state(seeded=True, read_at=read_at, changed_at=changed_at, gap_seconds=gap)
    assert wants_whole(state, NOON) is whole


def test_the_bytes_known_already_are_a_whole_document_and_304_is_not() -> None:
    before = feed_state(seeded=True, read_at=after(-90_000), gap_seconds=60)
    assert not wants_whole(unread(before, Outcome.SAME_BODY, Fetched(200)).state, NOON)
    assert wants_whole(unread(before, Outcome.UNCHANGED, Fetched(304)).state, NOON)


# What hubs push

PUSH = Fetched(status=200, body=b"<rss/>", url="https://news.example/rss", pushed=True)
LEARNT = {
    "seeded": True,
    "etag": '"old"',
    "last_modified": "yesterday",
    "body_hash": "x",
    "read_at": after(-50),
    "gap_seconds": 77.0,
    "floor_seconds": 400.0,
    "moved_to": THERE,
    "moved_times": 3,
    "moved_since": after(-50),
}


def test_a_push_brings_entries_and_leaves_what_fetches_taught() -> None:
    done = read(replace(SEEDED, state=feed_state(**LEARNT)), item("a"), fetched=PUSH)
    assert (done.outcome, titles(done)) == (Outcome.NEW, ["a"])
    assert done.state.model_dump(include=set(LEARNT)) == LEARNT


def test_the_rest_of_a_push_that_is_too_much_comes_with_a_whole_fetch() -> None:
    few, listed = replace(LIMITS, max_entries=2), items(3)
    pushed = read(replace(SEEDED, state=feed_state(**LEARNT)), *listed, limits=few, fetched=PUSH)
    forgotten: dict[str, object] = {"etag": None, "last_modified": None, "body_hash": None}
    assert pushed.state.model_dump(include=set(LEARNT)) == LEARNT | forgotten
    assert sorted(titles(pushed) + titles(read(later(pushed), *listed))) == ["n000", "n001", "n002"]


# Polls that never end


def test_a_feed_is_tried_again_soon_the_first_time_its_polls_never_end_and_then_once_a_day() -> None:
    """Pollers die of other things, too: whoever was in their hands three times in a row need not be to blame."""
    around = replace(AROUND, expiries=3)
    first = conclude_expired(SEEDED, around)
    assert (first.state.health, first.next_after < 600) == (FeedHealth.QUARANTINED, True)
    second = conclude_expired(replace(SEEDED, state=first.state), around)
    assert (second.state.health, second.record.next_reason) == (FeedHealth.QUARANTINED, "daily_probe")
