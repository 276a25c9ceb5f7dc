"""`tocsin up`, `tocsin demo`, and one command for each service: their code is loaded when they are called."""

from collections.abc import Callable
from pkgutil import resolve_name
from typing import Annotated

import typer

UP = "services.cli.up:up"
DEMO = "services.cli.demo.command:demo"
SERVICES = {
    "poller": ("services.poller.__main__:main", "Poll the feeds, queue what is new."),
    "classifier": ("services.classifier.__main__:main", "Judge what was queued, gather it into stories."),
    "notifier": ("services.notifier.__main__:main", "Tell the subscribers."),
    "gateway": ("services.gateway.__main__:main", "Serve the HTTP API and the board."),
}
PANEL = "One service in this process, for containers"


def add_services(app: typer.Typer) -> None:
    app.command("up")(_up)
    app.command("demo")(_demo)
    for name, (entry_point, summary) in SERVICES.items():
        app.command(name, help=summary, rich_help_panel=PANEL)(_runner(entry_point))


def _up() -> None:
    """Run everything: all services, and Redis if none is set."""
    raise typer.Exit(resolve_name(UP)())


def _demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the demo's data, and say where.")] = False,
) -> None:
    """Show it at work, offline, on invented news: one story, told once."""
    raise typer.Exit(resolve_name(DEMO)(keep=keep))


def _runner(entry_point: str) -> Callable[[], None]:
    def run() -> None:
        raise typer.Exit(resolve_name(entry_point)())

    return run
