"""All rows, in a few minutes: what was measured, ours, the peer's, and the ratio.

    python -m benchmarks.run [--corpus DIR] [--tiny]

Each benchmark runs in a process of its own, one after another.
"""

import argparse
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks import assigning, classifying, delivering, listing, parsing, polling, queueing, scale, turns
from benchmarks.measure import Row, table


def rows(corpus: Path | None, *, tiny: bool) -> list[Row]:
    """`tiny` only proves that everything runs."""
    feeds, entries, rounds = (10, 10, 1) if tiny else (300, 300, 5)
    texts = 100 if tiny else classifying.TEXTS
    many, few, polls = (40, 20, 10) if tiny else (scale.MANY, scale.FEW, scale.POLLS)
    # A tenth of what `benchmarks.assigning` has by itself: to write its stories takes longer than all else together.
    stories = (60, 40, 10) if tiny else (assigning.MANY // 10, assigning.FEW, assigning.ENTRIES)
    listed = (60, 40, 5, 1) if tiny else (listing.MANY, listing.FEW, 100, 3)
    # Fewer and shorter phases than `benchmarks.delivering` has by itself.
    deliveries, delivery_rounds, seconds = (20, 1, 1.0) if tiny else (500, 3, 5.0)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn, max_tasks_per_child=1) as pool:
        measured = (
            pool.submit(polling.measure, feeds, rounds, corpus),
            pool.submit(scale.measure, many, few, polls, rounds),
            pool.submit(queueing.measure, entries, rounds),
            pool.submit(parsing.measure, parsing.read_corpus(corpus), rounds),
            pool.submit(classifying.measure, texts, rounds),
            pool.submit(assigning.measure, *stories, rounds),
            pool.submit(turns.measure, entries, rounds, 2 if tiny else turns.WORKERS),
            pool.submit(listing.measure, *listed),
            pool.submit(delivering.measure, deliveries, delivery_rounds, seconds),
        )
        return [row for future in measured for row in future.result()]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="feed documents to parse, one a file; else the demo's")
    parser.add_argument("--tiny", action="store_true", help="only prove that everything runs")
    print(table(rows(**vars(parser.parse_args(arguments)))))


if __name__ == "__main__":
    main(sys.argv[1:])
