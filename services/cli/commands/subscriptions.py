"""`tocsin subscriptions`: who is told, how that goes, and what a person can do about it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from services.cli import wiring
from services.cli.render import moment, print_json, print_table, remark, say
from services.cli.subscriptions import adding, listing, recovering, rehearsing
from services.cli.subscriptions.adding import read_secret
from services.cli.subscriptions.words import described, told_attempt
from services.cli.wiring import on_delivering
from services.notifier.rehearse import Rehearsal
from services.operations.subscriptions import making, ordering, standing
from services.operations.subscriptions.describing import Known, succeeded, together
from services.operations.subscriptions.known import known, one_of
from services.operations.subscriptions.rehearsing import rehearsed
from services.operations.subscriptions.secrets import (
    BOTH_SIGN,
    FOLLOWS,
    Rotation,
    new_secret,
    rotate_stored,
    rotate_written,
)
from services.operations.subscriptions.standing import Standing
from services.operations.subscriptions.stores import Delivering
from services.operations.subscriptions.watching import Silence
from shared.config.subscriptions import written_subscriptions
from shared.errors import RedisUnavailable, TocsinError
from shared.models.endpoint import Order
from shared.models.subscription import Subscription, WebhookChannel
from shared.settings import Settings
from shared.store.endpoints import Logged

app = typer.Typer(
    help="Who is told, and how that goes.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)
Id = Annotated[str, typer.Argument(metavar="ID", help="As `list` names it.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
SecretFile = Annotated[
    Path | None, typer.Option(help="Where the secret is read from, instead of making and showing a new one.")
]
MISSED = ("story", "why not before", "title")


@app.command("list")
def list_subscriptions(json: Json = False) -> None:
    """The subscriptions, and how telling them goes."""
    settings = wiring.settings()
    try:
        found, standings = on_delivering(settings, lambda stores: standing.every(settings, stores))
    except RedisUnavailable as error:
        remark(f"without states, and without those in the store: {error}")
        found, standings = together(written_subscriptions(settings.subscriptions_file)), None
    if json:
        print_json([_described(each, standings[each.id] if standings is not None else None) for each in found])
    else:
        listing.show_list(found, standings)


@app.command("show")
def show_subscription(subscription_id: Id, json: Json = False) -> None:
    """One in full: filters, state, what is next, last attempts."""
    settings = wiring.settings()
    found, doing, titles = on_delivering(settings, lambda stores: standing.one(settings, stores, subscription_id))
    if json:
        attempts = [_logged(each, titles) for each in doing.attempts]
        print_json({**_described(found, doing), "next_at": _iso(doing.next_at), "attempts": attempts})
    else:
        listing.show_one(settings, found, doing, titles)


@app.command("add")
def add(  # noqa: PLR0913  an option a line
    subscription_id: Annotated[str, typer.Argument(metavar="ID", help="Lower case, digits, dashes.")],
    *,
    webhook: Annotated[str | None, typer.Option(metavar="URL", help="To be sent signed webhooks.")] = None,
    slack: Annotated[str | None, typer.Option(help="env:NAME or file:PATH of an incoming webhook's address.")] = None,
    discord: Annotated[str | None, typer.Option(help="env:NAME or file:PATH of a channel webhook's address.")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="Of this topic; may be given again, as all lists.")] = None,
    event_type: Annotated[list[str] | None, typer.Option(help="Of this event type, as the pack names it.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="That is told in this language.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="That this source reports.")] = None,
    tier: Annotated[list[str] | None, typer.Option(help="core or related; else both.")] = None,
    min_severity: Annotated[str, typer.Option(help="low, medium, high or critical.")] = "low",
    min_score: Annotated[float, typer.Option(help="The least score.")] = 0.0,
    min_sources: Annotated[int, typer.Option(help="The least number of independent sources.")] = 1,
    digest: Annotated[
        list[str] | None, typer.Option(metavar="HH:MM", help="One message then, not one a story.")
    ] = None,
    digest_day: Annotated[list[str] | None, typer.Option(help="mon to sun; else every day.")] = None,
    quiet: Annotated[str | None, typer.Option(metavar="HH:MM-HH:MM", help="Nothing rings in that time.")] = None,
    quiet_day: Annotated[list[str] | None, typer.Option(help="The day it begins on; else every day.")] = None,
    quiet_unless: Annotated[str | None, typer.Option(help="As severe as that rings nevertheless.")] = None,
    timezone: Annotated[str, typer.Option(help="Of these times, such as Europe/Kyiv.")] = "UTC",
    endpoints: Annotated[bool, typer.Option("--endpoints", help="Also when other endpoints fail or recover.")] = False,
    per_minute: Annotated[int, typer.Option(help="The most messages in a minute.")] = 60,
    secret_file: SecretFile = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="For the first test to arrive.")] = True,
) -> None:
    """Add one to the store; a webhook's secret is shown once.

    It is pending until a signed webhook.test arrives, which a running notifier sends at once. What `env:` and `file:`
    name is read now, and kept in the store. Mail, Apprise and journals are added to the file.
    """
    filters: dict[str, object] = {
        "id": subscription_id,
        "topics": topic,
        "event_types": event_type,
        "languages": language,
        "sources": source,
        "tiers": tier,
        "min_severity": min_severity,
        "min_score": min_score,
        "min_independent_sources": min_sources,
        "digest": adding.digest_of(digest, digest_day),
        "quiet": adding.quiet_of(quiet, quiet_day, quiet_unless),
        "timezone": timezone,
        "endpoints": endpoints,
        "per_minute": per_minute,
    }
    settings = wiring.settings()
    channels = {"webhook": webhook, "slack": slack, "discord": discord}
    subscription = adding.from_options(settings, adding.given(filters), channels, secret_file)
    place = on_delivering(settings, lambda stores: adding.put(settings, stores, subscription))
    say(adding.added(subscription))
    if isinstance(subscription.channel, WebhookChannel) and secret_file is None:
        _show_once(subscription.channel.secret.get_secret_value())
    if wait and not _shaken(settings, subscription, place):
        raise typer.Exit(1)


def _shaken(settings: Settings, subscription: Subscription, place: str) -> bool:
    """Whoever does not want to wait loses nothing."""
    try:
        return on_delivering(settings, lambda stores: adding.shake_hands(stores, subscription, place))
    except KeyboardInterrupt:
        remark(adding.still_pending(subscription.id))
        raise


@app.command("remove")
def remove(subscription_id: Id) -> None:
    """Take one out of the store, with what waits for it."""
    settings = wiring.settings()
    lost = on_delivering(settings, lambda stores: making.remove(settings, stores, subscription_id))
    for line in adding.removed(subscription_id, lost):
        say(line)


@app.command("rotate")
def rotate(subscription_id: Id, secret_file: SecretFile = None) -> None:
    """Give a webhook a new secret, which is shown once.

    The old one signs beside it for a day. Kept in the store, or in a `file:`, it is replaced; for one in the
    environment, or in subscriptions.yaml itself, you are told what to do, with exit code 1.
    """
    settings = wiring.settings()
    secret = read_secret(secret_file) if secret_file else new_secret()
    rotation = _rotated(settings, subscription_id, secret)
    for line in rotation.lines:
        say(line)
    if secret_file is None:
        _show_once(secret)
    if not rotation.done:
        raise typer.Exit(1)


def _rotated(settings: Settings, subscription_id: str, secret: str) -> Rotation:
    """One of the file needs no Redis."""
    for each in written_subscriptions(settings.subscriptions_file):
        if each.id == subscription_id:
            return rotate_written(settings, each, secret)
    on_delivering(settings, lambda stores: rotate_stored(settings, stores, subscription_id, secret))
    return Rotation(True, (f"{subscription_id} has a new secret", f"{FOLLOWS}; {BOTH_SIGN}"))


@app.command("test")
def test(subscription_id: Id) -> None:
    """Send it a test as alerts are sent, and say how that went."""
    settings = wiring.settings()
    _tell(on_delivering(settings, lambda stores: ordering.send_test(settings, stores, subscription_id)))


@app.command("log")
def log(
    subscription_id: Id,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")] = 20,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    json: Json = False,
) -> None:
    """The last attempts, the newest first."""
    settings = wiring.settings()
    attempts, titles = on_delivering(
        settings, lambda stores: standing.logged(settings, stores, subscription_id, count, failed=failed)
    )
    if json:
        print_json([_logged(each, titles) for each in attempts])
    elif attempts:
        listing.show_attempts(attempts, titles)
    else:
        remark(f"nothing {'has failed' if failed else 'was sent'} yet")


@app.command("recover")
def recover(
    subscription_id: Id,
    since: Annotated[str, typer.Option(metavar="WHEN", help="30m, 6h, 2d ago, or a time as in ISO 8601 (UTC).")],
) -> None:
    """Have it told after all what it has missed.

    Given up, too old, or never tried: each story that changed since then, and that it wants and has not acknowledged as
    it is now, is told once.
    """
    settings = wiring.settings()
    at = recovering.moment_of(since, datetime.now(UTC))
    found, silence = on_delivering(settings, lambda stores: ordering.recover(settings, stores, subscription_id, at))
    if found.missed:
        rows = ((story.id, reason.replace("_", " "), story.title) for story, reason in found.missed)
        print_table(MISSED, rows, elastic="title")
        say("")
    say(f"since {moment(at)}: {'; '.join(recovering.lines(found))}")
    _remark(silence)


@app.command("redeliver")
def redeliver(
    subscription_id: Id, story_id: Annotated[str, typer.Argument(metavar="STORY", help="As alerts name it.")]
) -> None:
    """Have it told a story once more, under a new message id."""
    settings = wiring.settings()
    _tell(on_delivering(settings, lambda stores: ordering.redeliver(settings, stores, subscription_id, story_id)))


@app.command("enable")
def enable(subscription_id: Id) -> None:
    """Let messages go to it again."""
    _switch(subscription_id, Order.ENABLE)


@app.command("disable")
def disable(subscription_id: Id) -> None:
    """Send it nothing until it is enabled; everything is kept."""
    _switch(subscription_id, Order.DISABLE)


@app.command("dry-run")
def dry_run(
    subscription_id: Id,
    days: Annotated[float, typer.Option(min=0.01, max=180, help="How many days back.")] = 7,
    file: Annotated[Path | None, typer.Option(help="Where it is read from, if it is not in force yet.")] = None,
    untold: Annotated[bool, typer.Option("--untold", help="Also each revision that had no message, and why.")] = False,
    json: Json = False,
) -> None:
    """What would it have been told in the last days?

    Approximated: filters and severity see each story as it is now, nothing fails, and a digest has room for all.
    """
    settings, now = wiring.settings(), datetime.now(UTC)
    since = now - timedelta(days=days)

    async def work(stores: Delivering) -> Rehearsal | None:
        there = together(written_subscriptions(file)) if file else await known(settings, stores)
        return await rehearsed(settings, stores, one_of(there, subscription_id).subscription, since, now)

    rehearsal = on_delivering(settings, work)
    if json:
        print_json(rehearsing.as_json(rehearsal or Rehearsal((), ())))
    elif rehearsal:
        rehearsing.show_rehearsal(rehearsal, untold=untold)
    else:
        remark(f"no story has changed since {moment(since)}")


def _switch(subscription_id: str, what: Order) -> None:
    settings = wiring.settings()
    status, silence = on_delivering(settings, lambda stores: ordering.switch(settings, stores, subscription_id, what))
    say(f"{subscription_id} is {status}" if silence is None else f"asked for: {what.value} {subscription_id}")
    _remark(silence)


# In words.


def _tell(answer: Logged | Silence) -> None:
    """Exit code 1 unless it has arrived."""
    if isinstance(answer, Silence):
        raise TocsinError(answer.value)
    say(told_attempt(answer.attempt))
    if not succeeded(answer.attempt):
        raise typer.Exit(1)


def _remark(silence: Silence | None) -> None:
    if silence:
        remark(silence.value)


def _show_once(secret: str) -> None:
    say(f"  {secret}")
    say("  is its secret, and shown this once: give it to the receiver")


def _described(found: Known, doing: Standing | None) -> dict[str, object]:
    if doing is None:
        return described(found, None, None)
    return described(found, doing.state, doing.waiting)


def _logged(logged: Logged, titles: dict[str, str]) -> dict[str, object]:
    """`title` is null where there is no story, or none any more."""
    return {**logged.attempt.model_dump(mode="json"), "title": titles.get(logged.attempt.subject)}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
