"""How many messages a minute an endpoint is sent (pure).

The generic cell rate algorithm in its form of virtual scheduling (ITU-T I.371): all that is kept is the moment at which
the allowance will be whole again.
"""

from datetime import datetime, timedelta

from shared.models.endpoint import EndpointState

# After a pause a sixth of a minute's messages may go at once.
BURST_SHARE, BURST_LEAST = 6, 4


def allowance(state: EndpointState, per_minute: int, now: datetime) -> float:
    """Seconds until the next message may go; 0: now."""
    gap, burst = _rate(per_minute)
    return max(0.0, (_whole_at(state, gap * burst, now) - gap * (burst - 1) - now).total_seconds())


def spent(state: EndpointState, per_minute: int, now: datetime) -> EndpointState:
    """After one message more."""
    gap, burst = _rate(per_minute)
    return state.model_copy(update={"allowance_at": _whole_at(state, gap * burst, now) + gap})


def _rate(per_minute: int) -> tuple[timedelta, int]:
    """The gap between messages, and how many may go at once after a pause."""
    return timedelta(minutes=1) / per_minute, max(BURST_LEAST, per_minute // BURST_SHARE)


def _whole_at(state: EndpointState, most: timedelta, now: datetime) -> datetime:
    """Bounded, for the rate may have been another."""
    return min(max(state.allowance_at or now, now), now + most)
