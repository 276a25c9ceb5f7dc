"""The tenure of an endpoint: as long as this notifier holds its lease, whatever is written there is written here.

Each write is fenced by the lease, and they are done in the order in which they are asked for; so the endpoint's state
has a single writer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.notifier import endpoint as machine
from services.notifier.allowance import allowance, spent
from services.notifier.book import Endpoint
from services.notifier.conclude import Persistence
from services.notifier.endpoint import Gate, Rules
from services.notifier.plan import Timing
from services.notifier.ports import Clock, Stores
from services.notifier.subjects import Desk
from shared import metrics
from shared.logs import get_logger
from shared.models import canary
from shared.models.endpoint import EndpointNotice, EndpointState, EndpointStatus, Order, Reason
from shared.store.alerts import notice_command
from shared.store.due import Command, Lease
from shared.store.endpoints import ITSELF

log = get_logger()


@dataclass(frozen=True, slots=True)
class Pacing:
    """`tick_seconds`: how often a lane that is at work looks for more. `turn_seconds`: how long, more or less, it is at
    work before another notifier may go on, which may have less to do."""

    concurrency: int
    lease_seconds: float
    timing: Timing
    persistence: Persistence
    rules: Rules
    base_url: str | None = None
    tick_seconds: float = 0.25
    turn_seconds: float = 2.0


@dataclass(slots=True)
class Tenure:
    """`orders`: subject → what people have asked for, as it was known at the last `heed`."""

    stores: Stores
    pacing: Pacing
    clock: Clock
    endpoint: Endpoint
    lease: Lease
    state: EndpointState = field(default_factory=EndpointState)
    orders: dict[str, Order] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.endpoint.subscription.id

    @property
    def is_shown(self) -> bool:
        """Whether people hear of it, by name or in a count."""
        return self.id != canary.NAME

    @property
    def desk(self) -> Desk:
        timing, base_url = self.pacing.timing, self.pacing.base_url
        return Desk(self.endpoint.subscription, self.endpoint.sender, self.state, timing, base_url)

    def gate(self) -> Gate:
        return machine.gate(self.state, self.clock())

    def pause(self) -> float:
        """Seconds until its allowance of messages a minute lets another one go."""
        return allowance(self.state, self.endpoint.subscription.per_minute, self.clock())

    def spend(self) -> None:
        self.state = spent(self.state, self.endpoint.subscription.per_minute, self.clock())

    async def begin(self) -> None:
        """What somebody has died over waits again."""
        self.state = await self.stores.endpoints.load(self.id)
        if await self.stores.endpoints.has_strays(self.id):
            await self.write(self.stores.endpoints.take_back_commands(self.id))
        await self.heed()

    async def end(self, next_at: float | None) -> None:
        await self.stores.due.commit(self.lease, next_at=next_at)

    # What people have asked for.

    async def heed(self) -> bool:
        """Learn it; whether they have enabled or disabled the endpoint."""
        self.orders = await self.stores.endpoints.orders(self.id)
        order, now = self.orders.get(ITSELF), self.clock()
        if order is None:
            return False
        by_hand = machine.disabled(self.state, Reason.BY_HAND, now)
        state = by_hand if order is Order.DISABLE else machine.enabled(self.state, now)
        await self.change(state, self.obeyed([ITSELF]))
        return True

    def obeyed(self, subjects: Iterable[str]) -> list[Command]:
        asked = [each for each in subjects if self.orders.pop(each, None) is not None]
        return [self.stores.endpoints.obeyed_command(self.id, each) for each in asked]

    # Writing.

    def put(self, subjects: Iterable[str], at: float | None) -> list[Command]:
        """They are no longer under way, and wait until then; with None for what is new alone."""
        return [command for each in subjects for command in self.stores.endpoints.put_commands(self.id, each, at)]

    async def write(self, commands: Iterable[Command]) -> None:
        """The lease is kept for as long again. Raises LeaseLost, StoreUnavailable."""
        self.lease = await self.stores.due.renew(self.lease, self.pacing.lease_seconds, commands=commands)

    async def change(self, state: EndpointState, commands: Sequence[Command]) -> None:
        """Save the state with what goes along. What others want to know of is announced.

        The new state is in force at once: whoever has computed it must not have waited for anything since he read it.
        """
        before, self.state = self.state, state
        saved = [*commands, self.stores.endpoints.save_command(self.id, state)]
        if state.notice > before.notice:
            saved.append(notice_command(EndpointNotice(endpoint=self.id, notice=state.notice, at=self.clock())))
        await self.write(saved)
        if self.is_shown and (state.status, state.reason) != (before.status, before.reason):
            _tell(self.id, state)


def _tell(subscription_id: str, state: EndpointState) -> None:
    metrics.ENDPOINT_TRANSITIONS.labels(state=state.status.value, reason=state.reason).inc()
    (log.info if state.status is EndpointStatus.ACTIVE else log.warning)(
        f"endpoint.{state.status.value}",
        subscription=subscription_id,
        reason=state.reason,
        failures=state.failures,
        detail=state.last_detail,
        resume_at=state.resume_at.isoformat() if state.resume_at else None,
    )
