"""When a feed is polled next, and why then (pure)."""

from dataclasses import dataclass

from shared.models.feed import Outcome

DAY_SECONDS = 86400.0
# A temporary DNS failure says little about the feed, a wrong address everything.
_WEIGHTS = {Outcome.DNS_ERROR: 0.25, Outcome.BAD_URL: 1.0, Outcome.ADDRESS_DENIED: 1.0}
_DEFAULT_WEIGHT = 0.5
RETRY_AFTER_CAP_SECONDS = DAY_SECONDS
# Looking four times in the usual gap, an entry is found when an eighth of the gap has passed, on average.
GAP_SHARE = 0.25
# A feed that has been silent for a day is looked at every 72 minutes at most: patience grows with silence.
AGE_SHARE = 0.05
# A feed that has failed for so long is still looked at once a day: nothing is dropped silently.
FORLORN_AFTER_SECONDS = 7 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, from the settings or the feed's own line. `fixed` overrules the feed's habits and its publisher."""

    least: float
    most: float
    jitter: float
    backoff: float
    backoff_cap: float
    fixed: float | None = None


@dataclass(frozen=True, slots=True)
class Habits:
    """What is known of a feed's rhythm, in seconds.

    `gap`: the median between its last 20 entries; `age`: of its newest entry, None if it has none; `floor`: the
    publisher's wish (Cache-Control, Expires, ttl, sy:), 0 for none.
    """

    gap: float | None = None
    age: float | None = None
    floor: float = 0.0


@dataclass(frozen=True, slots=True)
class Setback:
    """A row of failures, this poll's included.

    `seconds`: how long the row has lasted; `retry_after`: seconds that the server asked for; `parked`: disabled or
    quarantined, and looked at only to see whether that still holds.
    """

    failures: int
    seconds: float = 0.0
    retry_after: float | None = None
    parked: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """`after` seconds from now."""

    after: float
    reason: str


def next_regular(habits: Habits, pace: Pace, draw: float) -> Next:
    """When to come back after a success; `draw` is a uniform random number in [0, 1)."""
    chosen = Next(pace.fixed, "fixed") if pace.fixed is not None else _by_habit(habits, pace)
    return _jittered(chosen, pace, draw)


def _by_habit(habits: Habits, pace: Pace) -> Next:
    wishes = {
        "rhythm": GAP_SHARE * (habits.gap or 0.0),
        "silence": AGE_SHARE * habits.age if habits.age is not None else 0.0,
        "publisher": habits.floor,
    }
    reason = max(wishes, key=lambda name: wishes[name])
    if wishes[reason] <= pace.least:
        return Next(pace.least, "least")
    return Next(wishes[reason], reason) if wishes[reason] < pace.most else Next(pace.most, "most")


def next_try(outcome: Outcome, setback: Setback, pace: Pace, draw: float) -> Next:
    """When to come back after a failure; `draw` is a uniform random number in [0, 1)."""
    if setback.parked or setback.seconds > FORLORN_AFTER_SECONDS:
        return _jittered(Next(DAY_SECONDS, "daily_probe"), pace, draw)
    weight = _WEIGHTS.get(outcome, _DEFAULT_WEIGHT)
    ceiling = min(pace.backoff_cap, pace.backoff * weight * 2 ** min(setback.failures, 20))
    # Full jitter, but never at once: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    backoff = ceiling * (0.25 + 0.75 * draw)
    asked = min(setback.retry_after or 0.0, RETRY_AFTER_CAP_SECONDS)
    if asked <= backoff:
        return Next(backoff, "backoff")
    # Later than asked, not sooner: all whom the server told the same would else come back as one.
    return Next(asked + draw * pace.jitter * pace.least, "retry_after")


def _jittered(then: Next, pace: Pace, draw: float) -> Next:
    return Next(then.after * (1 + pace.jitter * (2 * draw - 1)), then.reason)
