"""An evaluation of stories as a person reads it, and as JSON."""

from collections.abc import Iterator, Mapping, Sequence

from services.cli.render import counted, moment, print_table, say
from services.cli.stories.evaluation import Evaluation, Item, Late
from services.cli.stories.quality import Agreement
from services.cli.stories.replay import rung

COLUMNS = ("", "precision", "recall", "F1")
WORST = 10
Scattered = Mapping[str, Mapping[str, list[Item]]]


def show_evaluation(evaluation: Evaluation, versions: Mapping[str, str]) -> None:
    say(_items(evaluation))
    print_table(COLUMNS, [_row("B³", evaluation.b_cubed), _row("pairs", evaluation.pairwise)], elastic="")
    say("")
    for line in _rings(evaluation):
        say(line)
    for heading, lines in _lists(evaluation):
        if lines:
            say("")
            say(f"{heading}: {len(lines)}")
        for line in lines:
            say(f"  {line}")
    _show_scattered("split over several stories", evaluation.splits)
    _show_scattered("with several in one story", evaluation.merges)
    say("")
    say(", ".join(f"{name} {version}" for name, version in versions.items()))


def as_json(evaluation: Evaluation, versions: Mapping[str, str]) -> dict[str, object]:
    return {
        "topics": versions,
        "items": len(evaluation.items),
        "scored": len(evaluation.scored),
        "not_relevant": [_told(item) for item in evaluation.items if not item.story_id],
        "unlabelled": evaluation.unlabelled,
        "unlabelled_rings": evaluation.unlabelled_rings,
        "happenings": len(evaluation.happenings),
        "stories": len({item.story_id for item in evaluation.scored}),
        "b_cubed": _figures(evaluation.b_cubed),
        "pairwise": _figures(evaluation.pairwise),
        "rings": {type_.value: many for type_, many in sorted(evaluation.rings.items())},
        "rings_per_happening": evaluation.rings_per_happening,
        "never_created": [_told(item) for item in evaluation.never_created],
        "created_late": [_late(late) for late in evaluation.created_late],
        "created_again": [_told(item) for item in evaluation.created_again],
        "updates": [_told(item) for item in evaluation.updates],
        "late_updates": [_late(late) for late in evaluation.late_updates],
        "needless": [_told(item) for item in evaluation.needless],
        "splits": _parts(evaluation.splits),
        "merges": _parts(evaluation.merges),
    }


def _items(evaluation: Evaluation) -> str:
    scored, happenings = len(evaluation.scored), counted(len(evaluation.happenings), "happening")
    stories = counted(len({item.story_id for item in evaluation.scored}), "story|stories")
    return (
        f"{counted(len(evaluation.items), 'labelled item')}: {len(evaluation.items) - scored:,} not relevant and not "
        f"scored, {scored:,} of {happenings} in {stories}; {evaluation.unlabelled:,} without a label"
    )


def _rings(evaluation: Evaluation) -> Iterator[str]:
    by_type = ", ".join(f"{many} {type_.value}" for type_, many in sorted(evaluation.rings.items())) or "none"
    yield f"rings: {by_type}; {evaluation.unlabelled_rings} by what has no label"
    if each := evaluation.rings_per_happening:
        most = max(each, key=lambda label: each[label])
        yield f"for a happening: {sum(each.values()) / len(each):.2f} in the mean, {each[most]} at the most ({most})"


def _lists(evaluation: Evaluation) -> Iterator[tuple[str, list[str]]]:
    yield "never told as new", [_line(item) for item in evaluation.never_created]
    yield "told as new, but not by the first article", [_late_line(late) for late in evaluation.created_late]
    yield "told as new once more", [_line(item) for item in evaluation.created_again]
    yield "bring news, but did not ring `updated`", [_late_line(late) for late in evaluation.late_updates]
    yield "bring nothing new, but rang", [_line(item) for item in evaluation.needless]
    yield "updates", [_line(item) for item in evaluation.updates]


def _line(item: Item) -> str:
    kind = f" {item.line.kind}" if item.line.kind else ""
    alert = item.outcome.alert
    rang = f"; rang {alert.type}, {alert.reason}: {alert.detail}" if alert else ""
    return (
        f"line {item.outcome.arrival.number}  {item.label}{kind}  {item.line.lang or ''}  {item.line.title}: "
        f"{item.outcome.reason}{rang}"
    )


def _late_line(late: Late) -> str:
    if late.instead is None:
        return f"{_line(late.item)}; nor did what follows"
    when = moment(late.instead.outcome.arrival.at)
    return f"{_line(late.item)}; but line {late.instead.outcome.arrival.number}, {when}"


def _show_scattered(heading: str, scattered: Scattered) -> None:
    if not scattered:
        return
    say("")
    say(f"{heading}: {len(scattered)}" + (f", the worst {WORST}" if len(scattered) > WORST else ""))
    for name, parts in [*scattered.items()][:WORST]:
        say(f"  {name}")
        for part, items in sorted(parts.items(), key=lambda named: -len(named[1])):
            say(f"    {part}  {counted(len(items), 'article')}, first: {items[0].line.title}")


def _row(name: str, of: Agreement) -> tuple[str, ...]:
    return name, f"{of.precision:.3f}", f"{of.recall:.3f}", f"{of.f1:.3f}"


def _figures(of: Agreement) -> dict[str, float]:
    return {"precision": round(of.precision, 4), "recall": round(of.recall, 4), "f1": round(of.f1, 4)}


def _told(item: Item) -> dict[str, object]:
    return {
        "line": item.outcome.arrival.number,
        "label": item.label,
        "kind": item.line.kind,
        "title": item.line.title,
        "story_id": item.story_id,
        "reason": item.outcome.reason,
        "alert": rung(item.outcome.alert),
    }


def _late(late: Late) -> dict[str, object]:
    return _told(late.item) | {"instead": _told(late.instead) if late.instead else None}


def _parts(scattered: Scattered) -> dict[str, dict[str, list[str]]]:
    """The titles of each part."""
    return {name: {part: _titles(items) for part, items in parts.items()} for name, parts in scattered.items()}


def _titles(items: Sequence[Item]) -> list[str]:
    return [item.line.title for item in items]
