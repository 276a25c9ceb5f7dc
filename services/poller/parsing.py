"""Parsing in children that can be killed: half a megabyte of unclosed tags costs a lenient parser seconds, not us.

pebble's pool kills a child at the deadline and starts another; the standard library's cannot.
"""

import asyncio
import ctypes
import multiprocessing
import os
import resource
import signal

from pebble import ProcessPool

from services.poller.parse import Document, parse

MAX_DATA_BYTES = 512 * 1024 * 1024
RECYCLE_AFTER_DOCUMENTS = 2000
_PR_SET_PDEATHSIG = 1


class ParsingPool:
    """An async context manager over a few parsing processes."""

    def __init__(self, processes: int, seconds: float) -> None:
        self._seconds = seconds
        self._pool = ProcessPool(
            max_workers=processes,
            max_tasks=RECYCLE_AFTER_DOCUMENTS,
            initializer=_become_a_child,
            initargs=(os.getpid(),),
            # Not forked: the poller has threads and an event loop.
            context=multiprocessing.get_context("spawn"),
        )

    async def parse(self, body: bytes, base_url: str, charset: str | None = None) -> Document:
        """As `parse.parse`; also TimeoutError after the deadline, and pebble.ProcessExpired when the child died."""
        parsing = self._pool.schedule(parse, args=(body, base_url, charset), timeout=self._seconds)
        return await asyncio.wrap_future(parsing)

    async def __aenter__(self) -> "ParsingPool":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]  # pebble has not typed it
        await asyncio.to_thread(self._pool.join, 3)


def _become_a_child(parent: int) -> None:
    """End with the poller even when it is killed, leave the terminal's Ctrl-C to it, and bound the memory."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES, MAX_DATA_BYTES))
