"""`tocsin up`, `tocsin demo`, and one command for each service: their code is loaded when they are called."""

from collections.abc import Callable
from pkgutil import resolve_name
from typing import Annotated

import typer

UP = "services.cli.up:up"
DEMO = "services.cli.demo.command:demo"
SERVICES = {
    "poller": ("services.poller.__main__:main", "Run one poller."),
    "classifier": ("services.classifier.__main__:main", "Run one classifier."),
    "notifier": ("services.notifier.__main__:main", "Run one notifier."),
    "gateway": ("services.gateway.__main__:main", "Run one gateway."),
}


def add_services(app: typer.Typer) -> None:
    app.command("up")(_up)
    app.command("demo")(_demo)
    for name, (entry_point, summary) in SERVICES.items():
        app.command(name, help=summary)(_runner(entry_point))


def _up() -> None:
    """Run everything in this terminal; Ctrl-C stops it."""
    raise typer.Exit(resolve_name(UP)())


def _demo(
    keep: Annotated[bool, typer.Option("--keep", help="Run on afterwards, until Ctrl-C.")] = False,
) -> None:
    """See it work, offline, on invented news."""
    raise typer.Exit(resolve_name(DEMO)(keep=keep))


def _runner(entry_point: str) -> Callable[[], None]:
    def run() -> None:
        raise typer.Exit(resolve_name(entry_point)())

    return run
