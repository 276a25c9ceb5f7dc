"""What a receiver is to get, and whether it got that: exactly these messages, each within its time, and no others.

    desk.wants(at(15), created(kursk))
    desk.wants(between(HOUR, 2 * HOUR), updated(kursk, 2, since_revision=1))

Times are seconds since the curtain rose. Those of one call come in this order; those of several in that of their times.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from tests.answers import Request

SECOND, MINUTE, HOUR, DAY = 1.0, 60.0, 3600.0, 86_400.0
# What float arithmetic does to a moment.
TOLERANCE = 0.001


@dataclass(frozen=True, slots=True)
class Window:
    opens: float
    closes: float

    def __contains__(self, moment: float) -> bool:
        return self.opens - TOLERANCE <= moment <= self.closes + TOLERANCE

    def __str__(self) -> str:
        return clock(self.opens) if self.opens == self.closes else f"{clock(self.opens)} to {clock(self.closes)}"


def at(seconds: float) -> Window:
    return Window(seconds, seconds)


def between(opens: float, closes: float) -> Window:
    return Window(opens, closes)


ALWAYS = Window(0, math.inf)


def about(seconds: float, *gaps: float, spread: float = 0.2) -> Window:
    """After gaps that each may be longer or shorter by `spread`."""
    return Window(seconds + sum(gaps) * (1 - spread), seconds + sum(gaps) * (1 + spread))


def clock(seconds: float) -> str:
    """Days, hours, minutes and seconds."""
    whole, fraction = divmod(seconds, 1)
    minutes, rest = divmod(int(whole), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    day = f"{days} d " if days else ""
    return f"{day}{hours:02}:{minutes:02}:{rest:02}" + (f".{fraction * 1000:03.0f}" if fraction > TOLERANCE else "")


class Named(Protocol):
    """What a message is about."""

    @property
    def name(self) -> str: ...
    @property
    def id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Received:
    """A request, and when it came."""

    at: float
    request: Request

    @property
    def message(self) -> Mapping[str, object]:
        """What is no such message is an empty one."""
        try:
            found = json.loads(self.request.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def id(self) -> str:
        return self.request.headers.get("webhook-id", "")

    @property
    def type(self) -> str:
        return str(self.message.get("type", "something"))

    @property
    def data(self) -> Mapping[str, object]:
        found = self.message.get("data")
        return found if isinstance(found, dict) else {}

    @property
    def about(self) -> object:
        """The story's id, the endpoint's, or, of a digest, those of all its stories."""
        told = self.data.get("stories")
        if isinstance(told, list):
            return tuple(each["story_id"] for each in told)
        return self.data.get("endpoint") or (self.data.get("story_id") if self.type != "webhook.test" else None)


ANYTHING = object()
Check = Callable[[Received], bool]


@dataclass(frozen=True, slots=True)
class Message:
    """`data`: what stands there, among other things. `checks`: in words → whether it is so."""

    type: str
    about: object = None
    names: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
    checks: Mapping[str, Check] = field(default_factory=dict)

    def fits(self, received: Received) -> bool:
        return not any(self.differences(received))

    def differences(self, received: Received) -> Iterable[str]:
        if received.type != self.type:
            yield f"a {received.type}"
        if self.about is not ANYTHING and received.about != self.about:
            yield "about something else"
        yield from (
            f"{name} is {received.data.get(name)!r}"
            for name, value in self.data.items()
            if received.data.get(name) != value
        )
        yield from (f"not {words}" for words, check in self.checks.items() if not check(received))

    def that(self, words: str, check: Check) -> "Message":
        """With one more condition."""
        return Message(self.type, self.about, self.names, self.data, {**self.checks, words: check})

    def __str__(self) -> str:
        told = [f"{name}={value!r}" for name, value in self.data.items()] + list(self.checks)
        return " ".join([self.type, self.names, *told]).strip()


def created(story: Named, revision: int = 1, **data: object) -> Message:
    return _of_story("created", story, {"revision": revision, "since_revision": 0} | data)


def updated(story: Named, revision: int, **data: object) -> Message:
    return _of_story("updated", story, {"revision": revision} | data)


def merged(story: Named, revision: int, **data: object) -> Message:
    return _of_story("merged", story, {"revision": revision} | data)


def retracted(story: Named, revision: int, **data: object) -> Message:
    return _of_story("retracted", story, {"revision": revision, "status": "retracted"} | data)


def created_anew(**data: object) -> Message:
    """Of whatever story."""
    return Message("story.alert.created", ANYTHING, "anything", data)


def _of_story(kind: str, story: Named, data: Mapping[str, object]) -> Message:
    return Message(f"story.alert.{kind}", story.id, story.name, data)


def digest(*stories: Named, **data: object) -> Message:
    """Of these, in this order."""
    return Message("story.digest", tuple(each.id for each in stories), ", ".join(each.name for each in stories), data)


def some_digest(**data: object) -> Message:
    """Of whatever stories."""
    return Message("story.digest", ANYTHING, "of anything", data)


def notice(kind: str, endpoint: str, **data: object) -> Message:
    """`kind`: failing, disabled or recovered."""
    return Message(f"endpoint.{kind}", endpoint, endpoint, data)


def test_message() -> Message:
    return Message("webhook.test", data={"test": True})


test_message.__test__ = False  # type: ignore[attr-defined]  # pytest takes names that begin so for tests


def says(*words: str) -> Message:
    """In a form of its own, such as a channel's: these words stand in it."""
    return Message("something", checks={f"says {each!r}": partial(_stands, each) for each in words})


def _stands(words: str, received: Received) -> bool:
    return words in received.request.body.decode()


def torn() -> Message:
    """A request whose end never came."""
    return Message("something", checks={"torn": lambda got: not got.request.whole})


@dataclass(frozen=True, slots=True)
class Want:
    """`after`: the want before it, of the same call. `often`: any number of times, also none."""

    window: Window
    message: Message
    after: int | None = None
    often: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """What came, each with the want that it fulfils, if there is one; and what did not come."""

    received: Sequence[tuple[Received, Want | None]]
    missing: Sequence[Want]

    @property
    def is_right(self) -> bool:
        return not self.missing and all(want for _, want in self.received)


def compared(wants: Sequence[Want], received: Sequence[Received]) -> Compared:
    """Each that came fulfils the want that is over first of those that it fits and that are in turn."""
    open_, done = dict(enumerate(wants)), list[tuple[Received, Want | None]]()
    for each in received:
        fitting = [
            number
            for number, want in open_.items()
            if want.after not in open_ and each.at in want.window and want.message.fits(each)
        ]
        first = min(fitting, key=lambda number: open_[number].window.closes, default=None)
        done.append((each, None if first is None else wants[first]))
        if first is not None and not wants[first].often:
            del open_[first]
    return Compared(done, [want for want in open_.values() if not want.often])
