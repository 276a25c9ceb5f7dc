"""When a failed delivery is tried again (pure)."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from services.notifier.calendar import Period, age

# News decays: eight tries over some eighteen hours, the first soon. ±20 % so that endpoints do not fall into step.
GAPS_SECONDS = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 18000.0, 36000.0)
# From here on the gaps are so long that other messages come between.
HALFWAY = 4
SPREAD = 0.2


def retry_gap(failures: int, scale: float, draw: float) -> float | None:
    """Seconds until the next try, or None to give up.

    Args:
        failures: failed tries so far, at least 1.
        scale: multiplies the gaps (tests, demo).
        draw: a uniform random number in [0, 1).
    """
    if failures > len(GAPS_SECONDS):
        return None
    return GAPS_SECONDS[failures - 1] * scale * (1 + SPREAD * (2 * draw - 1))


def too_late(first_failed_at: datetime, now: datetime, max_age_seconds: float, held: Iterable[Period] = ()) -> bool:
    """Whether a delivery that has failed since then is no longer news. `held`: when nothing could be sent."""
    return age(first_failed_at, now, held) > timedelta(seconds=max_age_seconds)
