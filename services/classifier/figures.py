"""Numbers as news writes them, and which of them may be counts: `11,000`, `около 4 тысяч`, `약 1만1천여 명`, `1.1万`,
`two`, `hundreds of`, `25,000 to 30,000`, each with its qualifier.

Years, dates, ordinals, model numbers and measures are no counts. What the words are stands in `grammar/`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from services.classifier.lexicon import Mark, Qualifier, Sentence
from services.classifier.text import is_cjk

_NUMBER = re.compile(
    # A number is neither a part of a name (K-141, T90) nor of another number.
    r"(?<![\dA-Za-zÀ-ɏА-яІіЇїЄєҐґё№#/])(?<![A-Za-zÀ-ɏА-яІіЇїЄєҐґё]-)(?<!\d[.,:'’])"
    r"(?:\d{1,3}(?:[ \u00a0\u2009\u202f,.'’٬]\d{3}){1,3}(?!\d)|\d{1,9}(?:[.,٫]\d{1,4})?)(?!\d)"
)
_NO_COUNT = re.compile(r"\s?[%％°٪$€₽]|:\d|\.\d")
_MONEY = re.compile(r"[$€£¥₩]\s?$")
_DAY_AND_MONTH = re.compile(r"[-/]\d")
_GAPS = frozenset({"", " ", "\u00a0", "-"})
_REACH = 4  # characters between a number and a qualifier or counter, apart from small words


@dataclass(frozen=True, slots=True)
class Number:
    """`value` is None for a decimal that counts nothing. `scale` is the last factor, `plain` is for bare digits."""

    value: float | None
    start: int
    end: int
    plain: bool = False
    vague: bool = False
    spoken: bool = False
    scale: int = 1

    @property
    def is_year(self) -> bool:
        """Whether it may be one."""
        return self.plain and self.value is not None and 1900 <= self.value < 2100 and self.end - self.start == 4


@dataclass(frozen=True, slots=True)
class Figure:
    """`value`, and where its number stands, in code points. `qualifier` is about, over, up_to or None.

    `most` is the upper end of a range. `personal`: what follows says that people are counted.
    """

    value: float
    qualifier: str | None
    start: int
    end: int
    personal: bool = False
    most: float | None = None


def read_numbers(sentence: Sentence) -> tuple[Number, ...]:
    """In order of appearance. Words of one number are one: `two hundred thousand`, `1만1천`."""
    return tuple(number for run in _runs(sentence) if (number := _compose(sentence, run)) is not None)


def read_figures(sentence: Sentence, numbers: Sequence[Number]) -> tuple[Figure, ...]:
    """Those numbers that may count."""
    found: list[Figure] = []
    ended = sentence.start
    for number, after in zip_longest(numbers, numbers[1:]):
        if number.start < ended or not number.value:
            continue
        ranges = after is not None and _is_range(sentence, number, after)
        whole = (
            replace(after, value=_scaled(number, after).value, start=number.start, plain=False) if ranges else number
        )
        if _may_count(sentence, whole):
            found.append(_figure(sentence, whole, after.value if ranges else None))
            ended = whole.end
    return tuple(found)


def _figure(sentence: Sentence, number: Number, most: float | None) -> Figure:
    qualifier = Qualifier.OVER.value if most else _qualifier(sentence, number)
    personal = _counts_people(sentence, number.end)
    return Figure(number.value or 0.0, qualifier, number.start, number.end, personal, most)


def _runs(sentence: Sentence) -> Iterator[list[Mark]]:
    """Neighbouring digits and number words that make one number."""
    digits = [
        Mark("digits", found[0], *found.span())
        for found in _NUMBER.finditer(sentence.text, sentence.start, sentence.end)
    ]
    run: list[Mark] = []
    for mark in _alternatives([*digits, *sentence.of("numbers", "scales", "vague")]):
        end = run[-1].end if run else sentence.start
        same = bool(run) and mark.start == run[-1].start
        joins = bool(run) and not same and _joins(sentence, run, mark)
        if mark.start < end or (mark.kind == "scales" and not joins and _stands_alone(sentence, mark)):
            continue
        if run and not joins:
            yield run
            run = []
        run.append(replace(mark, kind="scales") if joins and mark.kind == "vague" else mark)
    if run:
        yield run


def _alternatives(marks: list[Mark]) -> list[Mark]:
    """In order. Of one word, its reading as a factor comes first: it is taken only where it multiplies something."""
    return sorted(marks, key=lambda mark: (mark.start, mark.kind != "scales", -mark.end))


def _stands_alone(sentence: Sentence, mark: Mark) -> bool:
    """A factor without a number is one in scripts without spaces only: `千人`."""
    return not is_cjk(sentence.text[mark.start])


def _joins(sentence: Sentence, run: list[Mark], mark: Mark) -> bool:
    last = run[-1]
    gap = sentence.between(last.end, mark.start)
    if mark.start < last.end or last.kind == "vague":
        return False
    if gap not in _GAPS:
        spoken = mark.kind == "numbers" and last.kind != "digits" and _is_plus(sentence, last.end, mark.start)
        return spoken and float(mark.value) < _magnitude(float(last.value))
    if mark.kind in ("scales", "vague"):
        return float(mark.value) >= 10 and (last.kind != "scales" or float(last.value) < float(mark.value) or gap == "")
    value, before = _read(mark.value) or 0, _read(last.value) or 0
    if last.kind == "scales":
        return value < before and (gap == "" or mark.kind == "numbers" or is_cjk(sentence.text[last.start]))
    return mark.kind == last.kind == "numbers" and before >= 20 and before % 10 == 0 and value < _magnitude(before)


def _magnitude(value: float) -> float:
    """Of 20: 10; of 300: 100; of 2,000: 1,000."""
    return next((power for power in (1000, 100, 10) if value >= power and value % power == 0), 0)


def _is_plus(sentence: Sentence, end: int, start: int) -> bool:
    return start - end <= 6 and any((mark.start, mark.end) == (end + 1, start - 1) for mark in sentence.of("plus"))


def _compose(sentence: Sentence, run: list[Mark]) -> Number | None:
    first, last = run[0], run[-1]
    spoken = all(mark.kind != "digits" for mark in run)
    glued = is_cjk(sentence.text[first.start])
    if spoken and glued and not _is_counted(sentence, last.end):
        return None
    if len(run) == 1 and first.kind == "digits":
        return Number(_read(first.value), first.start, first.end, plain=first.value.isdigit())
    scale = next((int(mark.value) for mark in reversed(run) if mark.kind == "scales"), 1)
    vague = first.kind == "vague"
    return Number(round(_sum(run), 3), first.start, last.end, vague=vague, spoken=spoken, scale=scale)


def _sum(run: list[Mark]) -> float:
    """`total` holds what is complete, `group` the hundreds, `digit` what a factor may still follow."""
    total = group = digit = 0.0
    for mark in run:
        value = _read(mark.value, scaled=len(run) > 1) or 0.0
        if mark.kind != "scales":
            digit += value
        elif value < 1000:
            group, digit = group + (digit or 1) * value, 0.0
        elif total and value > total:
            total, group, digit = (total + group + digit) * value, 0.0, 0.0
        else:
            total, group, digit = total + (group + digit or 1) * value, 0.0, 0.0
    return total + group + digit


def _read(written: str, *, scaled: bool = False) -> float | None:
    """Without a factor, a decimal counts nothing: `4.25`."""
    if re.fullmatch(r"\d+[.,٫](?:\d{1,2}|\d{4,})", written) or (scaled and re.fullmatch(r"\d[.,٫]\d{3}", written)):
        return float(re.sub(r"[,٫]", ".", written)) if scaled else None
    return float(re.sub(r"\D", "", written))


def _may_count(sentence: Sentence, number: Number) -> bool:
    text = sentence.text
    dated = _DAY_AND_MONTH.match(text, number.end) or _DAY_AND_MONTH.match(
        text[max(0, number.start - 2) : number.start][::-1]
    )
    if dated and number.plain:  # 26-10, 26/10: what rises is a range, and no longer plain
        return False
    if number.spoken and number.value == 1:  # in most languages an article, or "one of them"
        return False
    if any(mark.start < number.end and number.end <= mark.end for mark in sentence.of("things")):  # "four in ten"
        return False
    if _NO_COUNT.match(text, number.end) or _MONEY.search(text, max(0, number.start - 2), number.start):
        return False
    if number.is_year and number.value != 2000 and not _follows(sentence, number.end, "people"):
        return False
    ordinal = any(mark.end == number.start for mark in sentence.of("ordinal_before")) or any(
        mark.start - number.end in (0, 1) and (mark.start == number.end or text[number.end] == "-")
        for mark in sentence.of("ordinal_after")
    )
    return not ordinal and not _follows(sentence, number.end, "units", "calendar", "things")


def _is_counted(sentence: Sentence, end: int) -> bool:
    """Number words of scripts without spaces stand in other words too; a counter or a unit tells them."""
    return _follows(sentence, end, "people", "units", "calendar", "after", "things")


def _counts_people(sentence: Sentence, end: int) -> bool:
    return _follows(sentence, end, "people") or (
        (after := _next(sentence, end, "after")) is not None and _follows(sentence, after.end, "people")
    )


def _follows(sentence: Sentence, end: int, *kinds: str) -> bool:
    return _next(sentence, end, *kinds) is not None


def _next(sentence: Sentence, end: int, *kinds: str) -> Mark | None:
    """The longest of those that begin right here, if it is one of `kinds`: a counter may begin as a unit does."""
    near = [
        mark
        for mark in sentence.of("people", "units", "calendar", "things", "after")
        if end <= mark.start <= end + 1 and sentence.between(end, mark.start) in _GAPS
    ]
    longest = max(near, key=lambda mark: mark.end - mark.start, default=None)
    return longest if longest and longest.kind in kinds else None


def _is_range(sentence: Sentence, low: Number, high: Number) -> bool:
    if not low.value or not high.value or low.vague or high.vague:
        return False
    gap = sentence.between(low.end, high.start)
    joined = gap.strip() in ("-", "–", "—", "~", "～", "〜", "∼", "至") or any(
        mark.start >= low.end and mark.end <= high.start and len(gap.strip()) - (mark.end - mark.start) <= _REACH
        for mark in sentence.of("to")
    )
    return joined and len(gap) <= 12 and (_scaled(low, high).value or 0.0) < high.value


def _scaled(low: Number, high: Number) -> Number:
    """`25 to 30 thousand`: the factor is meant for both."""
    shared = high.scale > 1 and low.scale == 1 and (low.value or 0.0) < (high.value or 0.0) / high.scale
    return replace(low, value=(low.value or 0.0) * high.scale, scale=high.scale) if shared else low


def _qualifier(sentence: Sentence, number: Number) -> str | None:
    before = [
        mark
        for mark in sentence.of("before")
        if mark.end <= number.start and _is_small(sentence, mark.end, number.start)
    ]
    if before:
        return before[-1].value
    after = _next(sentence, number.end, "after")
    if after is None and (counter := _next(sentence, number.end, "people")):
        after = _next(sentence, counter.end, "after")
    if after:
        return after.value
    return Qualifier.OVER.value if number.vague else None


def _is_small(sentence: Sentence, end: int, start: int) -> bool:
    """Nothing but spaces, quotes and small words stands between."""
    gap = sentence.between(end, start)
    if len(gap) > 12:
        return False
    links = sum(mark.end - mark.start for mark in sentence.of("links") if end <= mark.start and mark.end <= start)
    return len(gap) - gap.count(" ") - gap.count("\u00a0") - links <= 0
