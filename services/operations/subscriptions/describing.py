"""What may be shown of a subscription and its endpoint (pure): never an address beyond its host, never a secret."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from shared.models.endpoint import EndpointState, EndpointStatus
from shared.models.subscription import (
    AppriseChannel,
    Attempt,
    Channel,
    DeliveryOutcome,
    DiscordChannel,
    EmailChannel,
    JournalChannel,
    SlackChannel,
    Subscription,
    WebhookChannel,
)

# What begins so is kept in the environment or in a file, and is no secret itself.
ELSEWHERE = ("env:", "file:")
OFF = "by its line in the file"
NEW = EndpointState().reason


class Home(StrEnum):
    FILE = "file"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Known:
    """A subscription as it is written: secrets may be `env:NAME` or `file:PATH`."""

    subscription: Subscription
    managed_by: Home

    @property
    def id(self) -> str:
        return self.subscription.id


def together(written: Iterable[Subscription], stored: Iterable[Subscription] = ()) -> list[Known]:
    """By the file's order, then by id. Of two with one id that of the file counts, as for the notifier."""
    found = {each.id: Known(each, Home.FILE) for each in written}
    for each in stored:
        found.setdefault(each.id, Known(each, Home.STORE))
    return list(found.values())


def where(channel: Channel) -> str:
    """The host, or where the address is kept."""
    match channel:
        case WebhookChannel():
            return _host(channel.url)
        case EmailChannel():
            return channel.host
        case JournalChannel():
            return channel.path
        case SlackChannel() | DiscordChannel() | AppriseChannel():
            text = channel.url.get_secret_value()
            if text.startswith(ELSEWHERE):
                return text
            return f"{urlsplit(text).scheme}://" if isinstance(channel, AppriseChannel) else _host(text)


def _host(url: str) -> str:
    """With the port, if there is one; without user, path and the rest."""
    return urlsplit(url).netloc.rpartition("@")[2]


def state_of(subscription: Subscription, state: EndpointState) -> tuple[str, str]:
    """Its name, and the reason if it is told."""
    if not subscription.enabled:
        return EndpointStatus.DISABLED.value, OFF
    well = state.status is EndpointStatus.ACTIVE
    return state.status.value, "" if well or state.reason == NEW else state.reason.replace("_", " ")


def is_story(subject: str) -> bool:
    return ":" not in subject and subject != "digest"


def succeeded(attempt: Attempt) -> bool:
    return attempt.outcome == DeliveryOutcome.DELIVERED
