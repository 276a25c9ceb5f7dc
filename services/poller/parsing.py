"""Feeds and pages are read in children that can be killed: half a megabyte of unclosed tags costs a parser seconds, not
us.

Each child has a socket of its own to the poller, over which goes one document at a time, with what is to be done with
it: 8 bytes of length, then the bytes. Who is not done by the deadline is killed; one that dies in the middle of an
answer spoils no other's.
"""

import asyncio
import ctypes
import logging
import multiprocessing
import os
import pickle
import resource
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import starmap
from operator import attrgetter
from struct import Struct
from typing import TypeVar

from services.poller.extract import Extract, extract
from services.poller.parse import Document, Item, parse

MAX_DATA_BYTES = 512 * 1024 * 1024
# Five times what a news sitemap may list; what follows from each item is worked out in the poller itself.
MAX_ITEMS = 5_000
RECYCLE_AFTER_DOCUMENTS = 2000
# Few documents take longer than this, and most of those never end: the others shall not wait for them.
PROMPT_SECONDS = 1.0
MAX_LAGGARDS = 4
# Not forked: the poller has threads and an event loop.
_SPAWN = multiprocessing.get_context("spawn")
_LENGTH = Struct("<Q")
# As tuples, items cross the border in half the time.
_row = attrgetter(*Item.__slots__)
_PR_SET_PDEATHSIG = 1
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
T = TypeVar("T")
Row = tuple[object, ...]


class ChildDied(RuntimeError):
    """The process that parsed has ended: it was killed, or broke down."""


class ParsingPool:
    """An async context manager over a few parsing processes.

    Up to `processes` documents are parsed at once. One that is not done after PROMPT_SECONDS keeps its child until
    `seconds` are over, but leaves its place to the next document; up to MAX_LAGGARDS may.
    """

    def __init__(self, processes: int, seconds: float) -> None:
        self._seconds = seconds
        self._processes = processes
        self._places = asyncio.Semaphore(processes)
        self._laggards: set[_Child] = set()
        self._children: set[_Child] = set()
        self._idle: list[_Child] = []
        self._endings: set[asyncio.Task[None]] = set()

    async def parse(self, body: bytes, base_url: str, charset: str | None = None) -> Document:
        """As `parse.parse`, but the MAX_ITEMS newest items at most.

        Also raises TimeoutError after the deadline, and ChildDied.
        """
        document, rows = await self._have_done(_parsed, body, base_url, charset)
        return replace(document, items=tuple(starmap(Item, rows)))

    async def extract(self, body: bytes, charset: str | None, agent: str) -> Extract:
        """As `extract.extract`. Also raises TimeoutError after the deadline, ChildDied, and what extractors raise."""
        return await self._have_done(extract, body, charset, agent)

    async def _have_done(self, work: Callable[..., T], body: bytes, *about: object) -> T:
        """`work(body, *about)`, a function that a child can import, done by one."""
        await self._places.acquire()
        child = None
        try:
            child = self._take()
            await child.start()
            lagging = asyncio.get_running_loop().call_later(PROMPT_SECONDS, self._let_lag, child)
            try:
                async with asyncio.timeout(self._seconds):
                    answer = await child.ask(body, work, about)
            finally:
                lagging.cancel()
        finally:
            self._leave(child)
        told = pickle.loads(answer)  # noqa: S301  of a child of ours
        if isinstance(told, Exception):
            raise told
        result: T = told
        return result

    def _take(self) -> "_Child":
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            self._end(child)
        child = _Child()
        self._children.add(child)
        return child

    def _let_lag(self, child: "_Child") -> None:
        if len(self._laggards) < MAX_LAGGARDS:
            self._laggards.add(child)
            self._places.release()

    def _leave(self, child: "_Child | None") -> None:
        if child in self._laggards:
            self._laggards.discard(child)
        else:
            self._places.release()
        if child and child.fit and len(self._idle) < self._processes:
            self._idle.append(child)
        elif child:
            self._end(child)

    def _end(self, child: "_Child") -> None:
        self._children.discard(child)
        ending = asyncio.create_task(asyncio.to_thread(child.end))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def __aenter__(self) -> "ParsingPool":
        return self

    async def __aexit__(self, *_: object) -> None:
        for child in tuple(self._children):
            self._end(child)
        await asyncio.gather(*self._endings)


class _Child:
    """A process, and our end of the socket to it. `fit`: it waits for a document, and has not had too many."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        with theirs:
            self._ours.setblocking(False)
            self._process = _SPAWN.Process(target=_serve, args=(theirs, os.getpid()), daemon=True)
            self._process.start()
        self._documents = 0
        self._started = self._waits = False

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    @property
    def fit(self) -> bool:
        return self._waits and self._documents < RECYCLE_AFTER_DOCUMENTS

    async def start(self) -> None:
        """It says when it is ready: no document shall be charged with that."""
        if not self._started:
            await self._hear()
            self._started = True

    async def ask(self, body: bytes, work: Callable[..., object], about: Sequence[object]) -> bytearray:
        self._documents += 1
        self._waits = False
        loop, task = asyncio.get_running_loop(), pickle.dumps((work, about))
        try:
            await loop.sock_sendall(self._ours, _LENGTH.pack(len(task)) + task + _LENGTH.pack(len(body)))
            await loop.sock_sendall(self._ours, body)
            return await self._hear()
        except OSError as error:
            raise ChildDied(repr(error)) from error

    async def _hear(self) -> bytearray:
        told = await self._exactly(*_LENGTH.unpack(await self._exactly(_LENGTH.size)))
        self._waits = True
        return told

    async def _exactly(self, size: int) -> bytearray:
        data = bytearray(size)
        rest, loop = memoryview(data), asyncio.get_running_loop()
        while rest:
            if not (read := await loop.sock_recv_into(self._ours, rest)):
                raise ChildDied("it hung up")
            rest = rest[read:]
        return data

    def end(self) -> None:
        """Blocks until it is gone."""
        self._ours.close()
        self._process.kill()
        self._process.join()


def newest(items: tuple[Item, ...], most: int) -> tuple[Item, ...]:
    """At most so many, in the order given; those without a date count as old, and the later ones as older."""
    if len(items) <= most:
        return items
    order = sorted(range(len(items)), key=lambda n: items[n].published or _LONG_AGO, reverse=True)
    return tuple(items[n] for n in sorted(order[:most]))


# In the child ---------------------------------------------------------------------------------------------------------


def _serve(poller: socket.socket, parent: int) -> None:
    """Answer the poller until it hangs up."""
    _become_a_child(parent)
    with poller, poller.makefile("rb") as questions:
        _tell(poller, b"")
        while length := questions.read(_LENGTH.size):
            task = questions.read(*_LENGTH.unpack(length))
            body = questions.read(*_LENGTH.unpack(questions.read(_LENGTH.size)))
            _tell(poller, _answer(body, *pickle.loads(task)))  # noqa: S301  of our parent
            del body


def _tell(poller: socket.socket, answer: bytes) -> None:
    poller.sendall(_LENGTH.pack(len(answer)))
    poller.sendall(answer)


def _answer(body: bytes, work: Callable[..., object], about: Sequence[object]) -> bytes:
    try:
        return pickle.dumps(work(body, *about))
    except Exception as error:  # noqa: BLE001  whatever it is, the poller judges it
        return pickle.dumps(error)


def _parsed(body: bytes, base_url: str, charset: str | None) -> tuple[Document, list[Row]]:
    document = parse(body, base_url, charset)
    return replace(document, items=()), [_row(item) for item in newest(document.items, MAX_ITEMS)]


def _become_a_child(parent: int) -> None:
    """End with the poller even when it is killed, leave the terminal's Ctrl-C to it, and bound the memory.

    What libraries mutter about a stranger's document is no line of our log.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable()
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES, MAX_DATA_BYTES))
