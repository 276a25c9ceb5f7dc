"""`tocsin alerts`: what rang."""

import asyncio
from typing import Annotated

import typer
from rich.text import Text

from services.cli import wiring
from services.cli.render import facts, moment, plain, print_json, show
from services.cli.wiring import Stores
from services.operations.subscriptions.watching import heed_cancellation
from shared.models.story import Story
from shared.store.alerts import Record

app = typer.Typer(help="Show what rang.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)

WAIT_MILLISECONDS = 1_000
AT_ONCE = 100
BEFORE_THE_FIRST = "0"


@app.callback()
def _group() -> None:
    """Keeps `tail` a word of its own."""


@app.command("tail")
def tail(
    count: Annotated[int, typer.Option("--count", "-n", min=0, help="How many to begin with.")] = 10,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", "-f", help="Go on as alerts ring.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON, an alert a line.")] = False,
) -> None:
    """The newest alerts, the last one at the end."""
    asyncio.run(_tail(count, follow, json))


async def _tail(count: int, follow: bool, as_json: bool) -> None:
    async with wiring.opened_stores(wiring.settings()) as stores:
        newest = await stores.alerts.newest(max(count, 1))
        await _tell(stores, list(reversed(newest[:count])), as_json)
        last = newest[0].id if newest else BEFORE_THE_FIRST
        while follow:
            records = await stores.alerts.since(last, AT_ONCE, WAIT_MILLISECONDS)
            await _tell(stores, records, as_json)
            last = records[-1].id if records else last
            heed_cancellation()


async def _tell(stores: Stores, records: list[Record], as_json: bool) -> None:
    for record in records:
        story = await stores.stories.load(record.alert.story_id)
        if as_json:
            print_json(_described(record, story), indent=None)
        else:
            _show(record, story)


def _described(record: Record, story: Story | None) -> dict[str, object]:
    return {"id": record.id, **record.alert.model_dump(mode="json"), **_spread(story)}


def _spread(story: Story | None) -> dict[str, object]:
    """Both null for a story that has expired."""
    return {
        "sources": story and sorted(story.sources),
        "languages": story and sorted(story.languages),
    }


def _show(record: Record, story: Story | None) -> None:
    alert = record.alert
    kind = Text(alert.type.value, "bold yellow")
    show(Text.assemble(moment(alert.at), "  ", kind, "  ", (plain(alert.title), "bold")))
    spread = {name: ", ".join(found) for name, found in _spread(story).items() if isinstance(found, list)}
    show(facts([("reason", f"{alert.reason}: {alert.detail}"), ("story", alert.story_id), *spread.items()]))
