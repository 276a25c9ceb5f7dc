"""All commands under one roof. A command's module is loaded when that command is called, for start-up to stay fast."""

from collections import UserDict
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from services.cli.commands.services import add_services

WHOLE = ("up", "demo")
MODULES = {
    "check": "services.cli.commands.check",
    "feeds": "services.cli.commands.feeds",
    "topics": "services.cli.commands.topics",
    "alerts": "services.cli.commands.alerts",
    "stories": "services.cli.commands.stories",
    "subscriptions": "services.cli.commands.subscriptions",
    "dead-letters": "services.cli.commands.dead_letters",
    "tokens": "services.cli.commands.tokens",
}

EXIT_CODES = {
    0: "done; of a question: yes",
    1: "failed, or not found; of a question: no",
    2: "a wrong option, setting or file; the message names it and says what is allowed",
    3: "no Redis",
    4: "another Tocsin runs on the same data",
    5: "several feeds were found, and printed; name one of them",
    130: "interrupted by Ctrl-C",
}


class _Loading(UserDict[str, Any]):  # Any: typer keeps the type of a command to itself
    """Commands by name; a module's name stands for a command that has not been loaded."""

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if isinstance(found, str):
            found = get_command(import_module(found).app)
            found.name = name
            self[name] = found
        return found


class Commands(TyperGroup):
    """In this order: the whole system, the commands for people, one service at a time."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        services = dict(self.commands)
        whole = {name: services.pop(name) for name in WHOLE if name in services}
        self.commands = _Loading(whole | MODULES | services)


app = typer.Typer(
    cls=Commands,
    help="Watch the world's news feeds; ring once when a story breaks.",
    epilog="Exit codes: " + "; ".join(f"{code} {meaning.partition(';')[0]}" for code, meaning in EXIT_CODES.items()),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
add_services(app)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tocsin {version('tocsin')}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", help="Tell the version.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    pass
