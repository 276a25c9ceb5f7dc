"""An ASGI application served inside the running event loop, and a process that lives until it is told to stop."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"


class _Guest(uvicorn.Server):
    """Leaves the process's signals to whoever owns the event loop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(app: ASGIApp, host: str, port: int) -> AsyncIterator[int]:
    """Serve `app` and give the port; 0 takes any free one.

    The socket listens before the body of the `async with` runs, so that no caller need wait for the server.
    Raises OSError if the port is taken.
    """
    listener = socket.create_server((host, port))
    server = _Guest(
        uvicorn.Config(
            app, interface="asgi3", lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


def stop_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set; the first process of a container has no default handler for them."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
