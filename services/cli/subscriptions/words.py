"""A subscription and its endpoint in words and as JSON; never an address beyond its host, never a secret."""

from collections.abc import Sequence
from datetime import datetime

from services.cli.render import moment
from services.operations.subscriptions.describing import Home, Known, is_story, where
from shared.models.endpoint import EndpointState
from shared.models.subscription import Attempt, EmailChannel, MessageType, Subscription

STYLES = {"active": "green", "failing": "yellow", "open": "red", "pending": "yellow", "disabled": "bold red"}
_FILTERS = {
    "topics": "topics",
    "event_types": "event types",
    "languages": "languages",
    "sources": "sources",
    "tiers": "tiers",
}


def told(subscription: Subscription) -> str:
    """`instant`, `digest 08:00, 18:00 Europe/Kyiv`."""
    digest = subscription.digest
    if digest is None:
        return "instant"
    return " ".join(["digest", ", ".join(digest.at), *digest.days, subscription.timezone])


def quiet(subscription: Subscription) -> str | None:
    """`22:00 to 07:00 Europe/Kyiv, unless critical`."""
    held = subscription.quiet
    if held is None:
        return None
    text = " ".join([f"{held.start} to {held.end}", *held.days, subscription.timezone])
    return f"{text}, unless {held.unless.value}" if held.unless else text


def filters(subscription: Subscription) -> list[tuple[str, object]]:
    """What narrows it down."""
    standard = Subscription.model_fields
    listed = [
        (name, ", ".join(value))
        for field, name in _FILTERS.items()
        if (value := getattr(subscription, field)) and value != standard[field].default
    ]
    least = [
        ("severity", subscription.min_severity.rank and f"{subscription.min_severity.value} and above"),
        ("score", subscription.min_score and f"{subscription.min_score:g} and above"),
        ("independent", subscription.min_independent_sources > 1 and f"{subscription.min_independent_sources} sources"),
    ]
    return [*listed, *((name, value) for name, value in least if value)]


def described(known: Known, state: EndpointState | None, waiting: int | None) -> dict[str, object]:
    """`endpoint` and `waiting` are null where no Redis could be asked."""
    subscription = known.subscription
    channel: dict[str, object] = {"type": subscription.channel.type, "where": where(subscription.channel)}
    if isinstance(subscription.channel, EmailChannel):
        channel["to"] = list(subscription.channel.to)
    return {
        **subscription.model_dump(mode="json", exclude={"channel"}),
        "channel": channel,
        "managed_by": known.managed_by.value,
        "endpoint": state and state.model_dump(mode="json", exclude={"allowance_at"}),
        "waiting": waiting,
    }


def home(known: Known, path: object) -> str:
    return str(path) if known.managed_by is Home.FILE else "the store"


def title(attempt: Attempt, titles: dict[str, str]) -> str:
    """Of the story; of what tells of none, its subject."""
    return titles.get(attempt.subject, "") if is_story(attempt.subject) else attempt.subject


def kind(type_: MessageType) -> str:
    return type_.value.removeprefix("story.").removeprefix("alert.")


ATTEMPT_COLUMNS = ("at", "type", "title", "revision", "outcome", "detail", "seconds", "next")


def attempt_row(attempt: Attempt, titles: dict[str, str]) -> Sequence[object]:
    return (
        moment(attempt.at),
        kind(attempt.type),
        title(attempt, titles),
        attempt.revision,
        attempt.outcome,
        attempt.detail,
        f"{attempt.seconds:.2f}",
        moment(attempt.next_at),
    )


def told_attempt(attempt: Attempt) -> str:
    """`delivered  HTTP 204  in 0.01 s  msg_…`."""
    took = f"in {attempt.seconds:.2f} s"
    return "  ".join(filter(None, (attempt.outcome, attempt.detail, took, attempt.webhook_id)))


def clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}Z"
