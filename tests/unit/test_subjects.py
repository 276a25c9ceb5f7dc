"""The desk: what is to be said of a subject to one subscription, or when to look again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from services.notifier.channels.base import Payload, Sent
from services.notifier.channels.posting import compact
from services.notifier.plan import Timing
from services.notifier.subjects import DIGEST, HANDSHAKE, Desk, Later, Prepared, Ready
from shared.models.endpoint import EndpointState, EndpointStatus, Order
from shared.models.story import Status, Story
from shared.models.subscription import Attempt, Delivery, DeliveryStatus, Envelope, MessageType, Subscription
from tests.factories import NOON, after, article, delivery, entry, envelope, make_id, revision, story, subscription

HOUR, DAY = 3600.0, 86_400.0
TIMING = Timing(hold=15, update_interval=600, max_age=DAY)
ACTIVE = EndpointState()
# Noon lies in it, by the clock of Kyiv.
QUIET = {"quiet": {"start": "13:30", "end": "15:00"}, "timezone": "Europe/Kyiv"}
ENDS = after(HOUR)
GAVE_UP = {"status": DeliveryStatus.GAVE_UP, "attempts": (Attempt(at=after(-60), revision=1, outcome="aborted"),)}


@dataclass(frozen=True)
class Paper:
    """A channel that writes and never sends."""

    def write(self, payload: Payload) -> str:
        return compact(payload)

    async def send(self, envelope: Envelope, secrets: Sequence[str]) -> Sent:
        raise AssertionError("nothing is sent here")


def desk(state: EndpointState = ACTIVE, /, **over: object) -> Desk:
    return Desk(subscription(**over), Paper(), state, TIMING, "https://tocsin.example")


def old_enough(**over: object) -> Story:
    """A story whose time to be held is over."""
    return story(revisions=(revision(at=after(-60)),), **over)


def prepared(at: Desk, told: Story | None, before: Delivery | None = None, order: Order | None = None) -> Prepared:
    return at.story(before or delivery(), told, known=False, order=order, now=NOON)


def message(of: Prepared) -> Envelope:
    assert isinstance(of, Ready)
    assert of.delivery.envelope is not None
    return of.delivery.envelope


def data(of: Prepared) -> dict[str, object]:
    found: dict[str, object] = json.loads(message(of).body)["data"]
    return found


# A story


def test_a_story_is_frozen_as_it_is() -> None:
    told = old_enough(articles=(article(), article(entry(title="Other"))))
    ready = prepared(desk(), told)
    assert isinstance(ready, Ready)
    sent = message(ready)
    assert (sent.type, sent.revision, ready.newest, ready.subject) == (MessageType.CREATED, 1, 1, told.id)
    assert (sent.articles, sent.covers) == ({told.id: 2}, {})
    assert data(ready)["links"]["story"] == f"https://tocsin.example/stories/{told.id}"  # type: ignore[index]
    assert ready.delivery.sent_articles == 0


def test_a_message_under_way_stays_as_it_was_frozen() -> None:
    frozen = envelope()
    ready = prepared(desk(), old_enough(), delivery(envelope=frozen))
    assert isinstance(ready, Ready)
    assert ready.delivery.envelope is frozen


def test_what_must_wait_says_until_when_and_why() -> None:
    assert prepared(desk(), story(revisions=(revision(at=after(-5)),))) == Later(after(10), "hold")
    assert prepared(desk(), old_enough(), delivery(envelope=envelope(), retry_at=after(9))) == Later(after(9), "retry")


def test_a_story_that_is_not_there_any_more_is_told_no_more() -> None:
    assert prepared(desk(), None) == Later(None, "no_such_story")
    assert prepared(desk(), None, delivery(envelope=envelope())) == Later(None, "no_such_story")


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"topics": ("weather",)}, "topic"),
        ({"sources": ("Gazette",)}, "source"),
        ({"event_types": ("capture",)}, "event_type"),
        ({"min_independent_sources": 2}, "independent_sources"),
        ({"min_severity": "critical"}, "severity"),
    ],
)
def test_what_nobody_wants_is_not_told_but_who_heard_of_it_hears_the_rest(
    wish: Mapping[str, object], reason: str
) -> None:
    two = (revision(at=after(-5000)), revision(number=2, type="updated", at=after(-60)))
    told = story(revisions=two)
    assert prepared(desk(**wish), told) == Later(None, reason)
    heard = delivery(sent_revision=1, sent_at=after(-5000))
    assert message(prepared(desk(**wish), told, heard)).type is MessageType.UPDATED
    frozen = delivery(envelope=envelope())
    assert isinstance(prepared(desk(**wish), told, frozen), Ready)


def test_who_knew_a_story_that_was_merged_into_this_one_is_told_so() -> None:
    step = desk().story(delivery(), old_enough(), known=True, order=None, now=NOON)
    assert message(step).type is MessageType.MERGED


def test_of_a_retracted_story_only_those_hear_who_heard_of_it() -> None:
    gone = old_enough(status=Status.RETRACTED)
    assert prepared(desk(), gone) == Later(None, "retracted")


# Quiet hours


def test_in_quiet_hours_a_story_waits_for_their_end() -> None:
    assert prepared(desk(**QUIET), old_enough()) == Later(ENDS, "quiet_hours")
    assert isinstance(prepared(desk(quiet=QUIET["quiet"], timezone="UTC"), old_enough()), Ready)


@pytest.mark.parametrize(("severity", "rings"), [("medium", False), ("high", True), ("critical", True)])
def test_what_is_severe_enough_rings_nevertheless(severity: str, rings: bool) -> None:
    quiet = {"start": "13:30", "end": "15:00", "unless": "high"}
    step = prepared(desk(quiet=quiet, timezone="Europe/Kyiv"), old_enough(severity=severity))
    assert isinstance(step, Ready) is rings


def test_what_a_person_wants_redelivered_rings_at_once_and_what_he_recovers_keeps_quiet() -> None:
    told = delivery(sent_revision=1, sent_at=after(-60))
    assert isinstance(prepared(desk(**QUIET), old_enough(), told, Order.REDELIVER), Ready)
    assert prepared(desk(**QUIET), old_enough(), delivery(**GAVE_UP), Order.RECOVER) == Later(ENDS, "quiet_hours")


# How old it is


def test_neither_quiet_hours_nor_an_outage_make_a_story_older() -> None:
    """Told 25 hours ago; of these 1.5 were quiet yesterday and today, or the endpoint was away."""
    old = story(revisions=(revision(at=after(-25 * HOUR)),))
    quiet = {"start": "07:00", "end": "08:30"}
    away = EndpointState(down_since=after(-9 * HOUR), recovered_at=after(-8 * HOUR))
    assert prepared(desk(), old) == Later(None, "too_old")
    assert isinstance(prepared(desk(quiet=quiet), old), Ready)
    assert isinstance(prepared(desk(away), old), Ready)
    both = away.model_copy(update={"down_since": after(-25 * HOUR), "recovered_at": after(-24 * HOUR - 1)})
    assert prepared(desk(both), old) == Later(None, "too_old")


def test_an_outage_that_goes_on_makes_nothing_older() -> None:
    days = story(revisions=(revision(at=after(-9 * DAY)),))
    assert isinstance(prepared(desk(EndpointState(down_since=after(-9 * DAY))), days), Ready)


def test_what_waited_for_its_next_try_is_tried_at_once_when_the_endpoint_has_come_back() -> None:
    tried = (Attempt(at=after(-60), revision=1, outcome="timeout"),)
    pair = delivery(envelope=envelope(), failures=3, retry_at=after(HOUR), attempts=tried)
    assert prepared(desk(), old_enough(), pair) == Later(after(HOUR), "retry")
    assert isinstance(prepared(desk(EndpointState(released_at=after(-1))), old_enough(), pair), Ready)


# What people ask for


def test_what_is_sent_once_more_has_an_id_of_its_own_each_time() -> None:
    tried = (Attempt(at=after(-60), revision=1, outcome="delivered"),)
    told = delivery(sent_revision=1, sent_at=after(-60), attempts=tried)
    assert prepared(desk(), old_enough(), told) == Later(None, "up_to_date")
    ids = [message(prepared(desk(), old_enough())).webhook_id]
    for again in (1, 2):
        ready = prepared(desk(), old_enough(), told, Order.REDELIVER)
        assert isinstance(ready, Ready)
        assert ready.delivery.again == again
        ids.append(message(ready).webhook_id)
        told = ready.delivery.model_copy(update={"envelope": None})
    assert len(set(ids)) == 3


def test_what_was_given_up_is_recovered_under_another_id_and_what_was_never_tried_under_its_first() -> None:
    first = message(prepared(desk(), old_enough())).webhook_id
    assert prepared(desk(), old_enough(), delivery(**GAVE_UP)) == Later(None, "given_up")
    recovered = prepared(desk(), old_enough(), delivery(**GAVE_UP), Order.RECOVER)
    assert message(recovered).webhook_id != first
    old = story(revisions=(revision(at=after(-9 * DAY)),))
    assert message(prepared(desk(), old, order=Order.RECOVER)).webhook_id == first


def test_a_thin_message_has_an_id_of_its_own() -> None:
    thin = message(prepared(desk(), old_enough(), delivery(thin=True)))
    assert thin.thin
    assert thin.webhook_id != message(prepared(desk(), old_enough())).webhook_id


# A digest

EMPTY = delivery(subject=DIGEST)
MORNINGS = {"digest": {"at": ["07:00"]}}


def news(name: str, *, ago: float = 60, **over: object) -> Story:
    return story(id=name, revisions=(revision(at=after(-ago)),), **over)


def digested(
    at: Desk,
    stories: Sequence[Story],
    before: Delivery = EMPTY,
    known: Mapping[str, Delivery] | None = None,
    orders: Mapping[str, Order] | None = None,
) -> dict[str, Prepared]:
    parts = {each.id: (each, (known or {}).get(each.id) or delivery(subject=each.id)) for each in stories}
    return at.digest(before, parts, orders or {}, NOON)


def named(of: Prepared) -> list[str]:
    stories = data(of)["stories"]
    assert isinstance(stories, list)
    return [each["story_id"] for each in stories]


def test_a_digest_tells_what_is_news_the_gravest_first_and_lets_go_of_the_rest() -> None:
    stories = [news("a"), news("b", severity="high"), news("c"), news("d", topic="weather")]
    known = {"c": delivery(subject="c", sent_revision=1)}
    found = digested(desk(topics=("dprk-kursk",), **MORNINGS), stories, known=known)
    ready = found.pop(DIGEST)
    assert isinstance(ready, Ready)
    assert (named(ready), ready.carries, ready.newest) == (["b", "a"], ("b", "a"), 1)
    assert (message(ready).covers, message(ready).type) == ({"b": 1, "a": 1}, MessageType.DIGEST)
    assert found == {"c": Later(None, "up_to_date"), "d": Later(None, "topic")}


def test_a_digest_of_more_than_fits_leaves_the_rest_to_the_next_message() -> None:
    stories = [news(f"{number:02}", articles=(article(entry(title="long " * 40)),)) for number in range(60)]
    found = digested(desk(**MORNINGS), stories)
    ready = found.pop(DIGEST)
    assert isinstance(ready, Ready)
    assert 2 < len(ready.carries) < 60
    left = {each.id for each in stories} - {*ready.carries}
    assert found == dict.fromkeys(left, Later(NOON, "next_message"))


def test_a_digest_without_news_is_none() -> None:
    gone = news("a", merged_into="st")
    assert digested(desk(**MORNINGS), [gone]) == {
        DIGEST: Later(None, "up_to_date"),
        "a": Later(None, "merged"),
    }
    assert digested(desk(**MORNINGS), []) == {DIGEST: Later(None, "up_to_date")}


def test_a_story_that_is_gone_is_in_no_digest() -> None:
    found = desk(**MORNINGS).digest(EMPTY, {"gone": (None, delivery(subject="gone"))}, {}, NOON)
    assert found == {DIGEST: Later(None, "up_to_date"), "gone": Later(None, "no_such_story")}


def test_the_time_until_a_digest_makes_nothing_older_but_what_was_old_before_it_stays_so() -> None:
    weekly = delivery(subject=DIGEST, sent_at=after(-6 * DAY), sent_revision=3)
    found = digested(desk(**MORNINGS), [news("a", ago=6 * DAY), news("b", ago=7 * DAY + 1)], weekly)
    assert named(found[DIGEST]) == ["a"]
    assert found["b"] == Later(None, "too_old")
    assert message(found[DIGEST]).revision == 4


def test_a_digest_waits_neither_for_the_hold_nor_for_the_pause_between_updates() -> None:
    two = (revision(at=after(-99)), revision(number=2, type="updated", at=after(-1)))
    stories = [news("a", ago=1), story(id="b", revisions=two)]
    found = digested(desk(**MORNINGS), stories, known={"b": delivery(subject="b", sent_revision=1, sent_at=after(-9))})
    assert named(found[DIGEST]) == ["a", "b"]


def test_a_digest_in_quiet_hours_comes_at_their_end_but_for_what_rings_nevertheless() -> None:
    quiet = {"start": "13:30", "end": "15:00", "unless": "critical"}
    at = desk(quiet=quiet, timezone="Europe/Kyiv", **MORNINGS)
    found = digested(at, [news("a"), news("b", severity="critical")])
    assert named(found[DIGEST]) == ["b"]
    assert found["a"] == Later(ENDS, "quiet_hours")


def test_a_digest_under_way_goes_first_unchanged_and_carries_what_has_come_since() -> None:
    frozen = envelope(type=MessageType.DIGEST, revision=2, covers={"a": 1})
    ready = digested(desk(**MORNINGS), [news("a"), news("b")], delivery(subject=DIGEST, envelope=frozen))[DIGEST]
    assert isinstance(ready, Ready)
    assert (message(ready), ready.carries, ready.newest, [*ready.told]) == (frozen, ("a", "b"), 2, ["a"])


def test_a_digest_that_failed_waits_for_its_next_try_or_the_end_of_quiet_hours_with_all_its_stories() -> None:
    failed = delivery(subject=DIGEST, envelope=envelope(type=MessageType.DIGEST, covers={"a": 1}))
    waits = failed.model_copy(update={"retry_at": after(99)})
    later = Later(after(99), "retry")
    assert digested(desk(**MORNINGS), [news("a")], waits) == {DIGEST: later, "a": later}
    quiet = Later(ENDS, "quiet_hours")
    assert digested(desk(**QUIET, **MORNINGS), [news("a")], failed) == {DIGEST: quiet, "a": quiet}


def test_a_digest_that_was_given_up_is_not_followed_by_one_of_the_same_number() -> None:
    tried = (Attempt(at=after(-60), revision=4, outcome="timeout"),)
    lost = delivery(subject=DIGEST, sent_revision=3, status=DeliveryStatus.GAVE_UP, attempts=tried)
    assert message(digested(desk(**MORNINGS), [news("a")], lost)[DIGEST]).revision == 5


def test_what_people_ask_for_goes_into_the_digest() -> None:
    told = {"a": delivery(subject="a", sent_revision=1), "b": delivery(subject="b", **GAVE_UP)}
    stories = [news("a"), news("b")]
    assert not isinstance(digested(desk(**MORNINGS), stories, known=told)[DIGEST], Ready)
    orders = {"a": Order.REDELIVER, "b": Order.RECOVER}
    assert named(digested(desk(**MORNINGS), stories, known=told, orders=orders)[DIGEST]) == ["a", "b"]


# A test


def test_a_test_is_sent_once_and_says_what_it_is() -> None:
    before = delivery(subject="test:1")
    ready = desk(**QUIET).test(before, NOON)
    assert (message(ready).type, data(ready)["test"]) == (MessageType.TEST, True)
    assert isinstance(ready, Ready)
    assert desk().test(ready.delivery, after(9)) == ready
    for over in ({"sent_revision": 1}, GAVE_UP):
        assert desk().test(delivery(subject="test:1", **over), NOON) == Later(None, "up_to_date")


def test_tests_have_ids_of_their_own() -> None:
    ids = {message(desk().test(delivery(subject=f"test:{name}"), NOON)).webhook_id for name in "ab"}
    assert len(ids) == 2


def test_a_handshake_is_begun_anew_under_another_id_as_long_as_the_endpoint_has_not_answered() -> None:
    pending = desk(EndpointState(status=EndpointStatus.PENDING))
    first = message(pending.test(delivery(subject=HANDSHAKE), NOON))
    for over in ({"sent_revision": 1}, GAVE_UP):
        again = delivery(subject=HANDSHAKE, **over)
        assert message(pending.test(again, NOON)).webhook_id != first.webhook_id
        assert desk().test(again, NOON) == Later(None, "up_to_date")


# Another endpoint

ILL = EndpointState(status=EndpointStatus.DISABLED, reason="gone", notice=3, notice_type=MessageType.DISABLED)


def noticed(at: Desk, before: Delivery, other: EndpointState = ILL, now: datetime = NOON) -> Prepared:
    return at.notice(before, other, 7, now)


def test_how_another_endpoint_is_doing_is_told_once_for_each_notice() -> None:
    before = delivery(subject="endpoint:ill")
    ready = noticed(desk(), before)
    assert isinstance(ready, Ready)
    assert (message(ready).type, message(ready).revision, ready.newest) == (MessageType.DISABLED, 3, 3)
    assert (data(ready)["endpoint"], data(ready)["waiting"]) == ("ill", 7)
    assert "https://receiver.example" not in message(ready).body
    assert noticed(desk(), before.model_copy(update={"sent_revision": 3})) == Later(None, "up_to_date")
    assert noticed(desk(), before, ACTIVE) == Later(None, "up_to_date")


def test_a_notice_under_way_goes_first_and_what_was_given_up_is_not_begun_again() -> None:
    frozen = delivery(subject="endpoint:ill", envelope=envelope(type=MessageType.FAILING, revision=2))
    assert noticed(desk(), frozen) == Ready(frozen, 3)
    waits = frozen.model_copy(update={"retry_at": after(9)})
    assert noticed(desk(), waits) == Later(after(9), "retry")
    tried = (Attempt(at=after(-60), revision=3, outcome="aborted"),)
    lost = delivery(subject="endpoint:ill", status=DeliveryStatus.GAVE_UP, attempts=tried)
    assert noticed(desk(), lost) == Later(None, "given_up")
    assert isinstance(noticed(desk(), lost, ILL.model_copy(update={"notice": 4})), Ready)


@pytest.mark.parametrize("under_way", [False, True])
def test_endpoints_keep_quiet_too(under_way: bool) -> None:
    frozen = envelope(type=MessageType.FAILING, revision=2) if under_way else None
    before = delivery(subject="endpoint:ill", envelope=frozen)
    assert noticed(desk(**QUIET), before) == Later(ENDS, "quiet_hours")
    assert isinstance(noticed(desk(**QUIET), before, now=ENDS), Ready)


# For whom


def test_messages_are_written_by_the_channel_in_the_readers_language() -> None:
    @dataclass(frozen=True)
    class Shouting(Paper):
        def write(self, payload: Payload) -> str:
            return compact(payload).upper()

    korean = article(entry(title="북한군 사라져", language="ko"), decision="same_story")
    told = old_enough(articles=(article(), korean))
    english, asian = desk(), replace(desk(), subscription=subscription(languages=("ko", "en")))
    assert data(prepared(english, told))["title"] != data(prepared(asian, told))["title"] == "북한군 사라져"
    assert "SCHEMA" in message(prepared(replace(english, sender=Shouting()), told)).body


def test_two_subscriptions_never_share_an_id() -> None:
    def ready(of: Subscription) -> Prepared:
        return Desk(of, Paper(), ACTIVE, TIMING, None).story(
            Delivery(subscription_id=of.id, subject=make_id("story")), old_enough(), False, None, NOON
        )

    ids = {message(ready(subscription(id=name))).webhook_id for name in ("desk", "other")}
    assert len(ids) == 2
