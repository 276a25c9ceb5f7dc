"""A stage for delivery: real notifiers, real Redis, real sockets, and a clock that is turned from thing to thing.

    desk = stage.desk(Status(500), OK)
    kursk = stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.wants(at(15), created(kursk))
    desk.wants(about(15, 5), created(kursk))
    await stage.plays(until=HOUR)

The clock stands while anything is done. So fourteen days take milliseconds, and what is not done at its time is seen to
come late. What each request must be besides: rightly signed, the same bytes under the same id, within 16 KiB.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from redis import Redis as SyncRedis
from redis.asyncio import Redis

from services.classifier.classifier import Classifier
from services.notifier import wiring
from services.notifier.endpoint import IN_FLIGHT
from services.notifier.notifier import Notifier
from services.notifier.render import MAX_BODY_BYTES
from shared import keys
from shared.http import GuardedClient, Limits
from shared.models.endpoint import EndpointState, Order
from shared.models.story import Story
from shared.models.subscription import Attempt, Delivery, Subscription
from shared.settings import Settings
from shared.store.due import Command
from shared.store.endpoints import ITSELF, EndpointStore
from shared.store.entries import EntryStore
from shared.store.stories import StoryReader
from shared.store.subscriptions import SubscriptionStore
from tests import servers
from tests.acceptance.tales import NOTHING, Event, Tale
from tests.acceptance.wants import ALWAYS, DAY, HOUR, Message, Named, Received, Want, Window, clock, compared
from tests.answers import OK, Answer, Exchange
from tests.factories import NOON, SECRET, entry, make_id, subscription, webhook
from tests.notifying import House, house_of, settings
from tests.packs import installed
from tests.receivers import Receiver
from tests.servers import LOOPBACK, FakeResolver

# As in production, but for what a hanging receiver costs, which is real time.
PRODUCTION: Mapping[str, object] = {
    "alert_hold_seconds": 15.0,
    "alert_update_interval_seconds": 600.0,
    "delivery_retry_scale": 1.0,
    "delivery_total_seconds": 0.3,
    "allow_networks": LOOPBACK,
    "story_retention_seconds": 100 * DAY,
}
TICK_SECONDS = 0.001
LOOK_SECONDS = 0.02
# A busy stage is waited for so long in real time: who is never idle is at fault.
PATIENCE_SECONDS = 20.0
SURE = 2

_acting: ContextVar[str] = ContextVar("_acting", default="")


@dataclass(frozen=True)
class Meanwhile(Answer):
    """Something happens while the notifier waits for its answer, which comes late enough for a hasty one to show."""

    event: Event = NOTHING
    then: Answer = OK

    async def give(self, exchange: Exchange) -> None:
        await self.event.happens()
        await asyncio.sleep(20 * TICK_SECONDS)
        await self.then.give(exchange)


@dataclass(frozen=True)
class Kills(Answer):
    """The notifier that asks is killed, and never hears what became of its message."""

    stage: Stage

    async def give(self, exchange: Exchange) -> None:
        await self.stage.kills(exchange.request.headers["user-agent"]).happens()


@dataclass(frozen=True, slots=True)
class Turn:
    """An endpoint's state became another."""

    at: float
    desk: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Becoming:
    window: Window
    status: str
    reason: str

    def fits(self, turn: Turn) -> bool:
        return turn.at in self.window and (turn.status, turn.reason) == (self.status, self.reason)

    def __str__(self) -> str:
        return f"{self.window}: {self.status} ({self.reason})"


class Watched(EndpointStore):
    """Tells of each state that is written."""

    def __init__(self, redis: Redis, told: Callable[[str, EndpointState], None]) -> None:
        super().__init__(redis)
        self._told = told

    def save_command(self, subscription_id: str, state: EndpointState) -> Command:
        self._told(subscription_id, state)
        return super().save_command(subscription_id, state)


@dataclass(slots=True, repr=False)
class Desk:
    """A subscription, its receiver, and what that is to get. `elsewhere`: another address than the receiver's own."""

    stage: Stage
    subscription: Subscription
    receiver: Receiver
    signed: bool = True
    in_file: bool = True
    wanted: list[Want] = field(default_factory=list)
    becomings: list[Becoming] | None = None
    outcomes: dict[str, Sequence[str]] = field(default_factory=dict)
    moments: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.subscription.id

    @property
    def received(self) -> list[Received]:
        return [Received(self.moments[request.number - 1], request) for request in self.receiver.requests]

    # What is to come.

    def wants(self, window: Window, *messages: Message) -> None:
        """These, in this order, within the window."""
        for place, message in enumerate(messages):
            self.wanted.append(Want(window, message, len(self.wanted) - 1 if place else None))

    def takes(self, message: Message, window: Window = ALWAYS) -> None:
        """This, however often it comes."""
        self.wanted.append(Want(window, message, often=True))

    def wants_nothing(self) -> None:
        """Also said by wanting nothing; but so it can be read."""
        assert not self.wanted

    def becomes(self, window: Window, status: str, reason: str) -> None:
        """The endpoint's state: these changes, in this order, and no others."""
        self.becomings = [*(self.becomings or []), Becoming(window, status, reason)]

    def stays_as_it_is(self) -> None:
        self.becomings = []

    def logs(self, *outcomes: str, of: Named | str = "") -> None:
        """The outcomes of all attempts in its log, or of those with this subject; the oldest first."""
        self.outcomes[of if isinstance(of, str) else of.id] = outcomes

    # What happens to it.

    def answers(self, *answers: Answer) -> Event:
        return Event(f"{self.name} answers otherwise", lambda: self.receiver.answers(*answers))

    def goes_down(self) -> Event:
        return Event(f"{self.name} goes down", self.receiver.down)

    def comes_up(self) -> Event:
        return Event(f"{self.name} comes up", self.receiver.up)

    def has_received(self, many: int) -> Event:
        """Is waited for in real time, while the clock stands."""
        return Event(f"{self.name} has {many}", lambda: servers.until(lambda: len(self.receiver.requests) >= many))

    def is_ordered(self, order: Order, *about: Named) -> Event:
        """What a person asks for, as commands and the API do: of these subjects, or of the endpoint itself."""
        subjects = [each.id for each in about] or [ITSELF]
        names = ", ".join(each.name for each in about)
        return Event(f"a person orders {self.name} to {order.value} {names}", lambda: self._order(order, subjects))

    def is_tested(self, name: str = "by-hand") -> Event:
        return Event(f"a person tests {self.name}", lambda: self._wake({f"test:{name}": self.stage.time}))

    async def _order(self, order: Order, subjects: Sequence[str]) -> None:
        await self.stage.house.endpoints.order(self.name, dict.fromkeys(subjects, order))
        await self._wake({subject: self.stage.time for subject in subjects if subject})

    async def _wake(self, subjects: Mapping[str, float]) -> None:
        if subjects:
            await self.stage.house.endpoints.add({self.name: subjects})
        await self.stage.house.due.schedule({self.name: self.stage.time})

    # How it stands.

    async def state(self) -> EndpointState:
        return await self.stage.house.state(self.name)

    async def delivery(self, of: Named | str) -> Delivery:
        return await self.stage.house.delivery(of if isinstance(of, str) else of.id, self.name)

    async def attempts(self) -> list[Attempt]:
        """The oldest first."""
        return (await self.stage.house.endpoints.attempts(self.name, 1000))[::-1]

    async def waiting(self) -> int:
        (many,) = await self.stage.house.endpoints.waiting([self.name])
        return many


@dataclass(slots=True, repr=False)
class Stage:
    """`starts`: when the curtain rises."""

    redis_url: str
    house: House
    names: FakeResolver | None = None
    starts: datetime = NOON
    over: dict[str, object] = field(default_factory=dict)
    time: float = NOON.timestamp()
    desks: dict[str, Desk] = field(default_factory=dict)
    script: list[tuple[float, Event]] = field(default_factory=list)
    happened: list[tuple[float, str]] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    written: list[Subscription] | None = None
    tales: list[Tale] = field(default_factory=list)
    _last: dict[str, tuple[str, str]] = field(default_factory=dict)
    _crew: dict[str, Notifier] = field(default_factory=dict)
    _tasks: WeakKeyDictionary[asyncio.Task[Any], str] = field(default_factory=WeakKeyDictionary)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def begins(self, moment: datetime) -> None:
        """Before anything else is said."""
        self.starts, self.time = moment, moment.timestamp()

    def clock(self) -> float:
        return self.time

    @property
    def elapsed(self) -> float:
        return round(self.time - self.starts.timestamp(), 6)

    # Who and what there is.

    def desk(
        self,
        *answers: Answer,
        name: str = "desk",
        url: Callable[[Receiver], str] = lambda receiver: receiver.url,
        secret: str = SECRET,
        secrets: Sequence[str] = (),
        tls: Any = None,
        channel: Callable[[Receiver], object] | None = None,
        in_file: bool = True,
        **over: object,
    ) -> Desk:
        """A webhook's receiver and its subscription. `channel`: another than a webhook's."""
        moments = list[float]()

        def now() -> datetime:
            moments.append(self.elapsed)
            return datetime.now(UTC)  # messages are signed by the time of day

        receiver = Receiver(*answers, secrets=() if channel else (secrets or [secret]), clock=now, tls=tls)
        leads_to = channel(receiver) if channel else webhook(url(receiver), secret)
        made = Desk(
            self, subscription(id=name, channel=leads_to, **over), receiver, not channel, in_file, moments=moments
        )
        self.desks[name] = made
        return made

    def tale(self, name: str, **beginning: object) -> Tale:
        self.tales.append(Tale(self.house, name, beginning))
        return self.tales[-1]

    # What happens.

    def at(self, seconds: float, *events: Event) -> None:
        self.script += [(seconds, event) for event in events]

    def reads(
        self, source: str, title: str, summary: str = "", *, language: str = "en", published_ago: float = 0
    ) -> Event:
        """An article comes, and the classifier decides what to make of it."""
        return Event(f"{source} reports", lambda: self._classify(source, title, summary, language, published_ago))

    def kills(self, name: str = "n1") -> Event:
        """In the middle of whatever it does."""
        return Event(f"{name} is killed", lambda: self._kill(name))

    def joins(self, name: str) -> Event:
        return Event(f"{name} joins", lambda: self._join(name))

    def rewrites(self, *subscriptions: Desk | Subscription) -> Event:
        """The file of subscriptions, while the notifiers run."""
        chosen = [each.subscription if isinstance(each, Desk) else each for each in subscriptions]
        return Event(
            f"the file names {', '.join(each.id for each in chosen) or 'nobody'}", lambda: self._rewrite(chosen)
        )

    def spoils_the_file(self) -> Event:
        return Event("the file is spoilt", self._spoil)

    def does(self, text: str, act: Callable[[], object]) -> Event:
        return Event(text, act)

    def subscribes(self, who: Desk | Subscription, state: EndpointState | None = None) -> Event:
        """By command or through the API. `state`: of the endpoint, to begin with."""
        subscription = who.subscription if isinstance(who, Desk) else who
        return Event(f"{subscription.id} is subscribed", lambda: self._subscribe(subscription, state))

    def _classify(self, source: str, title: str, summary: str, language: str, published_ago: float) -> None:
        url = f"https://{source.lower().replace(' ', '-')}.example/1"
        come = entry(
            id=make_id(source, title), feed_id=make_id(source), source=source, feed_name=source, guid=url, url=url,
            title=title, summary=summary, language=language, seen_at=self.house.now,
            published=self.house.now - timedelta(seconds=published_ago),
        )  # fmt: skip
        stories = self.house.stories
        classifier = Classifier(installed(), EntryStore(stories.redis, retention_seconds=3600), stories)
        assert [told for told in classifier.tell(come, self.house.now) if told.change], f"nothing came of {title}"

    async def _subscribe(self, subscription: Subscription, state: EndpointState | None) -> None:
        if state:
            await self.house.endpoints.begin(subscription.id, state)
            self._last[subscription.id] = (state.status.value, state.reason)
        await self._change_book(SubscriptionStore(self.house.redis).put(subscription))

    async def _rewrite(self, subscriptions: Sequence[Subscription]) -> None:
        async def write() -> None:
            self.house.write(*subscriptions)

        self.written = [*subscriptions]
        await self._change_book(write())

    async def _spoil(self) -> None:
        (self.house.home / "subscriptions.yaml").write_text("subscriptions: [{id: Not An Id}]")
        for notifier in self._crew.values():
            await notifier.book.refresh(asyncio.Event())
            await notifier.book.refresh(asyncio.Event())

    async def _change_book(self, change: Coroutine[Any, Any, None]) -> None:
        """Until every notifier has it."""
        before = {name: notifier.book.endpoints for name, notifier in self._crew.items()}
        await change
        await self._all_have_read(before)

    async def _all_have_read(self, before: Mapping[str, object]) -> None:
        await servers.until(lambda: all(self._crew[name].book.endpoints is not old for name, old in before.items()))

    async def _join(self, name: str) -> None:
        """With a connection of its own, as a process has it."""
        redis = await self._stack.enter_async_context(Redis.from_url(self.redis_url))
        http = await self._stack.enter_async_context(self._http(name))
        senders = wiring.senders(self.settings(), http)
        house = replace(self.house, redis=redis)
        before = {name: notifier.book.endpoints for name, notifier in self._crew.items()}
        made = house.notifier(*(self.written or []), name=name, senders=senders, **{**PRODUCTION, **self.over})
        stores = replace(made.stores, endpoints=Watched(redis, self._turned))
        made = replace(made, stores=stores, pacing=replace(made.pacing, tick_seconds=TICK_SECONDS))
        made.book.look_every_seconds = LOOK_SECONDS
        unread = made.book.endpoints
        token = _acting.set(name)
        task = asyncio.create_task(made.run(asyncio.Event()), name=name)
        _acting.reset(token)
        self._crew[name] = made
        await servers.until(lambda: task.done() or made.book.endpoints is not unread)
        await self._all_have_read(before)  # the file was written anew for the one that joins

    async def _kill(self, name: str) -> None:
        """Whatever it has begun ends, too. A single cancelling may go astray: `wait_for` of Python 3.11 swallows it."""
        del self._crew[name]
        while alive := [task for task, whose in list(self._tasks.items()) if whose == name and not task.done()]:
            for task in alive:
                task.cancel()
            await asyncio.wait(alive, timeout=0.01)

    def _turned(self, desk: str, state: EndpointState) -> None:
        now = Turn(self.elapsed, desk, state.status.value, state.reason)
        if (now.status, now.reason) != self._last.get(desk, ("active", "new")):
            self.turns.append(now)
            self._last[desk] = (now.status, now.reason)

    # The play.

    async def plays(self, until: float = HOUR, *, with_notifier: bool = True) -> None:
        """Everything until then; and whether it was as it should be."""
        __tracebackhide__ = True
        if self.written is None:
            self.written = [each.subscription for each in self.desks.values() if each.in_file]
        async with self._stack:
            await self._open()
            try:
                if with_notifier:
                    await self._join("n1")
                await self._play(until)
            except TimeoutError:
                raise AssertionError(self.timeline("never came to rest")) from None
            finally:
                await self._close()
        await self._check()

    async def _open(self) -> None:
        asyncio.get_running_loop().set_task_factory(self._noted)
        self._stack.callback(asyncio.get_running_loop().set_task_factory, None)
        for desk in self.desks.values():
            await self._stack.enter_async_context(desk.receiver)

    def _http(self, name: str) -> GuardedClient:
        """It says which notifier asks."""
        chosen = self.settings().model_copy(update={"user_agent": name})
        if self.names is None:
            return wiring.guarded_client(chosen)
        limits = Limits(total_seconds=chosen.delivery_total_seconds, max_redirects=0, body_optional=True)
        return GuardedClient(
            user_agent=chosen.user_agent, limits=limits, allow=chosen.allow_networks, resolver=self.names
        )

    def settings(self) -> Settings:
        return settings(**{**PRODUCTION, **self.over})

    def _noted(self, loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
        """A task belongs to the notifier that begins it."""
        task = asyncio.Task(work, loop=loop, **more)
        if whose := _acting.get():
            self._tasks[task] = whose
        return task

    async def _close(self) -> None:
        for name in list(self._crew):
            await self._kill(name)

    async def _play(self, until: float) -> None:
        """Turn the clock to the next thing, of the script or of those that are due."""
        began = self.starts.timestamp()
        script = sorted(((began + after, event) for after, event in self.script), key=lambda each: each[0])
        end = began + until
        while True:
            await self._rest()
            due = await self.house.due.next_at() if self._crew else None
            if not await self._is_idle():
                continue
            then = min([*(moment for moment, _ in script[:1]), *([due] if due is not None else [])], default=end)
            if then >= end:
                break
            self.time = max(self.time, then)
            while script and script[0][0] <= self.time:
                _, event = script.pop(0)
                self.happened.append((self.elapsed, event.text))
                await event.happens()
        self.time = end

    async def _rest(self) -> None:
        """Until nothing goes on, which is to be seen several times, for between claiming and working there is a gap."""
        still, began = 0, time.monotonic()
        while still < SURE:
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise TimeoutError
            await asyncio.sleep(0.001)
            still = still + 1 if await self._is_idle() else 0

    async def _is_idle(self) -> bool:
        if any(desk.receiver.at_once for desk in self.desks.values()) or self._lanes():
            return False
        return not self._crew or (await self._nothing_is_due() and await self._all_is_fanned_out())

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

    def _lanes(self) -> bool:
        """Whether a notifier is at work on an endpoint."""
        begun = [task.get_coro() for task in list(self._tasks) if not task.done()]
        return any(getattr(each, "__qualname__", "") == "Notifier._bring_up_to_date" for each in begun)

    # What was.

    async def _check(self) -> None:
        __tracebackhide__ = True
        problems = [problem for desk in self.desks.values() for problem in await self._problems(desk)]
        if problems:
            raise AssertionError(self.timeline("; ".join(problems)))

    async def _problems(self, desk: Desk) -> list[str]:
        found = list[str]()
        if not compared(desk.wanted, desk.received).is_right:
            found.append(f"{desk.name} did not get exactly what it wants")
        found += [f"{desk.name}: {refusal}" for refusal in desk.receiver.refusals]
        found += _broken_rules(desk)
        turns = [turn for turn in self.turns if turn.desk == desk.name]
        if desk.becomings is not None and not (
            len(turns) == len(desk.becomings) and all(map(Becoming.fits, desk.becomings, turns))
        ):
            expected = ", ".join(map(str, desk.becomings)) or "no change"
            found.append(f"{desk.name} was to become: {expected}")
        attempts = await desk.attempts()
        for subject, outcomes in desk.outcomes.items():
            logged = tuple(each.outcome for each in attempts if subject in ("", each.subject))
            if logged != outcomes:
                found.append(f"{desk.name} logs {logged}, and not {outcomes}")
        return found

    async def stories(self) -> list[Story]:
        return await StoryReader(self.house.redis).newest(1000)

    def timeline(self, problem: str) -> str:
        """All that happened and all that was to happen, by time."""
        rows = [(moment, 0, "       ", text) for moment, text in self.happened]
        rows += [(each.at, 2, "       ", f"{each.desk} becomes {each.status} ({each.reason})") for each in self.turns]
        for desk in self.desks.values():
            result = compared(desk.wanted, desk.received)
            rows += [
                (each.at, 1, "  right" if want else "  WRONG", f"{desk.name} <- {_described(each, desk, want)}")
                for each, want in result.received
            ]
            rows += [
                (want.window.opens, 3, "MISSING", f"{desk.name} <- {want.message} at {want.window}")
                for want in result.missing
            ]
        told = [f"{clock(moment):>16} {mark} {text}" for moment, _, mark, text in sorted(rows, key=lambda row: row[:2])]
        return "\n".join([problem, *told])


def _described(received: Received, desk: Desk, want: Want | None) -> str:
    known = {tale.id: tale.name for tale in desk.stage.tales}
    names = known.get(str(received.about), received.about)
    if isinstance(received.about, tuple):
        names = ", ".join(known.get(str(each), str(each)) for each in received.about)
    revision = f" {received.data['revision']}" if "revision" in received.data else ""
    near = [other for other in desk.wanted if other.message.type == received.type and received.at in other.window]
    why = "" if want or not near else f"; wanted {near[0].message}: {', '.join(near[0].message.differences(received))}"
    return f"{received.type} {names or ''}{revision} [{received.id}]{why}"


def _broken_rules(desk: Desk) -> Iterable[str]:
    """Those of every request."""
    bodies = dict[str, bytes]()
    for each in desk.received:
        if not each.request.whole:
            continue
        if len(each.request.body) > MAX_BODY_BYTES and desk.signed:
            yield f"{desk.name} got {len(each.request.body)} bytes"
        if each.id and bodies.setdefault(each.id, each.request.body) != each.request.body:
            yield f"{desk.name} got other bytes under the id {each.id}"
    if desk.receiver.most_at_once > IN_FLIGHT:
        yield f"{desk.name} had {desk.receiver.most_at_once} requests at once"


@asynccontextmanager
async def stage_of(redis_url: str, redis: Redis, sync_redis: SyncRedis, home: Path) -> AsyncIterator[Stage]:
    async with house_of(redis, sync_redis, home) as house:
        stage = Stage(redis_url, house)
        house.clock = stage.clock
        yield stage
