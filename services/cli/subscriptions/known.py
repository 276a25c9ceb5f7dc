"""The subscriptions that there are: those of the file, and those in the store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from services.cli.wiring import Delivering
from shared.config.document import find, read_document, validate
from shared.config.subscriptions import SubscriptionsFile, written_subscriptions
from shared.errors import TocsinError
from shared.models.subscription import Subscription
from shared.settings import Settings

OFF = "by its line in the file"


class Home(StrEnum):
    FILE = "file"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Known:
    """A subscription as it is written: secrets may be `env:NAME` or `file:PATH`."""

    subscription: Subscription
    managed_by: Home

    @property
    def id(self) -> str:
        return self.subscription.id


async def known(settings: Settings, stores: Delivering) -> list[Known]:
    """By the file's order, then by id. Of two with one id that of the file counts, as for the notifier."""
    return together(written_subscriptions(settings.subscriptions_file), await stores.subscriptions.all())


def together(written: Iterable[Subscription], stored: Iterable[Subscription] = ()) -> list[Known]:
    found = {each.id: Known(each, Home.FILE) for each in written}
    for each in stored:
        found.setdefault(each.id, Known(each, Home.STORE))
    return list(found.values())


async def meant(settings: Settings, stores: Delivering, subscription_id: str) -> Known:
    """Raises TocsinError, which names those that exist."""
    return one_of(await known(settings, stores), subscription_id)


async def in_force(settings: Settings, stores: Delivering, subscription_id: str) -> Subscription:
    """Raises TocsinError, also for one that nothing is sent to."""
    subscription = (await meant(settings, stores, subscription_id)).subscription
    if not subscription.enabled:
        raise TocsinError(f"{subscription_id} is disabled {OFF}: nothing is sent there")
    return subscription


def one_of(subscriptions: Sequence[Known], subscription_id: str) -> Known:
    for each in subscriptions:
        if each.id == subscription_id:
            return each
    ids = [each.id for each in subscriptions]
    nearest = get_close_matches(subscription_id, ids, n=1)
    hint = f", did you mean {nearest[0]}?" if nearest else ""
    raise TocsinError(f"no subscription {subscription_id!r}{hint}; there are: {', '.join(ids) or 'none'}")


def line_of(path: Path, subscription_id: str) -> str:
    """Where it stands: `seeds/subscriptions.yaml:12`."""
    document = read_document(path)
    ids = [each.id for each in validate(document, SubscriptionsFile).subscriptions]
    return f"{path}:{find(document.root, ('subscriptions', ids.index(subscription_id), 'id')).line}"
