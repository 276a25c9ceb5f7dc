"""How many messages a minute an endpoint is sent."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier.allowance import allowance, spent
from shared.models.endpoint import EndpointState
from tests.factories import NOON, after

RATES = st.integers(1, 60_000)


def sent_greedily(per_minute: int, minutes: int) -> list[datetime]:
    """When messages go if there is always another one."""
    state, now, times = EndpointState(), NOON, list[datetime]()
    while now < after(60 * minutes):
        if wait := allowance(state, per_minute, now):
            now += timedelta(seconds=wait)
        else:
            state = spent(state, per_minute, now)
            times.append(now)
    return times


@pytest.mark.parametrize(("per_minute", "burst"), [(1, 4), (10, 4), (60, 10), (600, 100)])
def test_after_a_pause_a_burst_goes_at_once_and_then_one_by_one(per_minute: int, burst: int) -> None:
    times = sent_greedily(per_minute, 2)
    assert times.count(NOON) == burst
    gap = 60 / per_minute
    assert times[burst : burst + 3] == [after(gap), after(2 * gap), after(3 * gap)][: len(times) - burst]


@given(st.integers(1, 600))
@settings(deadline=None)
def test_no_minute_has_more_than_the_rate_and_one_burst(per_minute: int) -> None:
    times = sent_greedily(per_minute, 2)
    burst = max(4, per_minute // 6)
    assert all(
        later - time >= timedelta(minutes=1) for time, later in zip(times, times[per_minute + burst :], strict=False)
    )


@given(RATES, RATES, st.integers(0, 200), st.integers(-3600, 3600))
def test_the_wait_is_one_gap_at_most_even_if_the_rate_or_the_clock_was_another(
    before: int, now: int, many: int, seconds: int
) -> None:
    state = EndpointState()
    for _ in range(many):
        state = spent(state, before, NOON)
    assert 0 <= allowance(state, now, after(seconds)) <= 60 / now + 1e-6


@given(RATES)
def test_after_the_wait_it_goes(per_minute: int) -> None:
    state = EndpointState()
    while not (wait := allowance(state, per_minute, NOON)):
        state = spent(state, per_minute, NOON)
    assert allowance(state, per_minute, after(wait)) == 0
