"""How alike two articles are, by their fingerprints. Pure; every number is told with what it came from."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import exp, log

from services.classifier.fingerprint import SKETCH
from shared.models.story import FIGURE_TOLERANCE, Fingerprint, same_figure

WINDOW = timedelta(hours=96)
# How far apart two reports of one role may lie and still be one happening that grows.
_SPREAD_SAME_VOICE, _SPREAD_UNKNOWN_VOICE = 3.0, 1.5
# Whose word it is, is not said by these: they pass on what others say, or speak for themselves.
NO_SIDE = frozenset({"outlet", "captive", "other", "milblogger", "think-tank"})
KINDS = ("event", "figure", "voice", "region", "place", "aspect")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Weights:
    """Chosen over labelled stories by logistic regression: `benchmarks/story_choices.py`.

    `share`: how many of all stories are thought to say a term of that kind before any is known, as if `prior` stories
    had been seen. `known`: what is left of a figure that another story told before. `odds`: what one unit of a feature
    (`features`) adds to the logarithm of the odds that two articles tell one happening; `bias`: where it begins.
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
    known: float = 0.1
    odds: Mapping[str, float] = field(
        default_factory=lambda: {
            "shared event": 1.406,
            "lone event": 0.145,
            "shared figure": 0.985,
            "lone figure": -0.153,
            "lone voice": -0.214,
            "shared region": 0.302,
            "lone region": -0.116,
            "shared place": 1.598,
            "shared aspect": 0.996,
            "lone aspect": -0.076,
            "words": 4.972,
            "one voice": 0.890,
            "other side": -1.397,
            "reply": 0.325,
            "reply of other side": 0.453,
            "days to reply": 0.518,
            "one figure": 0.371,
            "other figures": -0.099,
            "days": -2.031,
            "days after": 0.905,
            "stories": -1.395,
        }
    )
    bias: float = 1.007
    same_story_at: float = 0.65
    reply_at: float = 0.4
    related_at: float = 0.2


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
    apart: timedelta,
    rarity: Callable[[str], float],
    *,
    live: int = 1,
    background: Collection[str] = (),
    weights: Weights = WEIGHTS,
) -> Likeness:
    """The probability that two articles, the later first, tell one happening. Without a topic, by their words alone.

    `live`: how many stories there are; `background`: figures that are told again and again, and so say little.
    """
    if apart > WINDOW:
        return Likeness(0.0)
    if _disjoint(a.grounds, b.grounds):
        return Likeness(0.0, "on other ground")
    if a.voices and b.voices and contradict(a, b) and not kin(a.voices, b.voices):
        return Likeness(0.0, "counted otherwise by somebody else")
    if not a.terms or not b.terms:
        alike = _overlap(a.words, b.words, rarity) if a.language == b.language else 0.0
        return Likeness(alike, f"{alike:.0%} of the words")
    found = features(a, b, apart, rarity, live, background, weights)
    parts = {name: weights.odds.get(name, 0.0) * value for name, value in found.items()}
    value = 1 / (1 + exp(-weights.bias - sum(parts.values())))
    return Likeness(value, ", ".join(_largest(parts)))


def _largest(parts: Mapping[str, float]) -> Iterator[str]:
    """What tips the balance most, for or against."""
    ranked = sorted(parts.items(), key=lambda part: -abs(part[1]))[:_SHOWN]
    return (f"{name.replace('_', ' ')} {value:+.1f}" for name, value in ranked if abs(value) >= 0.05)


def features(
    a: Fingerprint,
    b: Fingerprint,
    apart: timedelta,
    rarity: Callable[[str], float],
    live: int,
    background: Collection[str] = (),
    weights: Weights = WEIGHTS,
) -> dict[str, float]:
    """What speaks for and against one happening. Of each kind of term: the weight that both share, and that only one
    has; the rest are from 0 to 1, but for the days between the two, and how many stories it might be."""
    found = dict.fromkeys((f"{told} {kind}" for kind in KINDS for told in ("shared", "lone")), 0.0)
    for term in a.terms.keys() | b.terms.keys():
        kind = term.partition(":")[0]
        worth = rarity(term) * (weights.known if term in background else 1.0)
        mine, its = a.terms.get(term, 0.0), b.terms.get(term, 0.0)
        found[f"shared {kind}"] += worth * min(mine, its)
        found[f"lone {kind}"] += worth * abs(mine - its)
    one_language = a.language == b.language
    other_side = _disjoint(set(a.classes) - NO_SIDE, set(b.classes) - NO_SIDE)
    return found | {
        "words": _overlap(a.words, b.words, rarity) if one_language else 0.0,
        "one voice": float(kin(a.voices, b.voices)),
        "other side": float(other_side),
        "reply": float(a.replies),
        "reply of other side": float(a.replies and other_side),
        "days to reply": float(a.replies) * apart / timedelta(days=1),
        "one figure": float(_agree(a, b)),
        "other figures": float(contradict(a, b)),
        "days": apart / timedelta(days=1),
        "days after": max(0.0, apart / timedelta(days=1) - 1),
        "stories": log(1 + live),
    }


def _disjoint(a: Collection[str], b: Collection[str]) -> bool:
    """Both say something, and not the same."""
    return bool(a and b) and set(a).isdisjoint(b)


def _agree(a: Fingerprint, b: Fingerprint) -> bool:
    mine, its = ([value for values in each.figures.values() for value in values] for each in (a, b))
    return any(same_figure(x, y) for x in mine for y in its)


def _overlap(a: Mapping[str, float], b: Mapping[str, float], rarity: Callable[[str], float]) -> float:
    """The cosine of the words, weighted by their place and their rarity."""
    rare = {word: rarity(f"word:{word}") ** 2 for word in {**a, **b}}
    shared = sum(a[word] * b[word] * rare[word] for word in a.keys() & b.keys())
    mine, its = (sum(weight**2 * rare[word] for word, weight in side.items()) for side in (a, b))
    return float(shared / (mine * its) ** 0.5) if mine and its else 0.0


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
    both = sorted(set(a) | set(b))[:SKETCH]
    return len(set(a) & set(b) & set(both)) / len(both) if both else 0.0
