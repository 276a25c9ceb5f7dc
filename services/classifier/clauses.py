"""A sentence taken apart: its hits, figures and times, and where its clauses end. Pure."""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.classifier.figures import Figure, read_figures, read_numbers
from services.classifier.lexicon import Sentence
from services.classifier.scan import Hit, Kind
from services.classifier.text import Span
from services.classifier.times import Time, read_times

_MOST = 16  # hits of a kind, or numbers, in a sentence; with more it is a list, and each would be weighed against each
_BREAK = 30  # characters that a clause's end counts for in the distance to a role
_PUNCTUATION = re.compile(r"[,;:—–…、，；：،؛()]|\s-\s|[\"“”«»](?=\s)")


@dataclass(frozen=True, slots=True)
class Clauses:
    """One sentence with all that stands in it. `breaks` are the ends of clauses."""

    index: int
    sentence: Sentence
    hits: Mapping[Kind, Sequence[Hit]]
    figures: Sequence[Figure]
    times: Sequence[Time]
    breaks: Sequence[Span]

    def of(self, kind: Kind) -> Sequence[Hit]:
        return self.hits.get(kind, ())

    def clause(self, start: int, end: int) -> Span:
        left = max((stop for _, stop in self.breaks if stop <= start), default=self.sentence.start)
        right = min((begin for begin, _ in self.breaks if begin >= end), default=self.sentence.end)
        return left, right

    def stretch(self, end: int, *, past_figures: bool = False) -> int:
        """Up to the next figure or punctuation: what is counted may be "Russian and North Korean soldiers"."""
        ends = [start for start, _ in self.breaks if start >= end and not self.sentence.text[start].isalnum()]
        ends += [figure.start for figure in self.figures if figure.start >= end and not past_figures]
        return min(ends, default=self.sentence.end)

    def distance(self, a: Span, b: Span) -> int:
        """In characters, and more for each clause that ends between the two."""
        low, high = min(a[1], b[1]), max(a[0], b[0])
        return max(0, high - low) + _BREAK * self._ends_between(low, high)

    def _ends_between(self, low: int, high: int) -> int:
        return max(0, bisect_left(self.breaks, (high, 0)) - bisect_left(self.breaks, (low, 0)))


def take_apart(index: int, sentence: Sentence, hits: Sequence[Hit], published: date | None) -> Clauses:
    numbers = read_numbers(sentence)[:_MOST]
    times = read_times(sentence, numbers, published)
    free = [number for number in numbers if not any(time.start <= number.start < time.end for time in times)]
    figures = read_figures(sentence, free)
    by_kind: dict[Kind, list[Hit]] = {}
    for hit in hits:
        named = by_kind.setdefault(hit.kind, [])
        if len(named) < _MOST:
            named.append(hit)
    whole = [(hit.start, hit.end) for hit in hits if hit.kind in (Kind.ROLE, Kind.EVENT)]
    whole += [(time.start, time.end) for time in times] + [(figure.start, figure.end) for figure in figures]
    return Clauses(index, sentence, by_kind, figures, times, _breaks(sentence, whole, times))


def _breaks(sentence: Sentence, whole: Sequence[Span], times: Sequence[Time]) -> list[Span]:
    """Not inside a figure, a time or "killed and wounded"; not after a time that only opens a clause."""
    found = [found.span() for found in _PUNCTUATION.finditer(sentence.text, sentence.start, sentence.end)]
    found += [(mark.start, mark.end) for mark in sentence.of("clauses")]
    opening = {time.end for time in times if time.start - sentence.start <= 4}
    return sorted(
        (start, end)
        for start, end in found
        if start not in opening and not any(a <= start and end <= b for a, b in whole)
    )
