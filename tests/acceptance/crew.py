"""The crew behind the stage: notifiers that begin, are killed, read their file anew, and come to rest."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Self
from weakref import WeakKeyDictionary

from redis.asyncio import Redis

from services.notifier import wiring
from services.notifier.notifier import Notifier
from shared import keys
from shared.http import GuardedClient, Limits
from shared.models.endpoint import EndpointState
from shared.models.subscription import Subscription
from shared.store.due import Command
from shared.store.endpoints import EndpointStore
from tests import servers
from tests.notifying import House, settings
from tests.servers import LOOPBACK, FakeResolver

# As in production, but for what a hanging receiver costs, which is real time.
PRODUCTION: Mapping[str, object] = {
    "alert_hold_seconds": 15.0,
    "alert_update_interval_seconds": 600.0,
    "delivery_retry_scale": 1.0,
    "delivery_total_seconds": 0.3,
    "allow_networks": LOOPBACK,
    "story_retention_seconds": 8_640_000,
}
TICK_SECONDS = 0.001
LOOK_SECONDS = 0.02

_acting: ContextVar[str] = ContextVar("_acting", default="")


class Watched(EndpointStore):
    """Tells of each state that is written."""

    def __init__(self, redis: Redis, told: Callable[[str, EndpointState], None]) -> None:
        super().__init__(redis)
        self._told = told

    def save_command(self, subscription_id: str, state: EndpointState) -> Command:
        self._told(subscription_id, state)
        return super().save_command(subscription_id, state)


@dataclass(slots=True, repr=False)
class Crew:
    """`told`: hears of each state of an endpoint that one of them writes. `over`: settings unlike those of production.

    `names`: what the names of receivers resolve to.
    """

    redis_url: str
    house: House
    told: Callable[[str, EndpointState], None]
    over: dict[str, object] = field(default_factory=dict)
    names: FakeResolver | None = None
    written: Sequence[Subscription] = ()
    _members: dict[str, Notifier] = field(default_factory=dict)
    _runs: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _tasks: WeakKeyDictionary[asyncio.Task[Any], str] = field(default_factory=WeakKeyDictionary)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(self._noted)
        self._stack.callback(loop.set_task_factory, None)
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in list(self._members):
            await self.kill(name)
        await self._stack.aclose()

    def __bool__(self) -> bool:
        return bool(self._members)

    def _noted(self, loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
        """A task belongs to the notifier that begins it."""
        task = asyncio.Task(work, loop=loop, **more)
        if whose := _acting.get():
            self._tasks[task] = whose
        return task

    async def join(self, name: str) -> None:
        """With connections of its own, as a process has them."""
        others = self._books()
        made = await self._made(name)
        unread = made.book.endpoints
        token = _acting.set(name)
        self._members[name], self._runs[name] = made, asyncio.create_task(made.run(asyncio.Event()))
        _acting.reset(token)
        # The file is written anew for the one that joins, and so read anew by all.
        await self._all_have_read({**others, name: unread})

    async def _made(self, name: str) -> Notifier:
        redis = await self._stack.enter_async_context(Redis.from_url(self.redis_url))
        http = await self._stack.enter_async_context(self._http(name))
        chosen = {**PRODUCTION, **self.over}
        senders = wiring.senders(settings(**chosen), http)
        made = replace(self.house, redis=redis).notifier(*self.written, name=name, senders=senders, **chosen)
        made.book.look_every_seconds = LOOK_SECONDS
        stores = replace(made.stores, endpoints=Watched(redis, self.told))
        return replace(made, stores=stores, pacing=replace(made.pacing, tick_seconds=TICK_SECONDS))

    def _http(self, name: str) -> GuardedClient:
        """It says which notifier asks."""
        chosen = settings(**{**PRODUCTION, **self.over, "user_agent": name})
        if self.names is None:
            return wiring.guarded_client(chosen)
        limits = Limits(total_seconds=chosen.delivery_total_seconds, max_redirects=0, body_optional=True)
        return GuardedClient(user_agent=name, limits=limits, allow=chosen.allow_networks, resolver=self.names)

    async def kill(self, name: str) -> None:
        """Whatever it has begun ends, too. A single cancelling may go astray: `wait_for` of Python 3.11 swallows it."""
        del self._members[name], self._runs[name]
        while alive := [task for task, whose in list(self._tasks.items()) if whose == name and not task.done()]:
            for task in alive:
                task.cancel()
            await asyncio.wait(alive, timeout=0.01)

    # What they read.

    async def rewrite(self, subscriptions: Sequence[Subscription]) -> None:
        async def write() -> None:
            self.house.write(*subscriptions)

        self.written = subscriptions
        await self.change(write())

    async def spoil(self) -> None:
        """The file. They look at it twice, for it could still be being written."""
        (self.house.home / "subscriptions.yaml").write_text("subscriptions: [{id: Not An Id}]")
        for member in self._members.values():
            await member.book.refresh(asyncio.Event())
            await member.book.refresh(asyncio.Event())

    async def change(self, change: Awaitable[None]) -> None:
        """What they read, and until each has read it."""
        before = self._books()
        await change
        await self._all_have_read(before)

    def _books(self) -> dict[str, object]:
        return {name: member.book.endpoints for name, member in self._members.items()}

    async def _all_have_read(self, before: Mapping[str, object]) -> None:
        def have() -> bool:
            self.look()
            return all(self._members[name].book.endpoints is not old for name, old in before.items())

        await servers.until(have)

    # Whether they rest.

    def look(self) -> None:
        """Raises what has ended one of them."""
        for run in self._runs.values():
            if run.done():
                run.result()

    async def is_idle(self) -> bool:
        self.look()
        if self._has_lanes():
            return False
        return not self._members or (await self._nothing_is_due() and await self._all_is_fanned_out())

    def _has_lanes(self) -> bool:
        """Whether one is at work on an endpoint."""
        begun = [task.get_coro() for task in list(self._tasks) if not task.done()]
        return any(getattr(each, "__qualname__", "") == "Notifier._bring_up_to_date" for each in begun)

    async def _nothing_is_due(self) -> bool:
        return not (await self.house.due.counts()).due

    async def _all_is_fanned_out(self) -> bool:
        if not await self.house.redis.exists(keys.alerts()):
            return False
        (group,) = await self.house.redis.xinfo_groups(keys.alerts()) or [{"pending": True}]
        if group["pending"]:
            return False
        stream = await self.house.redis.xinfo_stream(keys.alerts())
        return bool(group["last-delivered-id"] == stream["last-generated-id"])
