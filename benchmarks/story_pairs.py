"""How far words alone tell stories apart: the ladder without a topic, beside TF-IDF, shingles and MinHash, in one run.

    python -m benchmarks.story_pairs --pairs PAIRS.jsonl --headlines HEADLINES.jsonl

The files are those of `benchmarks.public_stories`. Pairs: a threshold is chosen on half of them, all languages
together, and judged on the other half. Headlines come in a random order, without their times, which would give the
story away, and are put one by one into the story of the nearest before them, if that is near enough; the threshold is
chosen on half of the stories. Each number is the mean over several halvings, each way; the 95 % intervals come from
resampling the pairs, or the stories, and so do those of the difference to ours.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from statistics import mean

from benchmarks import lexical, wordwise
from benchmarks.halves import Ratio, f1, halvings, ratio, table
from benchmarks.public_stories import Headline, Pair, Text, read_headlines, read_pairs

THRESHOLDS = tuple(step / 100 for step in range(2, 44, 2))
BEGINNING = 300  # characters: for the baselines as good as the whole, or nearly

Cluster = Callable[[float], Sequence[int]]


def whole(text: Text) -> str:
    return f"{text.title} {text.text}"


def beginning(text: Text) -> str:
    return f"{text.title} {text.text[:BEGINNING]}"


@dataclass(frozen=True, slots=True)
class Baseline:
    """`vectors` of all texts at once, or in a stream, where each is known by those before it only."""

    name: str
    vectors: Callable[[Sequence[str], bool], Sequence[lexical.Vector]]
    measure: lexical.Measure = lexical.dot

    def scores(self, pairs: Sequence[Pair], part: Callable[[Text], str]) -> list[float]:
        texts = list(dict.fromkeys(text for pair in pairs for text in (pair.a, pair.b)))
        found = dict(zip(texts, self.vectors([part(text) for text in texts], False), strict=True))
        return [lexical.alike(found[pair.a], found[pair.b], self.measure) for pair in pairs]

    def stream(self, texts: Sequence[Text]) -> Cluster:
        near = lexical.nearest(self.vectors([text.title for text in texts], True), self.measure)
        return lambda threshold: lexical.clusters(near, threshold)


BASELINES = (
    Baseline("TF-IDF", lambda texts, online: lexical.tf_idf(texts, lexical.words, online=online)),
    Baseline("TF-IDF, 5 letters", lambda texts, online: lexical.tf_idf(texts, lexical.prefixes, online=online)),
    Baseline("Jaccard, words", lambda texts, _: [lexical.shingles(text, 1) for text in texts], lexical.jaccard),
    Baseline("Jaccard, 2 words", lambda texts, _: [lexical.shingles(text, 2) for text in texts], lexical.jaccard),
    Baseline("MinHash, 3 words", lambda texts, _: [lexical.min_hash(text, 3) for text in texts]),
)


# Pairs


def judged(scores: Sequence[float], pairs: Sequence[Pair]) -> list[list[bool]]:
    """For each pair what was said of it, once a halving."""
    said: list[list[bool]] = [[] for _ in pairs]
    for one, other in halvings(range(len(pairs))):
        for chosen, judging in ((one, other), (other, one)):
            threshold = best_threshold([(scores[at], pairs[at].same) for at in chosen])
            for at in judging:
                said[at].append(scores[at] >= threshold)
    return said


def best_threshold(scored: Sequence[tuple[float, bool]]) -> float:
    """By F1; half-way between the last that is let in and the first that is not."""
    ordered = sorted(scored, reverse=True)
    true, right, best = sum(same for _, same in scored), 0, (0.0, 0.0)
    for said, ((score, same), (below, _)) in enumerate(zip(ordered, [*ordered[1:], (0.0, False)], strict=True), 1):
        right += same
        if score > below:
            best = max(best, (ratio(right, said, true)[2], (score + below) / 2))
    return best[1]


def quality(said: Sequence[Sequence[bool]], pairs: Sequence[Pair], places: Sequence[int]) -> list[float]:
    """Precision, recall, F1 and accuracy over the halvings."""
    found = []
    for run in range(len(said[0])):
        both = Counter((said[at][run], pairs[at].same) for at in places)
        right, wrong, missed = both[True, True], both[True, False], both[False, True]
        accuracy = (right + both[False, False]) / len(places)
        found.append((*ratio(right, right + wrong, right + missed), accuracy))
    return [mean(column) for column in zip(*found, strict=True)]


def report_pairs(pairs: Sequence[Pair]) -> None:
    runs = {"ours": judged(wordwise.scores(pairs), pairs)}
    for part in (beginning, whole):
        runs |= {f"{base.name}, {part.__name__}": judged(base.scores(pairs, part), pairs) for base in BASELINES}
    runs["all the same"] = [[True]] * len(pairs)
    for language in sorted({pair.a.language for pair in pairs}):
        places = [at for at, pair in enumerate(pairs) if pair.a.language == language]
        print(f"\n{len(places)} pairs in {language}, {sum(pairs[at].same for at in places)} the same\n")
        judge = {name: partial(quality, said, pairs) for name, said in runs.items()}
        print(table(("P", "R", "F1", "accuracy"), judge, places))


# Headlines


@dataclass(frozen=True, slots=True)
class Clustered:
    """`shares`: of each story how many headlines it has, and the sums of their B³ precision and recall (Bagga and
    Baldwin 1998); `linked`: pairwise."""

    shares: Mapping[str, Ratio]
    linked: Ratio

    def b_cubed(self, stories: Iterable[str]) -> Ratio:
        many, precise, recalled = _sums(self.shares[story] for story in stories)
        return f1(precise / many, recalled / many)


def clustered(labels: Sequence[int], gold: Sequence[str]) -> Clustered:
    found, true, both = Counter(labels), Counter(gold), Counter(zip(gold, labels, strict=True))
    parts: dict[str, list[Ratio]] = {story: [] for story in true}
    for (story, label), many in both.items():
        parts[story].append((many, many * many / found[label], many * many / true[story]))
    shares = {story: _sums(of) for story, of in parts.items()}
    return Clustered(shares, ratio(*(_links(sizes.values()) for sizes in (both, found, true))))


def _sums(rows: Iterable[Ratio]) -> Ratio:
    many, precise, recalled = (sum(column) for column in zip(*rows, strict=True))
    return many, precise, recalled


def _links(sizes: Iterable[int]) -> int:
    return sum(many * (many - 1) // 2 for many in sizes)


def held_out(stream: Callable[[Sequence[Text]], Cluster], headlines: Sequence[Headline]) -> list[Clustered]:
    """One for each halving, over all stories."""
    runs = []
    for halves in halvings(sorted({headline.story for headline in headlines})):
        one, other = ([headline for headline in headlines if headline.story in set(half)] for half in halves)
        tried = _tried(stream, one), _tried(stream, other)
        mine, its = tried[0][_best(tried[1])], tried[1][_best(tried[0])]
        precision, recall, _ = (mean(both) for both in zip(mine.linked, its.linked, strict=True))
        runs.append(Clustered({**mine.shares, **its.shares}, f1(precision, recall)))
    return runs


def _tried(stream: Callable[[Sequence[Text]], Cluster], headlines: Sequence[Headline]) -> dict[float, Clustered]:
    cluster, gold = stream([each.text for each in headlines]), [each.story for each in headlines]
    return {threshold: clustered(cluster(threshold), gold) for threshold in THRESHOLDS}


def _best(tried: Mapping[float, Clustered]) -> float:
    return max(tried, key=lambda threshold: tried[threshold].b_cubed(tried[threshold].shares)[2])


def report_headlines(headlines: Sequence[Headline]) -> None:
    order = list(headlines)
    Random(0).shuffle(order)
    runs = {"ours": held_out(wordwise.stream, order)}
    runs |= {base.name: held_out(base.stream, order) for base in BASELINES}
    stories = sorted({headline.story for headline in headlines})
    print(f"\n{len(headlines)} headlines of {len(stories)} stories\n")
    judge = {name: partial(_over, of) for name, of in runs.items()}
    print(table(("B³ P", "B³ R", "B³ F1", "pairwise F1"), judge, stories))


def _over(runs: Sequence[Clustered], stories: Sequence[str]) -> list[float]:
    """B³ precision, recall and F1, and pairwise F1 of all stories."""
    cubed = zip(*(run.b_cubed(stories) for run in runs), strict=True)
    return [*map(mean, cubed), mean(run.linked[2] for run in runs)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--headlines", type=Path)
    arguments = parser.parse_args()
    if arguments.pairs:
        report_pairs(read_pairs(arguments.pairs))
    if arguments.headlines:
        report_headlines(read_headlines(arguments.headlines))


if __name__ == "__main__":
    main()
