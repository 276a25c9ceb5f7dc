"""Waiting for the running notifier: a person has asked for something, and wants to see it done."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TypeVar

from services.operations.subscriptions.stores import Delivering
from shared.store.endpoints import Logged

LOOK_EVERY_SECONDS = 0.1
# Whoever runs, and is not busy with hundreds of others, takes up what is due sooner.
TAKEN_UP_SECONDS = 3.0
TAKEN_SECONDS = 5.0
ANSWER_SECONDS = 20.0

T = TypeVar("T")


class Silence(Enum):
    """Why what is waited for does not come."""

    NO_NOTIFIER = "no notifier takes it up: is one running? It is done as soon as one is"
    TOO_LONG = "a notifier runs, but has not come to it yet"
    PENDING = "it is pending; this is sent as soon as a test has arrived there"
    DISABLED = "it is disabled; this is sent as soon as it is enabled"
    QUIET = "these are its quiet hours; this is sent afterwards"


async def seen(stores: Delivering, look: Callable[[], Awaitable[T | None]], seconds: float) -> T | Silence:
    """What `look` finds within so many seconds; sooner Silence, if nobody takes up what is due."""
    clock = asyncio.get_running_loop().time
    begun = taken_up_at = clock()
    while (found := await look()) is None:
        now = clock()
        taken_up_at = taken_up_at if (await stores.due.counts()).due else now
        if now - taken_up_at > TAKEN_UP_SECONDS:
            return Silence.NO_NOTIFIER
        if now - begun > seconds:
            return Silence.TOO_LONG
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        heed_cancellation()
    return found


async def obeyed(stores: Delivering, subscription_id: str, subjects: list[str]) -> Silence | None:
    """Until a notifier has taken up one of these orders."""

    async def look() -> bool | None:
        left = await stores.endpoints.orders(subscription_id)
        return any(subject not in left for subject in subjects) or None

    found = await seen(stores, look, TAKEN_SECONDS)
    return found if isinstance(found, Silence) else None


async def answered(
    stores: Delivering, subscription_id: str, subject: str, after: str, seconds: float = ANSWER_SECONDS
) -> Logged | Silence:
    """The first attempt with the subject that stands after this place in the log."""

    async def look() -> Logged | None:
        logged = await stores.endpoints.log_after(subscription_id, after)
        return next((each for each in logged if each.attempt.subject == subject), None)

    return await seen(stores, look, seconds)


def heed_cancellation() -> None:
    """A Ctrl-C just before a command to Redis is lost in there: its `asyncio.timeout(0)` takes it for its own."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
