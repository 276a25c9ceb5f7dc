"""All that happened and all that was to happen, by time: what a scenario that fails shows."""

from collections.abc import Iterable, Iterator, Mapping

from tests.acceptance.desks import Desk, Turn
from tests.acceptance.wants import Received, Want, clock, compared

# When, in which order at that time, the mark, and what.
Row = tuple[float, int, str, str]


def timeline(
    happened: Iterable[tuple[float, str]], turns: Iterable[Turn], desks: Iterable[Desk], names: Mapping[str, str]
) -> str:
    """`names`: of stories, by id."""
    rows = [
        *((moment, 0, "", text) for moment, text in happened),
        *((turn.at, 2, "", f"{turn.desk} becomes {turn.status} ({turn.reason})") for turn in turns),
        *(row for desk in desks for row in _messages(desk, names)),
    ]
    return "\n".join(f"{clock(moment):>16} {mark:>7} {text}" for moment, _, mark, text in sorted(rows, key=_order))


def _order(row: Row) -> tuple[float, int]:
    return row[:2]


def _messages(desk: Desk, names: Mapping[str, str]) -> Iterator[Row]:
    result = compared(desk.wanted, desk.received)
    for each, want in result.received:
        text = f"{desk.name} <- {_described(each, names)}" + ("" if want else _why(each, desk.wanted))
        yield each.at, 1, "right" if want else "WRONG", text
    for want in result.missing:
        yield want.window.opens, 3, "MISSING", f"{desk.name} <- {want.message} at {want.window}"


def _described(received: Received, names: Mapping[str, str]) -> str:
    about = received.about if isinstance(received.about, tuple) else (received.about or "",)
    told = ", ".join(names.get(str(each), str(each)) for each in about)
    revision = f" {received.data['revision']}" if "revision" in received.data else ""
    return f"{received.type} {told}{revision} [{received.id}]"


def _why(received: Received, wanted: Iterable[Want]) -> str:
    """How it differs from the first that it could have been."""
    near = [each for each in wanted if each.message.type == received.type and received.at in each.window]
    return f"; wanted {near[0].message}: {', '.join(near[0].message.differences(received))}" if near else ""
