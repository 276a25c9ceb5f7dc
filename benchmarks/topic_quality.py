"""How well the topic packs tell relevant entries from others, beside a keyword alert on the same file.

    python benchmarks/topic_quality.py FILE.jsonl

Each line of the file: `label` (positive, negative, unsure), `lang`, and `title` with `summary`, or `text`. Unsure lines
are skipped. The keyword alert rings on "North Korea" AND ("troops" OR "Kursk"), in the ten languages of the pack.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from services.classifier.match import Matcher
from services.classifier.packs import load_matcher

TOPIC = "dprk-kursk"
SEEDS = Path(__file__).parent.parent / "seeds" / "topics"
_NORTH_KOREA = re.compile(
    r"north korea|dprk|північн\w+ коре|північнокоре|кндр|северн\w+ коре|северокоре|북한|北朝鮮|朝鲜|北韓|朝鮮"
    r"|nordkorea|corée du nord|nord-coréen|kore\w+ północn|północnokorea|corea del norte|norcorean",
    re.IGNORECASE,
)
_TROOPS_OR_KURSK = re.compile(
    r"troops|soldier|kursk|військ|солдат|курськ|курщин|войск|военн|курск|군인|병사|병력|파병|북한군|쿠르스크|兵|軍|军|部隊|部队|クルスク|库尔斯克|庫斯克"
    r"|truppen|soldat|troupes|koursk|wojsk|żołnierz|tropas",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Row:
    language: str
    text: str
    positive: bool


@dataclass(frozen=True, slots=True)
class Quality:
    """Counts of true positives, false positives and false negatives."""

    hits: int
    false: int
    missed: int

    @property
    def precision(self) -> float:
        return self.hits / max(1, self.hits + self.false)

    @property
    def recall(self) -> float:
        return self.hits / max(1, self.hits + self.missed)

    @property
    def f1(self) -> float:
        return 2 * self.hits / max(1, 2 * self.hits + self.false + self.missed)


def read(path: Path) -> list[Row]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        Row(
            line["lang"],
            line.get("text") or f"{line['title']}\n{line.get('summary') or ''}",
            line["label"] == "positive",
        )
        for line in lines
        if line["label"] != "unsure"
    ]


def ours(matcher: Matcher, rows: Iterable[Row]) -> list[bool]:
    return [
        any(found.relevant and found.topic == TOPIC for found in matcher.match(row.text, row.language)) for row in rows
    ]


def keyword_alert(rows: Iterable[Row]) -> list[bool]:
    return [bool(_NORTH_KOREA.search(row.text) and _TROOPS_OR_KURSK.search(row.text)) for row in rows]


def quality(rows: Sequence[Row], verdicts: Sequence[bool]) -> Quality:
    pairs = [(row.positive, verdict) for row, verdict in zip(rows, verdicts, strict=True)]
    return Quality(pairs.count((True, True)), pairs.count((False, True)), pairs.count((True, False)))


def table(rows: Sequence[Row], verdicts: Sequence[bool], baseline: Sequence[bool]) -> Iterable[str]:
    yield f"{'':10}{'n':>5}{'positive':>10}   {'P':>6}{'R':>6}{'F1':>6}   keyword{'P':>6}{'R':>6}{'F1':>6}"
    for language in ["all", *sorted({row.language for row in rows})]:
        chosen = [index for index, row in enumerate(rows) if language in ("all", row.language)]
        some = [rows[index] for index in chosen]
        mine = quality(some, [verdicts[index] for index in chosen])
        theirs = quality(some, [baseline[index] for index in chosen])
        yield (
            f"{language:10}{len(some):5}{sum(row.positive for row in some):10}   "
            f"{mine.precision:6.3f}{mine.recall:6.3f}{mine.f1:6.3f}          "
            f"{theirs.precision:6.3f}{theirs.recall:6.3f}{theirs.f1:6.3f}"
        )


def main(path: Path) -> None:
    rows = read(path)
    matcher = load_matcher(SEEDS)
    began = perf_counter()
    verdicts = ours(matcher, rows)
    seconds = perf_counter() - began
    baseline = keyword_alert(rows)
    print("\n".join(table(rows, verdicts, baseline)))
    mine, theirs = quality(rows, verdicts), quality(rows, baseline)
    print(f"F1 {mine.f1 / max(theirs.f1, 1e-9):.2f} times the keyword alert's; {len(rows) / seconds:,.0f} entries/s")
    print(f"{TOPIC} {matcher.versions[TOPIC]}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/topic_quality.py FILE.jsonl")
    main(Path(sys.argv[1]))
