"""The secrets that sign webhooks: made, read, and changed."""

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from services.cli.subscriptions.known import line_of, meant
from services.cli.wiring import Delivering, on_delivering
from services.notifier.sign import SECRET_PREFIX
from shared.config.replace import replace_text
from shared.config.subscriptions import WHSEC_FORM, is_webhook_secret, written_subscriptions
from shared.errors import ConfigError, TocsinError
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


def read_secret(path: Path) -> str:
    """Raises ConfigError."""
    try:
        with path.open("rb") as file:
            text = file.read(4096).decode("ascii", "replace").strip()
    except OSError as error:
        raise ConfigError(f"--secret-file: {path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    if not is_webhook_secret(text):
        raise ConfigError(f"--secret-file: the content of {path} is not a webhook secret; {WHSEC_FORM}")
    return text


def rotate_secret(settings: Settings, subscription_id: str, secret: str) -> Rotation:
    """Raises TocsinError, ConfigError; RedisUnavailable for one that does not stand in the file."""
    for each in written_subscriptions(settings.subscriptions_file):
        if each.id == subscription_id:
            return _rotate_written(settings, each, secret)
    return on_delivering(settings, lambda stores: _rotate_stored(settings, stores, subscription_id, secret))


def _rotate_written(settings: Settings, subscription: Subscription, secret: str) -> Rotation:
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


async def _rotate_stored(settings: Settings, stores: Delivering, subscription_id: str, secret: str) -> Rotation:
    """What signed is noted here, too, so that it goes on to even if no notifier runs just now."""
    subscription = (await meant(settings, stores, subscription_id)).subscription
    channel, now = _signing_channel(subscription), datetime.now(UTC)
    await stores.signings.settle(subscription.id, channel.secret.get_secret_value(), now)
    await stores.signings.settle(subscription.id, secret, now)
    rotated = channel.model_copy(update={"secret": SecretStr(secret)})
    await stores.subscriptions.put(subscription.model_copy(update={"channel": rotated}))
    return Rotation(True, (f"{subscription.id} has a new secret", f"{FOLLOWS}; {BOTH_SIGN}"))


def _signing_channel(subscription: Subscription) -> WebhookChannel:
    channel = subscription.channel
    if isinstance(channel, WebhookChannel):
        return channel
    raise TocsinError(f"{subscription.id} is {channel.type}, and only webhooks are signed: no secret to rotate")


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
