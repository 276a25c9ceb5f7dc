"""How alike two articles are, by their fingerprints. Pure; every number is told with what it came from."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import exp, log

from shared.models.story import FIGURE_TOLERANCE, Fingerprint

WINDOW = timedelta(hours=96)
_SKETCH = 128
# How far apart two reports of one role may lie and still be one happening that grows.
_SPREAD_SAME_VOICE, _SPREAD_UNKNOWN_VOICE = 3.0, 1.5
# Whose word it is, is not said by these: they pass on what others say, or speak for themselves.
_NO_SIDE = frozenset({"outlet", "captive", "other", "milblogger", "think-tank"})
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Weights:
    """Chosen over labelled stories: `benchmarks/story_choices.py`.

    `share`: how many of all stories are thought to say a term of that kind before any is known, as if `prior` stories
    had been seen; so the rarity of a kind is its weight too. `words`: the part of the likeness that the words of one
    language have. `voices`: what is left of it where two sides speak. `known`: what is left of a figure that another
    story told before.
    """

    share: Mapping[str, float] = field(
        default_factory=lambda: {
            "event": 0.30,
            "figure": 0.05,
            "voice": 0.20,
            "region": 0.40,
            "place": 0.10,
            "aspect": 0.10,
            "word": 0.02,
        }
    )
    prior: float = 10.0
    words: float = 0.3
    voices: float = 0.8
    known: float = 0.1
    same_story_at: float = 0.40
    related_at: float = 0.25


WEIGHTS = Weights()


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is known beside the stories at hand.

    `live`: how many stories there are; `holding`: of them, how many say a term; `figures`: a figure that was told in an
    alert → the story of it.
    """

    live: int = 0
    holding: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, str] = field(default_factory=dict)

    def rarity(self, weights: Weights = WEIGHTS) -> Callable[[str], float]:
        """Inverse document frequency: what all stories say tells none apart."""
        stories = self.live + weights.prior
        shares = {kind: share * weights.prior for kind, share in weights.share.items()}
        known: dict[str, float] = {}

        def of(term: str) -> float:
            if term not in known:
                held = self.holding.get(term, 0) + shares[term.partition(":")[0]]
                known[term] = max(0.0, log(stories / held))
            return known[term]

        return of


@dataclass(frozen=True, slots=True)
class Likeness:
    """From 0 to 1, and in words where it comes from."""

    value: float
    why: str = ""


def likeness(
    a: Fingerprint,
    b: Fingerprint,
    rarity: Callable[[str], float],
    *,
    background: Collection[str] = (),
    weights: Weights = WEIGHTS,
) -> Likeness:
    """`background`: figures that are told again and again, and so say little."""
    shared, total, both = _terms(a, b, rarity, background, weights)
    alike = shared / total if total else 0.0
    if a.language == b.language and a.words and b.words:
        of_words = _overlap(a.words, b.words, rarity)
        alike = (1 - weights.words) * alike + weights.words * of_words if total else of_words
        if of_words:
            both.append((weights.words * of_words, f"{of_words:.0%} of the words"))
    if _sides_differ(a.classes, b.classes):
        alike *= weights.voices
    return Likeness(alike, ", ".join(name for _, name in sorted(both, reverse=True)[:_SHOWN]))


def _terms(
    a: Fingerprint, b: Fingerprint, rarity: Callable[[str], float], background: Collection[str], weights: Weights
) -> tuple[float, float, list[tuple[float, str]]]:
    """Weighted Jaccard (Ruzicka) of the terms: the shared weight and the whole."""
    shared = total = 0.0
    both: list[tuple[float, str]] = []
    for term in a.terms.keys() | b.terms.keys():
        worth = rarity(term) * (weights.known if term in background else 1.0)
        mine, its = a.terms.get(term, 0.0), b.terms.get(term, 0.0)
        total += max(mine, its) * worth
        if least := min(mine, its) * worth:
            shared += least
            both.append((least, term.replace(":", " ", 1)))
    return shared, total, both


def _overlap(a: Sequence[str], b: Sequence[str], rarity: Callable[[str], float]) -> float:
    """The cosine of the words that stand in both, weighted by their rarity."""
    weights = {word: rarity(f"word:{word}") ** 2 for word in {*a, *b}}
    shared = sum(weights[word] for word in set(a) & set(b))
    mine, its = sum(weights[word] for word in a), sum(weights[word] for word in b)
    return float(shared / (mine * its) ** 0.5) if mine and its else 0.0


def _sides_differ(a: Sequence[str], b: Sequence[str]) -> bool:
    mine, its = set(a) - _NO_SIDE, set(b) - _NO_SIDE
    return bool(mine and its) and mine.isdisjoint(its)


def contradict(a: Fingerprint, b: Fingerprint) -> bool:
    """Both have a figure of one role up front, and no two agree: 30 killed by one voice, 300 by another."""
    spread = _spread(a.voices, b.voices)
    return any(
        all(max(x, y) > spread * min(x, y) for x in a.figures[role] for y in b.figures[role])
        for role in a.figures.keys() & b.figures.keys()
    )


def _spread(voices: Sequence[str], others: Sequence[str]) -> float:
    if not voices or not others:
        return _SPREAD_UNKNOWN_VOICE
    return _SPREAD_SAME_VOICE if kin(voices, others) else 1 + FIGURE_TOLERANCE


def kin(voices: Sequence[str], others: Sequence[str]) -> bool:
    """Ukraine, and Ukraine's General Staff."""
    return any(a.startswith(b) or b.startswith(a) for a in voices for b in others)


def resemblance(a: Sequence[int], b: Sequence[int]) -> float:
    """The Jaccard similarity of two sets of shingles, estimated from their sketches (Broder 1997)."""
    both = sorted(set(a) | set(b))[:_SKETCH]
    return len(set(a) & set(b) & set(both)) / len(both) if both else 0.0


def decay(apart: timedelta) -> float:
    """What is left of a likeness over time; nothing beyond the window."""
    return 0.0 if apart > WINDOW else exp(-max(0.0, apart / timedelta(days=1) - 1) / 4)
