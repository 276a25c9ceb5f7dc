"""How alerts leave the house: one file and one line here for each channel."""

from collections.abc import Callable
from typing import Any

from services.notifier.channels.base import ChannelSender
from services.notifier.channels.journal import JournalSender
from services.notifier.channels.webhook import WebhookSender
from services.notifier.ports import HttpPoster

# The channel is of the model whose `type` is the key; the table cannot say that more precisely.
CHANNELS: dict[str, Callable[[Any, HttpPoster], ChannelSender]] = {
    "webhook": WebhookSender,
    "journal": lambda channel, _http: JournalSender(channel),
}
