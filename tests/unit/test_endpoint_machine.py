"""An endpoint's state through anything that can happen to it, in any order, also late."""

from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.notifier.channels.base import Sent
from services.notifier.endpoint import Rules, disabled, enabled, gate, judged
from shared.models.endpoint import EndpointState, EndpointStatus, Reason
from shared.models.subscription import MessageType
from tests.factories import NOON

HOUR = timedelta(hours=1)
RULES = Rules()
OK = Sent("delivered", ok=True)
FAILS = Sent("timeout", ok=False, known=False)
DRAWS = st.floats(0, 1, exclude_max=True)
FINAL = frozenset({"gone", "disabled_by_receiver", "by_hand"})


class Endpoint(RuleBasedStateMachine):
    """Beside the state a ledger is kept, of which the rules are told in another way.

    `failures`: since the last success or enabling. `proven_at`: of the last of these. `heard`: what others were told
    since the last recovery or enabling. `worried`: whether what they heard last was bad.
    """

    @initialize(pending=st.booleans())
    def begin(self, pending: bool) -> None:
        self.state = EndpointState(status=EndpointStatus.PENDING if pending else EndpointStatus.ACTIVE)
        self.before = self.state
        self.now = NOON
        self.failures: list[datetime] = []
        self.proven_at: datetime | None = None
        self.heard: set[tuple[MessageType, int]] = set()
        self.worried = False
        self.by_test_or_hand = False

    def become(self, state: EndpointState, *, by_test_or_hand: bool = False) -> None:
        self.before, self.state, self.by_test_or_hand = self.state, state, by_test_or_hand
        if state.notice != self.before.notice:
            assert state.notice == self.before.notice + 1
            assert state.notice_type is not None
            self.hear(state.notice_type, state.warned)

    def hear(self, type_: MessageType, warned: int) -> None:
        """No cause is told twice, and a recovery only to those who heard of a failure."""
        if type_ is MessageType.RECOVERED:
            assert self.worried
            self.heard = set()
        else:
            cause = (type_, warned if type_ is MessageType.FAILING else 0)
            assert cause not in self.heard
            self.heard.add(cause)
        self.worried = type_ is not MessageType.RECOVERED

    def answered(self, sent: Sent, draw: float, *, test: bool = False) -> None:
        self.become(judged(self.state, sent, test, RULES, self.now, draw), by_test_or_hand=test and sent.ok)

    # Time; clocks of two notifiers may differ by seconds.

    @rule(seconds=st.integers(0, 100))
    def wait_a_little(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(hours=st.integers(1, 40))
    def wait_long(self, hours: int) -> None:
        self.now += hours * HOUR

    @rule(seconds=st.floats(0, 3))
    def go_on_at_another_notifier(self, seconds: float) -> None:
        self.now -= timedelta(seconds=seconds)

    @precondition(lambda self: gate(self.state, self.now).until is not None)
    @rule()
    def wait_until_it_opens(self) -> None:
        self.now = gate(self.state, self.now).until or self.now

    # Answers

    @rule(draw=DRAWS, test=st.booleans())
    def succeed(self, draw: float, test: bool) -> None:
        self.answered(OK, draw, test=test)
        self.failures, self.proven_at = [], self.now

    @rule(many=st.integers(1, 8), minutes=st.integers(0, 300), draw=DRAWS, test=st.booleans())
    def fail(self, many: int, minutes: int, draw: float, test: bool) -> None:
        for _ in range(many):
            if self.state.status not in (EndpointStatus.PENDING, EndpointStatus.DISABLED):
                self.failures.append(self.now)
            self.answered(FAILS, draw, test=test)
            self.every_step()
            self.now += timedelta(minutes=minutes)

    @rule(outcome=st.sampled_from(("gone", "disabled_by_receiver")), draw=DRAWS)
    def refuse_for_ever(self, outcome: str, draw: float) -> None:
        self.answered(Sent(outcome, ok=False, gone=True), draw)

    @rule(seconds=st.floats(-10, 1e6), draw=DRAWS)
    def ask_for_time(self, seconds: float, draw: float) -> None:
        before = self.state
        self.answered(Sent("throttled", ok=False, retry_after=seconds), draw)
        assert self.state.failures == before.failures
        if self.state.status not in (EndpointStatus.PENDING, EndpointStatus.DISABLED):
            assert gate(self.state, self.now).slots == 0

    @rule(sent=st.sampled_from((Sent("too_large", ok=False, too_large=True), Sent("aborted", ok=False, final=True))))
    def answer_about_one_message(self, sent: Sent) -> None:
        before = self.state
        self.answered(sent, 0.5)
        assert (self.state.status, self.state.failures) == (before.status, before.failures)

    # By hand

    @rule()
    def enable(self) -> None:
        self.become(enabled(self.state, self.now), by_test_or_hand=True)
        self.failures, self.proven_at, self.heard = [], self.now, set()
        assert gate(self.state, self.now).slots == 4 or gate(self.state, self.now).reason == "retry_after"

    @rule()
    def disable(self) -> None:
        self.become(disabled(self.state, Reason.BY_HAND, self.now), by_test_or_hand=True)

    # What holds always

    @precondition(lambda self: self.state.reason not in FINAL)
    @rule()
    def two_tests_would_make_it_active(self) -> None:
        state = self.state
        for _ in range(2):
            state = judged(state, OK, True, RULES, self.now, 0.5)
        assert state.status is EndpointStatus.ACTIVE
        assert not state.is_down

    @invariant()
    def every_step(self) -> None:
        for check in (self._door, self._gap, self._disabled, self._outage):
            check()

    def _door(self) -> None:
        door = gate(self.state, self.now)
        assert door.until is None or door.until > self.now
        assert not (door.probe and (door.slots or self.state.reason != "no_success"))
        assert door.slots or door.until or door.probe or self.state.status in ("pending", "disabled")
        if self.before.status is EndpointStatus.PENDING and self.state.status is not EndpointStatus.PENDING:
            assert self.by_test_or_hand

    def _gap(self) -> None:
        """Bounded, and lengthened only once it was over."""
        before, state = self.before, self.state
        if state.status is not EndpointStatus.OPEN or state.opened == before.opened:
            return
        assert state.resume_at is not None
        assert 24 <= (state.resume_at - self._judged_at()).total_seconds() <= 1080
        if before.status is EndpointStatus.OPEN:
            assert before.resume_at is not None
            assert before.resume_at <= self._judged_at()

    def _judged_at(self) -> datetime:
        return self.state.last_failure_at or self.now

    def _disabled(self) -> None:
        state = self.state
        if state.status is not EndpointStatus.DISABLED or state.reason in FINAL:
            return
        assert state.reason == "no_success"
        if self.before.status is not EndpointStatus.DISABLED:
            first, last = self.failures[0], self.failures[-1]
            assert len(self.failures) >= 20
            assert last - first >= 12 * HOUR
            assert last - (self.proven_at or first) >= 72 * HOUR

    def _outage(self) -> None:
        state = self.state
        if state.status in (EndpointStatus.FAILING, EndpointStatus.OPEN, EndpointStatus.DISABLED):
            assert state.is_down
        if state.status is EndpointStatus.PENDING:
            assert not state.is_down
        if state.recovered_at:
            assert state.down_since is not None
            assert state.down_since <= state.recovered_at
        assert EndpointState.model_validate_json(state.model_dump_json()) == state


TestEndpoint = Endpoint.TestCase
TestEndpoint.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
