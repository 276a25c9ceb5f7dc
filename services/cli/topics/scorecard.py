"""Evaluations and backtests as a person reads them, and as JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import chain

from services.classifier.backtest import Compared, Hit
from services.cli.render import counted, moment, plain, print_json, print_table, quoted, say
from services.cli.topics.evaluation import NOT_FOUND, Evaluation, Judged
from services.cli.topics.quality import Measured, Quality, share

COLUMNS = ("", "items", "positive", "precision", "recall", "F1")


def show_evaluation(evaluation: Evaluation, versions: Mapping[str, str]) -> None:
    whole = evaluation.quality
    rows = [
        _row("all", len(evaluation.judged), whole),
        *(_row(name, _items(evaluation, name), each) for name, each in evaluation.languages.items()),
        _row("keyword alert", len(evaluation.judged), evaluation.keyword_alert),
    ]
    print_table(COLUMNS, rows, elastic="")
    say(f"{counted(evaluation.unsure, 'unsure item')} counted neither way; each interval holds 95 %")
    _show_types(evaluation)
    _show_misses(evaluation)
    say("")
    say(", ".join(f"{name} {version}" for name, version in versions.items()))


def as_json(evaluation: Evaluation, versions: Mapping[str, str]) -> dict[str, object]:
    right, typed = evaluation.typed_right
    return {
        "topics": versions,
        "items": len(evaluation.judged),
        "unsure": evaluation.unsure,
        "quality": _figures(evaluation.quality),
        "keyword_alert": _figures(evaluation.keyword_alert),
        "languages": {name: _figures(each) for name, each in evaluation.languages.items()},
        "event_types": {name: _figures(each) for name, each in evaluation.event_types.items()},
        "event_type_right": _shared(share(right, typed)),
        "confusion": evaluation.confusion,
        "misses": [_told(one) for one in evaluation.misses],
        "wrong_event_types": [_told(one) for one in evaluation.wrong_types],
    }


def show_backtest(topic: str, result: Compared, versions: Mapping[str, str | None], *, json: bool) -> None:
    if json:
        print_json({"topic": topic, "versions": versions, **_backtested(result)})
        return
    say(f"{counted(result.entries, 'entry|entries')}: {result.found:,} found, {result.both:,} of them also in force")
    for heading, hits in (("new", result.new), ("lost", result.lost)):
        say(f"{heading}: {len(hits):,}")
        for hit in hits:
            say(f"  {moment(hit.entry.seen_at)}  {hit.entry.source}: {plain(hit.entry.title)}")
            say(f"    {hit.match.event_type}, {hit.match.score:g}: {plain(quoted(hit.match.evidence))}")
    say(", ".join(f"{name.replace('_', ' ')}: {version or 'no such topic'}" for name, version in versions.items()))


def _backtested(result: Compared) -> dict[str, object]:
    def told(hits: list[Hit]) -> list[dict[str, object]]:
        return [hit.entry.model_dump(mode="json") | {"match": hit.match.model_dump(mode="json")} for hit in hits]

    return {
        "entries": result.entries,
        "found": result.found,
        "both": result.both,
        "new": told(result.new),
        "lost": told(result.lost),
    }


def _show_types(evaluation: Evaluation) -> None:
    if not evaluation.event_types:
        return
    say("")
    rows = [(name, each.hits + each.missed, *_cells(each)) for name, each in evaluation.event_types.items()]
    print_table(("event type", "labelled", *COLUMNS[3:]), rows, elastic="event type")
    right, typed = evaluation.typed_right
    say(f"event type right in {right} of {typed} found: {_cell(share(right, typed))}")
    _show_confusion(evaluation.confusion)


def _show_confusion(confusion: Mapping[str, Mapping[str, int]]) -> None:
    told = sorted({*chain.from_iterable(confusion.values())}, key=lambda name: (name == NOT_FOUND, name))
    say("")
    rows = [(name, *(row.get(other) or "" for other in told)) for name, row in confusion.items()]
    print_table(("labelled, as", *told), rows, elastic="labelled, as")


def _show_misses(evaluation: Evaluation) -> None:
    for heading, misses in (
        ("missed, though positive", [one for one in evaluation.misses if not one.relevant]),
        ("found, though negative", [one for one in evaluation.misses if one.relevant]),
        ("of another event type", evaluation.wrong_types),
    ):
        if misses:
            say("")
            say(f"{heading}: {len(misses)}")
        for miss in misses:
            for line in _miss(miss):
                say(f"  {line}")


def _miss(one: Judged) -> Iterator[str]:
    event = f"{one.item.event_type} as {one.told}" if one.item.event_type else one.told
    verdict = f"{one.found.reason}, {one.found.score:g} of {one.found.threshold:g}" if one.found else "no actor"
    yield f"line {one.number}  {one.item.id or ''}  {one.language}  {event}: {verdict}"
    yield f"  {plain(one.item.whole.splitlines()[0] if one.item.whole else '')}"
    if one.found and (one.found.evidence or one.found.negative):
        against = f"; against: {quoted(one.found.negative)}" if one.found.negative else ""
        yield f"  {plain(quoted(one.found.evidence))}{plain(against)}"


def _row(name: str, items: int, of: Quality) -> tuple[object, ...]:
    return name, items, of.hits + of.missed, *_cells(of)


def _cells(of: Quality) -> tuple[str, ...]:
    return _cell(of.precision), _cell(of.recall), _cell(of.f1)


def _cell(measured: Measured | None) -> str:
    return f"{measured.value:.3f} ({measured.low:.3f}–{measured.high:.3f})" if measured else ""


def _items(evaluation: Evaluation, language: str) -> int:
    return sum(one.language == language for one in evaluation.judged)


def _figures(of: Quality) -> dict[str, object]:
    return asdict(of) | {name: _shared(getattr(of, name)) for name in ("precision", "recall", "f1")}


def _shared(measured: Measured | None) -> dict[str, float] | None:
    return {name: round(value, 4) for name, value in asdict(measured).items()} if measured else None


def _told(one: Judged) -> dict[str, object]:
    found = one.found.model_dump(mode="json", exclude={"claims"}) if one.found else None
    item = one.item.model_dump(mode="json", include={"id", "label", "event_type", "lang", "title"})
    return {"line": one.number, **item, "found": found}
