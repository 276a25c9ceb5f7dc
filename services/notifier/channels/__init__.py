"""How alerts leave the house: one file and one line here for each channel."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.notifier.channels.apprise import AppriseSender
from services.notifier.channels.base import ChannelSender
from services.notifier.channels.discord import DiscordSender
from services.notifier.channels.email import EmailSender
from services.notifier.channels.journal import JournalSender
from services.notifier.channels.slack import SlackSender
from services.notifier.channels.webhook import WebhookSender
from services.notifier.ports import HttpPoster


@dataclass(frozen=True, slots=True)
class Means:
    """What channels send with. `http` has its own limits; the seconds are for those that go past it."""

    http: HttpPoster
    connect_seconds: float = 5.0
    total_seconds: float = 15.0


# The channel is of the model whose `type` is the key; the table cannot say that more precisely.
CHANNELS: dict[str, Callable[[Any, Means], ChannelSender]] = {
    "webhook": lambda channel, means: WebhookSender(channel, means.http),
    "slack": lambda channel, means: SlackSender(channel, means.http),
    "discord": lambda channel, means: DiscordSender(channel, means.http),
    "email": lambda channel, means: EmailSender(channel, means.connect_seconds, means.total_seconds),
    "apprise": lambda channel, means: AppriseSender(channel, means.connect_seconds, means.total_seconds),
    "journal": lambda channel, _means: JournalSender(channel),
}
