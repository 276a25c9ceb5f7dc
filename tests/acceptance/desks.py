"""Desks: a subscription, its receiver, what that is to get and what it got."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.models.endpoint import EndpointState, Order
from shared.models.subscription import Attempt, Delivery, Subscription
from shared.store.endpoints import ITSELF
from tests import servers
from tests.acceptance.tales import Event
from tests.acceptance.wants import ALWAYS, Message, Named, Received, Want, Window, compared
from tests.answers import Answer
from tests.notifying import House
from tests.receivers import Receiver

MOST_BYTES, MOST_AT_ONCE = 16 * 1024, 4


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


@dataclass(slots=True, repr=False)
class Desk:
    """`signed`: by webhook, in our own form. `in_file`: it stands there from the start. `moments`: of its requests."""

    house: House
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
        return Event(f"a person tests {self.name}", lambda: self._wake({f"test:{name}": self.house.now.timestamp()}))

    async def _order(self, order: Order, subjects: Sequence[str]) -> None:
        await self.house.endpoints.order(self.name, dict.fromkeys(subjects, order))
        await self._wake({subject: self.house.now.timestamp() for subject in subjects if subject})

    async def _wake(self, subjects: Mapping[str, float]) -> None:
        if subjects:
            await self.house.endpoints.add({self.name: subjects})
        await self.house.due.schedule({self.name: self.house.now.timestamp()})

    # How it stands.

    async def problems(self, turns: Sequence[Turn]) -> list[str]:
        """In what it is not as it should be."""
        got_it = compared(self.wanted, self.received).is_right
        return [
            *([] if got_it else [f"{self.name} did not get exactly what it wants"]),
            *(f"{self.name}: {refusal}" for refusal in self.receiver.refusals),
            *self._broken_rules(),
            *self._wrong_turns(turns),
            *self._wrong_outcomes(await self.attempts()),
        ]

    def _broken_rules(self) -> Iterator[str]:
        """Those of every request."""
        bodies = dict[str, bytes]()
        for each in self.received:
            body = each.request.body
            if len(body) > MOST_BYTES and self.signed:
                yield f"{self.name} got {len(body)} bytes"
            if each.id and each.request.whole and bodies.setdefault(each.id, body) != body:
                yield f"{self.name} got other bytes under the id {each.id}"
        if self.receiver.most_at_once > MOST_AT_ONCE:
            yield f"{self.name} had {self.receiver.most_at_once} requests at once"

    def _wrong_turns(self, turns: Sequence[Turn]) -> Iterator[str]:
        wanted = self.becomings
        if wanted is not None and not (len(turns) == len(wanted) and all(map(Becoming.fits, wanted, turns))):
            yield f"{self.name} was to become: {', '.join(map(str, wanted)) or 'nothing else'}"

    def _wrong_outcomes(self, attempts: Iterable[Attempt]) -> Iterator[str]:
        for subject, outcomes in self.outcomes.items():
            logged = tuple(each.outcome for each in attempts if subject in ("", each.subject))
            if logged != outcomes:
                yield f"{self.name} logs {logged}, and not {outcomes}"

    async def state(self) -> EndpointState:
        return await self.house.state(self.name)

    async def delivery(self, of: Named | str) -> Delivery:
        return await self.house.delivery(of if isinstance(of, str) else of.id, self.name)

    async def attempts(self) -> list[Attempt]:
        """The oldest first."""
        return [each.attempt for each in await self.house.endpoints.log(self.name, 1000)][::-1]

    async def waiting(self) -> int:
        (many,) = await self.house.endpoints.waiting([self.name])
        return many
