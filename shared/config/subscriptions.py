"""`subscriptions.yaml`: who is told, and how. Secrets may be kept elsewhere and are fetched here, once."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr

from shared.config.document import Document, find, read_document, validate
from shared.errors import ConfigError
from shared.models.base import Model
from shared.models.subscription import Subscription, WebhookChannel

SECRET_BYTES = range(24, 65)  # the Standard Webhooks specification, "Signature scheme"
WHSEC_FORM = (
    "allowed: `whsec_` and 24 to 64 bytes in base64, or `env:NAME` or `file:PATH` of such a one;"
    ' make one with: echo "whsec_$(openssl rand -base64 32)"'
)


class SubscriptionsFile(Model):
    """`subscriptions.yaml`."""

    subscriptions: tuple[Subscription, ...]


def load_subscriptions(path: Path, env: Mapping[str, str]) -> tuple[Subscription, ...]:
    """With `env:NAME` looked up in `env` and `file:PATH` read, relative to the working directory.

    `ConfigError` names the variable or the file of a secret that is not to be had, never a value.
    """
    document = read_document(path)
    subscriptions = validate(document, SubscriptionsFile).subscriptions
    problems = list(_duplicates(document, subscriptions))
    resolved = []
    for index, subscription in enumerate(subscriptions):
        try:
            resolved.append(_resolve(subscription, env))
        except _SecretError as error:
            problems.append(document.problem(("subscriptions", index, "channel", "secret"), str(error)))
    if problems:
        raise ConfigError(*problems)
    return tuple(resolved)


class _SecretError(Exception):
    """Why a secret cannot be used."""


def _duplicates(document: Document, subscriptions: tuple[Subscription, ...]) -> Iterator[str]:
    first: dict[str, int] = {}
    for index, subscription in enumerate(subscriptions):
        earlier = first.setdefault(subscription.id, index)
        if earlier != index:
            line = find(document.root, ("subscriptions", earlier, "id")).line
            text = f"the same id as on line {line}: {subscription.id}; allowed: each id once"
            yield document.problem(("subscriptions", index, "id"), text)


def _resolve(subscription: Subscription, env: Mapping[str, str]) -> Subscription:
    channel = subscription.channel
    if not isinstance(channel, WebhookChannel):
        return subscription
    secret = SecretStr(_secret(channel.secret.get_secret_value(), env))
    return subscription.model_copy(update={"channel": channel.model_copy(update={"secret": secret})})


def _secret(written: str, env: Mapping[str, str]) -> str:
    kind, _, rest = written.partition(":")
    if kind == "env":
        secret, origin = _from_env(rest, env), f"the value of the environment variable {rest}"
    elif kind == "file":
        secret, origin = _from_file(Path(rest)), f"the content of {rest}"
    else:
        secret, origin = written, "it"
    if not is_webhook_secret(secret):
        raise _SecretError(f"{origin} is not a webhook secret; {WHSEC_FORM}")
    return secret


def is_webhook_secret(text: str) -> bool:
    """`whsec_` and base64 of 24 to 64 bytes, as Standard Webhooks has it."""
    if not text.startswith("whsec_"):
        return False
    try:
        return len(b64decode(text.removeprefix("whsec_"), validate=True)) in SECRET_BYTES
    except ValueError:
        return False


def _from_env(name: str, env: Mapping[str, str]) -> str:
    if not env.get(name):
        raise _SecretError(f"the environment variable {name} is not set; {WHSEC_FORM}")
    return env[name].strip()


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(4096).decode("ascii", "replace").strip()
    except OSError as error:
        raise _SecretError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}; {WHSEC_FORM}") from None
