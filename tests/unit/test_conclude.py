"""What follows from one poll."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.conclude import (
    Conclusion,
    Known,
    Limits,
    body_hash,
    conclude_expired,
    conclude_read,
    conclude_unread,
)
from services.poller.identity import SeenWindow
from services.poller.outcome import Fetched, Outcome
from services.poller.parse import Document, Item, ParsePath
from services.poller.schedule import Pace
from shared.models.feed import Feed, FeedState
from tests.factories import NOON, after, feed, feed_state

PACE = Pace(interval=300, jitter=0, backoff=60, backoff_cap=21_600)
LIMITS = Limits(seed_max_age_seconds=86_400, seed_max_entries=20, max_entries=100)
FETCHED = Fetched(status=200, body=b"<rss/>", url="https://news.example/rss", etag='"new"', last_modified="today")
NO_ANSWER = Fetched()
NEW_FEED = Known(feed(), FeedState(), SeenWindow({}))


def item(title: str, *, ago: float | None = 60) -> Item:
    published = NOON - timedelta(seconds=ago) if ago is not None else None
    return Item(guid=title, url=f"https://news.example/{title}", title=title, summary="", published=published)


def items(n: int, *, ago: float = 60) -> list[Item]:
    """Newest first, a second apart."""
    return [item(f"n{number:03}", ago=ago + number) for number in range(n)]


def read(known: Known, *listed: Item, limits: Limits = LIMITS, fetched: Fetched = FETCHED) -> Conclusion:
    return conclude_read(known, Document(listed, ParsePath.FAST), fetched, limits, PACE, NOON, 0.5)


def unread(state: FeedState, outcome: Outcome, fetched: Fetched = NO_ANSWER) -> Conclusion:
    return conclude_unread(replace(NEW_FEED, state=state), outcome, fetched, PACE, NOON, 0.5)


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
    (entry,) = conclude_read(known, document, FETCHED, LIMITS, PACE, NOON, 0.5).entries
    assert entry.language == language


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
    assert (done.outcome, done.detail, done.seen) == (outcome, "HTTP 500", None)
    learnt = {"etag", "last_modified", "body_hash", "seeded", "changed_at"}
    assert done.state.model_dump(include=learnt) == before.model_dump(include=learnt)
    assert done.state.failures == 3


def test_each_poll_that_never_ended_is_a_failure() -> None:
    done = conclude_expired(replace(NEW_FEED, state=feed_state(failures=3, etag='"e"')), 3, PACE, NOON, 0.5)
    assert (done.outcome, done.state.failures, done.state.etag) == (Outcome.LEASE_EXPIRED, 6, '"e"')
    assert done.next_after > conclude_expired(NEW_FEED, 3, PACE, NOON, 0.5).next_after
    assert "3 polls" in done.detail


def test_a_conclusion_says_when_and_why_to_come_back() -> None:
    done = read(SEEDED)
    assert (done.next_after, done.state.next_due_at, done.state.next_due_reason) == (300, after(300), "interval")
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
