"""Where the demo's servers stand, and a process that lives until it is told to stop."""

import asyncio
import signal

LOOPBACK = "127.0.0.1"


def stop_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set; the first process of a container has no default handler for them."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
