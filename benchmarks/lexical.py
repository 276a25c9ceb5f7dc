"""What stories are told apart by elsewhere: the cosine of TF-IDF, the Jaccard of shingles, MinHash."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import count, islice
from math import log, sqrt
from random import Random
from typing import Any
from zlib import crc32

Vector = Mapping[Any, float]
_PERMUTATIONS, _PRIME = 128, (1 << 61) - 1
_DRAWN = Random(1)
_HASHES = [(_DRAWN.randrange(1, _PRIME), _DRAWN.randrange(_PRIME)) for _ in range(_PERMUTATIONS)]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def prefixes(text: str) -> list[str]:
    """The cheapest stand-in for morphology."""
    return [word[:5] for word in words(text)]


def tf_idf(texts: Sequence[str], split: Callable[[str], list[str]], *, online: bool) -> list[Vector]:
    """Of unit length. `online`: a text's rarities come from those before it, else from all."""
    bags = [Counter(split(text)) for text in texts]
    held = Counter() if online else Counter(word for bag in bags for word in bag)
    vectors = []
    for place, bag in enumerate(bags, start=1):
        held.update(bag.keys() if online else ())
        many = place if online else len(bags)
        vectors.append(_unit({w: (1 + log(n)) * (log((1 + many) / (1 + held[w])) + 1) for w, n in bag.items()}))
    return vectors


def _unit(vector: Mapping[str, float]) -> Vector:
    length = sqrt(sum(weight**2 for weight in vector.values())) or 1.0
    return {word: weight / length for word, weight in vector.items()}


def shingles(text: str, size: int) -> Vector:
    told = words(text)
    return {" ".join(told[at : at + size]): 1.0 for at in range(max(1, len(told) - size + 1))}


def min_hash(text: str, size: int) -> Vector:
    """128 permutations; the dot product estimates the Jaccard similarity."""
    hashes = [crc32(str(shingle).encode()) for shingle in shingles(text, size)]
    least = (min((a * each + b) % _PRIME for each in hashes) for a, b in _HASHES)
    return {slot: 1 / sqrt(_PERMUTATIONS) for slot in enumerate(least)}


def dot(shared: float, mine: Vector, its: Vector) -> float:
    return shared


def jaccard(shared: float, mine: Vector, its: Vector) -> float:
    return shared / (len(mine) + len(its) - shared)


Measure = Callable[[float, Vector, Vector], float]


def alike(a: Vector, b: Vector, measure: Measure) -> float:
    return measure(sum(weight * b.get(word, 0.0) for word, weight in a.items()), a, b)


def nearest(vectors: Sequence[Vector], measure: Measure) -> list[tuple[float, int]]:
    """For each the likeness and the place of the most similar one before it; of several the last.

    It depends on no threshold, so that one pass serves them all.
    """
    index = Index()
    found = []
    for vector in vectors:
        near = ((measure(shared, vector, index.vectors[at]), at) for at, shared in index.shared(vector).items())
        found.append(max(near, default=(0.0, 0)))
        index.add(vector)
    return found


def clusters(near: Sequence[tuple[float, int]], threshold: float) -> list[int]:
    labels: list[int] = []
    fresh = count()
    for likeness, other in near:
        labels.append(labels[other] if labels and likeness >= threshold else next(fresh))
    return labels


class Index:
    """The vectors so far, found by what they share with another."""

    def __init__(self) -> None:
        self.vectors: list[Vector] = []
        self._postings: dict[Any, list[tuple[int, float]]] = defaultdict(list)

    def add(self, vector: Vector) -> None:
        for word, weight in vector.items():
            self._postings[word].append((len(self.vectors), weight))
        self.vectors.append(vector)

    def shared(self, vector: Vector) -> dict[int, float]:
        """Place → dot product, of those that share anything."""
        found: dict[int, float] = defaultdict(float)
        for word, weight in vector.items():
            for place, other in self._postings[word]:
                found[place] += weight * other
        return found

    def best(self, vector: Vector, most: int) -> list[int]:
        found = self.shared(vector)
        return list(islice(sorted(found, key=found.__getitem__, reverse=True), most))
