"""Quiet hours and digests by the local clock (pure).

A time that the clocks skip counts as the moment at which they jump, so that no digest is lost; one that comes twice
counts as the first (`fold` 0 of PEP 495). So local times keep their order, and each comes once. `zone` is the name
of an IANA time zone; every moment that is returned is in UTC.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.models.subscription import Day, Digest, Quiet, Subscription
from shared.models.topic import Severity

Period = tuple[datetime, datetime]

# Of a quiet without an end a week is told, then the next one; and what was quiet before that is no news any more.
_HORIZON_DAYS = 8
_DAYS = tuple(Day)
# What was held longer ago is old in any case.
LATELY = timedelta(days=7)


def next_digest(digest: Digest, zone: str, now: datetime) -> datetime:
    """The first of its times after `now`."""
    place = ZoneInfo(zone)
    today = now.astimezone(place).date()
    days = _allowed((today + timedelta(days=ahead) for ahead in range(_HORIZON_DAYS)), digest.days)
    moments = (_moment(day, at, place) for day in days for at in sorted(digest.at))
    return next(moment for moment in moments if moment > now)


def quiet_until(quiet: Quiet, zone: str, now: datetime) -> datetime | None:
    """The end of the period that `now` lies in; None if it is not quiet. Periods that meet are one."""
    return next((end for start, end in _around(quiet, zone, now) if start <= now < end), None)


def quiet_periods(quiet: Quiet, zone: str, since: datetime, now: datetime) -> list[Period]:
    """What was quiet between the two: the periods whole, in order, of the last week. The last may end after `now`."""
    return [(start, end) for start, end in _around(quiet, zone, now) if start <= now and since < end]


def silent_until(subscription: Subscription, now: datetime, severity: Severity | None = None) -> datetime | None:
    """Until when what is as severe as that must not ring there."""
    quiet = subscription.quiet
    if quiet is None or (severity and quiet.unless and severity.rank >= quiet.unless.rank):
        return None
    return quiet_until(quiet, subscription.timezone, now)


def silences(subscription: Subscription, now: datetime) -> list[Period]:
    """When nothing rang there, of late."""
    quiet = subscription.quiet
    return quiet_periods(quiet, subscription.timezone, now - LATELY, now) if quiet else []


def age(at: datetime, now: datetime, held: Iterable[Period | None]) -> timedelta:
    """How long it could have been told: from `at` to `now`, without the periods in which it was held."""
    within = ((max(start, at), min(end, now)) for start, end in filter(None, held))
    return max(now - at, timedelta()) - sum((end - start for start, end in _united(within)), timedelta())


def _around(quiet: Quiet, zone: str, now: datetime) -> list[Period]:
    place = ZoneInfo(zone)
    today = now.astimezone(place).date()
    near = (today + timedelta(days=ahead) for ahead in range(-_HORIZON_DAYS, _HORIZON_DAYS + 1))
    overnight = timedelta(days=quiet.end <= quiet.start)
    return _united(
        (_moment(day, quiet.start, place), _moment(day + overnight, quiet.end, place))
        for day in _allowed(near, quiet.days)
    )


def _allowed(days: Iterable[date], wanted: Collection[Day]) -> Iterable[date]:
    return (day for day in days if not wanted or _DAYS[day.weekday()] in wanted)


def _united(periods: Iterable[Period]) -> list[Period]:
    """In order, none empty, and those that meet or overlap as one."""
    united: list[Period] = []
    for start, end in sorted(period for period in periods if period[0] < period[1]):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _moment(day: date, at: str, place: ZoneInfo) -> datetime:
    local = datetime.combine(day, time.fromisoformat(at), place)
    by_old, by_new = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    return by_old if by_old <= by_new else _jump(by_new, by_old, place)


def _jump(before: datetime, after: datetime, place: ZoneInfo) -> datetime:
    """The moment between the two from which the later offset holds."""
    offset = after.astimezone(place).utcoffset()

    def has_jumped(seconds: int) -> bool:
        return (before + timedelta(seconds=seconds)).astimezone(place).utcoffset() == offset

    between = range(int((after - before).total_seconds()) + 1)
    return before + timedelta(seconds=bisect_left(between, True, key=has_jumped))
