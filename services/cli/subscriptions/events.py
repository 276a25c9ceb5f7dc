"""What the notifier's log says of deliveries, in a person's words: for the console of `tocsin up`."""

from collections.abc import Mapping
from datetime import datetime

from rich.text import Text

from shared.models.endpoint import EndpointStatus
from shared.models.subscription import MessageType

Event = Mapping[str, object]

# What tells of a story is shown with the story.
_WITHOUT_A_STORY = frozenset(type_.value for type_ in MessageType if not type_.value.startswith("story.alert."))
_ENDPOINT = "endpoint."
_STYLES = {"active": "green", "failing": "yellow", "open": "red", "disabled": "bold red", "pending": "yellow"}
EVENTS = frozenset({"alert.delivered", "alert.not_delivered", *(_ENDPOINT + status.value for status in EndpointStatus)})


def delivery_line(event: Event, clock: str) -> Text | None:
    """Of one of the EVENTS; None when it is not worth a line."""
    name, who = str(event.get("event")), event.get("subscription")
    if name.startswith(_ENDPOINT):
        status = name.removeprefix(_ENDPOINT)
        return Text(f"{clock}  {_mark(status)} {who}: {_state(status, event)}", _STYLES[status])
    if name == "alert.not_delivered":
        then = "it will be tried again" if event.get("next_at") else "it is given up"
        return Text(f"{clock}  ! not delivered to {who}: {event.get('detail') or event.get('outcome')}; {then}", "red")
    if event.get("type") in _WITHOUT_A_STORY:
        return Text(f"{clock}  → {who}: {event.get('type')}", "green")
    return None


def _mark(status: str) -> str:
    return {"active": "✓", "disabled": "✗"}.get(status, "!")


def _state(status: str, event: Event) -> str:
    reason, detail = str(event.get("reason")).replace("_", " "), event.get("detail")
    last = f": {detail}" if detail else ""
    match status:
        case "active":
            return f"active again ({reason})"
        case "open":
            return f"{event.get('failures')} failures in a row{last}; tried again at {_time(event.get('resume_at'))}"
        case "disabled":
            return f"disabled ({reason}){last}; everything is kept, and `tocsin subscriptions enable` lets it go on"
        case _:
            return f"{status} ({reason}){last}"


def _time(at: object) -> str:
    """By the clock of this machine."""
    return datetime.fromisoformat(at).astimezone().strftime("%H:%M:%S") if isinstance(at, str) else "a later time"
