"""How far a long command has come: on standard error, and on a terminal only."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

# So many between two looks at the clock: the bar costs next to nothing.
STEP = 256
T = TypeVar("T")


def counting(things: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """The same things, counted on the terminal while they pass. `total`: how many there are, if known."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from things
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task(what, total=total)
        rest = iter(things)
        while batch := [*islice(rest, STEP)]:
            yield from batch
            bar.advance(task, len(batch))
