"""The words by which a text is compared where nothing else is known of it. Pure; knows no topic."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from services.classifier.text import fold, is_cjk, is_common, is_word

# By place: the title, the lead, the two sentences after it. By `benchmarks/story_pairs.py`.
PLACES = (1.5, 1.0, 0.7, 0.7)
NAME = 1.5
_STEM = 5  # letters: the endings of most languages that inflect come after them
_MOST = 60
_CJK = "\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff"
_WORD = re.compile(f"[{_CJK}]|[^ {_CJK}]+")
_LONG, _MANY = 4, 0.6


class Word(NamedTuple):
    """In scripts without spaces between words each character stands for one."""

    folded: str
    written: str


def words(text: str) -> list[Word]:
    """Folded, so that punctuation and markup make no difference."""
    folded = fold(text)
    spaced = "".join(char if is_word(char) or is_cjk(char) else " " for char in folded.text)
    spans = ((found[0], folded.original(*found.span())) for found in _WORD.finditer(spaced))
    return [Word(word, text[start:end]) for word, (start, end) in spans]


def weighed(sentences: Iterable[str], language: str) -> dict[str, float]:
    """Stem → weight by its best place, the heaviest of them. `sentences`: the title, empty if it has none, and those
    after it in their order; of scripts without spaces, pairs of characters."""
    weights: dict[str, float] = {}
    for place, sentence in zip(PLACES, sentences, strict=False):
        for stem, worth in _telling(words(sentence), language):
            weights[stem] = max(weights.get(stem, 0.0), round(place * worth, 2))
    heaviest = sorted(weights, key=lambda stem: -weights[stem])[:_MOST]
    return {stem: weights[stem] for stem in heaviest}


def _telling(told: list[Word], language: str) -> Iterator[tuple[str, float]]:
    for a, b in pairwise(told):
        if is_cjk(a.folded[0]) and is_cjk(b.folded[0]):
            yield a.folded + b.folded, 1.0
    titled, loud = _in_capitals(told), all(word.written.isupper() for word in told)
    for place, (word, written) in enumerate(told):
        acronym = len(word) > 1 and written.isupper() and not loud
        named = acronym or (place > 0 and written[0].isupper() and not titled)
        if not is_cjk(word[0]) and (len(word) > 2 or acronym or word.isdigit()) and not is_common(word, language):
            yield word if word.isdigit() else word[:_STEM], NAME if named else 1.0


def _in_capitals(told: Iterable[Word]) -> bool:
    """A Headline Where Most Words Begin with One: there they tell no name."""
    begun = [word.written[0].isupper() for word in told if len(word.folded) >= _LONG]
    return sum(begun) > _MANY * len(begun)
