"""The messages (pure): small enough for a phone, whatever stands in a story."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

from services.notifier.plan import Send
from services.notifier.snapshot import ANYBODY, SCHEMA, Payload, Reader, Since, Size, clipped, compact, iso, snapshot
from shared.models.endpoint import EndpointState
from shared.models.story import Story
from shared.models.subscription import Delivery, MessageType

MAX_BODY_BYTES = 16 * 1024
# In writing no moment is longer.
_LONGEST = datetime(2000, 1, 1, microsecond=1, tzinfo=UTC)


# The last fits whatever stands in a story, even if each of its characters must be escaped.
SIZES = (Size(5, 12, 600), Size(2, 4, 300), Size(0, 0, 100))
# In a digest, where a story is one of many.
BRIEF = Size(1, 3, 200)


def webhook_id(subscription_id: str, subject: str, revision: int, *, again: int = 0, thin: bool = False) -> str:
    """Derived, so that a delivery that runs twice cannot mint a second id; other bytes have another id."""
    parts = [subscription_id, subject, str(revision), *([f"again {again}"] if again else []), *(["thin"] * thin)]
    return "msg_" + sha256("|".join(parts).encode()).hexdigest()[:26]


def story_payload(story: Story, delivery: Delivery, send: Send, now: datetime, reader: Reader = ANYBODY) -> Payload:
    """The fullest snapshot that fits; after a receiver found it too large, the thinnest."""
    type_ = MessageType(f"story.alert.{send.type.value}")
    return _message(type_, now, _fullest(_Same(story), type_, _since(delivery), send, reader, thin=delivery.thin))


class _Same:
    """A story as a key, by identity: to compare all of it takes as long as to tell it."""

    def __init__(self, story: Story) -> None:
        self.story = story

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.story is other.story

    def __hash__(self) -> int:
        return id(self.story)


@lru_cache(maxsize=256)
def _fullest(same: _Same, type_: MessageType, since: Since, send: Send, reader: Reader, *, thin: bool) -> Payload:
    """Most endpoints are told the same of a story, and they are told at once."""
    sizes = SIZES[-1:] if thin else SIZES
    rest = len(compact(_message(type_, _LONGEST, {})))
    return _first_fitting((snapshot(same.story, since, send, size, reader) for size in sizes), MAX_BODY_BYTES - rest)


def digest_payload(
    digest: Delivery,
    parts: Sequence[tuple[Story, Delivery, Send]],
    now: datetime,
    reader: Reader = ANYBODY,
) -> tuple[Payload, int]:
    """What fits into one message of at least one of `parts`; and how many of them, from the first, that are.

    A receiver that found a digest too large gets it story by story.
    """
    sizes = SIZES[-1:] if digest.thin else (BRIEF, SIZES[-1])
    told, payload = 0, _digest(digest, [], now, truncated=True)
    snapshots: list[Payload] = []
    for story, delivery, send in parts:
        each = (snapshot(story, _since(delivery), send, size, reader) for size in sizes)
        snapshots.append(_first_fitting(each, MAX_BODY_BYTES // 2))
        longer = _digest(digest, snapshots, now, truncated=told + 1 < len(parts))
        if told and (digest.thin or not fits(longer)):
            break
        told, payload = told + 1, longer
    return payload, told


def _since(delivery: Delivery) -> Since:
    return Since(delivery.sent_revision, delivery.sent_articles)


def _first_fitting(payloads: Iterable[Payload], most: int) -> Payload:
    """Or else the last."""
    for payload in payloads:
        if fits(payload, most):
            break
    return payload


def gravest_first(parts: Iterable[tuple[Story, Delivery, Send]]) -> list[tuple[Story, Delivery, Send]]:
    return sorted(parts, key=lambda part: (-part[0].severity.rank, -part[0].score, part[0].id))


def sample_payload(story: Story, now: datetime, reader: Reader = ANYBODY, *, thin: bool = False) -> Payload:
    """As a story's own, but for the type and a mark."""
    revision = story.revisions[-1]
    send = Send(revision.type, revision.reason, revision.detail)
    data = _fullest(_Same(story), MessageType.TEST, Since(), send, reader, thin=thin)
    return _message(MessageType.TEST, now, {**data, "test": True})


def endpoint_payload(
    subscription_id: str,
    type_: MessageType,
    state: EndpointState,
    waiting: int,
    now: datetime,
) -> Payload:
    """How another endpoint is doing; never where it is."""
    data: Payload = {
        "schema": SCHEMA,
        "endpoint": subscription_id,
        "status": state.status.value,
        "reason": state.reason,
        "detail": clipped(state.last_detail, SIZES[-1].text),
        "since": iso(state.down_since),
        "failures": state.failures,
        "waiting": waiting,
        "last_outcome": state.last_outcome,
    }
    return _message(type_, now, data)


def fits(payload: Mapping[str, object], most: int = MAX_BODY_BYTES) -> bool:
    return len(compact(payload).encode()) <= most


def _digest(digest: Delivery, snapshots: Sequence[Payload], now: datetime, *, truncated: bool) -> Payload:
    data: Payload = {
        "schema": SCHEMA,
        "subscription": digest.subscription_id,
        "since": iso(digest.sent_at),
        "stories": list(snapshots),
        "stories_truncated": truncated,
    }
    return _message(MessageType.DIGEST, now, data)


def _message(type_: MessageType, now: datetime, data: object) -> Payload:
    return {"type": type_.value, "timestamp": now.isoformat(), "data": data}
