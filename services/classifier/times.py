"""When, as news says it: `on Friday`, `since mid-October 2024`, `three weeks ago`, `1月から3月`, resolved against the day
of publication to an interval. Pure.

The words of one expression are read as a bag: languages order them differently and mean the same.
"""

from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from services.classifier.figures import Number
from services.classifier.lexicon import Mark, Part, Season, Sentence, Unit
from services.classifier.text import is_cjk

_KINDS = (
    "months", "weekdays", "days", "units", "calendar", "seasons", "weekend", "parts", "ordinals", "relative", "last", "this", "next",
    "ago", "since", "until",
)  # fmt: skip
_ANCHORS = frozenset({"months", "weekdays", "days", "calendar", "seasons", "weekend", "length", "units", "year"})
_DAILY = frozenset({"days", "date", "weekdays", "calendar"})
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


@dataclass(frozen=True, slots=True)
class Time:
    """An expression where it stands, in code points. `interval` is None when nothing tells what it is counted from."""

    start: int
    end: int
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class _Word:
    kind: str
    value: str
    start: int
    end: int
    number: float = 0.0


@dataclass(slots=True)
class _Said:
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


def read_times(sentence: Sentence, numbers: Sequence[Number], published: date | None) -> tuple[Time, ...]:
    """In order of appearance."""
    found = []
    for words in _runs(sentence, _words(sentence, numbers)):
        run = _without_trailing(sentence, words)
        said = _said(run)
        if _tells(said):
            found.append(Time(run[0].start, run[-1].end, resolve(said, published) if published else None))
    return tuple(found)


def _words(sentence: Sentence, numbers: Sequence[Number]) -> list[_Word]:
    """Marks of time, and numbers beside them that are days, years, or lengths with their unit."""
    marks = _outermost([mark for mark in sentence.marks if mark.kind in _KINDS])
    words = [_Word(mark.kind, mark.value, mark.start, mark.end) for mark in marks]
    for number in numbers:
        words = _with_number(sentence, words, number)
    return _days_of_months(sentence, sorted(words, key=lambda word: word.start), numbers)


def _outermost(marks: list[Mark]) -> list[Mark]:
    kept: list[Mark] = []
    end = -1
    for mark in sorted(marks, key=lambda mark: (mark.start, -(mark.end - mark.start))):
        if mark.start >= end:
            kept.append(mark)
            end = mark.end
    return kept


def _with_number(sentence: Sentence, words: list[_Word], number: Number) -> list[_Word]:
    if number.value is None or number.vague:
        return words
    if number.plain and not _counts(sentence, number) and 1900 <= number.value < 2100 and number.end - number.start == 4:
        return [*words, _Word("year", "year", number.start, number.end, number.value)]
    beside = sorted(
        (word for word in words if word.kind in ("units", "calendar") and not word.number and _touch(sentence, number, word)),
        key=lambda word: word.start < number.start,
    )
    for word in beside:
        if word.kind == "calendar" or word.start >= number.end:
            kind = "length" if word.kind == "units" else "calendar"
            start, end = min(number.start, word.start), max(number.end, word.end)
            return [*(other for other in words if other != word), _Word(kind, word.value, start, end, number.value)]
    return words


def _touch(sentence: Sentence, number: Number, word: _Word) -> bool:
    gap = sentence.between(min(number.end, word.end), max(number.start, word.start))
    return gap in ("", " ", "\u00a0") and (number.end <= word.start or word.end <= number.start)


def _days_of_months(sentence: Sentence, words: list[_Word], numbers: Sequence[Number]) -> list[_Word]:
    """`Oct. 8`, `8 жовтня`, `8. Oktober`, `between October 8 and 13`: small plain numbers beside a month."""
    free = [number for number in numbers if number.plain and number.value and number.value <= 31]
    for number in [*free, *reversed(free)]:
        if any(word.start <= number.start < word.end for word in words):
            continue
        if any(_is_day_of(sentence, number, word) for word in words):
            words = sorted(
                [*words, _Word("date", "date", number.start, number.end, number.value or 0.0)],
                key=lambda word: word.start,
            )
    return words


def _is_day_of(sentence: Sentence, number: Number, word: _Word) -> bool:
    month = word.kind == "months" or (word.kind == "calendar" and word.value == Unit.MONTH)
    if not month and word.kind != "date":
        return False
    if word.end <= number.start:
        return _are_near(sentence, word.end, number.start) and not _counts(sentence, number)
    return number.end <= word.start and _are_near(sentence, number.end, word.start)


def _counts(sentence: Sentence, number: Number) -> bool:
    return any(number.end <= mark.start <= number.end + 1 for mark in sentence.of("people", "things", "scales"))


def _runs(sentence: Sentence, words: list[_Word]) -> Iterator[list[_Word]]:
    run: list[_Word] = []
    for word in words:
        apart = run and (word.kind == "weekend" and any(known.kind in _DAILY for known in run))
        if run and (apart or not _are_near(sentence, run[-1].end, word.start)):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _without_trailing(sentence: Sentence, run: list[_Word]) -> list[_Word]:
    """A preposition after the last word belongs to what follows: `у жовтні до Курська`."""
    while len(run) > 1 and run[-1].kind in ("since", "until") and not is_cjk(sentence.text[run[-1].start]):
        run = run[:-1]
    return run


def _are_near(sentence: Sentence, end: int, start: int) -> bool:
    """Only spaces, a little punctuation and small words stand between."""
    gap = sentence.between(end, start)
    if len(gap) > 12 or "\n" in gap:
        return False
    small = {at for mark in sentence.of("links", "to") for at in range(max(end, mark.start), min(start, mark.end))}
    rest = "".join(char for at, char in enumerate(gap, start=end) if at not in small)
    return not rest.strip(" \u00a0.,-–~～〜/")


def _said(run: Sequence[_Word]) -> _Said:
    said = _Said()
    take: dict[str, Callable[[_Word], None]] = {
        "months": lambda word: said.months.append(int(word.value)),
        "weekdays": lambda word: said.weekdays.append(int(word.value) - 1),
        "days": lambda word: said.days.append(int(word.value)),
        "date": lambda word: said.dates.append(int(word.number)),
        "year": lambda word: said.years.append(int(word.number)),
        "seasons": lambda word: said.seasons.append(Season(word.value)),
        "parts": lambda word: said.parts.append(Part(word.value)),
        "ordinals": lambda word: said.ordinals.append(int(word.value)),
        "units": lambda word: said.units.append(Unit(word.value)),
        "length": lambda word: said.lengths.append((word.number, Unit(word.value))),
        "calendar": lambda word: _take_calendar(said, word),
        "relative": lambda word: _take_relative(said, word),
    }
    for word in run:
        take.get(word.kind, lambda word: said.words.add(word.kind))(word)
    return said


def _take_relative(said: _Said, word: _Word) -> None:
    step, unit = word.value.split()
    said.units.append(Unit(unit))
    said.words.add({-1: "last", 0: "this", 1: "next"}[int(step)])


def _take_calendar(said: _Said, word: _Word) -> None:
    number = int(word.number)
    if word.value == Unit.YEAR and 1900 <= number < 2100:
        said.years.append(number)
    elif word.value == Unit.MONTH and 1 <= number <= 12:
        said.months.append(number)
    elif word.value == Unit.DAY and 1 <= number <= 31:
        said.dates.append(number)
    elif number:
        said.lengths.append((word.number, Unit(word.value)))


def _tells(said: _Said) -> bool:
    """A unit alone tells nothing, nor does `last` or `the beginning`."""
    named = said.months or said.weekdays or said.days or said.dates or said.years or said.seasons or said.lengths
    placed = said.units and (said.step is not None or said.parts)
    return bool(named or placed or "weekend" in said.words)


def resolve(said: _Said, published: date) -> Interval | None:
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


def _is_span(said: _Said) -> bool:
    return len(said.months) > 1 or len(said.dates) > 1


def _resolve(said: _Said, published: date) -> Interval | None:
    if said.months:
        return _in_months(said, published)
    if said.dates:
        return _of_days([_last_date(day, published) for day in said.dates])
    if said.days:
        return _day(published + timedelta(days=said.days[0]))
    if said.weekdays:
        return _day(_weekday(said, published))
    if "weekend" in said.words:
        return _weekend(said, published)
    if said.lengths:
        return _length(said, published)
    if said.seasons:
        return _season(said, published)
    return _of_unit(said, published)


def _in_months(said: _Said, published: date) -> Interval:
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


def _year(said: _Said, published: date) -> int | None:
    if said.years:
        return said.years[-1]
    if Unit.YEAR in said.units and said.step is not None:
        return published.year + said.step
    return None


def _year_of_month(month: int, said: _Said, published: date) -> int:
    """The last such month that has begun; of the future, the next."""
    if said.step == 1 or "until" in said.words:
        return published.year if month >= published.month else published.year + 1
    return published.year if month <= published.month else published.year - 1


def _part_of_month(part: Part, month: date) -> Interval:
    low, high = {Part.BEGIN: (1, 10), Part.MID: (11, 20), Part.END: (21, _month_end(month).day)}[part]
    return Interval(month.replace(day=low), month.replace(day=high), Precision.PART)


def _last_date(day: int, published: date) -> date:
    """`31日`: the last such day."""
    month = published.replace(day=1)
    for _ in range(12):
        if day <= _month_end(month).day and month.replace(day=day) <= published:
            return month.replace(day=day)
        month = (month - timedelta(days=1)).replace(day=1)
    raise ValueError(day)


def _weekday(said: _Said, published: date) -> date:
    back = (published.weekday() - said.weekdays[0]) % 7
    if said.step == 1:
        return published + timedelta(days=7 - back)
    return published - timedelta(days=back or (7 if said.step == -1 else 0))


def _weekend(said: _Said, published: date) -> Interval:
    """The last that has begun; the next one if so said."""
    saturday = published - timedelta(days=(published.weekday() - 5) % 7)
    if said.step == 1:
        saturday += timedelta(days=7)
    return Interval(saturday, saturday + timedelta(days=1), Precision.WEEKEND)


def _length(said: _Said, published: date) -> Interval | None:
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


def _season(said: _Said, published: date) -> Interval:
    """The last that has begun; winter bears the year of its December."""
    month = _SEASON_MONTHS[said.seasons[0]]
    year = _year(said, published) or (published.year if date(published.year, month, 1) <= published else published.year - 1)
    if said.step == 1 and not said.years:
        year += 1
    start = date(year, month, 1)
    return Interval(start, _month_end(_add_months(start, 2)), Precision.SEASON)


def _of_unit(said: _Said, published: date) -> Interval | None:
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


def _part_of_year(said: _Said, year: date, first: date) -> Interval:
    if not said.parts:
        return Interval(min(first, year), date(year.year, 12, 31), Precision.YEAR)
    low = {Part.BEGIN: 1, Part.MID: 5, Part.END: 9}[said.parts[0]]
    start = year.replace(month=low)
    return Interval(start, _month_end(_add_months(start, 3)), Precision.PART)


def _quarter(said: _Said, published: date) -> Interval | None:
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
