"""Waiting for a while, or for the end."""

import asyncio


async def pause(stop: asyncio.Event, seconds: float) -> bool:
    """Wait so long, or until `stop`; whether it is set.

    Not `asyncio.wait_for`: before Python 3.12 that loses a cancellation which comes as the time runs out.
    """
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
