"""How well claims are read: figures with their role, who says so, how certainly, when and where.

    python -m benchmarks.claims_quality FILE.jsonl [--misses]

Each line of FILE has `lang`, `date`, `title`, `text` and `claims`: `value`, `role`, `qualifier`, `place`, `time`,
`attribution`, `class`, `certainty`. A list names what is right alike. A claim without a value is the story's main
event. A story that the classifier holds for irrelevant yields no claims and counts as missed.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from services.classifier.match import Matcher
from services.classifier.packs import load_matcher
from shared.models.topic import Claim

TOPIC = "dprk-kursk"
SEEDS = Path(__file__).parent.parent / "seeds" / "topics"
ASPECTS = ("class", "certainty", "time", "place", "qualifier", "attribution")


@dataclass(frozen=True, slots=True)
class Label:
    """`said` is what else the label states, by aspect; an aspect that it leaves out is not scored."""

    value: float | None
    role: str | None
    said: dict[str, object]


@dataclass(frozen=True, slots=True)
class Story:
    id: str
    language: str
    published: date
    text: str
    labels: tuple[Label, ...]


@dataclass(slots=True)
class Score:
    """Counts, each of things that are right out of things that there are."""

    right: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    def add(self, what: str, *, right: bool, miss: str) -> None:
        self.all[what] += 1
        self.right[what] += right
        if not right:
            self.misses.append(f"{what}: {miss}")

    def rate(self, what: str) -> float:
        return self.right[what] / self.all[what] if self.all[what] else 1.0


def read(path: Path) -> list[Story]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Story(
            str(line["id"]),
            line["lang"],
            date.fromisoformat(line["date"]),
            f"{line['title']}\n{line['text']}",
            tuple(_label(claim) for claim in line["claims"]),
        )
        for line in lines
    ]


def _label(claim: dict[str, object]) -> Label:
    value = claim["value"]
    assert value is None or isinstance(value, int | float)
    return Label(value, str(claim["role"]) if claim["role"] else None, {a: claim[a] for a in ASPECTS if a in claim})


def claims_of(matcher: Matcher, story: Story) -> tuple[Claim, ...]:
    matches = matcher.match(story.text, story.language, story.published)
    return next((match.claims for match in matches if match.relevant and match.topic == TOPIC), ())


def said(claim: Claim) -> dict[str, object]:
    """The aspects of a claim, in the form of a label."""
    time = None
    if claim.time_start and claim.time_end:
        time = {
            "start": claim.time_start.isoformat(),
            "end": claim.time_end.isoformat(),
            "precision": claim.time_precision,
        }
    return {
        "class": claim.attribution_class,
        "certainty": claim.certainty.value,
        "time": time,
        "place": claim.place,
        "qualifier": claim.qualifier,
        "attribution": claim.attribution,
    }


def judge(score: Score, story: Story, claims: Sequence[Claim]) -> None:
    figures = [claim for claim in claims if claim.value is not None]
    for label in story.labels:
        if label.value is None:
            _compare(score, story, label, [claim for claim in claims if claim.value is None])
            continue
        name = f"{story.id} {story.language} {label.value:g} {label.role}"
        same = [claim for claim in figures if claim.value == label.value]
        score.add("value", right=bool(same), miss=name)
        same = [claim for claim in same if claim.role == label.role]
        score.add("value and role", right=bool(same), miss=name)
        _compare(score, story, label, same)
    labelled = {(label.value, label.role) for label in story.labels}
    for claim in figures:
        name = f"{story.id} {story.language} {claim.value:g} {claim.role} is not labelled"
        score.add("precision", right=(claim.value, claim.role) in labelled, miss=name)


def _compare(score: Score, story: Story, label: Label, claims: Sequence[Claim]) -> None:
    """With the one of them that agrees in most, for a story may say one figure twice, of several speakers."""
    if not claims:
        return
    found = max((said(claim) for claim in claims), key=lambda each: sum(_is(each[a], b) for a, b in label.said.items()))
    for aspect, expected in label.said.items():
        right = _is(found[aspect], expected)
        name = (
            f"{story.id} {story.language} {label.value or 'event'} {label.role or ''}: {found[aspect]}, not {expected}"
        )
        score.add(aspect, right=right, miss=name)


def _is(found: object, expected: object) -> bool:
    return found in expected if isinstance(expected, list) else found == expected


def evaluate(matcher: Matcher, stories: Iterable[Story]) -> dict[str, Score]:
    """Language → score, and `all`."""
    scores: dict[str, Score] = {"all": Score()}
    for story in stories:
        claims = claims_of(matcher, story)
        for name in ("all", story.language):
            judge(scores.setdefault(name, Score()), story, claims)
    return scores


def table(scores: dict[str, Score]) -> Iterable[str]:
    whats = ("value", "value and role", "precision", *ASPECTS)
    yield f"{'':6}{'figures':>8}" + "".join(f"{what:>16}" for what in whats)
    for name, score in scores.items():
        yield f"{name:6}{score.all['value']:8}" + "".join(f"{score.rate(what):16.3f}" for what in whats)


def main() -> None:
    parser = argparse.ArgumentParser(description="How well claims are read.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--misses", action="store_true", help="list what is wrong")
    arguments = parser.parse_args()
    scores = evaluate(load_matcher(SEEDS), read(arguments.file))
    print("\n".join(table(scores)))
    if arguments.misses:
        print("\n".join(scores["all"].misses))


if __name__ == "__main__":
    main()
