"""How an endpoint is doing, and what may be sent to it now (pure). The picture: docs/explanation/endpoints.md."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notifier.channels.base import Sent
from shared.models.endpoint import EndpointState, EndpointStatus, Reason
from shared.models.subscription import DeliveryOutcome, MessageType

IN_FLIGHT = 4
SPREAD = 0.2
WARNED_AT = (50, 90)
# Who says "come back at once" for ever must not be asked without a breath.
RETRY_AFTER_LEAST_SECONDS = 1.0
# What fails again so soon was not well: its outages are one, and what they held is not too old.
RELAPSE = timedelta(hours=1)
DETAIL_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Rules:
    """`scale` multiplies the gaps of the breaker and of the probes."""

    breaker_failures: int = 5
    open_seconds: float = 30.0
    open_cap_seconds: float = 900.0
    retry_after_cap_seconds: float = 3600.0
    disable_seconds: float = 72 * 3600.0
    disable_failures: int = 20
    disable_over_seconds: float = 12 * 3600.0
    probe_seconds: float = 6 * 3600.0
    probing_seconds: float = 14 * 86_400.0
    second_probe_seconds: float = 60.0
    probes_needed: int = 2
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Gate:
    """How many messages may be in flight, and why so many. A test that a person asked for passes always.

    `until`: when to look again, if time alone will open it. `probe`: a `webhook.test` of our own is due now.
    """

    slots: int
    reason: str
    until: datetime | None = None
    probe: bool = False


def gate(state: EndpointState, now: datetime) -> Gate:
    """What may be sent at `now`. The only slot of an open endpoint is for any message that is due: its probe."""
    status = state.status
    if status is EndpointStatus.PENDING or (status is EndpointStatus.DISABLED and state.resume_at is None):
        return Gate(0, status.value)
    until = max((at for at in (state.throttled_until, state.resume_at) if at and at > now), default=None)
    if status is EndpointStatus.DISABLED:
        return Gate(0, status.value, until, probe=until is None)
    if until:
        return Gate(0, "retry_after" if until == state.throttled_until else status.value, until)
    return Gate(1, "probe") if status is EndpointStatus.OPEN else Gate(IN_FLIGHT, status.value)


def spends(state: EndpointState, sent: Sent, *, is_test: bool = False) -> bool:
    """Whether an attempt is one of the message's own tries: not if the endpoint would have failed any message.

    `state`: before the attempt is judged. A test always is, for it passes every gate and would never end; and so is an
    answer about the message alone, which would be the same for ever.
    """
    if is_test or sent.gone or sent.retry_after is not None:
        return is_test
    return sent.too_large or sent.final or state.status not in (EndpointStatus.OPEN, EndpointStatus.DISABLED)


def judged(state: EndpointState, sent: Sent, is_test: bool, rules: Rules, now: datetime, draw: float) -> EndpointState:
    """What follows from one attempt, also from one that began before the last transition.

    An answer about the message alone (`too_large`, `final`) proves that somebody is there, but not that messages
    arrive: it is neither a failure, or one bad message would disable its endpoint, nor a success, or a proxy that
    measures messages would hide that nobody is behind it.

    Args:
        is_test: whether it was a `webhook.test`.
        draw: a uniform random number in [0, 1).
    """
    state = _noted(state, sent, now)
    if sent.gone:
        return _gone(state, sent.outcome, now)
    if sent.ok:
        return _succeeded(state, is_test, rules, now)
    if state.status is EndpointStatus.DISABLED:
        return _probe_failed(state, rules, now)
    if sent.retry_after is not None:
        return _throttled(state, sent.retry_after, rules, now)
    about_it = not (sent.too_large or sent.final or state.status is EndpointStatus.PENDING)
    return _failed(state, rules, now, draw) if about_it else state


# By hand


def enabled(state: EndpointState, now: datetime) -> EndpointState:
    """The way to being disabled begins anew. An outage ends only with a success, so that nothing held is too old."""
    return _well(state, Reason.ENABLED, now, enabled_at=now)


def disabled(state: EndpointState, reason: Reason, now: datetime) -> EndpointState:
    """Until a person enables it. All that comes meanwhile is kept, as in any outage."""
    update = {"resume_at": None, "probe_until": None, "probes_passed": 0} | _down(state, now)
    return _to(state, EndpointStatus.DISABLED, reason, now, **update)


# What happened


def _noted(state: EndpointState, sent: Sent, now: datetime) -> EndpointState:
    at = "last_success_at" if sent.ok else "last_failure_at"
    update = {at: now, "last_outcome": sent.outcome, "last_detail": sent.detail[:DETAIL_CHARACTERS]}
    return state.model_copy(update=update)


def _succeeded(state: EndpointState, is_test: bool, rules: Rules, now: datetime) -> EndpointState:
    if state.status is EndpointStatus.PENDING:
        return _to(state, EndpointStatus.ACTIVE, Reason.HANDSHAKE, now) if is_test else state
    if state.status is EndpointStatus.DISABLED:
        return _probe_passed(state, rules, now)
    return _recovered(state, now) if state.is_down else state


def _probe_passed(state: EndpointState, rules: Rules, now: datetime) -> EndpointState:
    if state.probe_until is None:
        return state  # the receiver's word stands, or a person's
    passed = state.probes_passed + 1
    if passed >= rules.probes_needed:
        return _recovered(state, now)
    resume_at = _later(now, rules.second_probe_seconds * rules.scale)
    return state.model_copy(update={"probes_passed": passed, "resume_at": resume_at})


def _probe_failed(state: EndpointState, rules: Rules, now: datetime) -> EndpointState:
    """Whatever the answer, so that probes keep their distance."""
    state = state.model_copy(update={"probes_passed": 0})
    if state.resume_at is None or state.probe_until is None or now < state.resume_at:
        return state  # it raced the one that disabled it, or a person asked
    resume_at = _later(now, rules.probe_seconds * rules.scale)
    return state.model_copy(update={"resume_at": resume_at if resume_at <= state.probe_until else None})


def _recovered(state: EndpointState, now: datetime) -> EndpointState:
    released = {} if state.status is EndpointStatus.FAILING else {"released_at": now}
    after = _well(state, Reason.RECOVERED, now, recovered_at=max(now, state.down_since or now), **released)
    worried = state.notice_type in (MessageType.FAILING, MessageType.DISABLED)
    return _noticed(after, MessageType.RECOVERED) if worried else after


def _gone(state: EndpointState, outcome: str, now: datetime) -> EndpointState:
    if state.status is EndpointStatus.PENDING:
        return state
    asked = outcome == DeliveryOutcome.DISABLED_BY_RECEIVER
    after = disabled(state, Reason.DISABLED_BY_RECEIVER if asked else Reason.GONE, now)
    return after if state.status is EndpointStatus.DISABLED else _noticed(after, MessageType.DISABLED)


def _throttled(state: EndpointState, asked: float, rules: Rules, now: datetime) -> EndpointState:
    until = _later(now, min(max(asked, RETRY_AFTER_LEAST_SECONDS), rules.retry_after_cap_seconds))
    return state.model_copy(update={"throttled_until": max(until, state.throttled_until or until)})


def _failed(state: EndpointState, rules: Rules, now: datetime, draw: float) -> EndpointState:
    update = {"failures": state.failures + 1} | _down(state, now)
    if not state.failures:
        update["failing_since"] = now
    failed = state.model_copy(update=update)
    way = _way(failed, rules, now)
    if way < 1:
        return _broken(_warned(failed, way), rules, now, draw)
    after = disabled(failed, Reason.NO_SUCCESS, now)
    probes = {
        "resume_at": _later(now, rules.probe_seconds * rules.scale),
        "probe_until": _later(now, rules.probing_seconds),
    }
    return _noticed(after.model_copy(update=probes), MessageType.DISABLED)


def _way(state: EndpointState, rules: Rules, now: datetime) -> float:
    """How much of the way to being disabled is gone; 1: all of it."""
    began = state.failing_since or now
    proven = max((at for at in (state.last_success_at, state.enabled_at) if at), default=began)
    return min(
        state.failures / rules.disable_failures,
        (now - began).total_seconds() / rules.disable_over_seconds,
        (now - proven).total_seconds() / rules.disable_seconds,
    )


def _warned(state: EndpointState, way: float) -> EndpointState:
    percent = max((mark for mark in WARNED_AT if way * 100 >= mark), default=0)
    if percent <= state.warned:
        return state
    return _noticed(state.model_copy(update={"warned": percent}), MessageType.FAILING)


def _broken(state: EndpointState, rules: Rules, now: datetime, draw: float) -> EndpointState:
    is_open = state.status is EndpointStatus.OPEN
    if is_open and state.resume_at and now < state.resume_at:
        return state  # it raced the one that opened it
    if is_open or state.failures >= rules.breaker_failures:
        resume_at = _later(now, _open_gap(state.opened, rules, draw))
        update = {"opened": state.opened + 1, "resume_at": resume_at}
        return _to(state, EndpointStatus.OPEN, Reason.FAILURES_IN_A_ROW, now, **update)
    return state if state.status is EndpointStatus.FAILING else _to(state, EndpointStatus.FAILING, Reason.FAILED, now)


def _open_gap(opened: int, rules: Rules, draw: float) -> float:
    doubled = rules.open_seconds * 2.0 ** min(opened, 30)
    return min(doubled, rules.open_cap_seconds) * rules.scale * (1 + SPREAD * (2 * draw - 1))


# What is written down


def _to(state: EndpointState, status: EndpointStatus, reason: Reason, now: datetime, **update: object) -> EndpointState:
    if (status, reason) != (state.status, state.reason):
        update["changed_at"] = now
    return state.model_copy(update=update | {"status": status, "reason": reason.value})


def _well(state: EndpointState, reason: Reason, now: datetime, **update: object) -> EndpointState:
    none = {"failures": 0, "opened": 0, "resume_at": None, "probe_until": None, "probes_passed": 0, "warned": 0}
    return _to(state, EndpointStatus.ACTIVE, reason, now, **none, **update)


def _down(state: EndpointState, now: datetime) -> dict[str, object]:
    """An outage begins, or one goes on that had seemed to have ended."""
    if state.is_down:
        return {}
    relapsed = state.recovered_at is not None and now - state.recovered_at < RELAPSE
    return {"down_since": state.down_since if relapsed else now, "recovered_at": None}


def _noticed(state: EndpointState, type_: MessageType) -> EndpointState:
    return state.model_copy(update={"notice": state.notice + 1, "notice_type": type_})


def _later(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)
