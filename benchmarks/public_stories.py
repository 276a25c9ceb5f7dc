"""Two public sets of labelled news as lines of JSON. Their texts are their publishers' and stay out of the repository.

    python -m benchmarks.public_stories pairs {en_train,ru_train,ru_exam,ru_honey}_pool.tsv > pairs.jsonl
    python -m benchmarks.public_stories headlines uci-news-aggregator.csv > headlines.jsonl

Pairs: `toloka/clustering_pairs` of github.com/IlyaGusev/tgcontest, the control answers of its markup; same is a pair of
which one text tells nearly all of the other. Headlines: the cut of the UCI News Aggregator set that lies in
github.com/pratikaher88/IPythonNotebooks; a story is an aggregator's cluster, wider than a happening.

A pair is `{"lang", "same", "a": {"title", "text"}, "b": {"title", "text"}}`, a headline `{"lang", "title", "story"}`.
"""

import argparse
import csv
import html
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MARKS = {"OK": True, "BAD": False}
_LONGEST = 1 << 24


@dataclass(frozen=True, slots=True)
class Text:
    language: str
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    a: Text
    b: Text
    same: bool


@dataclass(frozen=True, slots=True)
class Headline:
    text: Text
    story: str


def read_pairs(path: Path) -> list[Pair]:
    rows = map(json.loads, path.read_text("utf-8").splitlines())
    return [Pair(_side(row, "a"), _side(row, "b"), row["same"]) for row in rows]


def _side(row: Mapping[str, Any], side: str) -> Text:
    return Text(row["lang"], row[side]["title"], row[side]["text"])


def read_headlines(path: Path) -> list[Headline]:
    rows = map(json.loads, path.read_text("utf-8").splitlines())
    return [Headline(Text(row["lang"], row["title"]), row["story"]) for row in rows]


def pairs(pools: Sequence[Path]) -> Iterator[Mapping[str, object]]:
    """Each once: some stand in the pools twice."""
    found: dict[frozenset[str], Mapping[str, object]] = {}
    for pool in pools:
        for row in _rows(pool, "\t"):
            key = frozenset((row["INPUT:first_url"], row["INPUT:second_url"]))
            found.setdefault(key, _pair(row, pool.name[:2]))
    yield from found.values()


def _pair(row: Mapping[str, str], language: str) -> Mapping[str, object]:
    sides = {
        name: {part: _clean(row[f"INPUT:{side}_{part}"]) for part in ("title", "text")}
        for name, side in (("a", "first"), ("b", "second"))
    }
    return {"lang": language, "same": _MARKS[row["GOLDEN:quality"]], **sides}


def headlines(tables: Sequence[Path]) -> Iterator[Mapping[str, object]]:
    """But for a last row that is cut off."""
    for table in tables:
        for row in _rows(table, ","):
            if row["TIMESTAMP"]:
                yield {"lang": "en", "title": _clean(row["TITLE"]), "story": row["STORY"]}


def _rows(path: Path, delimiter: str) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter=delimiter)


def _clean(text: str) -> str:
    return " ".join(html.unescape(text).split())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", choices=("pairs", "headlines"))
    parser.add_argument("files", type=Path, nargs="+")
    arguments = parser.parse_args()
    csv.field_size_limit(_LONGEST)
    convert = pairs if arguments.kind == "pairs" else headlines
    for line in convert(arguments.files):
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
