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

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis import Redis as SyncRedis
from redis.asyncio import Redis

from services.classifier.classifier import Classifier
from shared.models.endpoint import EndpointState
from shared.models.story import Story
from shared.models.subscription import Subscription
from shared.store.entries import EntryStore
from shared.store.stories import StoryReader
from shared.store.subscriptions import SubscriptionStore
from tests.acceptance.crew import TICK_SECONDS, Crew
from tests.acceptance.desks import Desk, Turn
from tests.acceptance.tales import NOTHING, Event, Tale
from tests.acceptance.timeline import timeline
from tests.acceptance.wants import HOUR
from tests.answers import OK, Answer, Exchange
from tests.factories import NOON, SECRET, entry, make_id, subscription, webhook
from tests.notifying import House, house_of
from tests.packs import installed
from tests.receivers import Receiver
from tests.servers import FakeResolver
from tests.stores import run

# A busy stage is waited for so long in real time: who is never idle is at fault.
PATIENCE_SECONDS = 20.0
# Between claiming and working there is a gap in which nothing is seen to be done.
LOOKS_AT_REST = 2


@dataclass(frozen=True)
class Meanwhile(Answer):
    """Something happens while the notifier waits for its answer, which comes late enough for a hasty one to show."""

    event: Event = NOTHING
    then: Answer = OK

    async def give(self, exchange: Exchange) -> None:
        await self.event.happens()
        await asyncio.sleep(20 * TICK_SECONDS)
        await self.then.give(exchange)


@dataclass(slots=True, repr=False)
class Stage:
    """`starts`: when the curtain rises. `time`: Unix seconds."""

    redis_url: str
    house: House
    starts: datetime = NOON
    time: float = NOON.timestamp()
    desks: dict[str, Desk] = field(default_factory=dict)
    tales: list[Tale] = field(default_factory=list)
    script: list[tuple[float, Event]] = field(default_factory=list)
    happened: list[tuple[float, str]] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    crew: Crew = field(init=False)
    _states: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.crew = Crew(self.redis_url, self.house, self._turned)
        self.house.clock = lambda: self.time

    def begins(self, moment: datetime) -> None:
        """Before anything else is said."""
        self.starts, self.time = moment, moment.timestamp()

    def sets(self, **over: object) -> None:
        """Settings unlike those of production."""
        self.crew.over |= over

    def resolves(self, *answers: list[str] | Exception, name: str = "news.test") -> None:
        """The name, to these addresses, look-up by look-up."""
        self.crew.names = FakeResolver({name: answers})

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
        tls: ssl.SSLContext | None = None,
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
        chosen = subscription(id=name, channel=leads_to, **over)
        self.desks[name] = Desk(self.house, chosen, receiver, channel is None, in_file, moments=moments)
        return self.desks[name]

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
        return Event(f"{name} is killed", lambda: self.crew.kill(name))

    def joins(self, name: str) -> Event:
        return Event(f"{name} joins", lambda: self.crew.join(name))

    def rewrites(self, *who: Desk | Subscription) -> Event:
        """The file of subscriptions, while the notifiers run."""
        chosen = [each.subscription if isinstance(each, Desk) else each for each in who]
        names = ", ".join(each.id for each in chosen) or "nobody"
        return Event(f"the file names {names}", lambda: self.crew.rewrite(chosen))

    def spoils_the_file(self) -> Event:
        return Event("the file is spoilt", self.crew.spoil)

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
            await run(self.house.redis, [self.house.endpoints.save_command(subscription.id, state)])
            self._states[subscription.id] = (state.status.value, state.reason)
        await self.crew.change(SubscriptionStore(self.house.redis).put(subscription))

    def _turned(self, desk: str, state: EndpointState) -> None:
        now = (state.status.value, state.reason)
        if now != self._states.get(desk, ("active", "new")):
            self.turns.append(Turn(self.elapsed, desk, *now))
            self._states[desk] = now

    # The play.

    async def plays(self, until: float = HOUR) -> None:
        """Everything until then; and whether it was as it should be."""
        __tracebackhide__ = True
        self.crew.written = [desk.subscription for desk in self.desks.values() if desk.in_file]
        async with AsyncExitStack() as stack:
            for desk in self.desks.values():
                await stack.enter_async_context(desk.receiver)
            await stack.enter_async_context(self.crew)
            await self.crew.join("n1")
            await self._play(until)
        problems = [problem for desk in self.desks.values() for problem in await self._problems(desk)]
        assert not problems, self._told("; ".join(problems))

    async def _play(self, until: float) -> None:
        """Turn the clock to the next thing, of the script or of those that are due."""
        __tracebackhide__ = True
        began = self.starts.timestamp()
        script = sorted(((began + after, event) for after, event in self.script), key=lambda each: each[0])
        while True:
            await self._rest()
            due = await self.house.due.next_at() if self.crew else None
            if not await self._is_idle():
                continue
            then = min([*(moment for moment, _ in script[:1]), *([] if due is None else [due])], default=began + until)
            if then >= began + until:
                break
            self.time = max(self.time, then)
            while script and script[0][0] <= self.time:
                _, event = script.pop(0)
                self.happened.append((self.elapsed, event.text))
                await event.happens()
        self.time = began + until

    async def _rest(self) -> None:
        """Until nothing goes on."""
        __tracebackhide__ = True
        still, began = 0, time.monotonic()
        while still < LOOKS_AT_REST:
            assert time.monotonic() - began < PATIENCE_SECONDS, self._told("it never came to rest")
            await asyncio.sleep(TICK_SECONDS)
            still = still + 1 if await self._is_idle() else 0

    async def _is_idle(self) -> bool:
        return not any(desk.receiver.at_once for desk in self.desks.values()) and await self.crew.is_idle()

    # What was.

    async def stories(self) -> list[Story]:
        return await StoryReader(self.house.redis).newest(1000)

    async def _problems(self, desk: Desk) -> list[str]:
        return await desk.problems([turn for turn in self.turns if turn.desk == desk.name])

    def _told(self, problem: str) -> str:
        names = {tale.id: tale.name for tale in self.tales}
        return f"{problem}\n{timeline(self.happened, self.turns, self.desks.values(), names)}"


@dataclass(frozen=True)
class Kills(Answer):
    """The notifier that asks is killed, and never hears what became of its message."""

    stage: Stage

    async def give(self, exchange: Exchange) -> None:
        await self.stage.kills(exchange.request.headers["user-agent"]).happens()


@asynccontextmanager
async def stage_of(redis_url: str, redis: Redis, sync_redis: SyncRedis, home: Path) -> AsyncIterator[Stage]:
    async with house_of(redis, sync_redis, home) as house:
        yield Stage(redis_url, house)
