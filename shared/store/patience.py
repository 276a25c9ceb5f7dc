"""Outliving a Redis that is away for a while: restarted, failed over, still loading its data."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis import exceptions

from shared.logs import get_logger
from shared.runtime.pausing import pause

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
log = get_logger()
T = TypeVar("T")

# All that a restart or a fail-over of Redis can raise.
StoreUnavailable = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.BusyLoadingError,
    exceptions.ReadOnlyError,
)


async def patiently(operation: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T | None:
    """Repeat `operation` until Redis answers, with growing pauses; None once `stop` is set.

    The operation must be harmless when repeated: an answer that was lost does not mean that nothing was done.
    """
    seconds = FIRST_PAUSE_SECONDS
    while True:
        try:
            return await operation()
        except StoreUnavailable as error:
            if seconds == FIRST_PAUSE_SECONDS:
                log.warning("redis.unavailable", error=str(error)[:200])
        if await pause(stop, seconds):
            return None
        seconds = min(LONGEST_PAUSE_SECONDS, seconds * 2)
