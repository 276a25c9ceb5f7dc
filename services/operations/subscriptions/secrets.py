"""The secrets that sign webhooks: made, and changed."""

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from services.notifier.sign import SECRET_PREFIX
from services.operations.subscriptions.known import line_of, stored
from services.operations.subscriptions.stores import Delivering
from shared.config.replace import replace_text
from shared.config.subscriptions import written_subscriptions
from shared.errors import ConfigError, Refused
from shared.models.subscription import Subscription, WebhookChannel
from shared.settings import Settings
from shared.store.subscriptions import FORMER_SIGNS

SECRET_BYTES = 32
FOLLOWS = "a running notifier follows within seconds"
BOTH_SIGN = f"both secrets sign for {FORMER_SIGNS.total_seconds() / 3600:g} hours from then on"


@dataclass(frozen=True, slots=True)
class Rotation:
    """`done`: the new secret is in its place; if not, the lines say what a person has to do."""

    done: bool
    lines: tuple[str, ...]


def new_secret() -> str:
    """As `openssl rand -base64 32` makes it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


async def rotate_stored(settings: Settings, stores: Delivering, subscription_id: str, secret: str) -> Subscription:
    """What signed is noted here, too, so that it goes on to even if no notifier runs just now.

    Raises Unknown, ReadOnly; Refused where nothing is signed.
    """
    by_command = f"on its machine `tocsin subscriptions rotate {subscription_id}` changes the secret, or says how"
    while True:
        before = await stored(settings, stores, subscription_id, by_command)
        channel, now = _signing_channel(before), datetime.now(UTC)
        rotated = channel.model_copy(update={"secret": SecretStr(secret)})
        after = before.model_copy(update={"channel": rotated})
        await stores.signings.settle(before.id, channel.secret.get_secret_value(), now)
        await stores.signings.settle(before.id, secret, now)
        if await stores.subscriptions.replace(before, after):
            return after


def rotate_written(settings: Settings, subscription: Subscription, secret: str) -> Rotation:
    """Of one in the file. Raises Refused where nothing is signed, ConfigError."""
    written = _signing_channel(subscription).secret.get_secret_value()
    kind, _, name = written.partition(":")
    place = line_of(settings.subscriptions_file, subscription.id)
    if kind != "file":
        return Rotation(False, _by_hand(place, name if kind == "env" else None))
    path = Path(name).resolve()
    if not path.is_file():
        raise ConfigError(f"{place}: the secret is in {name}, and there is no such file here")
    replace_text(path, f"{secret}\n")
    lines = f"wrote a new secret for {subscription.id} to {name}", f"{FOLLOWS}; {BOTH_SIGN}"
    return Rotation(True, (*lines, *_sharing(settings, subscription, written)))


def _sharing(settings: Settings, subscription: Subscription, written: str) -> Iterator[str]:
    for each in written_subscriptions(settings.subscriptions_file):
        channel = each.channel
        shares = isinstance(channel, WebhookChannel) and channel.secret.get_secret_value() == written
        if shares and each.id != subscription.id:
            yield f"{each.id} is signed with the same file, and has the new secret, too"


def _signing_channel(subscription: Subscription) -> WebhookChannel:
    channel = subscription.channel
    if isinstance(channel, WebhookChannel):
        return channel
    raise Refused(f"{subscription.id} is {channel.type}, and only webhooks are signed: no secret to rotate")


def _by_hand(place: str, variable: str | None) -> tuple[str, ...]:
    if variable:
        return (
            f"nothing is changed: the secret is in the environment variable {variable} ({place})",
            f"set {variable} to the new one where the notifier is started, and start it again; {BOTH_SIGN}",
        )
    return (
        f"nothing is changed: the secret stands in the file itself ({place})",
        f"write the new one there as `secret`; {FOLLOWS}; {BOTH_SIGN}",
    )
