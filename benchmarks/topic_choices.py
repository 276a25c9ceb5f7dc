"""How well the numbers of `topic.yaml` carry over to months that had no part in choosing them.

    python -m benchmarks.topic_choices FILE.jsonl [--topic NAME]

The fields of FILE are those of `tocsin topics eval`; `published` says the month. Chosen are the threshold, how far a
noun may stand from its actor, the depth of the lead, and the weights of the event types, by the items of all months but
one quarter of a year; judged is on that quarter. Beside it stand the numbers as they are in the file, and those that
all items together would choose, which is what a figure looks like that was learnt by heart.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.measure import SEEDS, progress
from services.classifier.grammars import Grammars
from services.classifier.match import Matcher, compile_topics
from services.classifier.packs import load_matcher
from shared.models.pack import TopicPack, TopicRule
from shared.models.topic import TopicMatch

THRESHOLDS, REACHES, LEADS = (3.0, 3.5, 4.0, 4.5), (0.75, 1.0, 1.5), (2, 3, 4)
FACTORS = (0.8, 1.0, 1.25)


@dataclass(frozen=True, slots=True)
class Item:
    text: str
    language: str
    quarter: str
    positive: bool
    event: str | None


@dataclass(frozen=True, slots=True)
class Figures:
    """F1, and the share of right event types among the positives that were found."""

    f1: float
    events: float


def read(path: Path) -> list[Item]:
    lines = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    return [_item(line) for line in lines if line["label"] != "unsure"]


def _item(line: Mapping[str, Any]) -> Item:
    text = line.get("text") or f"{line['title']}\n{line.get('summary') or ''}"
    year, _, rest = (line.get("published") or "?").partition("-")
    quarter = f"{year}-{(int(rest[:2]) - 1) // 3 + 1}" if rest else "unknown"
    return Item(text, line["lang"], quarter, line["label"] == "positive", line.get("event_type"))


class Trial:
    """Verdicts of one pack under changed rules, each rule tried once."""

    def __init__(self, pack: TopicPack, items: Sequence[Item]) -> None:
        self._pack, self._items, self._grammars = pack, items, Grammars()
        self._known: dict[str, list[str | None]] = {}

    def events(self, rule: TopicRule) -> list[str | None]:
        """For each item the event type, or None where it is not relevant."""
        key = rule.model_dump_json()
        if key not in self._known:
            matcher = compile_topics([self._pack.model_copy(update={"topic": rule})], self._grammars)
            self._known[key] = [self._event(matcher, item) for item in self._items]
        return self._known[key]

    @staticmethod
    def _event(matcher: Matcher, item: Item) -> str | None:
        found: TopicMatch | None = next(iter(matcher.match(item.text, item.language)), None)
        return found.event_type if found and found.relevant else None

    def figures(self, rule: TopicRule, chosen: Sequence[int]) -> Figures:
        return figures([(self._items[index], self.events(rule)[index]) for index in chosen])


def figures(judged: Sequence[tuple[Item, str | None]]) -> Figures:
    hits = [(item, event) for item, event in judged if item.positive and event]
    wrong = sum(item.positive != (event is not None) for item, event in judged)
    right = sum(item.event == event for item, event in hits)
    return Figures(2 * len(hits) / max(1, 2 * len(hits) + wrong), right / max(1, len(hits)))


def rules(rule: TopicRule) -> Iterator[TopicRule]:
    for threshold, reach, lead in product(THRESHOLDS, REACHES, LEADS):
        near = {name: round(value * reach) for name, value in rule.proximity.model_dump().items()}
        proximity = rule.proximity.model_copy(update=near)
        yield rule.model_copy(update={"threshold": threshold, "proximity": proximity, "lead": lead})


def chosen_rule(trial: Trial, rule: TopicRule, items: Sequence[int]) -> TopicRule:
    """The best by F1, then by event types; of equals the one as it stands in the file, then the first."""
    best = max([rule, *rules(rule)], key=lambda tried: trial.figures(tried, items).f1)
    for name in best.events:
        tried = [best, *(_weighed(best, name, factor) for factor in FACTORS)]
        best = max(tried, key=lambda one: trial.figures(one, items).events)
    return best


def _weighed(rule: TopicRule, name: str, factor: float) -> TopicRule:
    event = rule.events[name].model_copy(update={"weight": round(rule.events[name].weight * factor, 3)})
    return rule.model_copy(update={"events": {**rule.events, name: event}})


def unseen(trial: Trial, rule: TopicRule, items: Sequence[Item]) -> Figures:
    judged: list[tuple[Item, str | None]] = []
    quarters = sorted({item.quarter for item in items})
    for number, quarter in enumerate(quarters):
        progress(f"leaving out {quarter}, {number + 1} of {len(quarters)}")
        others = [index for index, item in enumerate(items) if item.quarter != quarter]
        verdicts = trial.events(chosen_rule(trial, rule, others))
        judged += [(item, verdicts[index]) for index, item in enumerate(items) if item.quarter == quarter]
    progress("")
    return figures(judged)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--topic", default="dprk-kursk")
    options = parser.parse_args()
    pack = next(topic.pack for topic in load_matcher(SEEDS / "topics").topics if topic.pack.name == options.topic)
    items = read(options.file)
    trial, everything = Trial(pack, items), range(len(items))
    by_all = chosen_rule(trial, pack.topic, everything)
    rows = {
        "as it stands": trial.figures(pack.topic, everything),
        "chosen by all": trial.figures(by_all, everything),
        "chosen without the quarter": unseen(trial, pack.topic, items),
    }
    for name, found in rows.items():
        print(f"{name:28} F1 {found.f1:.3f}   event types {found.events:.3f}")


if __name__ == "__main__":
    main()
