"""How good verdicts are, and how sure that is: shares with their 95 % confidence intervals. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

Z = 1.959964  # of the normal distribution, for 95 %


@dataclass(frozen=True, slots=True)
class Measured:
    """A value and the bounds of its 95 % interval, each from 0 to 1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Quality:
    """Counts of true positives, false positives and false negatives. A measure of nothing is None."""

    hits: int
    false: int
    missed: int

    @property
    def precision(self) -> Measured | None:
        return share(self.hits, self.hits + self.false)

    @property
    def recall(self) -> Measured | None:
        return share(self.hits, self.hits + self.missed)

    @property
    def f1(self) -> Measured | None:
        """2s / (1 + s), where s is the share of hits in all that is right to find or was found.

        F1 grows with that share and depends on nothing else, so that its interval is that of the share, carried over.
        """
        found = share(self.hits, self.hits + self.false + self.missed)
        return found and Measured(*(2 * bound / (1 + bound) for bound in (found.value, found.low, found.high)))


def quality(pairs: Iterable[tuple[bool, bool]]) -> Quality:
    """Of pairs: whether it is, whether it was said to be."""
    counted = list(pairs)
    return Quality(counted.count((True, True)), counted.count((False, True)), counted.count((True, False)))


def share(part: int, whole: int) -> Measured | None:
    """With Wilson's interval, which holds for few cases and for shares near 0 and 1."""
    if not whole:
        return None
    value, spread = part / whole, Z * Z / whole
    middle = (value + spread / 2) / (1 + spread)
    reach = Z * sqrt(value * (1 - value) / whole + spread / whole / 4) / (1 + spread)
    return Measured(value, max(0.0, middle - reach), min(1.0, middle + reach))
