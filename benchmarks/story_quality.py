"""How well stories are told apart: ours against title Jaccard, over labelled items, in one run.

    python -m benchmarks.story_quality ITEMS.jsonl [--squeeze]

Each line of ITEMS has `title`, `text` or `summary`, `lang`, `date` or `published`, the happening it tells as `ev` or
`story`, and perhaps `kind` (`upd` is expected to ring `updated`) and `set`. The clock is virtual: an item arrives on
its day, those of one day in a random order, twenty minutes apart; every number is the mean over several orders.
`--squeeze` puts the first day of every happening on one date, so that only words can tell them apart.

B³ after Bagga and Baldwin (1998). An item that the classifier holds for irrelevant is not scored.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import mean

from services.classifier.alerting import Ring, decide
from services.classifier.cluster import assign, index_terms
from services.classifier.fingerprint import fingerprint
from services.classifier.grammars import Grammars
from services.classifier.likeness import WEIGHTS, WINDOW, Corpus, Weights
from services.classifier.match import Matcher
from services.classifier.story import extend, open_story, revise
from services.classifier.text import fold
from services.cli.stories.quality import Agreement, Groups, b_cubed, pairwise
from shared.config.topics import load_topic_pack
from shared.models.entry import Entry
from shared.models.story import AlertType, Fingerprint, Story, figure_key
from shared.models.topic import TopicMatch

ORDERS = 5
GAP = timedelta(minutes=20)
TITLE_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True, slots=True)
class Item:
    entry: Entry
    match: TopicMatch
    gold: str
    kind: str
    part: str


@dataclass(frozen=True, slots=True)
class Ringing:
    type: AlertType
    item: Item
    detail: str


Clustering = dict[str, str]


def read(path: Path, matcher: Matcher) -> tuple[list[Item], int]:
    """The relevant items, and how many there were in all."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    told = [row for row in rows if (row.get("ev") or row.get("story")) and len(_day(row)) >= len("2025-01-31")]
    items = [_item(row, number, matcher) for number, row in enumerate(told)]
    return [item for item in items if item], len(told)


def _day(row: Mapping[str, str]) -> str:
    return row.get("date") or row["published"]


def _item(row: Mapping[str, str], number: int, matcher: Matcher) -> Item | None:
    published = datetime.fromisoformat(_day(row)[:10]).replace(tzinfo=UTC)
    entry = Entry(
        id=f"{number:016x}",
        feed_id=f"{number:012x}",
        source=f"outlet {number}",
        feed_name=f"outlet {number}",
        language=row["lang"],
        title=row["title"],
        summary=row.get("text") or row.get("summary") or "",
        published=published,
        seen_at=published,
    )
    match = next((match for match in matcher.classify(entry, published).matches if match.relevant), None)
    gold = row.get("ev") or row["story"]
    return Item(entry, match, gold, row.get("kind", ""), row.get("set", "")) if match else None


def squeezed(items: Sequence[Item], days: int = 1, seed: int = 0) -> list[Item]:
    """Every happening begins on the first day of all, or on one of so many `days`, by chance."""
    begun: dict[str, datetime] = {}
    for item in items:
        begun[item.gold] = min(begun.get(item.gold, item.entry.seen_at), item.entry.seen_at)
    start, chance = min(begun.values()), Random(seed)
    moved = {gold: start + timedelta(days=chance.randrange(days)) - first for gold, first in begun.items()}
    return [_at(item, item.entry.seen_at + moved[item.gold]) for item in items]


def in_order(items: Iterable[Item], seed: int) -> list[Item]:
    """By day; within a day in an order of chance."""
    days: dict[datetime, list[Item]] = defaultdict(list)
    for item in items:
        days[item.entry.seen_at.replace(hour=0, minute=0, second=0)].append(item)
    ordered = []
    for day, of_day in sorted(days.items()):
        Random(seed).shuffle(of_day)
        ordered += [_at(item, day + GAP * place) for place, item in enumerate(of_day)]
    return ordered


def _at(item: Item, moment: datetime) -> Item:
    entry = item.entry.model_copy(update={"published": moment, "seen_at": moment})
    return Item(entry, item.match, item.gold, item.kind, item.part)


def in_force(_: Item) -> Weights:
    return WEIGHTS


def ours(items: Sequence[Item], weights: Callable[[Item], Weights] = in_force) -> tuple[Clustering, list[Ringing]]:
    """The classifier's own way: assign, open or extend, decide, revise. `weights`: by which an item is placed."""
    stories: dict[str, Story] = {}
    rung_figures: dict[str, str] = {}
    clusters, rung = {}, []
    for item in items:
        now, printed = item.entry.seen_at, prints(item)
        live = [story for story in stories.values() if now - story.updated_at <= WINDOW]
        holding = Counter(term for story in live for term in _vocabulary(story))
        corpus = Corpus(len(live), holding, rung_figures)
        assignment = assign(item.entry, printed, list(stories.values()), corpus, now, weights(item))
        before = stories.get(assignment.story_id or "")
        after = (
            extend(before, item.entry, item.match, printed, assignment, now)
            if before
            else open_story(item.entry, item.match, printed, assignment, now)
        )
        known = {figure for figure, story in rung_figures.items() if story != after.id}
        beside = stories.get(after.related_to or "")
        decision = decide(before, after, item.entry.id, now, beside=beside, rung=known)
        if isinstance(decision, Ring):
            after = revise(after, decision, now)
            rung.append(Ringing(decision.type, item, f"{decision.reason}: {decision.detail}"))
            for claim in after.claims:
                if claim.value is not None:
                    rung_figures.setdefault(figure_key(claim.role, claim.value), after.id)
        stories[after.id] = after
        clusters[item.entry.id] = after.id
    return clusters, rung


_PRINTS: dict[str, Fingerprint] = {}


def prints(item: Item) -> Fingerprint:
    key = item.entry.title + item.entry.summary
    if key not in _PRINTS:
        _PRINTS[key] = fingerprint(item.entry, item.match)
    return _PRINTS[key]


def _vocabulary(story: Story) -> set[str]:
    return {term for article in story.articles for term in index_terms(article.fingerprint)}


def by_title(threshold: float) -> Callable[[Sequence[Item]], Clustering]:
    """The baseline: the story of the nearest title within the window, when near enough."""

    def cluster(items: Sequence[Item]) -> Clustering:
        clusters: Clustering = {}
        for place, item in enumerate(items):
            live = [other for other in items[:place] if item.entry.seen_at - other.entry.seen_at <= WINDOW]
            nearest = max(live, key=lambda other: _jaccard(item, other), default=None)
            joined = nearest is not None and _jaccard(item, nearest) >= threshold
            clusters[item.entry.id] = clusters[nearest.entry.id] if joined and nearest else item.entry.id
        return clusters

    return cluster


def _jaccard(a: Item, b: Item) -> float:
    words, others = (set(fold(item.entry.title).text.split()) for item in (a, b))
    return len(words & others) / len(words | others)


def _mean(agreements: Iterable[Agreement]) -> Agreement:
    every = [*agreements]
    return Agreement(mean(each.precision for each in every), mean(each.recall for each in every))


def agreement(measure: Callable[[Groups], Agreement], runs: Iterable[tuple[Sequence[Item], Clustering]]) -> Agreement:
    return _mean(measure([(clusters[item.entry.id], item.gold) for item in items]) for items, clusters in runs)


def report(name: str, items: Sequence[Item], total: int) -> None:
    orders = [in_order(items, seed) for seed in range(ORDERS)]
    print(f"{name}: {len(items)} of {total} items relevant, {len({i.gold for i in items})} happenings")
    runs = [ours(order) for order in orders]
    _print("ours", orders, [clusters for clusters, _ in runs])
    baselines = {t: [by_title(t)(order) for order in orders] for t in TITLE_THRESHOLDS}
    best = max(baselines, key=lambda t: agreement(b_cubed, zip(orders, baselines[t], strict=True)).f1)
    _print(f"title Jaccard ≥ {best} (its best)", orders, baselines[best])
    _print_rung(items, [rung for _, rung in runs])


def _print(name: str, orders: Sequence[Sequence[Item]], clusterings: Sequence[Clustering]) -> None:
    runs = list(zip(orders, clusterings, strict=True))
    print(f"  {name:<32} B³ {agreement(b_cubed, runs)}   pairs {agreement(pairwise, runs)}")


def _print_rung(items: Sequence[Item], runs: Sequence[Sequence[Ringing]]) -> None:
    stories, updates = len({item.gold for item in items}), sum(item.kind == "upd" for item in items)
    created = mean(sum(r.type is AlertType.CREATED for r in rung) for rung in runs)
    rung_updates = [[r for r in rung if r.type is AlertType.UPDATED] for rung in runs]
    right = mean(sum(r.item.kind == "upd" for r in rung) for rung in rung_updates)
    print(f"  created {created:.1f}, expected {stories};", end=" ")
    print(
        f"updated {mean(map(len, rung_updates)):.1f}, of them {right:.1f} on the {updates} items that bring an update"
    )
    for ring in rung_updates[0]:
        print(f"    updated by {ring.item.gold} {ring.item.kind} {ring.item.entry.title[:60]!r}: {ring.detail}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("items", type=Path)
    parser.add_argument("--squeeze", action="store_true", help="every happening begins on one day")
    parser.add_argument("--topic", type=Path, default=Path("seeds/topics/dprk-kursk"))
    arguments = parser.parse_args()
    items, total = read(arguments.items, Matcher([load_topic_pack(arguments.topic)], Grammars()))
    items = squeezed(items) if arguments.squeeze else items
    report("all", items, total)
    for part in sorted({item.part for item in items} - {""}):
        report(f"set {part}", [item for item in items if item.part == part], sum(item.part == part for item in items))


if __name__ == "__main__":
    main()
