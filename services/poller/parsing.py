"""Parsing in children that can be killed: half a megabyte of unclosed tags costs a lenient parser seconds, not us.

pebble kills a child at the deadline and starts another; the standard library's pool cannot. Each child has a pool, and
so pipes, of its own: one that dies in the middle of an answer spoils no other's.
"""

import asyncio
import ctypes
import multiprocessing
import os
import resource
import signal
from dataclasses import replace
from datetime import UTC, datetime

from pebble import ProcessExpired, ProcessPool

from services.poller.parse import Document, Item, parse

MAX_DATA_BYTES = 512 * 1024 * 1024
# Five times what a news sitemap may list; what follows from each item is worked out in the poller itself.
MAX_ITEMS = 5_000
LARGE_BYTES = 1024 * 1024
RECYCLE_AFTER_DOCUMENTS = 2000
# Few documents take longer than this, and most of those never end: the others shall not wait for them.
PROMPT_SECONDS = 1.0
MAX_LAGGARDS = 4
_PR_SET_PDEATHSIG = 1
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class ParsingPool:
    """An async context manager over a few parsing processes.

    Up to `processes` documents are parsed at once. One that is not done after PROMPT_SECONDS keeps its child until
    `seconds` are over, but leaves its place to the next document; up to MAX_LAGGARDS may.
    """

    def __init__(self, processes: int, seconds: float) -> None:
        self._seconds = seconds
        self._processes = processes
        self._places = asyncio.Semaphore(processes)
        self._aside = asyncio.Semaphore(MAX_LAGGARDS)
        self._children: set[ProcessPool] = set()
        self._idle: list[ProcessPool] = []
        self._endings: set[asyncio.Task[None]] = set()

    async def parse(self, body: bytes, base_url: str, charset: str | None = None) -> Document:
        """As `parse.parse`, but the MAX_ITEMS newest items at most.

        Also raises TimeoutError after the deadline, and pebble.ProcessExpired when the child died.
        """
        place = self._places
        await place.acquire()
        child, parsing = None, None
        try:
            child = await self._take()
            parsing = asyncio.wrap_future(child.schedule(_parse, args=(body, base_url, charset), timeout=self._seconds))
            await asyncio.wait({parsing}, timeout=PROMPT_SECONDS)
            if not parsing.done() and not self._aside.locked():
                await self._aside.acquire()
                place.release()
                place = self._aside
            return await parsing
        finally:
            place.release()
            if child:
                self._give_back(child, parsing, large=len(body) > LARGE_BYTES)

    async def _take(self) -> ProcessPool:
        while self._idle:
            child = self._idle.pop()
            if child.active:
                return child
            self._end(child)
        child = _new_child()
        self._children.add(child)
        await asyncio.wrap_future(child.schedule(_ready))
        return child

    def _give_back(self, child: ProcessPool, parsing: "asyncio.Future[Document] | None", *, large: bool) -> None:
        """A child that was killed, or is about to be, takes its time to come back: another is quicker."""
        if _answered(parsing) and len(self._idle) < self._processes:
            self._idle.append(child)
            if large:
                child.schedule(_ready)  # pebble keeps hold of what it was given last
        else:
            self._end(child)

    def _end(self, child: ProcessPool) -> None:
        self._children.discard(child)
        ending = asyncio.create_task(asyncio.to_thread(_stop, child))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def __aenter__(self) -> "ParsingPool":
        return self

    async def __aexit__(self, *_: object) -> None:
        for child in tuple(self._children):
            self._end(child)
        await asyncio.gather(*self._endings)


def _answered(parsing: "asyncio.Future[Document] | None") -> bool:
    if parsing is None or not parsing.done() or parsing.cancelled():
        return False
    return not isinstance(parsing.exception(), TimeoutError | ProcessExpired)


def _stop(child: ProcessPool) -> None:
    child.stop()  # type: ignore[no-untyped-call]  # pebble has not typed it
    child.join(3)


def newest(items: tuple[Item, ...], most: int) -> tuple[Item, ...]:
    """At most so many, in the order given; those without a date count as old, and the later ones as older."""
    if len(items) <= most:
        return items
    order = sorted(range(len(items)), key=lambda n: items[n].published or _LONG_AGO, reverse=True)
    return tuple(items[n] for n in sorted(order[:most]))


def _ready() -> None:
    """The first task of a child ends when it has started, which no document shall be charged with."""


def _parse(body: bytes, base_url: str, charset: str | None) -> Document:
    document = parse(body, base_url, charset)
    return replace(document, items=newest(document.items, MAX_ITEMS))


def _new_child() -> ProcessPool:
    return ProcessPool(
        max_workers=1,
        max_tasks=RECYCLE_AFTER_DOCUMENTS,
        initializer=_become_a_child,
        initargs=(os.getpid(),),
        # Not forked: the poller has threads and an event loop.
        context=multiprocessing.get_context("spawn"),
    )


def _become_a_child(parent: int) -> None:
    """End with the poller even when it is killed, leave the terminal's Ctrl-C to it, and bound the memory."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES, MAX_DATA_BYTES))
