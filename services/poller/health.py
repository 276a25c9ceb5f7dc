"""How a feed is doing, and what that means for it (pure)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.poller.outcome import Fetched
from shared.models.feed import FeedHealth, FeedState, Outcome

# One failure is weather. From the second in a row on a person should know.
FAILING_AFTER = 2
# "Gone" is believed when it was said so often, over so long: a broken deployment says it for an hour.
GONE_TIMES, GONE_OVER = 3, timedelta(hours=24)
# A moved feed is followed for good when it has said so as often, over as long.
MOVED_TIMES, MOVED_OVER = 5, timedelta(hours=24)
# A poll that never comes to an end takes a poller's place for a whole lease each time.
EXPIRIES_BORNE = 3
SLOW_SECONDS = 10.0
PERMANENT_REDIRECTS = frozenset({301, 308})


@dataclass(frozen=True, slots=True)
class Poll:
    """The circumstances of one poll. `storm`: the whole network is down, so this failure says nothing of the feed."""

    outcome: Outcome
    fetched: Fetched
    now: datetime
    expiries: int = 0
    storm: bool = False


def after(state: FeedState, poll: Poll) -> FeedState:
    """The state with the poll's success or failure entered, and its health judged anew."""
    if poll.storm:
        return state
    state = _succeeded(state, poll) if poll.outcome.succeeded else _failed(state, poll)
    health, reason = _judge(state, poll)
    since = state.health_since if health is state.health else poll.now
    return state.model_copy(update={"health": health, "health_reason": reason, "health_since": since})


def _succeeded(state: FeedState, poll: Poll) -> FeedState:
    update: dict[str, object] = {"failures": 0, "failing_since": None, "gone_times": 0, "gone_since": None}
    return state.model_copy(update=update | _moved(state, poll))


def _failed(state: FeedState, poll: Poll) -> FeedState:
    update: dict[str, object] = {
        "failures": state.failures + max(1, poll.expiries),
        "failing_since": state.failing_since or poll.now,
    }
    if state.failures + 1 >= FAILING_AFTER:
        # Where it moved to may be wrong, too: the configured address is asked again.
        update["adopted_url"] = None
    if poll.outcome is Outcome.GONE:
        update |= {"gone_times": state.gone_times + 1, "gone_since": state.gone_since or poll.now}
    return state.model_copy(update=update)


def _moved(state: FeedState, poll: Poll) -> dict[str, object]:
    """Counts how often the publisher said that the feed has moved for good, to one address and no other."""
    hops = poll.fetched.redirects
    if poll.fetched.pushed:
        return {}
    target = poll.fetched.url if hops and all(hop.status in PERMANENT_REDIRECTS for hop in hops) else None
    if target is None or target != state.moved_to:
        return {"moved_to": target, "moved_times": int(target is not None), "moved_since": poll.now if target else None}
    return {"moved_times": state.moved_times + 1}


def adopted(state: FeedState, now: datetime) -> str | None:
    """The address that the feed has moved to for good, if that can be believed."""
    if state.moved_to is None or state.moved_since is None or state.moved_times < MOVED_TIMES:
        return None
    return state.moved_to if now - state.moved_since >= MOVED_OVER else None


def _judge(state: FeedState, poll: Poll) -> tuple[FeedHealth, str]:
    if poll.expiries >= EXPIRIES_BORNE:
        return FeedHealth.QUARANTINED, f"the last {poll.expiries} polls never came to an end"
    if state.gone_since and state.gone_times >= GONE_TIMES and poll.now - state.gone_since >= GONE_OVER:
        return FeedHealth.DISABLED, f"gone (410) {state.gone_times} times since {state.gone_since:%Y-%m-%d %H:%M}"
    if state.failures >= FAILING_AFTER:
        return FeedHealth.FAILING, f"{state.failures} failures in a row, the last: {poll.outcome.value}"
    if poll.outcome is Outcome.THROTTLED:
        return FeedHealth.SLOW, "the server asks for fewer requests"
    if poll.fetched.seconds > SLOW_SECONDS:
        return FeedHealth.SLOW, f"the last answer took {poll.fetched.seconds:.0f} s"
    return FeedHealth.HEALTHY, ""
