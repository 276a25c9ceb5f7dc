"""`tocsin feeds`: what is polled, and how that goes."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from services.cli import wiring
from services.cli.render import ahead, duration, print_json, print_table, remark, say
from shared.config.feeds import add_feeds, load_feeds, remove_feed
from shared.config.opml import MAX_BYTES, read_opml, write_opml
from shared.errors import RedisUnavailable, TocsinError
from shared.models.feed import (
    Feed,
    FeedHealth,
    FeedKind,
    FeedState,
    KnownFeed,
    Origin,
    PollRecord,
    health_of,
    together,
)
from shared.settings import Settings

app = typer.Typer(
    help="List and change what is polled.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)

STYLES = {
    "healthy": "green",
    "slow": "yellow",
    "failing": "red",
    "disabled": "dim",
    "quarantined": "bold red",
    "unpolled": "",
    "unread": "yellow",
}
COLUMNS = ("name", "language", "country", "kind", "tier", "state", "last outcome", "next due", "why then")
HISTORY = ("polled (UTC)", "outcome", "new", "seconds", "detail", "next")
MADE_BY = {Origin.FILE: "file", Origin.API: "API"}
SOON = "a running Tocsin follows the file within seconds"


@app.command("list")
def list_feeds(json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """The feeds, and how polling them goes."""
    settings = wiring.settings()
    written = load_feeds(settings.feeds_file)
    try:
        feeds, states = asyncio.run(_states(settings, written))
    except RedisUnavailable as error:
        remark(f"without states: {error}; feeds that were added through the API are not listed")
        feeds, states = together(written, ()), None
    if json:
        print_json([_described(each, states[each.feed.id] if states else None) for each in feeds])
    else:
        _show(feeds, states)


@app.command("show")
def show_feed(
    feed: Annotated[str, typer.Argument(metavar="URL_OR_NAME")],
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """One feed: its state, its last polls, and when the next is due."""
    settings = wiring.settings()
    found, state, history = asyncio.run(_polled(settings, load_feeds(settings.feeds_file), feed))
    if json:
        print_json({**_described(found, state), "history": [poll.model_dump(mode="json") for poll in history]})
    else:
        _show_one(found, state, history)


@app.command("add")
def add(  # noqa: PLR0913  an option a line
    url: Annotated[str, typer.Argument(metavar="URL", help="A feed, or a page that has some.")],
    *,
    name: Annotated[str | None, typer.Option(help="As the publisher writes it; else the feed's title.")] = None,
    language: Annotated[str | None, typer.Option(help="BCP 47, e.g. uk; else as the feed states.")] = None,
    country: Annotated[str | None, typer.Option(help="ISO 3166-1, e.g. UA.")] = None,
    kind: Annotated[FeedKind, typer.Option(metavar="KIND", help=f"One of {', '.join(FeedKind)}.")] = FeedKind.ONLINE,
    tier: Annotated[int, typer.Option(help="1: first-hand, 3: follows others.")] = 2,
    owner: Annotated[str | None, typer.Option(help="The publisher, if it has several feeds.")] = None,
    interval: Annotated[float | None, typer.Option(help="Seconds between polls, if not as usual.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Of several feeds, take the likeliest.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Add the address as it is; needs --name.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Add a feed to the file, or the feed of a page."""
    from services.cli.adding import add_address  # noqa: PLC0415  parsers take long to load, and nothing else needs them

    given: dict[str, object] = {"language": language, "country": country, "kind": kind, "tier": tier, "owner": owner}
    given |= {"url": url, "name": name, "interval_seconds": interval}
    settings = wiring.settings()
    feed = add_address(settings, given, yes=yes, offline=offline, json=json)
    if json:
        print_json({"added": _identified(feed), "candidates": []})
    else:
        say(f"added {feed.name} ({feed.url}) to {settings.feeds_file}; {SOON}")


@app.command("remove")
def remove(feed: Annotated[str, typer.Argument(metavar="URL_OR_NAME")]) -> None:
    """Take a feed out of the file, or one away that the API added."""
    settings = wiring.settings()
    path, written = settings.feeds_file, load_feeds(settings.feeds_file)
    if not any(_is_meant(known, feed) for known in written) and (own := asyncio.run(_removed(settings, feed))):
        say(f"removed {own.name} ({own.url}), which was added through the API; a running Tocsin follows within seconds")
        return
    gone = remove_feed(path, feed)
    say(f"removed {gone.name} ({gone.url}) from {path}; {SOON}")


@app.command("import")
def import_opml(
    file: Annotated[
        typer.FileBinaryRead,
        typer.Argument(metavar="FILE.opml", help="- for standard input."),
    ],
) -> None:
    """Add the feeds of an OPML file."""
    path = wiring.settings().feeds_file
    reading = read_opml(file.read(MAX_BYTES + 1))
    added = {feed.url for feed in add_feeds(path, reading.feeds)}
    for feed in reading.feeds:
        say(f"{'added' if feed.url in added else 'known':9}{feed.name} ({feed.url})")
    for reason in reading.skipped:
        say(f"{'skipped':9}{reason}")


@app.command("export")
def export_opml(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Standard output if left out.")] = None,
) -> None:
    """Write the feeds as OPML, for other readers."""
    settings = wiring.settings()
    feeds = load_feeds(settings.feeds_file)
    try:
        opml = write_opml(tuple(each.feed for each in asyncio.run(_states(settings, feeds))[0]))
    except RedisUnavailable as error:
        remark(f"without feeds that were added through the API: {error}")
        opml = write_opml(feeds)
    if file is None:
        typer.echo(opml, nl=False)
        return
    try:
        file.write_bytes(opml)
    except OSError as error:
        raise TocsinError(f"{file}: cannot be written: {(error.strerror or str(error)).lower()}") from None


def _is_meant(feed: Feed, url_or_name: str) -> bool:
    return url_or_name in (feed.url, feed.name)


async def _polled(
    settings: Settings, written: tuple[Feed, ...], url_or_name: str
) -> tuple[KnownFeed, FeedState, list[PollRecord]]:
    """Raises TocsinError if there is no such feed."""
    async with wiring.opened_stores(settings) as stores:
        known = together(written, await stores.feeds.added.all())
        found = next((each for each in known if _is_meant(each.feed, url_or_name)), None)
        if found is None:
            raise TocsinError(f"no feed has the address or name {url_or_name!r}; see `tocsin feeds list`")
        (state,) = await stores.feeds.states([found.feed.id])
        return found, state, await stores.feeds.history(found.feed.id)


async def _states(settings: Settings, written: tuple[Feed, ...]) -> tuple[list[KnownFeed], dict[str, FeedState]]:
    async with wiring.opened_stores(settings) as stores:
        known = together(written, await stores.feeds.added.all())
        ids = [each.feed.id for each in known]
        return known, dict(zip(ids, await stores.feeds.states(ids), strict=True))


async def _removed(settings: Settings, url_or_name: str) -> Feed | None:
    """Of those that were added through the API, where Redis can be asked."""
    with suppress(RedisUnavailable):
        async with wiring.opened_stores(settings) as stores:
            meant = [feed for feed in await stores.feeds.added.all() if _is_meant(feed, url_or_name)]
            if len(meant) == 1 and await stores.feeds.added.remove(meant[0].id):
                return meant[0]
    return None


def _described(known: KnownFeed, state: FeedState | None) -> dict[str, object]:
    """`polling` is null where no Redis could be asked."""
    polling = state and _polling(known.feed, state)
    return {**_identified(known.feed), "origin": known.origin.value, "polling": polling}


def _identified(feed: Feed) -> dict[str, object]:
    return {"id": feed.id, **feed.model_dump(mode="json")}


def _polling(feed: Feed, state: FeedState) -> dict[str, object]:
    told = state.model_dump(mode="json", exclude={"etag", "last_modified", "body_hash", "seeded"})
    return {"state": _state(feed, state), **told}


def _state(feed: Feed, state: FeedState) -> str:
    """As the poller counts it, but for a feed whose turn has not come, or which could not be read yet."""
    health = health_of(feed, state)
    if health is FeedHealth.HEALTHY and state.read_at is None:
        return "unread" if state.outcome else "unpolled"
    return health.value


def _reason(known: KnownFeed, state: FeedState) -> str:
    if known.feed.enabled:
        return state.health_reason
    return "by its line in the file" if known.origin is Origin.FILE else "through the API"


def _show(feeds: list[KnownFeed], states: dict[str, FeedState] | None) -> None:
    if not feeds:
        remark("no feeds yet: add one with `tocsin feeds add`")
        return
    now = datetime.now(UTC)
    mixed = any(each.origin is Origin.API for each in feeds)
    rows = (
        (*_row(each.feed, states[each.feed.id] if states else None, now), *([MADE_BY[each.origin]] if mixed else []))
        for each in feeds
    )
    print_table((*COLUMNS, "made by") if mixed else COLUMNS, rows, elastic="name")


def _show_one(known: KnownFeed, state: FeedState, history: list[PollRecord]) -> None:
    feed, now = known.feed, datetime.now(UTC)
    facts = {
        "name": feed.name,
        "address": feed.url,
        "made by": known.origin is Origin.API and f"{MADE_BY[known.origin]}, and changed there",
        "polled at": state.adopted_url and f"{state.adopted_url}, where it has moved to",
        "state": ": ".join(filter(None, (_state(feed, state), _reason(known, state)))),
        "since": state.health_since and f"{state.health_since:%Y-%m-%d %H:%M} UTC",
        "rhythm": state.gap_seconds is not None and f"an entry every {duration(round(state.gap_seconds))} (median)",
        "newest": state.newest_at and f"{state.newest_at:%Y-%m-%d %H:%M} UTC",
        "hub": state.push_offer and state.push_offer.hub,
        "next due": feed.enabled and state.next_due_at and f"{ahead(state.next_due_at, now)}: {state.next_due_reason}",
    }
    for name, fact in facts.items():
        if fact:
            say(f"{name:<10}{fact}")
    say("")
    if not history:
        say("no poll yet")
    else:
        print_table(HISTORY, (_past(poll) for poll in history), elastic="detail")


def _past(poll: PollRecord) -> tuple[object, ...]:
    then = f"after {duration(round(poll.next_after))}: {poll.next_reason}"
    return (f"{poll.at:%m-%d %H:%M:%S}", poll.outcome, poll.new, f"{poll.seconds:.2f}", poll.detail, then)


def _row(feed: Feed, state: FeedState | None, now: datetime) -> tuple[object, ...]:
    configured = (feed.name, feed.language, feed.country, feed.kind.value, feed.tier)
    if state is None:
        return (*configured, "", "", "", "")
    name = _state(feed, state)
    due = ahead(state.next_due_at, now) if feed.enabled else ""
    return (*configured, Text(name, STYLES[name]), state.outcome, due, state.next_due_reason if due else "")
