"""What a subscription would have been told: the walk through time says what the real desk says, minute by minute."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.calendar import next_digest
from services.notifier.channels.base import Sent
from services.notifier.channels.journal import JournalSender
from services.notifier.conclude import Persistence, Tried, acknowledged, conclude
from services.notifier.plan import Timing
from services.notifier.rehearse import TOGETHER, Rehearsal, rehearse
from services.notifier.subjects import DIGEST, Desk, Prepared, Ready
from shared.models.endpoint import EndpointState
from shared.models.story import AlertType, Status, Story
from shared.models.subscription import Delivery, JournalChannel, Subscription
from tests.factories import NOON, after, delivery, make_id, revision, story, subscription

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
TIMING = Timing(hold=2 * MINUTE, update_interval=10 * MINUTE, max_age=DAY)
OK = Sent("delivered", ok=True)
SENDER = JournalSender(JournalChannel(path="unused"))


Kind = dict[str, object]
URGENT: Kind = {"reason": "severity_raised"}


def revised(*seconds: float, name: str = "story", kinds: Sequence[Kind] = (), **over: object) -> Story:
    """A story with a revision at each of these seconds after noon; `kinds`: what else the second and later ones are."""
    first: Kind = {"type": AlertType.CREATED}
    made = [
        revision(
            **{"number": number, "type": AlertType.UPDATED, "reason": "figure_changed", "detail": f"{name} {number}"}
            | {"at": after(at), **kind}
        )
        for number, (at, kind) in enumerate(zip(seconds, [first, *kinds, *[Kind()] * len(seconds)], strict=False), 1)
    ]
    return story(**{"id": make_id(name), "title": name, "revisions": tuple(made), **over})


def rehearsed(subscribed: Subscription, *stories: Story, since: float = 0, until: float = DAY) -> Rehearsal:
    return rehearse(subscribed, stories, TIMING, after(since), after(until))


def messages(rehearsal: Rehearsal) -> list[tuple[datetime, str, str, str]]:
    return [(each.at, each.type.value.rpartition(".")[2], each.reason, each.detail) for each in rehearsal.messages]


def untold(rehearsal: Rehearsal) -> list[tuple[int, str, bool]]:
    return [(each.revision, each.reason, each.later) for each in rehearsal.untold]


def test_the_first_report_is_told_after_the_hold_and_the_next_at_once() -> None:
    found = rehearsed(subscription(), revised(0, HOUR))
    assert messages(found) == [
        (after(2 * MINUTE), "created", "figure_changed", "story 1"),
        (after(HOUR), "updated", "figure_changed", "story 2"),
    ]
    assert untold(found) == []


def test_what_is_told_together_is_one_message_and_says_what_held_the_others() -> None:
    found = rehearsed(subscription(), revised(0, MINUTE, 5 * MINUTE, 6 * MINUTE))
    assert messages(found) == [
        (after(2 * MINUTE), "created", "figure_changed", "story 1; story 2"),
        (after(12 * MINUTE), "updated", "figure_changed", "story 3; story 4"),
    ]
    assert untold(found) == [(1, "hold", True), (3, "update_interval", True)]


def test_two_revisions_of_one_moment_are_told_together() -> None:
    assert untold(rehearsed(subscription(), revised(0, HOUR, HOUR))) == [(2, TOGETHER, True)]


def test_what_is_urgent_does_not_wait() -> None:
    found = rehearsed(subscription(), revised(0, 3 * MINUTE, kinds=(URGENT,)))
    assert [at for at, *_ in messages(found)] == [after(2 * MINUTE), after(3 * MINUTE)]


@pytest.mark.parametrize(("filters", "reason"), [({"topics": ("weather",)}, "topic"), ({"min_score": 9}, "score")])
def test_what_the_filters_refuse_is_told_with_the_reason(filters: Kind, reason: str) -> None:
    found = rehearsed(subscription(**filters), revised(0, HOUR))
    assert (found.messages, untold(found)) == ((), [(1, reason, False), (2, reason, False)])


def test_what_came_in_quiet_hours_is_told_after_them_unless_it_is_as_severe_as_that() -> None:
    quiet = {"start": "12:00", "end": "14:00", "unless": "high"}
    minor, grave = revised(0), revised(0, name="grave", severity="high")
    found = rehearsed(subscription(quiet=quiet), minor, grave)
    assert [at for at, *_ in messages(found)] == [after(2 * MINUTE), after(2 * HOUR)]
    found = rehearsed(subscription(quiet=quiet), minor, until=HOUR)
    assert untold(found) == [(1, "quiet_hours", False)]


def test_a_digest_is_one_message_at_its_time_with_the_gravest_story_first() -> None:
    daily = subscription(digest={"at": ("15:00",)})
    found = rehearsed(daily, revised(0, HOUR), revised(0, name="grave", severity="high"), until=3 * DAY)
    (message,) = found.messages
    assert (message.at, message.type.value, message.detail) == (
        after(3 * HOUR),
        "story.digest",
        "grave 1; story 1; story 2",
    )
    assert (message.title, message.severity.value, len(message.stories)) == ("grave", "high", 2)
    assert untold(found) == [(1, TOGETHER, True)]
    assert untold(rehearsed(daily, revised(0), until=HOUR)) == [(1, "digest", False)]


def test_what_was_told_before_is_known_and_not_shown() -> None:
    found = rehearsed(subscription(), revised(0, 5 * HOUR), since=4 * HOUR)
    assert [kind for _, kind, *_ in messages(found)] == ["updated"]


def test_a_story_that_is_retracted_by_now_was_told_before_and_then_taken_back() -> None:
    gone = revised(0, HOUR, kinds=({"type": AlertType.RETRACTED},), status=Status.RETRACTED)
    assert [kind for _, kind, *_ in messages(rehearsed(subscription(), gone))] == ["created", "retracted"]
    at_once = revised(0, MINUTE, kinds=({"type": AlertType.RETRACTED},), status=Status.RETRACTED)
    assert untold(rehearsed(subscription(), at_once)) == [(1, "retracted", False), (2, "retracted", False)]


def test_one_that_is_off_in_the_file_is_rehearsed_as_if_it_were_on() -> None:
    assert len(rehearsed(subscription(enabled=False), revised(0)).messages) == 1


# Against the real desk, asked each minute.

minutes = st.lists(st.integers(0, 24 * 4).map(lambda quarter: quarter * 15), min_size=1, max_size=5).map(sorted)
kinds = st.lists(
    st.sampled_from([{}, URGENT, {"type": AlertType.MERGED}, {"type": AlertType.RETRACTED}]), min_size=4, max_size=4
)
clocks = st.integers(0, 23).map("{:02}:00".format)
days = st.sets(st.sampled_from(["mon", "tue", "wed"]), max_size=2)
stories = st.lists(
    st.tuples(minutes, kinds, st.sampled_from(["low", "medium", "critical"]), st.sampled_from(["a", "a", "b"])),
    min_size=1, max_size=3,
)  # fmt: skip
quiets = st.none() | st.fixed_dictionaries(
    {"start": clocks, "end": clocks, "days": days, "unless": st.sampled_from([None, "critical"])}
)
digests = st.none() | st.fixed_dictionaries({"at": st.sets(clocks, min_size=1, max_size=4), "days": days})
END = timedelta(days=4)
# So slow that a digest comes in between, and so old that a night makes a difference.
SLOW = Timing(hold=40 * MINUTE, update_interval=5 * HOUR, max_age=6 * HOUR)


Told = tuple[datetime, str, tuple[str, ...]]


@dataclass
class Minutes:
    """A desk that is asked each minute for what the fan-out has put before it by then; everything arrives."""

    subscribed: Subscription
    told: list[Story]
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    due: dict[str, datetime] = field(default_factory=dict)

    def run(self) -> Iterator[Told]:
        for minute in range(int(END / timedelta(minutes=1)) + 1):
            now = NOON + timedelta(minutes=minute)
            self.fan_out(now)
            yield from self.bring_up_to_date(now)

    def fan_out(self, now: datetime) -> None:
        for each in self.told:
            for found in each.revisions:
                if found.at == now:
                    at = _fanned_out(self.subscribed, found.number, now)
                    self.due[each.id] = min(at, self.due.get(each.id, at))

    def bring_up_to_date(self, now: datetime) -> Iterator[Told]:
        ready = {each.id: _as_of(each, now) for each in self.told if each.id in self.due and self.due[each.id] <= now}
        for name, step in self.prepared(ready, now).items():
            self.due.pop(name, None)
            if isinstance(step, Ready):
                yield self.sent(step, now)
            elif step.at and name != DIGEST:
                self.due[name] = step.at

    def prepared(self, ready: dict[str, Story], now: datetime) -> dict[str, Prepared]:
        desk = Desk(self.subscribed, SENDER, EndpointState(), SLOW, None)
        if self.subscribed.digest and ready:
            stories = {name: (found, self.known(name)) for name, found in ready.items()}
            return desk.digest(self.known(DIGEST), stories, {}, now)
        return {name: desk.story(self.known(name), found, False, None, now) for name, found in ready.items()}

    def known(self, subject: str) -> Delivery:
        return self.deliveries.get(subject, delivery(subject=subject))

    def sent(self, step: Ready, now: datetime) -> Told:
        envelope = step.delivery.envelope
        assert envelope is not None
        tried = Tried(OK, now, 0.0)
        after_it = conclude(step.delivery, tried, step.newest, Persistence(1, DAY), 0.5).delivery
        self.deliveries[step.subject] = after_it
        for name in step.carries:
            self.deliveries[name] = acknowledged(self.known(name), envelope, now)
            self.due.pop(name, None)
        return now, envelope.type.value, step.carries or (step.subject,)


def _fanned_out(subscribed: Subscription, number: int, now: datetime) -> datetime:
    if subscribed.digest:
        return next_digest(subscribed.digest, subscribed.timezone, now)
    return now + timedelta(seconds=SLOW.hold if number == 1 else 0)


def _as_of(told: Story, now: datetime) -> Story:
    seen = tuple(each for each in told.revisions if each.at <= now)
    return told.model_copy(update={"revisions": seen})


@given(stories, quiets, digests)
def test_it_says_what_the_desk_says_step_by_step(
    drawn: list[tuple[list[int], list[Kind], str, str]],
    quiet: Kind | None,
    digest: Kind | None,
) -> None:
    told = [
        revised(
            *(minute * MINUTE for minute in at), name=f"story {n}", kinds=tuple(kind), severity=severity, topic=topic
        )
        for n, (at, kind, severity, topic) in enumerate(drawn)
    ]
    subscribed = subscription(quiet=quiet, digest=digest, topics=("a",), timezone="Europe/Kyiv")
    wanted = [each for each in told if each.topic == "a"]
    found = rehearse(subscribed, told, SLOW, NOON, NOON + END)
    assert sorted((at, kind, sorted(names)) for at, kind, names in Minutes(subscribed, wanted).run()) == sorted(
        (each.at, each.type.value, sorted(each.stories)) for each in found.messages
    )
    # Each revision is told by itself, with a later one, or not at all, and then it is said why.
    revisions = {(each.id, one.number) for each in told for one in each.revisions}
    own = {(name, _last(told, name, each.at)) for each in found.messages for name in each.stories}
    assert own.isdisjoint(held := {(each.story, each.revision) for each in found.untold})
    assert own | held == revisions
    assert all(each.reason for each in found.untold)


def _last(told: list[Story], name: str, at: datetime) -> int:
    return max(one.number for each in told if each.id == name for one in each.revisions if one.at <= at)
