"""When a feed is polled next, and why then (pure)."""

from dataclasses import dataclass

from services.poller.outcome import Outcome

# A temporary DNS failure says little about the feed, a wrong address everything.
_WEIGHTS = {Outcome.DNS_ERROR: 0.25, Outcome.BAD_URL: 1.0, Outcome.ADDRESS_DENIED: 1.0}
_DEFAULT_WEIGHT = 0.5
RETRY_AFTER_CAP_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, from the settings or the feed's own line."""

    interval: float
    jitter: float
    backoff: float
    backoff_cap: float


@dataclass(frozen=True, slots=True)
class Next:
    """`after` seconds from now."""

    after: float
    reason: str


def next_poll(outcome: Outcome, failures: int, retry_after: float | None, pace: Pace, draw: float) -> Next:
    """Decide when to come back.

    Args:
        outcome: how this poll ended.
        failures: failures in a row, this one included; 0 after a success.
        retry_after: seconds the server asked for, if it did.
        draw: a uniform random number in [0, 1).
    """
    if failures == 0:
        return Next(pace.interval * (1 + pace.jitter * (2 * draw - 1)), "interval")
    weight = _WEIGHTS.get(outcome, _DEFAULT_WEIGHT)
    ceiling = min(pace.backoff_cap, pace.backoff * weight * 2 ** min(failures, 20))
    # Full jitter, but never at once: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    backoff = ceiling * (0.25 + 0.75 * draw)
    asked = min(retry_after or 0.0, RETRY_AFTER_CAP_SECONDS)
    # Later than asked, not sooner: all whom the server told the same would else come back as one.
    return (
        Next(asked + draw * pace.jitter * pace.interval, "retry_after") if asked > backoff else Next(backoff, "backoff")
    )
