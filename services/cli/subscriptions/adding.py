"""A subscription made from options, and its handshake."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from services.cli.render import counted, remark, say
from services.cli.subscriptions.words import told_attempt
from services.notifier.channels import CHANNELS, Means
from services.notifier.subjects import HANDSHAKE
from services.notifier.wiring import guarded_client
from services.operations.subscriptions.describing import ELSEWHERE, where
from services.operations.subscriptions.making import make, unknown_topics
from services.operations.subscriptions.secrets import new_secret
from services.operations.subscriptions.stores import Delivering
from services.operations.subscriptions.watching import Silence, answered
from shared.config.problems import explain
from shared.config.subscriptions import WHSEC_FORM, SecretProblem, is_webhook_secret, resolved_secrets
from shared.errors import ConfigError
from shared.models.endpoint import EndpointStatus
from shared.models.subscription import OPEN_CHANNELS, Subscription
from shared.settings import Settings

# A person waits for the first attempts; the others follow by themselves.
ATTEMPTS_TOLD = 3
OPTIONS = {
    "id": "ID",
    "topics": "--topic",
    "event_types": "--event-type",
    "languages": "--language",
    "sources": "--source",
    "min_independent_sources": "--min-sources",
    "tiers": "--tier",
    "per_minute": "--per-minute",
    "digest.at": "--digest",
    "digest.days": "--digest-day",
    "quiet.start": "--quiet",
    "quiet.end": "--quiet",
    "quiet.days": "--quiet-day",
    "quiet.unless": "--quiet-unless",
}


def from_options(
    settings: Settings, given: Mapping[str, object], channels: Mapping[str, str | None], secret_file: Path | None
) -> Subscription:
    """With its secrets in place. Raises ConfigError with every wrong option, none of which shows an address."""
    named = {name: url for name, url in channels.items() if url is not None}
    if len(named) != 1:
        raise ConfigError(f"give one of {', '.join(f'--{name}' for name in OPEN_CHANNELS)}")
    ((channel, url),) = named.items()
    if channel != "webhook" and not url.startswith(ELSEWHERE):
        raise ConfigError(f"--{channel}: whoever has the address can post there; allowed: env:NAME or file:PATH of it")
    if channel != "webhook" and secret_file:
        raise ConfigError(f"--secret-file: only webhooks are signed, and this is {channel}")
    secret = {} if channel != "webhook" else {"secret": read_secret(secret_file) if secret_file else new_secret()}
    subscription = _validated({**given, "channel": {"type": channel, "url": url, **secret}}, channel)
    _check_topics(settings, subscription)
    resolved = _resolved(subscription, channel)
    _check_address(settings, resolved)
    return resolved


def given(options: Mapping[str, object]) -> dict[str, object]:
    """Those that a person has given."""
    return {name: value for name, value in options.items() if value is not None and value != []}


def digest_of(times: Sequence[str] | None, days: Sequence[str] | None) -> dict[str, object] | None:
    if days and not times:
        raise ConfigError("--digest-day: needs a time, by --digest")
    return {"at": times, "days": days or []} if times else None


def quiet_of(period: str | None, days: Sequence[str] | None, unless: str | None) -> dict[str, object] | None:
    if period is None and (days or unless):
        raise ConfigError("--quiet-day, --quiet-unless: need a time, by --quiet")
    if period is None:
        return None
    start, _, end = period.partition("-")
    return {"start": start, "end": end, "days": days or [], "unless": unless}


def _validated(given: Mapping[str, object], channel: str) -> Subscription:
    try:
        return Subscription.model_validate(given)
    except ValidationError as error:
        schema = Subscription.model_json_schema()
        problems = [explain(detail, schema) for detail in error.errors(include_url=False)]
        raise ConfigError(*(f"{_option(problem.location, channel)}: {problem.text}" for problem in problems)) from None


def _option(location: Sequence[int | str], channel: str) -> str:
    names = [str(step) for step in location if not isinstance(step, int)]
    if names[0] == "channel":
        return f"--{channel}"
    dotted = ".".join(names)
    return OPTIONS.get(dotted) or OPTIONS.get(names[0]) or f"--{names[0].replace('_', '-')}"


def _check_topics(settings: Settings, subscription: Subscription) -> None:
    if wrong := unknown_topics(settings, subscription.topics):
        raise ConfigError(*(f"--topic: {each}" for each in wrong))


def _resolved(subscription: Subscription, channel: str) -> Subscription:
    try:
        return resolved_secrets(subscription, os.environ)
    except SecretProblem as problem:
        raise ConfigError(f"--{channel}: {problem}") from None


def _check_address(settings: Settings, subscription: Subscription) -> None:
    """As the notifier will; nothing is sent."""
    channel = subscription.channel
    try:
        CHANNELS[channel.type](channel, Means(guarded_client(settings)))
    except ConfigError as error:
        raise ConfigError(f"--{channel.type}: {str(error).partition(': ')[2]}") from None


async def put(settings: Settings, stores: Delivering, subscription: Subscription) -> str:
    """The place in its log after which its tests stand. Raises ConfigError for an id that is taken."""
    name = subscription.id
    made = await make(settings, stores, subscription)
    if made is None:
        raise ConfigError(f"ID: {name} is there already; `tocsin subscriptions remove {name}`")
    if made.lost:
        remark(f"{counted(made.lost, 'message')} for an earlier {name} will not be told; `recover` orders them anew")
    return made.place


async def shake_hands(stores: Delivering, subscription: Subscription, place: str) -> bool:
    """Tells each attempt after this place in the log; whether it is active in the end."""
    say("waiting for the answer to a webhook.test")
    for _ in range(ATTEMPTS_TOLD):
        logged = await answered(stores, subscription.id, HANDSHAKE, place)
        if isinstance(logged, Silence):
            remark(logged.value)
            break
        place = logged.place
        say(f"  {told_attempt(logged.attempt)}")
        if (await stores.endpoints.load(subscription.id)).status is EndpointStatus.ACTIVE:
            say(f"{subscription.id} is active")
            return True
        if logged.attempt.next_at is None:
            break
    remark(still_pending(subscription.id))
    return False


def still_pending(subscription_id: str) -> str:
    return (
        f"{subscription_id} is pending: nothing is sent there until a test arrives. It is tried again for hours;"
        f" `tocsin subscriptions test {subscription_id}` tries at once"
    )


def added(subscription: Subscription) -> str:
    return f"added {subscription.id}: {subscription.channel.type} to {where(subscription.channel)}, kept in the store"


def removed(subscription_id: str, lost: int) -> list[str]:
    waited = f"{counted(lost, 'message')} waited there, and will not be told" if lost else "nothing waited there"
    return [f"removed {subscription_id}; {waited}", f"its log stays: tocsin subscriptions log {subscription_id}"]


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
