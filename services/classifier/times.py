"""When, as news says it: `on Friday`, `since mid-October 2024`, `three weeks ago`, `1月から3月`, each resolved against
the day of publication to an interval. Pure.

The words of one expression are read as a bag: languages order them differently and mean the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from services.classifier.figures import Number
from services.classifier.intervals import Interval, Said, resolve
from services.classifier.lexicon import Mark, Part, Season, Sentence, Unit
from services.classifier.text import is_cjk

_NAMED = ("months", "weekdays", "days", "units", "calendar", "seasons", "weekend", "parts", "ordinals", "relative")
_RELATIONS = ("last", "this", "next", "ago", "since", "until")
_KINDS = (*_NAMED, *_RELATIONS)
_ANCHORS = frozenset({"months", "weekdays", "days", "calendar", "seasons", "weekend", "length", "units", "year"})
_DAILY = frozenset({"days", "date", "weekdays", "calendar"})


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


def read_times(sentence: Sentence, numbers: Sequence[Number], published: date | None) -> tuple[Time, ...]:
    """In order of appearance."""
    found = []
    for words in _runs(sentence, _words(sentence, numbers)):
        run = _without_trailing(sentence, words)
        said = _gather(run)
        if _tells(said):
            found.append(Time(run[0].start, run[-1].end, resolve(said, published) if published else None))
    return tuple(found)


def _words(sentence: Sentence, numbers: Sequence[Number]) -> list[_Word]:
    """Marks of time, and numbers beside them that are days, years, or lengths with their unit."""
    marks = _outermost(sentence.of(*_KINDS))
    words = [_Word(mark.kind, mark.value, mark.start, mark.end) for mark in marks]
    for number in numbers:
        words = _with_number(sentence, words, number)
    return _days_of_months(sentence, sorted(words, key=lambda word: word.start), numbers)


def _outermost(marks: Sequence[Mark]) -> list[Mark]:
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
    if (
        number.plain
        and not _counts(sentence, number)
        and 1900 <= number.value < 2100
        and number.end - number.start == 4
    ):
        return [*words, _Word("year", "year", number.start, number.end, number.value)]
    beside = sorted(
        (
            word
            for word in words
            if word.kind in ("units", "calendar") and not word.number and _touch(sentence, number, word)
        ),
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
    for mark in sentence.of("last", "next"):  # les deux dernières semaines
        if (mark.start, mark.end) == (number.end + 1, word.start - 1):
            return True
    return gap in ("", " ", "\u00a0") and (number.end <= word.start or word.end <= number.start)


def _days_of_months(sentence: Sentence, words: list[_Word], numbers: Sequence[Number]) -> list[_Word]:
    """`Oct. 8`, `8 жовтня`, `8. Oktober`, `between October 8 and 13`: small plain numbers beside a month."""
    free = [number for number in numbers if number.plain and number.value and number.value <= 31]
    for number in [*free, *reversed(free)]:
        if any(word.start <= number.start < word.end for word in words):
            continue
        month = next((word for word in words if _is_day_of(sentence, number, word)), None)
        if month:
            # `1〜3月`: where the month is a number too, what stands before it is another month.
            kind = "calendar" if month.kind == "calendar" and number.end <= month.start else "date"
            found = _Word(kind, "month", number.start, number.end, number.value or 0.0)
            words = sorted([*words, found], key=lambda word: word.start)
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
        if run and (_are_apart(sentence, run, word) or not _are_near(sentence, run[-1].end, word.start)):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _are_apart(sentence: Sentence, run: list[_Word], word: _Word) -> bool:
    """A comma joins only what makes one date: `Friday, May 9, 2025`. A weekend is not of a day."""
    if word.kind == "weekend" and any(known.kind in _DAILY for known in run):
        return True
    one_date = word.kind == "year" or (run[-1].kind == "weekdays" and word.kind in ("months", "date", "calendar"))
    return not one_date and "," in sentence.between(run[-1].end, word.start)


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
    return not rest.strip(" \u00a0.,-–~～〜∼/")


def _gather(run: Sequence[_Word]) -> Said:
    said = Said()
    for word in run:
        _take(said, word)
    return said


def _take(said: Said, word: _Word) -> None:
    lists: dict[str, Callable[[], None]] = {
        "months": lambda: said.months.append(int(word.value)),
        "weekdays": lambda: said.weekdays.append(int(word.value) - 1),
        "days": lambda: said.days.append(int(word.value)),
        "date": lambda: said.dates.append(int(word.number)),
        "year": lambda: said.years.append(int(word.number)),
        "seasons": lambda: said.seasons.append(Season(word.value)),
        "parts": lambda: said.parts.append(Part(word.value)),
        "ordinals": lambda: said.ordinals.append(int(word.value)),
        "units": lambda: said.units.append(Unit(word.value)),
        "length": lambda: _take_length(said, word),
        "calendar": lambda: _take_calendar(said, word),
        "relative": lambda: _take_relative(said, word),
    }
    lists.get(word.kind, lambda: said.words.add(word.kind))()


def _take_length(said: Said, word: _Word) -> None:
    if word.value == Unit.QUARTER:  # 1분기 is the first
        said.ordinals.append(int(word.number))
        said.units.append(Unit.QUARTER)
    else:
        said.lengths.append((word.number, Unit(word.value)))


def _take_relative(said: Said, word: _Word) -> None:
    step, unit = word.value.split()
    said.units.append(Unit(unit))
    said.words.add({-1: "last", 0: "this", 1: "next"}[int(step)])


def _take_calendar(said: Said, word: _Word) -> None:
    number = int(word.number)
    if word.value == Unit.YEAR and 1900 <= number < 2100:
        said.years.append(number)
    elif word.value == Unit.MONTH and 1 <= number <= 12:
        said.months.append(number)
    elif word.value == Unit.DAY and 1 <= number <= 31:
        said.dates.append(number)
    elif number:
        said.lengths.append((word.number, Unit(word.value)))


def _tells(said: Said) -> bool:
    """A unit alone tells nothing, nor does `last` or `the beginning`."""
    named = said.months or said.weekdays or said.days or said.dates or said.years or said.seasons or said.lengths
    placed = said.units and (said.step is not None or said.parts or (said.ordinals and Unit.QUARTER in said.units))
    return bool(named or placed or "weekend" in said.words)
