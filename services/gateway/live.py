"""What has rung, told to whoever follows: one reader of the alerts stream, many listeners.

    stream → `Live` (read once, rendered once) → a buffer for each listener → its connection

Whoever was cut off names the last alert that it had. It is told from the stream what came since, joins the others, and
reads on until nothing is left there: all that the reader passed on before it joined. What comes after that is in its
buffer, and what is in both is known by its id, which grows.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from sse_starlette import ServerSentEvent

from services.gateway.views.alerts import AlertView
from shared import metrics
from shared.logs import get_logger
from shared.runtime.pausing import pause
from shared.store.alerts import order
from shared.store.patience import patiently

AT_ONCE = 200
WAIT_MILLISECONDS = 5_000
START_SECONDS = 2.0
PAUSE_SECONDS = 1.0
# After a restart all come again together.
READ_AT_ONCE = 8
BEFORE_THE_FIRST = "0-0"
log = get_logger()

Wants = Callable[[AlertView], bool]


class Alerts(Protocol):
    """The stream, as people see it."""

    async def since(
        self, record_id: str, n: int, wait_milliseconds: int | None = None
    ) -> tuple[list[AlertView], str]: ...

    async def newest_id(self) -> str | None: ...
    async def oldest_id(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Opened:
    """`record_id`: the last alert before what will be told. `lost`: some after the one that was named are trimmed."""

    record_id: str
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Still:
    """Nothing rang for a while. `record_id`: all up to there was told, or was not wanted."""

    record_id: str


@dataclass(frozen=True)
class Told:
    alert: AlertView

    @cached_property
    def event(self) -> bytes:
        """As it goes to everybody who follows."""
        alert = self.alert
        return ServerSentEvent(alert.model_dump_json(), id=alert.id, event=alert.type.value, sep="\n").encode()


class NotYet(Exception):
    """The stream has not been read yet: Redis is away."""


@dataclass(eq=False, slots=True)
class Listener:
    """At most `most` alerts wait for it; then it is cut, and has to come again. `reached`: the last read for it."""

    wants: Wants
    most: int
    reached: str
    cut: bool = False
    _waiting: deque[Told] = field(default_factory=deque)
    _something: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, told: Told) -> None:
        if len(self._waiting) == self.most:
            self.end()
        if not self.cut:
            self._waiting.append(told)
            self._something.set()

    def end(self) -> None:
        self.cut = True
        self._waiting.clear()
        self._something.set()

    async def next(self, seconds: float) -> Told | None:
        """None if nothing came for so long, or it is cut."""
        if not self._waiting and not self.cut:
            self._something.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._something.wait()
            except TimeoutError:
                pass  # it may have come at the last moment
        return self._waiting.popleft() if self._waiting else None


class Live:
    """`most` may follow at once, each at most `buffer` alerts behind; quiet ones hear every `still_seconds`."""

    def __init__(self, alerts: Alerts, *, most: int, buffer: int = 1_000, still_seconds: float = 15.0) -> None:
        self._alerts = alerts
        self._most, self._buffer, self._still_seconds = most, buffer, still_seconds
        # The last alert that was passed on, and the last record that was read.
        self._position = BEFORE_THE_FIRST
        self._upto: str | None = None
        self._turns = asyncio.Semaphore(READ_AT_ONCE)
        self._started, self._ended = asyncio.Event(), asyncio.Event()
        self._listeners: set[Listener] = set()
        self._seats = 0

    @asynccontextmanager
    async def running(self, stop: asyncio.Event | None = None) -> AsyncIterator[None]:
        """Read for as long as the block; once `stop` is set, or the block ends, everybody is let go."""
        tasks = [asyncio.create_task(self._read())]
        if stop:
            tasks.append(asyncio.create_task(self._end_with(stop)))
        try:
            yield
        finally:
            self._end()
            await asyncio.gather(*map(_cancelled, tasks))

    async def ready(self) -> None:
        """Raises NotYet."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._started.wait()
        except TimeoutError:
            raise NotYet from None

    @property
    def is_full(self) -> bool:
        return self._seats >= self._most

    @contextmanager
    def seat(self) -> Iterator[None]:
        """For the time of a connection."""
        self._seats += 1
        metrics.GATEWAY_STREAMS.set(self._seats)
        try:
            yield
        finally:
            self._seats -= 1
            metrics.GATEWAY_STREAMS.set(self._seats)

    async def follow(self, wants: Wants, after: str | None = None) -> AsyncGenerator[Opened | Told | Still]:
        """`Opened`, all that is wanted after the alert `after` (without it: what rings from now on), each once.

        It ends when it was too slow or the gateway stops. Raises what `StoreUnavailable` names.
        """
        opened = await self._opened(after)
        yield opened
        listener = Listener(wants, self._buffer, opened.record_id)
        async for told in self._past(listener):
            yield told
        with self._joined(listener):
            async for told in self._past(listener):
                yield told
            async for each in self._coming(listener):
                yield each

    async def _opened(self, after: str | None) -> Opened:
        if after is None:
            return Opened(self._position)
        # Only alerts are named, and they go from the stream only when it is trimmed: one older than all is lost.
        async with self._turns:
            oldest = await self._alerts.oldest_id()
        lost = oldest is not None and order(BEFORE_THE_FIRST) < order(after) < order(oldest)
        return Opened(self._position, lost=True) if lost else Opened(after)

    async def _past(self, listener: Listener) -> AsyncGenerator[Told]:
        """What stands in the stream."""
        while not self._ended.is_set():
            async with self._turns:
                alerts, upto = await self._alerts.since(listener.reached, AT_ONCE)
            if upto == listener.reached:
                break
            for told in map(Told, alerts):
                if listener.wants(told.alert):
                    yield told
            listener.reached = upto

    async def _coming(self, listener: Listener) -> AsyncGenerator[Told | Still]:
        while True:
            told = await listener.next(self._still_seconds)
            if listener.cut:
                break
            if told is None:
                yield Still(max(listener.reached, self._position, key=order))
            elif order(told.alert.id) > order(listener.reached):
                yield told

    @contextmanager
    def _joined(self, listener: Listener) -> Iterator[None]:
        listener.cut = self._ended.is_set()
        self._listeners.add(listener)
        try:
            yield
        finally:
            self._listeners.discard(listener)

    async def _read(self) -> None:
        while not self._ended.is_set():
            try:
                await patiently(self._read_on, self._ended)
            except Exception:  # whatever it is, those who follow must not wait for ever
                log.exception("gateway.stream_failed")
                await pause(self._ended, PAUSE_SECONDS)

    async def _read_on(self) -> None:
        if self._upto is None:
            self._upto = self._position = await self._alerts.newest_id() or BEFORE_THE_FIRST
            self._started.set()
        alerts, self._upto = await self._alerts.since(self._upto, AT_ONCE, WAIT_MILLISECONDS)
        for alert in alerts:
            self._pass_on(Told(alert))

    def _pass_on(self, told: Told) -> None:
        for listener in self._listeners:
            if listener.wants(told.alert):
                listener.tell(told)
                if listener.cut:
                    log.info("gateway.stream_cut", behind=listener.most)
        self._position = told.alert.id

    async def _end_with(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._end()

    def _end(self) -> None:
        self._ended.set()
        for listener in self._listeners:
            listener.end()


async def _cancelled(task: asyncio.Task[None]) -> None:
    """More than once: redis-py loses a cancellation that comes while it connects."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.05)
