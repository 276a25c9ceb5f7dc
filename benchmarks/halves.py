"""What is chosen on one half and judged on the other, with intervals by resampling."""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")
Ratio = tuple[float, float, float]
HALVINGS, SAMPLES = 3, 1000


def ratio(right: float, said: float, true: float) -> Ratio:
    """Precision, recall and F1."""
    return f1(right / said if said else 1.0, right / true if true else 1.0)


def f1(precision: float, recall: float) -> Ratio:
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


def halvings(items: Sequence[T]) -> list[tuple[list[T], list[T]]]:
    """Each in a random order of its own."""
    found = []
    for seed in range(HALVINGS):
        mixed = list(items)
        Random(seed).shuffle(mixed)
        found.append((mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]))
    return found


def resampled(items: Sequence[T]) -> list[list[T]]:
    """As many, drawn with replacement: the same samples at each call, so that methods can be compared pair by pair."""
    drawn = Random(1)
    return [drawn.choices(items, k=len(items)) for _ in range(SAMPLES)]


def table(names: Sequence[str], methods: Mapping[str, Callable[[list[T]], Sequence[float]]], items: Sequence[T]) -> str:
    """Of methods that say how well they do on some of the items: their numbers on all, the third of which is F1; the
    first method is ours."""
    samples = resampled(items)
    drawn = {name: [judge(sample)[2] for sample in samples] for name, judge in methods.items()}
    ours, *_ = drawn.values()
    head = f"| method | {' | '.join(names)} | F1, 95 % | ours is better by |\n|---|{'--:|' * len(names)}---|---|"
    return "\n".join((head, *(_row(name, judge(list(items)), drawn[name], ours) for name, judge in methods.items())))


def _row(name: str, numbers: Sequence[float], drawn: Sequence[float], ours: Sequence[float]) -> str:
    ahead = [mine - its for mine, its in zip(ours, drawn, strict=True)]
    better = "" if drawn is ours else interval(ahead, "+.3f")
    return f"| {name} | {' | '.join(f'{n:.3f}' for n in numbers)} | {interval(drawn, '.3f')} | {better} |"


def interval(drawn: Sequence[float], form: str) -> str:
    """Of 95 %."""
    ordered = sorted(drawn)
    low, high = ordered[len(ordered) * 25 // 1000], ordered[len(ordered) * 975 // 1000 - 1]
    return f"{low:{form}} … {high:{form}}"
