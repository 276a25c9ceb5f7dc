"""A subscription as people see it: of an address the host alone, of a secret nothing."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from services.operations.subscriptions.describing import Home, Known, state_of, where
from shared.models.base import Model, UtcDatetime
from shared.models.endpoint import EndpointState
from shared.models.subscription import Attempt, Channel, EmailChannel, MessageType, Wishes
from shared.models.topic import Severity

MOST_REHEARSED = 500
AnId = Annotated[str, Field(description="lower case, digits, dashes")]


class ChannelView(Model):
    type: str
    where: Annotated[str, Field(description="the host, or where the address or the journal is kept")]
    to: Annotated[tuple[str, ...], Field(description="of mail")] = ()

    @classmethod
    def of(cls, channel: Channel) -> Self:
        to = channel.to if isinstance(channel, EmailChannel) else ()
        return cls(type=channel.type, where=where(channel), to=to)


class EndpointView(Model):
    """What delivering has learnt about the receiving end."""

    changed_at: UtcDatetime | None
    failures: Annotated[int, Field(description="in a row")]
    failing_since: UtcDatetime | None
    down_since: UtcDatetime | None
    recovered_at: UtcDatetime | None
    throttled_until: Annotated[UtcDatetime | None, Field(description="as the receiver asked with Retry-After")]
    resume_at: Annotated[UtcDatetime | None, Field(description="when an open or disabled one is probed")]
    probe_until: Annotated[UtcDatetime | None, Field(description="null: a disabled one is enabled by a person only")]
    probes_passed: int
    warned: Annotated[int, Field(description="at how many percent of the way to being disabled")]
    last_success_at: UtcDatetime | None
    last_failure_at: UtcDatetime | None
    last_outcome: str
    last_detail: str


class AttemptView(Model):
    """One try to send."""

    id: Annotated[str, Field(description="its place in the log; it grows")]
    at: UtcDatetime
    type: MessageType
    subject: Annotated[str, Field(description="a story's id, `digest`, `test:…`, or another endpoint as `endpoint:…`")]
    title: Annotated[str | None, Field(description="of the story; null where there is none, or none any more")]
    revision: int
    webhook_id: str
    outcome: str
    detail: str
    seconds: Annotated[float, Field(description="how long it took")]
    next_at: Annotated[UtcDatetime | None, Field(description="when it is tried again; null: not any more")]

    @classmethod
    def of(cls, place: str, attempt: Attempt, title: str | None) -> Self:
        return cls.model_validate({"id": place, "title": title, **attempt.model_dump()})


class _Head(Model):
    id: AnId
    managed_by: Annotated[Home, Field(description="what stands in the file is changed there alone")]
    channel: ChannelView
    state: Annotated[str, Field(description="pending, active, failing, open or disabled")]
    reason: Annotated[str, Field(description="why it is in this state, if there is more to say")]
    waiting: Annotated[int, Field(description="what may have to be told, now or later")]


class SubscriptionView(Wishes, _Head):
    """Who wants what, and how telling them goes."""

    endpoint: EndpointView

    @classmethod
    def of(cls, known: Known, state: EndpointState, waiting: int) -> Self:
        return cls.model_validate(_shown(known, state, waiting))


class SubscriptionInFull(SubscriptionView):
    next_at: Annotated[UtcDatetime | None, Field(description="when what waits is looked at")]
    signing_secrets: Annotated[
        int, Field(description="how many sign now: two for a day after a rotation, none where nothing is signed")
    ]
    attempts: Annotated[tuple[AttemptView, ...], Field(description="the last ones, the newest first")]

    @classmethod
    def in_full(
        cls, head: SubscriptionView, next_at: datetime | None, secrets: int, attempts: Iterable[AttemptView]
    ) -> Self:
        more = {"next_at": next_at, "signing_secrets": secrets, "attempts": tuple(attempts)}
        return cls.model_validate(head.model_dump() | more)


class WithSecret(SubscriptionInFull):
    secret: Annotated[
        str | None, Field(description="that signs, if it was made here: shown this once; null where it was given")
    ]

    @classmethod
    def showing(cls, view: SubscriptionInFull, secret: str | None) -> Self:
        return cls.model_validate(view.model_dump() | {"secret": secret})


def _shown(known: Known, state: EndpointState, waiting: int) -> dict[str, object]:
    subscription = known.subscription
    named, reason = state_of(subscription, state)
    return {
        **subscription.model_dump(include=set(Wishes.model_fields)),
        "id": known.id,
        "managed_by": known.managed_by,
        "channel": ChannelView.of(subscription.channel),
        "state": named,
        "reason": reason,
        "waiting": waiting,
        "endpoint": EndpointView.model_validate(state.model_dump(include=set(EndpointView.model_fields))),
    }


class Asked(Model):
    """It is asked for, and will be done; `detail`: why it is not done yet."""

    asked: Annotated[str, Field(description="test, redeliver, enable or disable")]
    subscription_id: str
    detail: str


class MissedStory(Model):
    id: str
    title: str
    why: Annotated[str, Field(description="it was not told before")]


class RecoveryView(Model):
    """What is told after all. `detail`: why it is not done yet; null: it has begun."""

    since: UtcDatetime
    stories: tuple[MissedStory, ...]
    others: Annotated[dict[str, int], Field(description="why other stories are not told → how many")]
    detail: str | None


class RehearsedMessage(Model):
    at: UtcDatetime
    type: MessageType
    reason: str
    detail: str
    title: str
    severity: Severity
    stories: Annotated[tuple[str, ...], Field(description="ids, more than one in a digest")]
    revision: Annotated[int, Field(description="of the first")]


class UntoldRevision(Model):
    """A revision without a message of its own, and what refused it or held it back."""

    at: UtcDatetime
    reason: str
    title: str
    severity: Severity
    story: str
    revision: int
    later: Annotated[bool, Field(description="it was told with a later one")]


class RehearsalView(Model):
    """What would have been told, in the order of time, the last 500; filters see a story as it is now."""

    since: UtcDatetime
    messages: tuple[RehearsedMessage, ...]
    untold: tuple[UntoldRevision, ...]
    messages_in_all: int
    untold_in_all: int

    @classmethod
    def of(cls, since: datetime, messages: Sequence[object], untold: Sequence[object]) -> Self:
        shown = {"since": since, "messages": messages[-MOST_REHEARSED:], "untold": untold[-MOST_REHEARSED:]}
        return cls.model_validate(
            shown | {"messages_in_all": len(messages), "untold_in_all": len(untold)}, from_attributes=True
        )
