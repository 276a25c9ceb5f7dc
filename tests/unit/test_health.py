"""How a feed is doing, and what that means for it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.health import GONE_OVER, GONE_TIMES, MOVED_OVER, MOVED_TIMES, Poll, adopted, after
from services.poller.outcome import Fetched, Redirect
from shared.models.feed import FeedHealth, FeedState, Outcome
from tests.factories import NOON, feed_state

HERE, THERE = "https://news.example/rss", "https://news.example/feed"
MOVED = Fetched(200, url=THERE, redirects=(Redirect(301, THERE),))


def polled(state: FeedState, outcome: Outcome, hours: float = 0, fetched: Fetched | None = None) -> FeedState:
    return after(state, Poll(outcome, fetched or Fetched(200, url=HERE), NOON + timedelta(hours=hours)))


def often(state: FeedState, outcome: Outcome, times: int, over: timedelta, fetched: Fetched | None = None) -> FeedState:
    for n in range(times):
        state = polled(state, outcome, n * over.total_seconds() / 3600 / (times - 1), fetched)
    return state


def test_one_failure_is_weather_and_two_are_failing() -> None:
    once = polled(FeedState(), Outcome.TIMEOUT)
    assert once.health is FeedHealth.HEALTHY
    twice = polled(once, Outcome.SERVER_ERROR, 1)
    assert (twice.health, twice.health_reason) == (FeedHealth.FAILING, "2 failures in a row, the last: server_error")
    assert (twice.failing_since, twice.health_since) == (NOON, NOON + timedelta(hours=1))
    well = polled(twice, Outcome.UNCHANGED, 2)
    assert (well.health, well.failures, well.failing_since) == (FeedHealth.HEALTHY, 0, None)


def test_gone_is_believed_after_three_times_over_a_day() -> None:
    assert often(FeedState(), Outcome.GONE, GONE_TIMES, GONE_OVER).health is FeedHealth.DISABLED
    assert often(FeedState(), Outcome.GONE, GONE_TIMES, GONE_OVER / 2).health is FeedHealth.FAILING
    assert often(FeedState(), Outcome.GONE, GONE_TIMES - 1, GONE_OVER).health is FeedHealth.FAILING


def test_a_feed_that_was_gone_and_answers_again_is_polled_again() -> None:
    gone = often(FeedState(), Outcome.GONE, GONE_TIMES, GONE_OVER)
    back = polled(gone, Outcome.NEW, 48)
    assert (back.health, back.gone_times, back.gone_since) == (FeedHealth.HEALTHY, 0, None)


def test_polls_that_never_end_quarantine_the_feed() -> None:
    state = after(FeedState(), Poll(Outcome.LEASE_EXPIRED, Fetched(), NOON, expiries=3))
    assert (state.health, state.failures) == (FeedHealth.QUARANTINED, 3)


@pytest.mark.parametrize(
    ("outcome", "fetched", "reason"),
    [
        (Outcome.THROTTLED, Fetched(429), "the server asks for fewer requests"),
        (Outcome.NEW, Fetched(200, url=HERE, seconds=12), "the last answer took 12 s"),
    ],
)
def test_a_feed_that_answers_seldom_or_slowly_is_slow(outcome: Outcome, fetched: Fetched, reason: str) -> None:
    state = polled(FeedState(), outcome, fetched=fetched)
    assert (state.health, state.health_reason) == (FeedHealth.SLOW, reason)


def test_a_storm_is_no_feeds_fault() -> None:
    before = feed_state(failures=1, failing_since=NOON)
    for outcome in (Outcome.DNS_ERROR, Outcome.CONNECT_ERROR):
        assert after(before, Poll(outcome, Fetched(), NOON, storm=True)) == before


def test_a_permanent_redirect_is_adopted_after_five_times_over_a_day() -> None:
    moved = often(FeedState(), Outcome.NEW, MOVED_TIMES, MOVED_OVER, MOVED)
    assert adopted(moved, NOON + MOVED_OVER) == THERE
    assert adopted(moved, NOON + MOVED_OVER / 2) is None
    assert adopted(often(FeedState(), Outcome.NEW, MOVED_TIMES - 1, MOVED_OVER, MOVED), NOON + MOVED_OVER) is None


@pytest.mark.parametrize(
    "other",
    [
        Fetched(200, url=HERE),
        Fetched(200, url=THERE, redirects=(Redirect(302, THERE),)),
        Fetched(200, url=HERE, redirects=(Redirect(301, THERE), Redirect(307, HERE))),
    ],
)
def test_an_answer_without_the_redirect_begins_the_count_anew(other: Fetched) -> None:
    moved = often(FeedState(), Outcome.NEW, MOVED_TIMES, MOVED_OVER, MOVED)
    assert polled(moved, Outcome.NEW, 25, other).moved_times == 0


def test_a_feed_that_fails_at_its_adopted_address_is_asked_at_the_configured_one() -> None:
    moved = feed_state(adopted_url=THERE, failures=1)
    assert polled(moved, Outcome.NOT_FOUND).adopted_url is None


@given(st.lists(st.sampled_from(list(Outcome)), max_size=30))
def test_whatever_happened_a_success_makes_the_feed_well(outcomes: list[Outcome]) -> None:
    state = FeedState()
    for hours, outcome in enumerate(outcomes):
        state = polled(state, outcome, hours)
    assert polled(state, Outcome.NEW, len(outcomes)).health is FeedHealth.HEALTHY
