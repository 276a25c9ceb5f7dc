"""The shipped rules at another pace (pure): every time in them shorter by one factor, so that hours become seconds.

A rule's times are its `for`, its windows and offsets, and those of its numbers that are seconds. What counts things, or
is a share of them, stays.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.project.series import names

Rule = dict[str, Any]
Group = dict[str, Any]

DAY = 86_400.0
# Of the numbers in rules from 100 on, those that are seconds, and those that are not.
SECONDS = frozenset({300.0, 900.0, 3600.0, 10_800.0, 21_600.0, 86_400.0, 259_200.0})
COUNTS = frozenset({100.0})
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY, "w": 7 * DAY}
_TIME = re.compile(r"(\d+)(ms|[smhdw])")
_TOKEN = re.compile(
    r'(?P<bound>le="[\d.]+")|(?P<text>"[^"]*")|(?P<name>[a-zA-Z_:][\w:]*)'
    r"|(?P<time>\d+(?:ms|[smhdw])(?:\d+(?:ms|[smhdw]))*)|(?P<number>\d+(?:\.\d+)?)"
)


@dataclass(frozen=True, slots=True)
class Pace:
    """`factor`: how much shorter times are. `least`: what no window falls below, in seconds: four scrapes.

    `bounds`: of histograms' buckets, in seconds, in place of the shipped ones. They cannot become shorter by any
    factor: only some bounds are there.
    """

    factor: float
    least: float
    bounds: Mapping[str, str]


def shortened(groups: Sequence[Group], pace: Pace, wanted: Callable[[Rule], bool]) -> list[Group]:
    """All recording rules, and the alerts that are wanted. Raises ValueError for a number nobody has spoken of."""
    return [
        group | {"rules": [faster(rule, pace) for rule in group["rules"] if "record" in rule or wanted(rule)]}
        for group in groups
    ]


def faster(rule: Rule, pace: Pace) -> Rule:
    """A `for` may fall below the least: nothing is measured over it."""
    waits = {"for": duration(seconds(rule["for"]) / pace.factor)} if "for" in rule else {}
    return rule | waits | {"expr": _TOKEN.sub(lambda found: _faster(found, pace), rule["expr"])}


def changes(rule: Rule, pace: Pace) -> Iterator[tuple[str, str]]:
    """What of it becomes what, each once, in the order in which it stands there."""
    seen = {found[0]: _faster(found, pace) for found in _TOKEN.finditer(rule["expr"])}
    yield from ((old, new) for old, new in seen.items() if old != new)
    if "for" in rule:
        yield f"for {rule['for']}", f"for {faster(rule, pace)['for']}"


def longest(rule: Rule, recorded: Mapping[str, str]) -> float:
    """Over how many seconds it looks, by itself or by what is recorded. `recorded`: name → expression."""
    own = max((_long(found) for found in _TOKEN.finditer(rule["expr"])), default=0.0)
    asked = [{"expr": recorded[name]} for name in names(rule["expr"]) if name in recorded]
    return max([own, *(longest(each, recorded) for each in asked)])


def seconds(text: str) -> float:
    """`1h30m` as 5400."""
    return sum(float(many) * _UNITS[unit] for many, unit in _TIME.findall(text))


def duration(of: float) -> str:
    """As Prometheus writes it, to the millisecond."""
    return f"{of:.0f}s" if of == int(of) else f"{of * 1000:.0f}ms"


def _faster(found: re.Match[str], pace: Pace) -> str:
    kind, text = found.lastgroup, found[0]
    if kind == "bound":
        return f'le="{pace.bounds[text[4:-1]]}"'
    if kind == "time":
        return duration(_window(seconds(text), pace))
    if kind == "number" and _is_time(float(text)):
        return f"{_window(float(text), pace):g}"
    return text


def _window(of: float, pace: Pace) -> float:
    """A number of seconds stands for a window, or is what an age is compared with: it shrinks as windows do."""
    return max(of / pace.factor, pace.least)


def _is_time(number: float) -> bool:
    if number >= min(COUNTS) and number not in SECONDS | COUNTS:
        raise ValueError(f"{number:g} in a rule: is it a time, or does it count something?")
    return number in SECONDS


def _long(found: re.Match[str]) -> float:
    if found.lastgroup == "time":
        return seconds(found[0])
    return float(found[0]) if found.lastgroup == "number" and _is_time(float(found[0])) else 0.0
