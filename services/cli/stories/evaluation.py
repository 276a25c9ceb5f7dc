"""Replayed articles whose happenings are known: what came together, and what rang when it should. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise as neighbours

from services.cli.stories.lines import LabelledStory
from services.cli.stories.quality import Agreement, b_cubed, pairwise
from services.cli.stories.replay import Outcome
from shared.models.story import AlertType

UPDATE = "upd"
# Tell nothing that the first article of their story has not told: syndicated, edited, paraphrased, translated.
REPEATS = ("synd", "edit", "para", "tr")


@dataclass(frozen=True, slots=True)
class Item:
    """A labelled article. `story_id`: in which story it is at the end, when some have taken over others."""

    line: LabelledStory
    outcome: Outcome
    story_id: str | None

    @property
    def label(self) -> str:
        return self.line.label or ""

    @property
    def rang(self) -> AlertType | None:
        return self.outcome.alert.type if self.outcome.alert else None


@dataclass(frozen=True, slots=True)
class Late:
    """An item that should have rung, and the one that did in its place, if any."""

    item: Item
    instead: Item | None


@dataclass(frozen=True)
class Evaluation:
    """`items`: all that are labelled, as they came; `unlabelled` counts the others, `unlabelled_rings` their rings."""

    items: Sequence[Item]
    unlabelled: int = 0
    unlabelled_rings: int = 0

    @cached_property
    def scored(self) -> list[Item]:
        return [item for item in self.items if item.story_id]

    @cached_property
    def b_cubed(self) -> Agreement:
        return b_cubed(self._groups)

    @cached_property
    def pairwise(self) -> Agreement:
        return pairwise(self._groups)

    @property
    def _groups(self) -> list[tuple[str, str]]:
        return [(item.story_id or "", item.label) for item in self.scored]

    @cached_property
    def happenings(self) -> Mapping[str, list[Item]]:
        """By label; those of which no item was relevant are left out."""
        told = {item.label for item in self.scored}
        return {label: items for label, items in _grouped(self.items, lambda item: item.label).items() if label in told}

    @property
    def rings(self) -> Counter[AlertType]:
        return Counter(item.rang for item in self.items if item.rang)

    @property
    def rings_per_happening(self) -> Mapping[str, int]:
        return {label: sum(item.rang is not None for item in items) for label, items in self.happenings.items()}

    @property
    def never_created(self) -> list[Item]:
        """The first article of each happening that was never told as new."""
        return [items[0] for items in self.happenings.values() if not _created(items)]

    @property
    def created_late(self) -> list[Late]:
        """Not by the first article."""
        first = [(items[0], _created(items)) for items in self.happenings.values()]
        return [Late(item, created[0]) for item, created in first if created and created[0] is not item]

    @property
    def created_again(self) -> list[Item]:
        return [item for items in self.happenings.values() for item in _created(items)[1:]]

    @property
    def updates(self) -> list[Item]:
        return [item for item in self.items if item.rang is AlertType.UPDATED]

    @property
    def late_updates(self) -> list[Late]:
        """Articles that bring news and did not ring so; it may have rung with the next ones of the happening."""
        return [late for items in self.happenings.values() for late in _late_updates(items)]

    @property
    def needless(self) -> list[Item]:
        """Repeats that rang, other than by being the first to tell."""
        first = [item for items in self.happenings.values() for item in _created(items)[:1]]
        told = {item.outcome.arrival.number for item in first}
        rang = [item for item in self.items if item.line.kind in REPEATS and item.rang]
        return [item for item in rang if item.outcome.arrival.number not in told]

    @cached_property
    def splits(self) -> Mapping[str, Mapping[str, list[Item]]]:
        """Happening → story → its articles there; those in several stories, the most scattered first."""
        return _scattered(self.scored, lambda item: item.label, lambda item: item.story_id or "")

    @cached_property
    def merges(self) -> Mapping[str, Mapping[str, list[Item]]]:
        """Story → happening → its articles there; those with several happenings, the worst first."""
        return _scattered(self.scored, lambda item: item.story_id or "", lambda item: item.label)


def evaluate(outcomes: Iterable[Outcome], lines: Mapping[int, LabelledStory]) -> Evaluation:
    """`lines`: by their numbers."""
    came = [*outcomes]
    into = {ended: outcome.story_id for outcome in came if outcome.story_id for ended in outcome.ended}
    items, others = list[Item](), list[Outcome]()
    for outcome in came:
        line = lines[outcome.arrival.number]
        if line.label is None:
            others.append(outcome)
        else:
            items.append(Item(line, outcome, _final(outcome.story_id, into)))
    return Evaluation(items, len(others), sum(other.alert is not None for other in others))


def _final(story_id: str | None, into: Mapping[str, str]) -> str | None:
    met = set[str]()
    while story_id and story_id in into and story_id not in met:
        met.add(story_id)
        story_id = into[story_id]
    return story_id


def _created(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if item.rang is AlertType.CREATED]


def _late_updates(items: Sequence[Item]) -> list[Late]:
    """Each one answers for what comes before the next that brings news."""
    bounds = [*(place for place, item in enumerate(items) if item.line.kind == UPDATE), len(items)]
    found = []
    for place, end in neighbours(bounds):
        if items[place].rang is not AlertType.UPDATED:
            instead = (item for item in items[place + 1 : end] if item.rang is AlertType.UPDATED)
            found.append(Late(items[place], next(instead, None)))
    return found


def _scattered(
    items: Iterable[Item], whole: Callable[[Item], str], part: Callable[[Item], str]
) -> dict[str, dict[str, list[Item]]]:
    """The wholes of several parts, by how many articles are not in the greatest."""
    found = {name: _grouped(some, part) for name, some in _grouped(items, whole).items()}
    split = {name: parts for name, parts in found.items() if len(parts) > 1}
    return dict(sorted(split.items(), key=lambda named: -_astray(named[1])))


def _astray(parts: Mapping[str, list[Item]]) -> int:
    sizes = [len(some) for some in parts.values()]
    return sum(sizes) - max(sizes)


def _grouped(items: Iterable[Item], name: Callable[[Item], str]) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(name(item), []).append(item)
    return groups
