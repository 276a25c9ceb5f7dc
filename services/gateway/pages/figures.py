"""How the figures of a story changed: what was said, when, by whom (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from services.gateway.pages.words import claim_words, counted, number, subject
from shared.models.pack import Place
from shared.models.story import KnownClaim, same_figure
from shared.models.topic import Certainty

WIDTH, HEIGHT = 300.0, 92.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 6.0, 58.0, 16.0, 20.0


@dataclass(frozen=True, slots=True)
class Said:
    """A figure when it was said first."""

    at: datetime
    value: float
    words: str
    certainty: str
    sources: int


@dataclass(frozen=True, slots=True)
class History:
    """`what`: what is counted. `said`: from the first on, never empty."""

    what: str
    said: tuple[Said, ...]

    @property
    def change(self) -> str:
        """`4,000 → 5,000`: the figures in the order of their coming, each run of the same once."""
        values = [self.said[0].value]
        values += [new.value for old, new in pairwise(self.said) if not same_figure(old.value, new.value)]
        return " → ".join(map(number, values))

    @property
    def changes(self) -> bool:
        return any(not same_figure(old.value, new.value) for old, new in pairwise(self.said))

    @property
    def told(self) -> str:
        """For those who do not see the chart."""
        return f"{self.what}: {self.change}"


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    certainty: str
    words: str


@dataclass(frozen=True, slots=True)
class Label:
    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Steps from figure to figure, in units of the drawing; time runs to the right, and zero is the ground."""

    title: str
    told: str
    path: str
    dots: tuple[Dot, ...]
    labels: tuple[Label, ...]
    times: tuple[Label, ...]
    ground: float
    width: float = WIDTH
    height: float = HEIGHT


def histories(
    claims: Iterable[KnownClaim], first_said: Mapping[str, datetime], places: Mapping[str, Place]
) -> list[History]:
    """Of each thing that is counted, first what changes, then what most say. `first_said`: entry → when it was."""
    found: dict[str, list[Said]] = {}
    for claim in claims:
        if claim.value is not None:
            found.setdefault(subject(claim), []).append(_said(claim, claim.value, first_said, places))
    by_time = [History(what, tuple(sorted(said, key=lambda each: each.at))) for what, said in found.items()]
    return sorted(by_time, key=lambda history: (not history.changes, -sum(said.sources for said in history.said)))


def _said(claim: KnownClaim, value: float, first_said: Mapping[str, datetime], places: Mapping[str, Place]) -> Said:
    words = claim_words(claim, places)
    told = f"{words.figure}, per {words.who}, {words.certainty}" if words.who else f"{words.figure}, {words.certainty}"
    at = first_said.get(claim.entry_id, claim.said_at)
    return Said(
        at, value, f"{told}; {counted(len(claim.sources), 'source')}", claim.certainty.value, len(claim.sources)
    )


def chart(history: History, until: datetime) -> Chart:
    """`until`: the right edge, at the earliest the last figure."""
    said = history.said
    begin, end = said[0].at, max(until, said[-1].at)
    span = max((end - begin).total_seconds(), 1.0)
    most = max(each.value for each in said) or 1.0
    right, ground = WIDTH - _RIGHT, HEIGHT - _BOTTOM

    def x(at: datetime) -> float:
        return round(_LEFT + (at - begin).total_seconds() / span * (right - _LEFT), 1)

    def y(value: float) -> float:
        return round(ground - max(value, 0.0) / most * (ground - _TOP), 1)

    dots = tuple(Dot(x(each.at), y(each.value), each.certainty, each.words) for each in said)
    return Chart(
        title=history.what,
        told=history.told,
        path=_steps([dot for dot in dots if dot.certainty != Certainty.DENIED] or dots, right),
        dots=dots,
        labels=_labels(history, dots, right),
        times=_times(begin, end, right),
        ground=ground,
    )


def _steps(dots: Sequence[Dot], right: float) -> str:
    """A figure holds until the next."""
    moves = [f"M{dots[0].x} {dots[0].y}", *(f"H{dot.x}V{dot.y}" for dot in dots[1:]), f"H{right}"]
    return "".join(moves)


def _times(begin: datetime, end: datetime, right: float) -> tuple[Label, ...]:
    """Below the ground; the day where they are not of the same one."""
    form = "%H:%M" if begin.date() == end.date() else "%-d %b"
    first, last = (f"{at:{form}}" for at in (begin, end))
    labels = (Label(_LEFT - 4, HEIGHT - 5, first), Label(right - 4, HEIGHT - 5, last))
    return labels[:1] if first == last else labels


def _labels(history: History, dots: Sequence[Dot], right: float) -> tuple[Label, ...]:
    """The last figure beside the end; the first above the beginning, where it is another."""
    first, last = history.said[0], history.said[-1]
    end = Label(right + 6, dots[-1].y + 4, number(last.value))
    if same_figure(first.value, last.value):
        return (end,)
    return Label(dots[0].x, dots[0].y - 6, number(first.value)), end
