"""How things look: tables, highlighted text, times; JSON for scripts.

A terminal gets colours and its own width. A pipe gets plain text with nothing cut off.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from shared.models.topic import Evidence

_UNCUT = 100_000  # columns
_GAP = 2
_READABLE = 12
_COMMANDING = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # C0, C1, overrides of direction


def console() -> Console:
    """Standard output as it is now."""
    return Console(width=None if sys.stdout.isatty() else _UNCUT, highlight=False, markup=False, emoji=False)


def show(thing: RenderableType) -> None:
    """Print; into a pipe without the spaces that fill up lines."""
    out = console()
    with out.capture() as captured:
        out.print(thing)
    text = captured.get()
    sys.stdout.write(text if out.is_terminal else re.sub(r" +$", "", text, flags=re.MULTILINE))
    sys.stdout.flush()


def say(line: str) -> None:
    """One line, however long: whoever copies it gets no breaks."""
    console().print(plain(line), soft_wrap=True)


def remark(text: str) -> None:
    """For the person, on standard error: a script that reads standard output does not see it."""
    sys.stderr.write(f"tocsin: {text}\n")


def print_json(value: object, *, indent: int | None = 2) -> None:
    """`indent` None: on one line."""
    sys.stdout.write(json.dumps(value, indent=indent, ensure_ascii=not _speaks_utf8()) + "\n")
    sys.stdout.flush()


def _speaks_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def plain(text: str) -> str:
    """Of the same length, with what could command a terminal replaced: feeds are written by strangers."""
    return _COMMANDING.sub("\ufffd", text)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, elastic: str) -> None:
    """One line a row; where the terminal is too narrow, the `elastic` column is cut first."""
    lines = [[cell if isinstance(cell, Text) else Text(plain(_cell(cell))) for cell in row] for row in rows]
    made = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for heading, *cells in zip(columns, *lines, strict=True):
        width = max(Text(str(cell)).cell_len for cell in (heading, *cells))
        made.add_column(heading, no_wrap=True, overflow="ellipsis", width=width)
    for line in lines:
        made.add_row(*line)
    _fit(made, columns.index(elastic), console().width)
    show(made)


def _fit(made: Table, elastic: int, width: int) -> None:
    """Takes what is too much from one column, as far as it stays readable; Rich takes the rest from all."""
    wanted = [column.width or 0 for column in made.columns]
    excess = sum(wanted) + _GAP * (len(wanted) - 1) - width
    made.columns[elastic].width = max(min(wanted[elastic], _READABLE), wanted[elastic] - max(0, excess))


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """Names and values, a line each and more where it needs more; what is empty is left out."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column()
    for name, value in pairs:
        if value is not None and value != "":
            made.add_row(f"  {name}", value if isinstance(value, Text) else Text(plain(str(value))))
    return made


def highlighted(text: str, evidence: Iterable[Evidence], negative: Iterable[Evidence] = ()) -> Text:
    """`text` with what spoke for it in green and what spoke against it in red."""
    shown = Text("\n".join(plain(line) for line in text.split("\n")))
    for style, hits in (("bold green", evidence), ("bold red", negative)):
        for hit in hits:
            shown.stylize(style, hit.start, hit.end)
    return shown


def quoted(evidence: Iterable[Evidence]) -> str:
    """`“North Korean” dprk, “Kursk” kursk`, each once; of what speaks against, the words alone."""
    told = (f"“{hit.text}”" if hit.concept == "negative" else f"“{hit.text}” {hit.concept}" for hit in evidence)
    return ", ".join(dict.fromkeys(told))


def moment(at: datetime | None) -> str:
    """UTC to the second, as RFC 3339 has it with a space."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}Z"


def ahead(at: datetime | None, now: datetime) -> str:
    """How far `at` lies ahead: `in 4m 10s`, `now`."""
    if at is None:
        return ""
    seconds = round((at - now).total_seconds())
    return f"in {duration(seconds)}" if seconds > 0 else "now"


def duration(seconds: int) -> str:
    """The two greatest units: `2d 3h`, `4m 10s`, `7s`."""
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, left = divmod(rest, 60)
    parts = [f"{number}{unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "m"), (left, "s")) if number]
    return " ".join(parts[:2]) or "0s"


def counted(number: int, thing: str) -> str:
    """`1 feed`, `1,200 feeds`; a thing whose plural is irregular is given as `entry|entries`."""
    one, _, many = thing.partition("|")
    return f"{number:,} {one if number == 1 else many or one + 's'}"
