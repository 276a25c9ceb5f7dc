"""When a failed delivery is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.retry import GAPS_SECONDS, RETRY_AFTER_CAP_SECONDS, retry_gap, too_late
from tests.factories import NOON, after

FAILURES = st.integers(1, len(GAPS_SECONDS))
DRAWS = st.floats(0, 1, exclude_max=True)


def test_the_gaps_grow_from_five_seconds_to_ten_hours_and_then_end() -> None:
    gaps = [retry_gap(failures, None, 1.0, 0.5) for failures in range(1, 10)]
    assert gaps == [5, 30, 120, 600, 1800, 7200, 18000, 36000, None]


@given(FAILURES, DRAWS)
def test_a_gap_is_spread_by_a_fifth(failures: int, draw: float) -> None:
    gap = retry_gap(failures, None, 1.0, draw)
    assert gap is not None
    assert 0.8 * GAPS_SECONDS[failures - 1] <= gap <= 1.2 * GAPS_SECONDS[failures - 1]


@given(FAILURES, DRAWS, st.floats(0, 1e9))
def test_retry_after_makes_a_gap_longer_never_shorter_and_by_an_hour_at_most(
    failures: int, draw: float, asked: float
) -> None:
    gap, usual = retry_gap(failures, asked, 1.0, draw), retry_gap(failures, None, 1.0, draw)
    assert gap is not None
    assert usual is not None
    assert gap == max(usual, min(asked, RETRY_AFTER_CAP_SECONDS))


def test_retry_after_does_not_buy_another_attempt() -> None:
    assert retry_gap(9, 60, 1.0, 0.5) is None


def test_the_scale_shortens_our_own_gaps_only() -> None:
    assert retry_gap(1, None, 0.01, 0.5) == pytest.approx(0.05)
    assert retry_gap(1, 60, 0.01, 0.5) == 60


def test_a_delivery_is_too_late_after_its_age() -> None:
    assert not too_late(None, NOON, 10)
    assert not too_late(NOON, after(10), 10)
    assert too_late(NOON, after(10.1), 10)
