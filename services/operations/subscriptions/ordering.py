"""What a person asks of an endpoint: a test, a story once more, what it has missed, on and off."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.notifier.calendar import silent_until
from services.notifier.plan import Nothing, Situation, Timing, plan
from services.notifier.route import refusal
from services.notifier.subjects import DIGEST, TEST
from services.notifier.wiring import pacing
from services.operations.subscriptions.known import in_force
from services.operations.subscriptions.stores import Delivering
from services.operations.subscriptions.watching import ANSWER_SECONDS, Silence, answered, obeyed
from shared.errors import Refused, Unknown
from shared.models.endpoint import EndpointStatus, Order
from shared.models.story import Story
from shared.models.subscription import Delivery, Subscription
from shared.models.topic import Severity
from shared.settings import Settings
from shared.store.endpoints import ITSELF, Logged

_CLOSED = {EndpointStatus.PENDING: Silence.PENDING, EndpointStatus.DISABLED: Silence.DISABLED}


async def send_test(
    settings: Settings, stores: Delivering, subscription_id: str, seconds: float = ANSWER_SECONDS
) -> Logged | Silence:
    """On the way that real messages go. `seconds`: the most that is waited."""
    await in_force(settings, stores, subscription_id)
    place, now = await stores.endpoints.log_end(subscription_id), datetime.now(UTC)
    subject = f"{TEST}{now:%Y%m%dT%H%M%S.%f}"
    await stores.endpoints.add({subscription_id: {subject: now.timestamp()}})
    await stores.due.schedule({subscription_id: now.timestamp()})
    return await answered(stores, subscription_id, subject, place, seconds)


async def _order(stores: Delivering, subscription_id: str, subjects: Sequence[str], what: Order) -> None:
    now = datetime.now(UTC).timestamp()
    await stores.endpoints.order(subscription_id, dict.fromkeys(subjects, what))
    stories = {subject: now for subject in subjects if subject != ITSELF}
    if stories:
        await stores.endpoints.add({subscription_id: stories})
    await stores.due.schedule({subscription_id: now})


async def switch(
    settings: Settings, stores: Delivering, subscription_id: str, what: Order
) -> tuple[EndpointStatus, Silence | None]:
    """What it is then."""
    await in_force(settings, stores, subscription_id)
    await _order(stores, subscription_id, [ITSELF], what)
    silence = await obeyed(stores, subscription_id, [ITSELF])
    return (await stores.endpoints.load(subscription_id)).status, silence


async def redeliver(
    settings: Settings, stores: Delivering, subscription_id: str, story_id: str, seconds: float = ANSWER_SECONDS
) -> Logged | Silence:
    """`seconds`: the most that is waited. Raises Unknown; Refused for a story that will not be told."""
    subscription = await in_force(settings, stores, subscription_id)
    story = await stores.stories.load(story_id)
    if story is None:
        raise Unknown(f"no story {story_id}: never there, or expired; `tocsin stories list` has the newest")
    delivery = await stores.deliveries.load(subscription.id, story.id)
    if reason := _never(subscription, story, delivery, pacing(settings).timing, Order.REDELIVER):
        raise Refused(f"{story.id} is not told to {subscription.id}: {reason.replace('_', ' ')}")
    closed = await _closed(stores, subscription, story.severity)
    place = await stores.endpoints.log_end(subscription.id)
    await _order(stores, subscription.id, [story.id], Order.REDELIVER)
    subject = DIGEST if subscription.digest else story.id
    return closed or await answered(stores, subscription.id, subject, place, seconds)


@dataclass(frozen=True, slots=True)
class Recovery:
    """`missed`: each story that is to be told, with why it was not; `others`: why not, and how many."""

    missed: tuple[tuple[Story, str], ...]
    others: Counter[str]


async def recover(
    settings: Settings, stores: Delivering, subscription_id: str, since: datetime
) -> tuple[Recovery, Silence | None]:
    subscription = await in_force(settings, stores, subscription_id)
    stories = await stores.stories.changed_since(since)
    deliveries = await stores.deliveries.load_many(subscription.id, [story.id for story in stories])
    found = sorted_out(subscription, zip(stories, deliveries, strict=True), pacing(settings).timing, datetime.now(UTC))
    if not found.missed:
        return found, None
    ids = [story.id for story, _ in found.missed]
    gravest = max((story.severity for story, _ in found.missed), key=lambda each: each.rank)
    await _order(stores, subscription.id, ids, Order.RECOVER)
    return found, await _closed(stores, subscription, gravest) or await obeyed(stores, subscription.id, ids)


async def _closed(stores: Delivering, subscription: Subscription, severity: Severity) -> Silence | None:
    """Why nothing as severe as that is sent there just now."""
    status = (await stores.endpoints.load(subscription.id)).status
    if status in _CLOSED:
        return _CLOSED[status]
    return Silence.QUIET if silent_until(subscription, datetime.now(UTC), severity) else None


def sorted_out(
    subscription: Subscription, pairs: Iterable[tuple[Story, Delivery]], timing: Timing, now: datetime
) -> Recovery:
    """Pure."""
    missed, others = list[tuple[Story, str]](), Counter[str]()
    for story, delivery in pairs:
        if not story.revisions:
            others["it never rang"] += 1
        elif reason := _never(subscription, story, delivery, timing, Order.RECOVER):
            others[reason] += 1
        else:
            step = plan(delivery, story, timing, now)
            missed.append((story, step.reason if isinstance(step, Nothing) else "not told yet"))
    return Recovery(tuple(missed), others)


def _never(subscription: Subscription, story: Story, delivery: Delivery, timing: Timing, what: Order) -> str | None:
    """Why it is not told whatever a person says."""
    begun = delivery.sent_revision or delivery.envelope
    if not begun and (reason := refusal(subscription, story)):
        return reason
    step = plan(delivery, story, timing, story.updated_at, Situation(order=what))
    return step.reason if isinstance(step, Nothing) else None
