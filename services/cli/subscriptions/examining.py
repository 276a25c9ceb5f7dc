"""What `tocsin check` says of subscriptions beyond their form: what cannot work, and what is hardly meant."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from urllib.parse import urlsplit

from pydantic import SecretStr

from services.notifier.calendar import quiet_until
from services.notifier.channels import CHANNELS, Means
from services.notifier.wiring import guarded_client
from services.operations.subscriptions.describing import ELSEWHERE
from shared.config.document import Document
from shared.errors import ConfigError
from shared.models.allowed import Location
from shared.models.subscription import Subscription, WebhookChannel
from shared.settings import Settings

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def channels(subscriptions: Sequence[Subscription]) -> list[str]:
    return [f"{each.id} ({each.channel.type})" for each in subscriptions]


def impossible(settings: Settings, document: Document, subscriptions: Sequence[Subscription]) -> Iterator[str]:
    """A channel that no message can be sent over."""
    for index, subscription in enumerate(subscriptions):
        channel = subscription.channel
        try:
            CHANNELS[channel.type](channel, Means(guarded_client(settings)))
        except ConfigError as error:
            field, _, text = str(error).partition(": ")
            yield document.problem(("subscriptions", index, *field.split(".")), text)


def doubtful(
    document: Document, subscriptions: Sequence[Subscription], events: Collection[str], sources: Collection[str]
) -> Iterator[str]:
    """`subscriptions` as they are written. `events`, `sources`: all that there are; empty if that is not known."""
    for index, subscription in enumerate(subscriptions):
        for field, text in (
            *_never(subscription),
            *_unheard_of("event_types", subscription.event_types, events, "no topic has the event type"),
            *_unheard_of("sources", subscription.sources, sources, "no feed is of the source"),
            *_exposed(subscription),
        ):
            yield document.problem(("subscriptions", index, *field), text)
    yield from _twice(document, subscriptions)
    yield from _lonely(document, subscriptions)


def _never(subscription: Subscription) -> Iterator[tuple[Location, str]]:
    if not subscription.tiers:
        yield ("tiers",), "empty, so nothing is ever told; leave it out for both"
    quiet = subscription.quiet
    if quiet is None:
        return
    if quiet.start == quiet.end:
        yield ("quiet",), f"from {quiet.start} to {quiet.end} is a whole day"
    if quiet.unless and quiet.unless.rank <= subscription.min_severity.rank:
        yield ("quiet", "unless"), "holds nothing back: every story as severe as it takes rings nevertheless"
    if subscription.digest:
        yield from _held_digests(subscription)


def _held_digests(subscription: Subscription) -> Iterator[tuple[Location, str]]:
    """On any day of an ordinary week."""
    digest, quiet = subscription.digest, subscription.quiet
    assert digest is not None
    assert quiet is not None
    week = [datetime.fromisoformat("2025-03-03T00:00Z") + timedelta(days=day) for day in range(7)]
    for number, at in enumerate(digest.at):
        moments = (f"{day:%Y-%m-%d}T{at}Z" for day in week)
        if all(quiet_until(quiet, "UTC", datetime.fromisoformat(moment)) for moment in moments):
            yield ("digest", "at", number), f"{at} lies in the quiet hours, so it is told at their end, {quiet.end}"


def _unheard_of(field: str, names: Sequence[str], known: Collection[str], wrong: str) -> Iterator[tuple[Location, str]]:
    for number, name in enumerate(names):
        if known and name not in known:
            yield (field, number), f"{wrong} `{name}`"


def _exposed(subscription: Subscription) -> Iterator[tuple[Location, str]]:
    channel = subscription.channel
    if isinstance(channel, WebhookChannel):
        parts = urlsplit(channel.url)
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            yield ("channel", "url"), "not encrypted: whoever is in between can read along"
    for name, value in channel:
        if isinstance(value, SecretStr) and not value.get_secret_value().startswith(ELSEWHERE):
            yield ("channel", name), "a secret in the file itself; env:NAME or file:PATH keeps it out of here"


def _twice(document: Document, subscriptions: Sequence[Subscription]) -> Iterator[str]:
    for (_, one), (index, other) in combinations(enumerate(subscriptions), 2):
        if one.channel == other.channel and one.enabled and other.enabled:
            text = f"the same as of {one.id}, so whoever is there may be told twice"
            yield document.problem(("subscriptions", index, "channel"), text)


def _lonely(document: Document, subscriptions: Sequence[Subscription]) -> Iterator[str]:
    for index, subscription in enumerate(subscriptions):
        if subscription.endpoints and len(subscriptions) == 1:
            text = "there is no other subscription here that it could hear of"
            yield document.problem(("subscriptions", index, "endpoints"), text)
