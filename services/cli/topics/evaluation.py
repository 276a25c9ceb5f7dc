"""Labelled items judged by topic packs, and what came of it. Pure: the same items and packs, the same figures."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from services.classifier.match import Matcher
from services.classifier.scan import Kind, Scanner
from services.cli.topics.lines import LabelledLine
from services.cli.topics.quality import Quality, quality
from shared.models.pack import TopicPack
from shared.models.topic import Tier, TopicMatch

NOT_FOUND = "not relevant"


@dataclass(frozen=True, slots=True)
class Judged:
    """An item and what was found in it: of several topics, the one that it says most of. `number` is its line."""

    number: int
    item: LabelledLine
    found: TopicMatch | None
    keyword: bool

    @property
    def positive(self) -> bool:
        return self.item.label == "positive"

    @property
    def relevant(self) -> bool:
        return self.found is not None and self.found.relevant

    @property
    def told(self) -> str:
        """The event type it was given, or that it was found to be none."""
        return self.found.event_type or "" if self.found and self.found.relevant else NOT_FOUND

    @property
    def language(self) -> str:
        return (self.item.lang or "").split("-")[0] or "unstated"


@dataclass(frozen=True)
class Evaluation:
    """`judged` holds no unsure item; `unsure` counts them."""

    judged: Sequence[Judged]
    unsure: int

    @cached_property
    def quality(self) -> Quality:
        return _quality(self.judged)

    @cached_property
    def keyword_alert(self) -> Quality:
        """Of an alert on the packs' own words, an actor and (its noun or a core place) anywhere, without their rule."""
        return quality((one.positive, one.keyword) for one in self.judged)

    @cached_property
    def languages(self) -> Mapping[str, Quality]:
        return {name: _quality(some) for name, some in _grouped(self.judged, lambda one: one.language).items()}

    @cached_property
    def event_types(self) -> Mapping[str, Quality]:
        """Of each type: right is what is labelled so and was found relevant and of that type."""
        names = sorted({one.item.event_type for one in self._typed if one.item.event_type})
        return {name: quality((one.item.event_type == name, one.told == name) for one in self._typed) for name in names}

    @cached_property
    def confusion(self) -> Mapping[str, Mapping[str, int]]:
        """Labelled type → the types that those items were given → how many."""
        rows = _grouped((one for one in self._typed if one.item.event_type), lambda one: one.item.event_type or "")
        return {name: Counter(one.told for one in some) for name, some in rows.items()}

    @property
    def typed_right(self) -> tuple[int, int]:
        """Of the found positives with a labelled type, how many were given it; and how many there are."""
        found = [one for one in self._typed if one.item.event_type and one.relevant]
        return sum(one.told == one.item.event_type for one in found), len(found)

    @property
    def misses(self) -> list[Judged]:
        """Positives that were not found, then what was found and is none."""
        return sorted((one for one in self.judged if one.positive != one.relevant), key=lambda one: one.relevant)

    @property
    def wrong_types(self) -> list[Judged]:
        return [one for one in self._typed if one.relevant and one.item.event_type not in (None, one.told)]

    @property
    def _typed(self) -> list[Judged]:
        """What is labelled with a type, and the negatives, which have none."""
        return [one for one in self.judged if one.item.event_type or not one.positive]


def evaluate(matcher: Matcher, items: Iterable[tuple[int, LabelledLine]], topic: str | None = None) -> Evaluation:
    """`topic`: the one that the labels speak of; None: whichever an item says most of."""
    keyword = keyword_alert([each.pack for each in matcher.topics if topic in (None, each.pack.name)])
    judged, unsure = [], 0
    for number, item in items:
        if item.label == "unsure":
            unsure += 1
            continue
        found = [match for match in matcher.match(item.whole, item.lang, item.day) if topic in (None, match.topic)]
        best = max(found, key=lambda match: (match.relevant, match.score), default=None)
        judged.append(Judged(number, item, best, keyword(item)))
    return Evaluation(judged, unsure)


def keyword_alert(packs: Sequence[TopicPack]) -> Callable[[LabelledLine], bool]:
    """Does a text name an actor and, wherever, its noun or a core place, in whatever language?"""
    scanner = Scanner(packs)

    def rings(item: LabelledLine) -> bool:
        scan = scanner.scan(item.whole)
        return scan is not None and any(
            _rings(packs[topic], {(hit.kind, hit.name) for hit in hits})
            for language in scan.languages
            for topic, hits in scan.hits(language).items()
        )

    return rings


def _rings(pack: TopicPack, named: set[tuple[Kind, str]]) -> bool:
    rule = pack.topic.rule
    concepts = {name for kind, name in named if kind is Kind.CONCEPT}
    core = any(kind is Kind.PLACE and pack.places[name].tier is Tier.CORE for kind, name in named)
    other = bool(concepts & {*rule.noun, *rule.core}) or core or not rule.noun
    return bool(concepts & {*rule.compound}) or (bool(concepts & {*rule.actor}) and other)


def _quality(judged: Iterable[Judged]) -> Quality:
    return quality((one.positive, one.relevant) for one in judged)


def _grouped(judged: Iterable[Judged], name: Callable[[Judged], str]) -> dict[str, list[Judged]]:
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        groups.setdefault(name(one), []).append(one)
    return dict(sorted(groups.items()))
