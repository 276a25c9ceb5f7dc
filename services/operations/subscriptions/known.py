"""The subscriptions that there are: those of the file, and those in the store."""

import asyncio
from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from services.operations.subscriptions.describing import OFF, Home, Known, together
from services.operations.subscriptions.stores import Delivering
from shared.config.document import find, read_document, validate
from shared.config.subscriptions import SubscriptionsFile, written_subscriptions
from shared.config.watch import Stamp, stamp
from shared.errors import ReadOnly, Refused, Unknown
from shared.models.subscription import Subscription
from shared.settings import Settings


async def known(settings: Settings, stores: Delivering) -> list[Known]:
    """By the file's order, then by id. Raises ConfigError for a file that is wrong."""
    return together(await written(settings.subscriptions_file), await stores.subscriptions.all())


async def written(path: Path) -> tuple[Subscription, ...]:
    """Those of the file, which is read again when it has changed. Raises ConfigError."""
    return await asyncio.to_thread(_read, path, stamp((path,)))


@lru_cache(maxsize=1)
def _read(path: Path, _: Stamp) -> tuple[Subscription, ...]:
    return written_subscriptions(path)


async def meant(settings: Settings, stores: Delivering, subscription_id: str) -> Known:
    """Raises Unknown, which names those that exist."""
    return one_of(await known(settings, stores), subscription_id)


async def in_force(settings: Settings, stores: Delivering, subscription_id: str) -> Subscription:
    """Raises Unknown; Refused for one that nothing is sent to."""
    subscription = (await meant(settings, stores, subscription_id)).subscription
    if not subscription.enabled:
        raise Refused(f"{subscription_id} is disabled {OFF}: nothing is sent there")
    return subscription


async def stored(settings: Settings, stores: Delivering, subscription_id: str, instead: str) -> Subscription:
    """Raises Unknown; ReadOnly for one of the file, with what to do `instead`."""
    found = await meant(settings, stores, subscription_id)
    if found.managed_by is Home.FILE:
        raise written_there(settings.subscriptions_file, subscription_id, instead)
    return found.subscription


def written_there(path: Path, subscription_id: str, instead: str) -> ReadOnly:
    return ReadOnly(f"{line_of(path, subscription_id)}: {subscription_id} stands in this file; {instead}")


def one_of(subscriptions: Sequence[Known], subscription_id: str) -> Known:
    for each in subscriptions:
        if each.id == subscription_id:
            return each
    ids = [each.id for each in subscriptions]
    nearest = get_close_matches(subscription_id, ids, n=1)
    hint = f", did you mean {nearest[0]}?" if nearest else ""
    raise Unknown(f"no subscription {subscription_id!r}{hint}; there are: {', '.join(ids) or 'none'}")


def line_of(path: Path, subscription_id: str) -> str:
    """Where it stands: `seeds/subscriptions.yaml:12`."""
    document = read_document(path)
    ids = [each.id for each in validate(document, SubscriptionsFile).subscriptions]
    return f"{path}:{find(document.root, ('subscriptions', ids.index(subscription_id), 'id')).line}"
