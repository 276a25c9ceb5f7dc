"""When a feed is polled next."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.schedule import (
    RETRY_AFTER_CAP_SECONDS,
    Habits,
    Next,
    Pace,
    Setback,
    next_regular,
    next_try,
)
from shared.models.feed import Outcome

PACE = Pace(least=300, most=3600, jitter=0.1, backoff=60, backoff_cap=21_600)
DRAWS = st.floats(0, 1, exclude_max=True)
FAILED = st.sampled_from([outcome for outcome in Outcome if not outcome.succeeded])


def test_after_a_success_the_interval_passes_give_or_take_the_jitter() -> None:
    assert next_regular(Habits(), PACE, 0.5) == Next(300, "least")
    assert next_regular(Habits(), PACE, 0.0).after == pytest.approx(270)
    assert next_regular(Habits(), PACE, 0.999999).after == pytest.approx(330, abs=0.001)


@pytest.mark.parametrize(
    ("habits", "then"),
    [
        (Habits(gap=60), Next(300, "least")),
        (Habits(gap=4000), Next(1000, "rhythm")),
        (Habits(gap=4000, age=40_000), Next(2000, "silence")),
        (Habits(gap=4000, age=40_000, floor=3000), Next(3000, "publisher")),
        (Habits(gap=1e6), Next(3600, "most")),
        (Habits(floor=1e6), Next(3600, "most")),
    ],
)
def test_a_feed_is_polled_by_its_rhythm_its_silence_or_its_publishers_wish(habits: Habits, then: Next) -> None:
    assert next_regular(habits, PACE, 0.5) == then


def test_a_fixed_interval_overrules_all_habits() -> None:
    assert next_regular(Habits(gap=1e6, floor=1e6), replace(PACE, fixed=42), 0.5) == Next(42, "fixed")


def test_a_feed_that_is_parked_or_forlorn_is_looked_at_once_a_day() -> None:
    for setback in (Setback(3, parked=True), Setback(40, seconds=8 * 86_400)):
        assert next_try(Outcome.GONE, setback, PACE, 0.5) == Next(86_400, "daily_probe")


@given(st.none() | st.floats(0, 1e9), st.none() | st.floats(0, 1e9), st.floats(0, 1e9), DRAWS)
def test_a_healthy_feed_is_never_polled_too_often_nor_forgotten(
    gap: float | None, age: float | None, floor: float, draw: float
) -> None:
    then = next_regular(Habits(gap, age, floor), PACE, draw)
    assert 0.9 * PACE.least <= then.after <= 1.1 * PACE.most


def test_the_wait_doubles_with_each_failure_up_to_the_cap() -> None:
    waits = [
        next_try(Outcome.SERVER_ERROR, Setback(failures, retry_after=None), PACE, 0.999999).after
        for failures in range(1, 15)
    ]
    assert waits[:4] == pytest.approx([60, 120, 240, 480], rel=1e-5)
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(21_600, rel=1e-5)
    assert next_try(Outcome.SERVER_ERROR, Setback(10_000, retry_after=None), PACE, 0.5).after <= 21_600


def test_a_failure_of_dns_weighs_less_and_a_wrong_address_more() -> None:
    dns, usual, wrong = (
        next_try(outcome, Setback(1, retry_after=None), PACE, 0.5).after
        for outcome in (Outcome.DNS_ERROR, Outcome.TIMEOUT, Outcome.BAD_URL)
    )
    assert (dns, usual, wrong) == (usual / 2, usual, usual * 2)


def test_a_server_that_asks_for_time_gets_it_but_not_more_than_a_day() -> None:
    assert next_try(Outcome.THROTTLED, Setback(1, retry_after=1800), PACE, 0.0) == Next(1800, "retry_after")
    assert next_try(Outcome.THROTTLED, Setback(1, retry_after=10**9), PACE, 0.0) == Next(
        RETRY_AFTER_CAP_SECONDS, "retry_after"
    )
    assert 1800 < next_try(Outcome.THROTTLED, Setback(1, retry_after=1800), PACE, 0.9).after < 1830


def test_a_server_that_asks_for_no_time_gets_ours() -> None:
    assert next_try(Outcome.SERVER_ERROR, Setback(5, retry_after=0), PACE, 0.5) == next_try(
        Outcome.SERVER_ERROR, Setback(5, retry_after=None), PACE, 0.5
    )


@given(FAILED, st.integers(1, 1000), st.none() | st.floats(0, 1e9), DRAWS)
def test_a_failed_feed_always_comes_back_and_never_at_once(
    outcome: Outcome, failures: int, asked: float | None, draw: float
) -> None:
    then = next_try(outcome, Setback(failures, retry_after=asked), PACE, draw)
    assert 60 * 0.25 * 0.25 <= then.after <= RETRY_AFTER_CAP_SECONDS + PACE.jitter * PACE.least
    assert then.after >= min(asked or 0, RETRY_AFTER_CAP_SECONDS)
