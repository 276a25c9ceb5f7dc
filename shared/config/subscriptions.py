"""`subscriptions.yaml`: who is told, and how. Secrets may be kept elsewhere and are fetched here, once."""

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from shared.config.document import Document, find, load_document, read_document, validate
from shared.errors import ConfigError
from shared.models.base import Model
from shared.models.subscription import Subscription

SECRET_BYTES = range(24, 65)  # the Standard Webhooks specification, "Signature scheme"
ELSEWHERE = "or `env:NAME` or `file:PATH` of such a one"
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
            resolved.append(resolved_secrets(subscription, env))
        except SecretProblem as problem:
            problems.append(document.problem(("subscriptions", index, "channel", problem.field), str(problem)))
    if problems:
        raise ConfigError(*problems)
    return tuple(resolved)


def written_subscriptions(path: Path) -> tuple[Subscription, ...]:
    """With secrets as they are written there, which may be `env:NAME` or `file:PATH`."""
    return load_document(path, SubscriptionsFile).subscriptions


def secret_files(path: Path) -> list[Path]:
    """The files that hold secrets of this one's subscriptions; none if it cannot be read."""
    try:
        subscriptions = written_subscriptions(path)
    except ConfigError:
        return []
    written = (secret.get_secret_value() for each in subscriptions for _, secret in _secrets(each))
    return [Path(text.removeprefix("file:")) for text in written if text.startswith("file:")]


def resolved_secrets(subscription: Subscription, env: Mapping[str, str]) -> Subscription:
    """With every secret in its place. Raises SecretProblem."""
    found = {name: SecretStr(_resolved(subscription, name, secret, env)) for name, secret in _secrets(subscription)}
    return subscription.model_copy(update={"channel": subscription.channel.model_copy(update=found)})


class SecretProblem(Exception):
    """Why the secret in this field of the channel cannot be used."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def _duplicates(document: Document, subscriptions: tuple[Subscription, ...]) -> Iterator[str]:
    first: dict[str, int] = {}
    for index, subscription in enumerate(subscriptions):
        earlier = first.setdefault(subscription.id, index)
        if earlier != index:
            line = find(document.root, ("subscriptions", earlier, "id")).line
            text = f"the same id as on line {line}: {subscription.id}; allowed: each id once"
            yield document.problem(("subscriptions", index, "id"), text)


def _secrets(subscription: Subscription) -> Iterator[tuple[str, SecretStr]]:
    """Field → secret, of the channel."""
    yield from ((name, value) for name, value in subscription.channel if isinstance(value, SecretStr))


def _resolved(subscription: Subscription, field: str, secret: SecretStr, env: Mapping[str, str]) -> str:
    form = _form(subscription, field)
    kind, _, rest = secret.get_secret_value().partition(":")
    try:
        if kind == "env":
            text, origin = _from_env(rest, env), f"the value of the environment variable {rest}"
        elif kind == "file":
            text, origin = _from_file(Path(rest)), f"the content of {rest}"
        else:
            text, origin = secret.get_secret_value(), "it"
    except _NotToBeHad as error:
        raise SecretProblem(field, f"{error}; {form.allowed}") from None
    if not form.fits(text):
        raise SecretProblem(field, f"{origin} is not {form.name}; {form.allowed}")
    return text


class _Form(NamedTuple):
    name: str
    allowed: str
    fits: Callable[[str], bool]


def _form(subscription: Subscription, field: str) -> _Form:
    if field == "secret":
        return _Form("a webhook secret", WHSEC_FORM, is_webhook_secret)
    if subscription.channel.type in ("slack", "discord"):
        return _Form("an https:// address", f"allowed: an https:// address, {ELSEWHERE}", _is_address)
    return _Form("text", f"allowed: text, {ELSEWHERE}", _is_text)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_whole = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
    except ValueError:
        return False
    return bool(is_whole) and _is_text(text) and not any(mark.isspace() for mark in text)


def _is_text(text: str) -> bool:
    return bool(text) and "\ufffd" not in text


class _NotToBeHad(Exception):
    """Why a secret that is kept elsewhere is missing."""


def is_webhook_secret(text: str) -> bool:
    """`whsec_` and base64 of 24 to 64 bytes, as Standard Webhooks has it."""
    if not text.startswith("whsec_"):
        return False
    encoded = text.removeprefix("whsec_")
    try:
        # The decoder overlooks padding that is too much.
        return len(encoded) % 4 == 0 and len(b64decode(encoded, validate=True)) in SECRET_BYTES
    except ValueError:
        return False


def _from_env(name: str, env: Mapping[str, str]) -> str:
    if not env.get(name):
        raise _NotToBeHad(f"the environment variable {name} is not set")
    return env[name].strip()


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(4096).decode("utf-8", "replace").strip()
    except OSError as error:
        raise _NotToBeHad(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
