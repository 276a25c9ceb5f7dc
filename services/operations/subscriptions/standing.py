"""How subscriptions are doing: state, what waits, last attempts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.operations.subscriptions.describing import Known, is_story, succeeded
from services.operations.subscriptions.known import known, meant
from services.operations.subscriptions.stores import Delivering
from shared.models import canary
from shared.models.endpoint import EndpointState
from shared.models.subscription import Signing
from shared.settings import Settings
from shared.store.endpoints import LOG_ENDS, LOGGED_ATTEMPTS, Logged

ATTEMPTS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Standing:
    """How an endpoint is doing. `next_at`: when what waits there is looked at."""

    state: EndpointState
    waiting: int
    next_at: datetime | None = None
    attempts: Sequence[Logged] = ()
    signing: Signing | None = None


async def every(settings: Settings, stores: Delivering) -> tuple[list[Known], dict[str, Standing]]:
    """Each subscription, and by its id how it is doing."""
    found = await known(settings, stores)
    return found, await standings(stores, [each.id for each in found])


async def standings(stores: Delivering, ids: Sequence[str]) -> dict[str, Standing]:
    states, waiting = await stores.endpoints.load_many(ids), await stores.endpoints.waiting(ids)
    return {each: Standing(state, many) for each, state, many in zip(ids, states, waiting, strict=True)}


async def one(settings: Settings, stores: Delivering, subscription_id: str) -> tuple[Known, Standing, dict[str, str]]:
    """With the titles of the stories that its last attempts were about."""
    found = await meant(settings, stores, subscription_id)
    standing = await standing_of(stores, found.id)
    return found, standing, await titles(stores, standing.attempts)


async def logged(
    settings: Settings, stores: Delivering, subscription_id: str, count: int, *, failed: bool, before: str = LOG_ENDS
) -> tuple[list[Logged], dict[str, str]]:
    """Also of one that is removed, as long as its log is there; never the canary's."""
    attempts = await stores.endpoints.log(subscription_id, LOGGED_ATTEMPTS if failed else count, before=before)
    if not attempts or subscription_id == canary.NAME:
        await meant(settings, stores, subscription_id)
    found = [each for each in attempts if not (failed and succeeded(each.attempt))][:count]
    return found, await titles(stores, found)


async def standing_of(stores: Delivering, subscription_id: str) -> Standing:
    at = await stores.endpoints.next_at(subscription_id)
    (waiting,) = await stores.endpoints.waiting([subscription_id])
    return Standing(
        await stores.endpoints.load(subscription_id),
        waiting,
        None if at is None else datetime.fromtimestamp(at, UTC),
        await stores.endpoints.log(subscription_id, ATTEMPTS_SHOWN),
        await stores.signings.find(subscription_id),
    )


async def titles(stores: Delivering, attempts: Iterable[Logged]) -> dict[str, str]:
    """Story id → title, of those that are still kept."""
    ids = list(dict.fromkeys(each.attempt.subject for each in attempts if is_story(each.attempt.subject)))
    return {story.id: story.title for story in await stores.stories.load_many(ids) if story}
