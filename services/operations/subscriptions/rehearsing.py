"""What a subscription would have been told."""

import asyncio
from datetime import datetime

from services.notifier.rehearse import Rehearsal, rehearse
from services.notifier.wiring import pacing
from services.operations.subscriptions.stores import Delivering
from shared.models.subscription import Subscription
from shared.settings import Settings


async def rehearsed(
    settings: Settings, stores: Delivering, subscription: Subscription, since: datetime, until: datetime
) -> Rehearsal | None:
    """None where no story has changed since then."""
    stories = await stores.stories.changed_since(since)
    if not stories:
        return None
    return await asyncio.to_thread(rehearse, subscription, stories, pacing(settings).timing, since, until)
