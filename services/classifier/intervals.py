"""From what a time expression says to the days that it means, counted from the day of publication. Pure.

Of what has no year or month of its own the last one that has begun is meant, unless it says that it is to come.
"""

from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from services.classifier.lexicon import Part, Season, Unit

_MOST = 1000  # units; more is no time that news would tell
_SEASON_MONTHS = {Season.SPRING: 3, Season.SUMMER: 6, Season.AUTUMN: 9, Season.WINTER: 12}


class Precision(StrEnum):
    DAY = "day"
    WEEKEND = "weekend"
    WEEK = "week"
    PART = "part"  # a third of a month, or of a year
    MONTH = "month"
    QUARTER = "quarter"
    SEASON = "season"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Interval:
    """Both days belong to it."""

    start: date
    end: date
    precision: Precision


@dataclass(slots=True)
class Said:
    """What the words of one expression say."""

    months: list[int] = field(default_factory=list)
    dates: list[int] = field(default_factory=list)
    weekdays: list[int] = field(default_factory=list)
    days: list[int] = field(default_factory=list)
    years: list[int] = field(default_factory=list)
    seasons: list[Season] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    lengths: list[tuple[float, Unit]] = field(default_factory=list)
    words: set[str] = field(default_factory=set)

    @property
    def step(self) -> int | None:
        """-1 for last, 0 for this, 1 for next."""
        if "ago" in self.words and not self.lengths:
            return -1
        return next((step for word, step in (("next", 1), ("last", -1), ("this", 0)) if word in self.words), None)


def resolve(said: Said, published: date) -> Interval | None:
    """None for what the calendar does not have."""
    try:
        found = _resolve(said, published)
    except (ValueError, OverflowError):
        return None
    if found is None:
        return None
    if "since" in said.words and found.start <= published and not _is_span(said):
        return Interval(found.start, max(found.end, published), found.precision)
    return found


def _is_span(said: Said) -> bool:
    return len(said.months) > 1 or len(said.dates) > 1


def _resolve(said: Said, published: date) -> Interval | None:
    """The most exact of what is said decides."""
    ways: tuple[tuple[object, Callable[[Said, date], Interval | None]], ...] = (
        (said.months, _in_months),
        (said.dates, _of_dates),
        (said.days, _of_day),
        (said.weekdays, _weekday),
        ("weekend" in said.words, _weekend),
        (said.lengths, _length),
        (said.seasons, _season),
        (True, _of_unit),
    )
    return next(way(said, published) for told, way in ways if told)


def _of_dates(said: Said, published: date) -> Interval:
    """`31日`, `지난달 30일`: the last such day."""
    return _of_days([_last_date(day, published) for day in said.dates])


def _of_day(said: Said, published: date) -> Interval:
    return _day(published + timedelta(days=said.days[0]))


def _in_months(said: Said, published: date) -> Interval:
    """The last month named is looked for first; those named before it are before it."""
    last = said.months[-1]
    year = _year(said, published) or _year_of_month(last, said, published)
    first_year = year if said.months[0] <= last else year - 1
    first, end = date(first_year, said.months[0], 1), _month_end(date(year, last, 1))
    if said.dates:
        low = first.replace(day=said.dates[0])
        return _of_days([low, end.replace(day=said.dates[-1])])
    if len(said.months) == 1 and said.ordinals and Unit.WEEK in said.units:
        begin = 7 * (said.ordinals[0] - 1)
        return Interval(first + timedelta(begin), min(end, first + timedelta(begin + 6)), Precision.WEEK)
    if said.parts:
        return _part_of_month(said.parts[0], first)
    return Interval(first, end, Precision.MONTH)


def _year(said: Said, published: date) -> int | None:
    if said.years:
        return said.years[-1]
    if Unit.YEAR in said.units and said.step is not None:
        return published.year + said.step
    return None


def _year_of_month(month: int, said: Said, published: date) -> int:
    """The last such month that has begun; of the future, the next."""
    if said.step == 1 or "until" in said.words:
        return published.year if month >= published.month else published.year + 1
    return published.year if month <= published.month else published.year - 1


def _part_of_month(part: Part, month: date) -> Interval:
    low, high = {Part.BEGIN: (1, 10), Part.MID: (11, 20), Part.END: (21, _month_end(month).day)}[part]
    return Interval(month.replace(day=low), month.replace(day=high), Precision.PART)


def _last_date(day: int, published: date) -> date:
    month = published.replace(day=1)
    for _ in range(12):
        if day <= _month_end(month).day and month.replace(day=day) <= published:
            return month.replace(day=day)
        month = (month - timedelta(days=1)).replace(day=1)
    raise ValueError(day)


def _weekday(said: Said, published: date) -> Interval:
    back = (published.weekday() - said.weekdays[0]) % 7
    if said.step == 1:
        return _day(published + timedelta(days=7 - back))
    return _day(published - timedelta(days=back or (7 if said.step == -1 else 0)))


def _weekend(said: Said, published: date) -> Interval:
    """The last that has begun; the next one if so said."""
    saturday = published - timedelta(days=(published.weekday() - 5) % 7)
    if said.step == 1:
        saturday += timedelta(days=7)
    return Interval(saturday, saturday + timedelta(days=1), Precision.WEEKEND)


def _length(said: Said, published: date) -> Interval | None:
    number, unit = said.lengths[0]
    if not 0 < number <= _MOST:
        return None
    if "ago" in said.words and "since" not in said.words:
        return _around(_shift(published, -number, unit), unit)
    if said.step == 1:
        return Interval(published, _shift(published, number, unit), _precision(unit))
    return Interval(_shift(published, -number, unit), published, _precision(unit))


def _around(day: date, unit: Unit) -> Interval:
    if unit is Unit.WEEK:
        return Interval(day - timedelta(days=3), day + timedelta(days=3), Precision.WEEK)
    if unit in (Unit.DAY, Unit.HOUR):
        return _day(day)
    return _containing(day, unit)


def _season(said: Said, published: date) -> Interval:
    """The last that has begun; winter bears the year of its December."""
    month = _SEASON_MONTHS[said.seasons[0]]
    year = _year(said, published) or (
        published.year if date(published.year, month, 1) <= published else published.year - 1
    )
    if said.step == 1 and not said.years:
        year += 1
    start = date(year, month, 1)
    return Interval(start, _month_end(_add_months(start, 2)), Precision.SEASON)


def _of_unit(said: Said, published: date) -> Interval | None:
    if Unit.QUARTER in said.units and said.ordinals:
        return _quarter(said, published)
    if said.years:
        return _part_of_year(said, date(said.years[-1], 1, 1), date(said.years[0], 1, 1))
    if not said.units:
        return None
    unit = said.units[0]
    whole = _containing(_shift(published, said.step or 0, unit), unit)
    if said.parts and unit is Unit.MONTH:
        return _part_of_month(said.parts[0], whole.start)
    return _part_of_year(said, whole.start, whole.start) if unit is Unit.YEAR else whole


def _part_of_year(said: Said, year: date, first: date) -> Interval:
    if not said.parts:
        return Interval(min(first, year), date(year.year, 12, 31), Precision.YEAR)
    low = {Part.BEGIN: 1, Part.MID: 5, Part.END: 9}[said.parts[0]]
    start = year.replace(month=low)
    return Interval(start, _month_end(_add_months(start, 3)), Precision.PART)


def _quarter(said: Said, published: date) -> Interval | None:
    number = said.ordinals[0]
    if not 1 <= number <= 4:
        return None
    start = 3 * number - 2
    year = _year(said, published) or (published.year if start <= published.month else published.year - 1)
    first = date(year, start, 1)
    return Interval(first, _month_end(_add_months(first, 2)), Precision.QUARTER)


def _of_days(days: Sequence[date]) -> Interval:
    return Interval(min(days), max(days), Precision.DAY)


def _day(day: date) -> Interval:
    return Interval(day, day, Precision.DAY)


def _containing(day: date, unit: Unit) -> Interval:
    """The calendar's week, month, quarter or year that holds the day."""
    if unit in (Unit.DAY, Unit.HOUR):
        return _day(day)
    if unit is Unit.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Interval(monday, monday + timedelta(days=6), Precision.WEEK)
    if unit is Unit.MONTH:
        return Interval(day.replace(day=1), _month_end(day), Precision.MONTH)
    if unit is Unit.QUARTER:
        first = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
        return Interval(first, _month_end(_add_months(first, 2)), Precision.QUARTER)
    return Interval(date(day.year, 1, 1), date(day.year, 12, 31), Precision.YEAR)


def _shift(day: date, number: float, unit: Unit) -> date:
    if unit is Unit.HOUR:
        return day + timedelta(hours=number)
    if unit in (Unit.DAY, Unit.WEEK):
        return day + timedelta(days=int(number * (7 if unit is Unit.WEEK else 1)))
    months = int(number * {Unit.MONTH: 1, Unit.QUARTER: 3, Unit.YEAR: 12}[unit])
    shifted = _add_months(day.replace(day=1), months)
    return shifted.replace(day=min(day.day, _month_end(shifted).day))


def _add_months(first: date, months: int) -> date:
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _precision(unit: Unit) -> Precision:
    return Precision.DAY if unit is Unit.HOUR else Precision(unit.value)
