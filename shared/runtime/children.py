"""Processes that we start: they end with us, and are started again when they fall."""

import asyncio
import ctypes
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from shared.runtime.pausing import pause

_PR_SET_PDEATHSIG = 1

FIRST_PAUSE_SECONDS = 0.3
LONGEST_PAUSE_SECONDS = 10.0
# A child that has lived so long did not fall over its own start.
SETTLED_SECONDS = 20.0
LINE_LIMIT_BYTES = 1024 * 1024


def end_with_parent(parent: int) -> Callable[[], None]:
    """What a child does before exec. The library is loaded here, because after fork little is safe."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def ask_the_kernel() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)

    return ask_the_kernel


@dataclass(frozen=True, slots=True)
class Child:
    """`env` is the whole environment. An exit code in `fatal` is not worth another start."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    fatal: frozenset[int] = frozenset()


class ChildFailed(Exception):
    """A child ended with a code that another start would not change."""

    def __init__(self, name: str, code: int) -> None:
        super().__init__(f"{name} ended with exit code {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Keeper:
    """Keeps one child alive until `stop`: started again after a pause that grows while it falls at once.

    `on_line` gets each line that the child writes to standard error, `on_fall` its exit code.
    """

    child: Child
    on_line: Callable[[str, str], None]
    on_fall: Callable[[str, int], None]
    patience: float = 3.5

    async def run(self, stop: asyncio.Event) -> None:
        """Raises ChildFailed."""
        gap = FIRST_PAUSE_SECONDS
        while not stop.is_set():
            started = time.monotonic()
            code = await self._live(stop)
            if stop.is_set():
                return
            if code in self.child.fatal:
                raise ChildFailed(self.child.name, code)
            if code != 0:
                self.on_fall(self.child.name, code)
            gap = FIRST_PAUSE_SECONDS if time.monotonic() - started > SETTLED_SECONDS else gap * 2
            await pause(stop, min(gap, LONGEST_PAUSE_SECONDS))

    async def _live(self, stop: asyncio.Event) -> int:
        process = await asyncio.create_subprocess_exec(
            *self.child.argv,
            env=dict(self.child.env),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=PIPE,
            limit=LINE_LIMIT_BYTES,
            # A session of its own: the terminal's Ctrl-C is for us, who end the children in good order.
            start_new_session=True,
            preexec_fn=end_with_parent(os.getpid()),
        )
        reading = asyncio.create_task(self._read(process))
        told = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({reading, told}, return_when=asyncio.FIRST_COMPLETED)
            return await self._end(process) if told.done() else await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            told.cancel()
            reading.cancel()

    async def _end(self, process: Process) -> int:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            return await asyncio.wait_for(process.wait(), self.patience)
        except TimeoutError:
            process.kill()
            return await process.wait()

    async def _read(self, process: Process) -> None:
        assert process.stderr is not None
        while True:
            try:
                line = await process.stderr.readline()
            except ValueError:  # a line beyond the limit; what was read of it is gone
                continue
            if not line:
                return
            self.on_line(self.child.name, line.decode("utf-8", "replace").rstrip())
