"""When a failed delivery is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.retry import GAPS_SECONDS, HALFWAY, retry_gap, too_late
from tests.factories import NOON, after

FAILURES = st.integers(1, len(GAPS_SECONDS))
DRAWS = st.floats(0, 1, exclude_max=True)


def test_the_gaps_grow_from_five_seconds_to_ten_hours_and_then_end() -> None:
    gaps = [retry_gap(failures, 1.0, 0.5) for failures in range(1, 10)]
    assert gaps == [5, 30, 120, 600, 1800, 7200, 18000, 36000, None]
    assert len(GAPS_SECONDS) / 2 == HALFWAY


@given(FAILURES, DRAWS)
def test_a_gap_is_spread_by_a_fifth(failures: int, draw: float) -> None:
    gap = retry_gap(failures, 1.0, draw)
    assert gap is not None
    assert 0.8 * GAPS_SECONDS[failures - 1] <= gap <= 1.2 * GAPS_SECONDS[failures - 1]


@given(FAILURES, DRAWS, st.floats(0.001, 10))
def test_the_scale_multiplies_each_gap_and_buys_no_try(failures: int, draw: float, scale: float) -> None:
    gap = retry_gap(failures, 1.0, draw)
    assert gap is not None
    assert retry_gap(failures, scale, draw) == pytest.approx(gap * scale)
    assert retry_gap(len(GAPS_SECONDS) + 1, scale, draw) is None


def test_a_delivery_is_too_late_after_its_age() -> None:
    assert not too_late(NOON, NOON, 10)
    assert not too_late(NOON, after(10), 10)
    assert too_late(NOON, after(10.1), 10)


def test_time_in_which_nothing_could_be_sent_makes_nothing_later() -> None:
    held = [(after(2), after(7)), (after(5), after(8))]
    assert not too_late(NOON, after(16), 10, held)
    assert too_late(NOON, after(16.1), 10, held)
