"""A subscription made from options, and its handshake."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from services.cli.render import counted, remark, say
from services.cli.subscriptions.known import line_of, meant
from services.cli.subscriptions.secrets import new_secret, read_secret
from services.cli.subscriptions.watching import Silence, answered
from services.cli.subscriptions.words import told_attempt, where
from services.cli.wiring import Delivering
from services.notifier.channels import CHANNELS, Means
from services.notifier.subjects import HANDSHAKE
from services.notifier.wiring import guarded_client
from shared.config.problems import explain, unknown
from shared.config.subscriptions import SecretProblem, resolved_secrets, written_subscriptions
from shared.errors import ConfigError
from shared.models.endpoint import EndpointState, EndpointStatus
from shared.models.pack import RULE_FILE
from shared.models.subscription import OPEN_CHANNELS, Attempt, Subscription
from shared.settings import Settings

ELSEWHERE = ("env:", "file:")
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
    names = sorted(rule.parent.name for rule in settings.topics_dir.glob(f"*/{RULE_FILE}"))
    wrong = [topic for topic in subscription.topics if topic not in names]
    if wrong:
        nothing = [f"none, for {settings.topics_dir} is empty"]
        raise ConfigError(*(f"--topic: {unknown(f'no topic `{each}`', each, names or nothing)}" for each in wrong))


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


async def _check_new(settings: Settings, stores: Delivering, subscription_id: str) -> None:
    """Raises ConfigError for an id that is taken."""
    path = settings.subscriptions_file
    if any(each.id == subscription_id for each in written_subscriptions(path)):
        raise ConfigError(f"{line_of(path, subscription_id)}: {subscription_id} stands in this file; change it there")
    if await stores.subscriptions.find(subscription_id):
        raise ConfigError(f"ID: {subscription_id} is there already; `tocsin subscriptions remove {subscription_id}`")


async def put(settings: Settings, stores: Delivering, subscription: Subscription) -> list[Attempt]:
    """It begins anew, also under an id that was there before, of which the tests are returned; a notifier then sends it
    one. Raises ConfigError."""
    await _check_new(settings, stores, subscription.id)
    before = await stores.endpoints.attempts_with(subscription.id, HANDSHAKE)
    now, name = datetime.now(UTC), subscription.id
    if waited := sum(await stores.endpoints.waiting([name])):
        remark(f"{counted(waited, 'message')} for an earlier {name} will not be told; `recover` orders them anew")
    await _forget(stores, name)
    await stores.endpoints.begin(name, EndpointState(status=EndpointStatus.PENDING, changed_at=now))
    await stores.subscriptions.put(subscription)
    await stores.endpoints.add({name: {HANDSHAKE: now.timestamp()}})
    await stores.due.schedule({name: now.timestamp()})
    return before


async def _forget(stores: Delivering, subscription_id: str) -> None:
    """What stands at its endpoint, whose lease ends. What it was told of stories is kept."""
    await stores.due.remove([subscription_id])
    await stores.endpoints.remove(subscription_id)
    await stores.deliveries.forget(subscription_id, [HANDSHAKE])


async def shake_hands(stores: Delivering, subscription: Subscription, before: Sequence[Attempt]) -> bool:
    """Tells each attempt; whether it is active in the end. `before`: an earlier one's of this id."""
    say("waiting for the answer to a webhook.test")
    told = list(before)
    while len(told) < len(before) + ATTEMPTS_TOLD:
        attempt = await answered(stores, subscription.id, HANDSHAKE, told)
        if isinstance(attempt, Silence):
            remark(attempt.value)
            break
        told.append(attempt)
        say(f"  {told_attempt(attempt)}")
        if (await stores.endpoints.load(subscription.id)).status is EndpointStatus.ACTIVE:
            say(f"{subscription.id} is active")
            return True
        if attempt.next_at is None:
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


async def remove(settings: Settings, stores: Delivering, subscription_id: str) -> list[str]:
    """Raises ConfigError for one of the file; TocsinError for one that is not there."""
    found = await meant(settings, stores, subscription_id)
    if not await stores.subscriptions.remove(found.id):
        place = line_of(settings.subscriptions_file, found.id)
        raise ConfigError(f"{place}: {found.id} stands in this file; take it out there")
    (waited,) = await stores.endpoints.waiting([found.id])
    await _forget(stores, found.id)
    lost = f"; {counted(waited, 'message')} waited there, and will not be told" if waited else "; nothing waited there"
    return [f"removed {found.id}{lost}", f"its log stays: tocsin subscriptions log {found.id}"]
