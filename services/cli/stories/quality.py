"""How well found groups agree with true ones. Pure: of each thing, where it was put and where it belongs."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

Groups = Sequence[tuple[Hashable, Hashable]]  # found, true


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision falls when what is apart is put together, recall when what belongs together is split. Nothing said is
    nothing wrong: 1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def __str__(self) -> str:
        return f"P {self.precision:.3f}  R {self.recall:.3f}  F1 {self.f1:.3f}"


def b_cubed(groups: Groups) -> Agreement:
    """B³: the mean over all things of how pure and how complete each one's group is (Bagga and Baldwin 1998)."""
    if not groups:
        return Agreement(1.0, 1.0)
    found, true, both = _counted(groups)
    return Agreement(
        mean(both[pair] / found[pair[0]] for pair in groups),
        mean(both[pair] / true[pair[1]] for pair in groups),
    )


def pairwise(groups: Groups) -> Agreement:
    """Of all pairs of things that are together, the share that belongs together, and the reverse."""
    found, true, both = (_pairs(counts.values()) for counts in _counted(groups))
    return Agreement(both / found if found else 1.0, both / true if true else 1.0)


def _counted(groups: Groups) -> tuple[Counter[Hashable], Counter[Hashable], Counter[Hashable]]:
    both: Counter[Hashable] = Counter(groups)
    return Counter(found for found, _ in groups), Counter(true for _, true in groups), both


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)
