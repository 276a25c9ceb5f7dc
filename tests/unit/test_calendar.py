"""Quiet hours and digests by the local clock, against a clock that is read minute by minute."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier.calendar import age, next_digest, quiet_periods, quiet_until
from shared.models.subscription import Day, Digest, Quiet
from tests.factories import NOON, after

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
WEEK = tuple(Day)

# A moment at which the clocks of the zone change: at two, at midnight, backwards over midnight, by half an hour, by
# two hours, by a whole day; and zones that never do.
CHANGES = [
    ("Europe/Kyiv", "2025-03-30T01:00"),
    ("Europe/Kyiv", "2025-10-26T01:00"),
    ("Europe/Kyiv", "2090-03-26T01:00"),
    ("America/Havana", "2025-03-09T05:00"),
    ("America/Havana", "2025-11-02T05:00"),
    ("Africa/Cairo", "2025-04-24T22:00"),
    ("Africa/Cairo", "2025-10-30T21:00"),
    ("Asia/Beirut", "2025-10-25T21:00"),
    ("America/St_Johns", "2010-11-07T02:31"),
    ("Australia/Lord_Howe", "2025-04-05T15:00"),
    ("Australia/Lord_Howe", "2025-10-04T15:30"),
    ("Antarctica/Troll", "2025-03-30T01:00"),
    ("Pacific/Apia", "2011-12-30T10:00"),
    ("Asia/Kathmandu", "2025-03-30T01:00"),
    ("UTC", "2025-03-30T01:00"),
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@st.composite
def places(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and a moment within two days of a change of its clocks."""
    zone, change = draw(st.sampled_from(CHANGES))
    return zone, utc(change) + draw(st.integers(-2880, 2880)) * MINUTE + timedelta(seconds=draw(st.integers(0, 59)))


# Times near those at which clocks change are as likely as all others together.
TIMES = st.one_of(
    st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59)),
    st.builds("{:02}:{:02}".format, st.sampled_from((23, 0, 1, 2, 3)), st.sampled_from((0, 1, 15, 30, 59))),
)
DAYS = st.lists(st.sampled_from(WEEK), unique=True).map(tuple)
QUIETS = st.builds(Quiet, start=TIMES, end=TIMES, days=DAYS)
DIGESTS = st.builds(Digest, at=st.lists(TIMES, min_size=1, max_size=3).map(tuple), days=DAYS)


def clock(zone: str, since: datetime, minutes: int) -> Iterator[tuple[datetime, datetime]]:
    """Each minute, and how far the clock on the wall has come by then: turned back, it has come no further."""
    lead = 26 * 60
    start = since.replace(second=0, microsecond=0) - lead * MINUTE
    moments = [start + n * MINUTE for n in range(lead + minutes)]
    walls = accumulate((m.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for m in moments), max)
    return ((m, wall) for m, wall in zip(moments, walls, strict=True) if m >= start + lead * MINUTE)


def wall_time(day: date, at: str) -> datetime:
    return datetime.fromisoformat(f"{day} {at}")


def is_quiet(quiet: Quiet, wall: datetime) -> bool:
    """By the clock on the wall."""
    for day in (wall.date(), wall.date() - DAY):
        if not quiet.days or WEEK[day.weekday()] in quiet.days:
            end = wall_time(day + DAY if quiet.end <= quiet.start else day, quiet.end)
            if wall_time(day, quiet.start) <= wall < end:
                return True
    return False


def rings(digest: Digest, before: datetime, wall: datetime) -> bool:
    """Whether the clock on the wall passes one of the times as it goes on to `wall`."""
    days = (before.date() + n * DAY for n in range((wall.date() - before.date()).days + 1))
    allowed = [day for day in days if not digest.days or WEEK[day.weekday()] in digest.days]
    return any(before < wall_time(day, at) <= wall for day in allowed for at in digest.at)


@given(places(), QUIETS)
@settings(deadline=None)
def test_it_is_quiet_when_the_clock_on_the_wall_says_so(place: tuple[str, datetime], quiet: Quiet) -> None:
    zone, now = place
    minutes = list(clock(zone, now, 2000))
    for moment, wall in minutes[::7]:
        assert (quiet_until(quiet, zone, moment) is not None) == is_quiet(quiet, wall)


@given(places(), QUIETS)
@settings(deadline=None)
def test_the_quiet_ends_with_the_first_minute_that_is_not_quiet(place: tuple[str, datetime], quiet: Quiet) -> None:
    zone, now = place
    until = quiet_until(quiet, zone, now)
    if until is None:
        return
    assert until > now
    minutes = int((until - now) / MINUTE) + 2
    loud = next((moment for moment, wall in clock(zone, now, minutes) if not is_quiet(quiet, wall)), None)
    assert until == loud or until >= now + 7 * DAY


@given(places(), QUIETS, st.integers(0, 20_000))
def test_the_end_of_the_quiet_never_comes_nearer_by_waiting(
    place: tuple[str, datetime], quiet: Quiet, minutes: int
) -> None:
    zone, now = place
    until, later = quiet_until(quiet, zone, now), quiet_until(quiet, zone, now + minutes * MINUTE)
    assert until is None or later is None or until <= later


@given(places(), QUIETS, st.integers(0, 7000))
@settings(deadline=None)
def test_the_periods_of_quiet_are_the_minutes_in_which_it_was_quiet(
    place: tuple[str, datetime], quiet: Quiet, minutes: int
) -> None:
    zone, now = place
    since = now - minutes * MINUTE
    periods = quiet_periods(quiet, zone, since, now)
    for moment, wall in list(clock(zone, since, minutes))[1::11]:
        assert any(start <= moment < end for start, end in periods) == is_quiet(quiet, wall)
    assert all(one[1] < other[0] for one, other in pairwise(periods))


@given(places(), DIGESTS)
@settings(deadline=None)
def test_a_digest_comes_when_the_clock_on_the_wall_first_passes_one_of_its_times(
    place: tuple[str, datetime], digest: Digest
) -> None:
    zone, now = place
    then = next_digest(digest, zone, now)
    assert now < then <= now + 8 * DAY
    minutes = list(clock(zone, now, int((then - now) / MINUTE) + 2))
    passed = [
        moment for (_, before), (moment, wall) in pairwise(minutes) if rings(digest, before, wall) and moment > now
    ]
    assert passed[0] == then


@given(places(), DIGESTS, st.integers(0, 20_000))
def test_the_next_digest_never_comes_nearer_by_waiting(
    place: tuple[str, datetime], digest: Digest, minutes: int
) -> None:
    zone, now = place
    assert next_digest(digest, zone, now) <= next_digest(digest, zone, now + minutes * MINUTE)


@pytest.mark.parametrize(
    ("zone", "now", "then"),
    [
        ("Europe/Kyiv", "2025-03-30T00:00", "2025-03-30T01:00"),  # 03:30 is skipped: as the clocks jump from 3 to 4
        ("Europe/Kyiv", "2025-10-25T23:00", "2025-10-26T00:30"),  # 03:30 comes twice: the first
        ("Europe/Kyiv", "2025-10-26T00:30", "2025-10-27T01:30"),  # and not the second
        ("Europe/Kyiv", "2090-07-01T00:00", "2090-07-01T00:30"),
        ("Asia/Kathmandu", "2025-03-30T00:00", "2025-03-30T21:45"),
    ],
)
def test_half_past_three_comes_once_a_day_whatever_the_clocks_do(zone: str, now: str, then: str) -> None:
    assert next_digest(Digest(at=("03:30",)), zone, utc(now)) == utc(then)


def test_a_day_that_the_calendar_skips_has_its_digest_as_the_next_one_begins() -> None:
    friday = Digest(at=("09:00",), days=(Day.FRI,))
    assert next_digest(friday, "Pacific/Apia", utc("2011-12-29T12:00")) == utc("2011-12-30T10:00")


def test_a_digest_comes_on_its_days_only_and_strictly_after_now() -> None:
    digest = Digest(at=("18:00", "07:30"), days=(Day.MON, Day.WED))
    times = [utc("2025-02-03T07:30")]
    for _ in range(4):
        times.append(next_digest(digest, "UTC", times[-1]))
    assert [f"{time:%a %H:%M}" for time in times] == ["Mon 07:30", "Mon 18:00", "Wed 07:30", "Wed 18:00", "Mon 07:30"]


NIGHT = Quiet(start="22:00", end="07:00")


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        (NIGHT, "Mon 21:59", None),
        (NIGHT, "Mon 22:00", "Tue 07:00"),
        (NIGHT, "Tue 06:59", "Tue 07:00"),
        (NIGHT, "Tue 07:00", None),
        (Quiet(start="12:00", end="13:00"), "Mon 12:30", "Mon 13:00"),
        (Quiet(start="22:00", end="07:00", days=(Day.FRI,)), "Sat 06:00", "Sat 07:00"),
        (Quiet(start="22:00", end="07:00", days=(Day.FRI,)), "Fri 06:00", None),
        (Quiet(start="00:00", end="00:00", days=(Day.SAT, Day.SUN)), "Sat 09:00", "Mon 00:00"),
        (Quiet(start="18:00", end="18:00", days=(Day.FRI, Day.SAT)), "Fri 19:00", "Sun 18:00"),
    ],
)
def test_it_is_quiet_from_start_to_end_on_the_days_on_which_it_begins(
    quiet: Quiet, now: str, until: str | None
) -> None:
    week = {f"{moment:%a}": moment for moment in (NOON + n * DAY for n in range(7))}

    def moment(text: str) -> datetime:
        day, _, at = text.partition(" ")
        return utc(f"{week[day]:%Y-%m-%d}T{at}")

    found = quiet_until(quiet, "UTC", moment(now))
    assert (found and f"{found:%a %H:%M}") == until


def test_a_night_in_which_the_clocks_change_is_an_hour_shorter_or_longer() -> None:
    for now, hours in (("2025-03-29T21:00", 8), ("2025-10-25T21:00", 10), ("2025-06-01T21:00", 9)):
        ((start, end),) = quiet_periods(NIGHT, "Europe/Kyiv", utc(now), utc(now))
        assert (end - start) == timedelta(hours=hours)


def test_a_period_that_the_clocks_skip_is_none() -> None:
    assert quiet_until(Quiet(start="03:10", end="03:50"), "Europe/Kyiv", utc("2025-03-30T01:00")) is None


def test_a_quiet_without_an_end_lasts_another_week_at_any_time() -> None:
    always = Quiet(start="08:00", end="08:00")
    until = quiet_until(always, "Europe/Kyiv", NOON)
    assert until is not None
    assert until > NOON + 7 * DAY
    assert quiet_until(always, "Europe/Kyiv", until) is not None


def test_the_age_leaves_out_what_was_held_once() -> None:
    night, outage = (after(10), after(40)), (after(30), after(60))
    assert age(NOON, after(100), []) == timedelta(seconds=100)
    assert age(NOON, after(100), [night, None, outage, night]) == timedelta(seconds=50)
    assert age(after(20), after(50), [night, outage]) == timedelta()
    assert age(after(20), after(50), [(after(-9), after(25)), (after(45), after(99))]) == timedelta(seconds=20)


SECONDS = st.integers(-100, 100)


@given(st.integers(0, 100), st.lists(st.none() | st.tuples(SECONDS, SECONDS), max_size=5))
def test_the_age_is_the_seconds_in_which_nothing_held_it(length: int, held: list[tuple[int, int] | None]) -> None:
    periods = [period and (after(period[0]), after(period[1])) for period in held]
    free = [second for second in range(length) if not any(p and p[0] <= second < p[1] for p in held)]
    assert age(NOON, after(length), periods) == timedelta(seconds=len(free))


def test_what_comes_from_a_clock_ahead_of_ours_has_no_age() -> None:
    assert age(after(5), NOON, [(after(-10), after(10))]) == timedelta()
