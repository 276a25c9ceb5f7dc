"""How the receiving end of a subscription is doing: what delivering has learnt about it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.models.base import Model, UtcDatetime
from shared.models.subscription import MessageType


class EndpointStatus(StrEnum):
    PENDING = "pending"  # it has not yet answered a test; nothing else is sent
    ACTIVE = "active"
    FAILING = "failing"  # the last attempts failed; others follow
    OPEN = "open"  # too many failed in a row (a breaker that is open): one probe at a time, at growing gaps
    DISABLED = "disabled"  # by the receiver, by a person, or for failing for days; everything is kept


class Reason(StrEnum):
    """Of transitions: their metric's label."""

    HANDSHAKE = "handshake"
    FAILED = "failed"
    FAILURES_IN_A_ROW = "failures_in_a_row"
    NO_SUCCESS = "no_success"
    RECOVERED = "recovered"
    ENABLED = "enabled"  # by a person
    BY_HAND = "by_hand"
    GONE = "gone"  # nobody is there any more
    DISABLED_BY_RECEIVER = "disabled_by_receiver"  # it said so in a header of its answer


class EndpointState(Model):
    """`reason` is the label of the last transition. Before `throttled_until` and `resume_at` only tests are sent.

    An outage lasts from the first failure of a run, or from being disabled, to the success that proves its end:
    `down_since` to `recovered_at`, which is None while it goes on.
    """

    status: EndpointStatus = EndpointStatus.ACTIVE
    reason: str = "new"
    changed_at: UtcDatetime | None = None
    enabled_at: Annotated[UtcDatetime | None, Field(description="by a person, the last time")] = None
    failures: Annotated[int, Field(description="in a row")] = 0
    failing_since: Annotated[UtcDatetime | None, Field(description="the first of the last failures in a row")] = None
    opened: Annotated[int, Field(description="how often in a row the breaker has opened")] = 0
    down_since: UtcDatetime | None = None
    recovered_at: UtcDatetime | None = None
    released_at: Annotated[
        UtcDatetime | None, Field(description="when it last came back from being open or disabled")
    ] = None
    throttled_until: Annotated[UtcDatetime | None, Field(description="as the receiver asked with Retry-After")] = None
    resume_at: Annotated[UtcDatetime | None, Field(description="when an open or disabled one is probed")] = None
    probe_until: Annotated[
        UtcDatetime | None, Field(description="of a disabled one that may recover by itself; None: only by a person")
    ] = None
    probes_passed: Annotated[int, Field(description="of a disabled one, in a row")] = 0
    warned: Annotated[int, Field(description="at how many percent of the way to being disabled")] = 0
    last_success_at: UtcDatetime | None = None
    last_failure_at: Annotated[UtcDatetime | None, Field(description="the last attempt without success")] = None
    last_outcome: str = ""
    last_detail: str = ""
    notice: Annotated[int, Field(description="how often others were told of a change")] = 0
    notice_type: Annotated[MessageType | None, Field(description="what they were told last")] = None
    allowance_at: Annotated[
        UtcDatetime | None, Field(description="when its allowance of messages a minute will be whole again")
    ] = None

    @property
    def is_down(self) -> bool:
        """Whether an outage goes on."""
        return self.down_since is not None and self.recovered_at is None

    def outage(self, now: datetime) -> tuple[datetime, datetime] | None:
        """The last one; until now if it goes on."""
        return None if self.down_since is None else (self.down_since, self.recovered_at or now)


class Order(StrEnum):
    """What a person has asked for."""

    RECOVER = "recover"  # tell it after all, though it was given up or is old
    REDELIVER = "redeliver"  # tell it once more
    ENABLE = "enable"
    DISABLE = "disable"


class EndpointNotice(Model):
    """The record in the alerts stream that an endpoint's state has changed in a way that others want to know of."""

    endpoint: str
    notice: int
    at: UtcDatetime
