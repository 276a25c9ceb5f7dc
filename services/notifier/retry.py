"""When a failed delivery is tried again (pure)."""

from datetime import datetime, timedelta

# News decays: eight tries over some eighteen hours, the first soon. ±20 % so that endpoints do not fall into step.
GAPS_SECONDS = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 18000.0, 36000.0)
SPREAD = 0.2
RETRY_AFTER_CAP_SECONDS = 3600.0


def retry_gap(failures: int, retry_after: float | None, scale: float, draw: float) -> float | None:
    """Seconds until the next try, or None to give up.

    Args:
        failures: failed tries so far, at least 1.
        retry_after: seconds that the receiver asked for, if it did.
        scale: multiplies the gaps of our own (tests, demo).
        draw: a uniform random number in [0, 1).
    """
    if failures > len(GAPS_SECONDS):
        return None
    gap = GAPS_SECONDS[failures - 1] * scale * (1 + SPREAD * (2 * draw - 1))
    return gap if retry_after is None else max(gap, min(retry_after, RETRY_AFTER_CAP_SECONDS))


def too_late(first_failed_at: datetime | None, now: datetime, max_age_seconds: float) -> bool:
    """Whether a delivery that has failed since then is no longer news."""
    return first_failed_at is not None and now - first_failed_at > timedelta(seconds=max_age_seconds)
