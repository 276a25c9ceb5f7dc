"""A subscription is made, changed and taken out, each in one step with what follows for its endpoint."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

from services.notifier.subjects import HANDSHAKE
from services.operations.subscriptions.known import stored, written, written_there
from services.operations.subscriptions.stores import Delivering
from shared.config.problems import unknown
from shared.errors import BadUrl
from shared.http import is_public
from shared.http.addresses import Address, Network
from shared.http.urls import checked_url
from shared.models.endpoint import EndpointState, EndpointStatus
from shared.models.pack import RULE_FILE
from shared.models.subscription import Subscription
from shared.settings import Settings
from shared.store import due
from shared.store.deliveries import DUE_ENDPOINTS
from shared.store.due import Command

LOOPBACK = ip_address("127.0.0.1")


@dataclass(frozen=True, slots=True)
class Made:
    """`place`: the end of its log when it was made; `lost`: messages that waited for an earlier one of its id."""

    place: str
    lost: int


async def make(settings: Settings, stores: Delivering, subscription: Subscription) -> Made | None:
    """It begins anew, also under an id that was there before; a notifier then sends it a test. None if its id is taken.

    Raises ReadOnly for an id of the file.
    """
    path, name = settings.subscriptions_file, subscription.id
    if any(each.id == name for each in await written(path)):
        raise written_there(path, name, "change it there")
    place = await stores.endpoints.log_end(name)
    (lost,) = await stores.endpoints.waiting([name])
    anew = [stores.endpoints.remove_command(name), *_pending(stores, name)]
    return Made(place, lost) if await stores.subscriptions.replace(None, subscription, anew) else None


async def change(stores: Delivering, before: Subscription, after: Subscription) -> bool:
    """Whether `before` still stood in the store. At another address a test must be answered before all that waits."""
    elsewhere = _address(before) != _address(after)
    return await stores.subscriptions.replace(before, after, _pending(stores, after.id) if elsewhere else ())


async def remove(settings: Settings, stores: Delivering, subscription_id: str) -> int:
    """How many messages waited there, and will not be told. Raises Unknown, ReadOnly."""
    found = await stored(settings, stores, subscription_id, "take it out there")
    (lost,) = await stores.endpoints.waiting([found.id])
    await stores.subscriptions.remove(found.id, [*_left_alone(stores, found.id), _emptied(stores, found.id)])
    return lost


def _pending(stores: Delivering, subscription_id: str) -> list[Command]:
    """Who is at work there writes and sends nothing more; the first that comes is a test."""
    now = datetime.now(UTC)
    pending = EndpointState(status=EndpointStatus.PENDING, changed_at=now)
    return [
        *_left_alone(stores, subscription_id),
        stores.endpoints.save_command(subscription_id, pending),
        stores.endpoints.add_command(subscription_id, HANDSHAKE, now.timestamp()),
        due.schedule_command(DUE_ENDPOINTS, subscription_id, now.timestamp()),
    ]


def _left_alone(stores: Delivering, subscription_id: str) -> Iterator[Command]:
    """Leases end. What it was told of stories is kept."""
    yield due.remove_command(DUE_ENDPOINTS, subscription_id)
    yield stores.deliveries.forget_command(subscription_id, HANDSHAKE)


def _emptied(stores: Delivering, subscription_id: str) -> Command:
    return stores.endpoints.remove_command(subscription_id)


def _address(subscription: Subscription) -> object:
    return getattr(subscription.channel, "url", None)


# What is wrong with one before it is made, as `field: what is wrong`.


def unknown_topics(settings: Settings, topics: Sequence[str]) -> list[str]:
    """Of each that no pack defines: what is wrong, and what is allowed."""
    names = sorted(rule.parent.name for rule in settings.topics_dir.glob(f"*/{RULE_FILE}"))
    nothing = [f"none, for {settings.topics_dir} is empty"]
    return [unknown(f"no topic `{each}`", each, names or nothing) for each in topics if each not in names]


def address_fault(url: str, allow: Iterable[Network]) -> str | None:
    """Why the guard would refuse this address whatever its name resolves to, or None; nothing is looked up."""
    try:
        host = checked_url(url).host
    except BadUrl as error:
        return f"{error}; allowed: an https:// or http:// address"
    literal = _literal(host)
    if literal is not None and not is_public(literal, allow):
        return f"{host} is not a public address; allowed: one of the internet, or of TOCSIN_ALLOW_NETWORKS"
    return None


def _literal(host: str) -> Address | None:
    """RFC 6761, 6.3: names of localhost are loopback."""
    if host == "localhost" or host.endswith(".localhost"):
        return LOOPBACK
    try:
        return ip_address(host)
    except ValueError:
        return None
