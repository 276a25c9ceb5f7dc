"""When a feed is polled next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.outcome import Outcome
from services.poller.schedule import RETRY_AFTER_CAP_SECONDS, Next, Pace, next_poll

PACE = Pace(interval=300, jitter=0.1, backoff=60, backoff_cap=21_600)
DRAWS = st.floats(0, 1, exclude_max=True)
FAILED = st.sampled_from([outcome for outcome in Outcome if not outcome.succeeded])


def test_after_a_success_the_interval_passes_give_or_take_the_jitter() -> None:
    assert next_poll(Outcome.NEW, 0, None, PACE, 0.5) == Next(300, "interval")
    assert next_poll(Outcome.NEW, 0, None, PACE, 0.0).after == pytest.approx(270)
    assert next_poll(Outcome.NEW, 0, None, PACE, 0.999999).after == pytest.approx(330, abs=0.001)


def test_the_wait_doubles_with_each_failure_up_to_the_cap() -> None:
    waits = [next_poll(Outcome.SERVER_ERROR, failures, None, PACE, 0.999999).after for failures in range(1, 15)]
    assert waits[:4] == pytest.approx([60, 120, 240, 480], rel=1e-5)
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(21_600, rel=1e-5)
    assert next_poll(Outcome.SERVER_ERROR, 10_000, None, PACE, 0.5).after <= 21_600


def test_a_failure_of_dns_weighs_less_and_a_wrong_address_more() -> None:
    dns, usual, wrong = (
        next_poll(outcome, 1, None, PACE, 0.5).after
        for outcome in (Outcome.DNS_ERROR, Outcome.TIMEOUT, Outcome.BAD_URL)
    )
    assert (dns, usual, wrong) == (usual / 2, usual, usual * 2)


def test_a_server_that_asks_for_time_gets_it_but_not_more_than_a_day() -> None:
    assert next_poll(Outcome.THROTTLED, 1, 1800, PACE, 0.0) == Next(1800, "retry_after")
    assert next_poll(Outcome.THROTTLED, 1, 10**9, PACE, 0.0) == Next(RETRY_AFTER_CAP_SECONDS, "retry_after")
    assert 1800 < next_poll(Outcome.THROTTLED, 1, 1800, PACE, 0.9).after < 1830


def test_a_server_that_asks_for_no_time_gets_ours() -> None:
    assert next_poll(Outcome.SERVER_ERROR, 5, 0, PACE, 0.5) == next_poll(Outcome.SERVER_ERROR, 5, None, PACE, 0.5)


@given(FAILED, st.integers(1, 1000), st.none() | st.floats(0, 1e9), DRAWS)
def test_a_failed_feed_always_comes_back_and_never_at_once(
    outcome: Outcome, failures: int, asked: float | None, draw: float
) -> None:
    then = next_poll(outcome, failures, asked, PACE, draw)
    assert 60 * 0.25 * 0.25 <= then.after <= RETRY_AFTER_CAP_SECONDS + PACE.jitter * PACE.interval
    assert then.after >= min(asked or 0, RETRY_AFTER_CAP_SECONDS)
