"""The odds that labelled stories choose, and how well they carry over to happenings that had no part in it.

    python -m benchmarks.story_choices FILE... [--leave-one-out]

The lines of FILE are those of `benchmarks.story_quality`; each file is a stream of its own. Fitted is a logistic
regression over pairs: each article beside those told before it, as if all of these stood in their right stories. Copies
are left out, for a rung above catches them. Every file is taken twice, as it came and, weighing a tenth, with its
happenings moved by chance into a few weeks, lest the days alone tell them apart.

Judged is where the classifier itself puts the articles, over several orders: by the odds in force; by those fitted to
all, which is what a figure looks like that was learnt by heart; and each article by odds fitted without any pair of its
happening. For the last, happenings are left out in 20 folds; with `--leave-one-out` one at a time. Then other
thresholds are tried with the same odds. These are judged on what they would be chosen by: only a clear gain counts.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from pathlib import Path

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.measure import progress
from benchmarks.story_quality import ORDERS, Item, agreement, in_force, in_order, ours, prints, read, squeezed
from services.classifier.cluster import COPY_AT, index_terms, others_told
from services.classifier.grammars import Grammars
from services.classifier.likeness import WEIGHTS, WINDOW, Corpus, Weights, features, resemblance
from services.classifier.match import Matcher
from services.cli.stories.quality import Agreement, b_cubed, pairwise
from shared.config.topics import load_topic_pack
from shared.models.story import figure_key

FOLDS = 20
FEATURES = tuple(WEIGHTS.odds)
SAME_STORY_AT = (0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80)
REPLY_AT = (0.3, 0.4, 0.5, 0.6)
_MOVED, _SEED = 0.1, 5
_FEW = 2  # orders, where there is much to try

Streams = Mapping[str, Sequence[Item]]
WeightsOf = Callable[[Item], Weights]


@dataclass(frozen=True, slots=True)
class Pair:
    """What speaks for and against one happening in two articles, and which happenings they tell."""

    features: tuple[float, ...]
    golds: tuple[str, str]
    weight: float

    @property
    def is_one(self) -> bool:
        return self.golds[0] == self.golds[1]


def pairs(items: Sequence[Item]) -> list[Pair]:
    """Of the items as they came, and of their happenings moved into each other."""
    moved = squeezed(items, max(6, len({item.gold for item in items}) // 4), _SEED)
    return [*_pairs(in_order(items, 0), 1.0), *_pairs(in_order(moved, 1), _MOVED)]


def _pairs(items: Iterable[Item], weight: float) -> Iterator[Pair]:
    told: dict[str, list[Item]] = {}
    figures: dict[str, str] = {}
    for item in items:
        live = {gold: story for gold, story in told.items() if _apart(story[-1], item) <= WINDOW}
        yield from _beside(item, live, figures, weight)
        if item.gold not in told:
            opening = (figure_key(claim.role, claim.value) for claim in item.match.claims if claim.value is not None)
            figures = dict.fromkeys(opening, item.gold) | figures
        told.setdefault(item.gold, []).append(item)


def _beside(item: Item, live: Streams, figures: Mapping[str, str], weight: float) -> Iterator[Pair]:
    vocabularies = ({term for other in story for term in index_terms(prints(other))} for story in live.values())
    rarity = Corpus(len(live), Counter(term for of_story in vocabularies for term in of_story)).rarity()
    for gold, story in live.items():
        known = others_told(figures)(gold)
        for other in story:
            apart = _apart(other, item)
            if apart <= WINDOW and not _is_copy(item, other):
                found = features(prints(item), prints(other), apart, rarity, len(live), known)
                yield Pair(tuple(found[name] for name in FEATURES), (item.gold, gold), weight)


def _apart(earlier: Item, later: Item) -> timedelta:
    return later.entry.seen_at - earlier.entry.seen_at


def _is_copy(item: Item, other: Item) -> bool:
    a, b = prints(item), prints(other)
    return a.text_hash == b.text_hash or resemblance(a.shingles, b.shingles) >= COPY_AT


def fit(chosen: Sequence[Pair]) -> Weights:
    """Features are scaled for the fit, so that each is held small alike; the odds are of features as they are."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=3000))
    weights = [pair.weight for pair in chosen]
    model.fit([p.features for p in chosen], [p.is_one for p in chosen], logisticregression__sample_weight=weights)
    scaler, regression = model[0], model[1]
    odds = [float(odd) for odd in regression.coef_[0] / scaler.scale_]
    bias = float(regression.intercept_[0]) - sum(map(float, odds * scaler.mean_))
    return replace(WEIGHTS, odds=dict(zip(FEATURES, odds, strict=True)), bias=bias)


def held_out(every: Sequence[Pair], golds: Iterable[str], folds: int = FOLDS) -> dict[str, Weights]:
    """For each happening the odds fitted without any pair of it, and of the others in its fold."""
    ordered, found = sorted(set(golds)), dict[str, Weights]()
    for number in range(min(folds, len(ordered))):
        progress(f"fitting without some, {number + 1} of {folds}")
        fold = frozenset(ordered[number::folds])
        found |= dict.fromkeys(fold, fit([pair for pair in every if fold.isdisjoint(pair.golds)]))
    progress("")
    return found


def judged(items: Sequence[Item], weights: WeightsOf, orders: int = ORDERS) -> tuple[Agreement, Agreement]:
    """B³ and pairs, each the mean over so many orders."""
    runs = [(order, ours(order, weights)[0]) for order in (in_order(items, seed) for seed in range(orders))]
    return agreement(b_cubed, runs), agreement(pairwise, runs)


def at(weights: WeightsOf, same_story_at: float, reply_at: float) -> WeightsOf:
    """The same odds, other thresholds."""
    return lambda item: replace(weights(item), same_story_at=same_story_at, reply_at=reply_at)


def in_code(weights: Weights) -> str:
    """As they stand in `Weights`, and what is furthest from there."""
    lines = [f'            "{name}": {odd:.3f},' for name, odd in weights.odds.items()]
    name, off = max(_off(weights).items(), key=lambda each: abs(each[1]))
    return "\n".join(
        [*lines, f"    bias: float = {weights.bias:.3f}", f"furthest from those in force: {name} {off:+.3f}"]
    )


def _off(weights: Weights) -> dict[str, float]:
    return {name: odd - WEIGHTS.odds[name] for name, odd in weights.odds.items()} | {
        "bias": weights.bias - WEIGHTS.bias
    }


def _print_figures(streams: Streams, fitted: Weights, unseen: WeightsOf) -> None:
    rows: dict[str, WeightsOf] = {"in force": in_force, "fitted to all": lambda _: fitted, "without the story": unseen}
    for name, items in streams.items():
        print(f"\n{name}: {len(items)} relevant items, {len({item.gold for item in items})} happenings")
        for row, weights in rows.items():
            progress(f"{name}: {row}")
            b3, pairwise_ = judged(items, weights)
            progress("")
            print(f"  {row:<18} B³ {b3}   pairs {pairwise_}")


def _print_thresholds(streams: Streams, unseen: WeightsOf) -> None:
    print("\nB³ without the story, at other thresholds (same story, reply)")
    for same_story_at, reply_at in product(SAME_STORY_AT, REPLY_AT):
        progress(f"{same_story_at} {reply_at}")
        found = [judged(items, at(unseen, same_story_at, reply_at), _FEW)[0] for items in streams.values()]
        progress("")
        print(f"  {same_story_at:.2f} {reply_at:.1f}   " + "   ".join(map(str, found)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--leave-one-out", action="store_true", help=f"a fit for each happening instead of {FOLDS}")
    parser.add_argument("--topic", type=Path, default=Path("seeds/topics/dprk-kursk"))
    arguments = parser.parse_args()
    matcher = Matcher([load_topic_pack(arguments.topic)], Grammars())
    streams = {path.name: read(path, matcher)[0] for path in arguments.files}
    every = [pair for items in streams.values() for pair in pairs(items)]
    golds = {item.gold for items in streams.values() for item in items}
    fitted = fit(every)
    print(f"{len(every)} pairs, {sum(pair.is_one for pair in every)} of them of one happening\n{in_code(fitted)}")
    by_gold = held_out(every, golds, len(golds) if arguments.leave_one_out else FOLDS)
    _print_figures(streams, fitted, lambda item: by_gold[item.gold])
    _print_thresholds(streams, lambda item: by_gold[item.gold])


if __name__ == "__main__":
    main()
