"""`tocsin dead-letters`: entries that could not be classified, and what becomes of them."""

from collections.abc import Callable
from typing import Annotated

import typer

from services.cli import wiring
from services.cli.render import counted, moment, print_json, print_table, say
from shared.errors import TocsinError
from shared.models.entry import Entry
from shared.queue import DeadLetter, JobQueue

app = typer.Typer(
    help="Entries that could not be classified.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)

COLUMNS = ("entry", "since", "tries", "feed", "title", "reason")
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID...", help="As `list` names them.")]
All = Annotated[bool, typer.Option("--all", help="All there are.")]


@app.command("list")
def list_letters(json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """What could not be classified, and why; oldest first."""
    with wiring.opened_backlog(wiring.settings()) as backlog:
        letters = backlog.queue.dead_letters()
        entries = {entry.id: entry for entry in backlog.entries.load([letter.entry_id for letter in letters])}
    if json:
        print_json([_described(letter, entries.get(letter.entry_id)) for letter in letters])
    else:
        rows = (_row(letter, entries.get(letter.entry_id)) for letter in letters)
        print_table(COLUMNS, rows, elastic="title")


@app.command("retry")
def retry(ids: Ids = None, everything: All = False) -> None:
    """Queue entries again, for a classifier that has been mended."""
    _act(ids or [], everything, "queued again", JobQueue.retry_dead_letters)


@app.command("drop")
def drop(ids: Ids = None, everything: All = False) -> None:
    """Forget entries for good."""
    _act(ids or [], everything, "dropped", JobQueue.drop_dead_letters)


def _act(ids: list[str], everything: bool, done: str, act: Callable[[JobQueue, list[str]], int]) -> None:
    """Does what it can; ids that are not there make the exit code 1."""
    if everything == bool(ids):
        raise typer.BadParameter("give either the ids of entries or --all")
    with wiring.opened_backlog(wiring.settings()) as backlog:
        there = [letter.entry_id for letter in backlog.queue.dead_letters()]
        number = act(backlog.queue, there if everything else [entry_id for entry_id in there if entry_id in ids])
    say(f"{done}: {counted(number, 'entry|entries')}")
    if missing := [entry_id for entry_id in ids if entry_id not in there]:
        raise TocsinError(f"no dead letter: {', '.join(missing)}")


def _described(letter: DeadLetter, entry: Entry | None) -> dict[str, object]:
    """`entry` is null when its text has expired."""
    return {**letter.model_dump(mode="json"), "entry": entry and entry.model_dump(mode="json")}


def _row(letter: DeadLetter, entry: Entry | None) -> tuple[object, ...]:
    told = (entry.feed_name, entry.title) if entry else ("", "(its text has expired)")
    return (letter.entry_id, moment(letter.at), letter.tries, *told, letter.reason)
