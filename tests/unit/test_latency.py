"""What an alert's way took, and when that says anything of the system."""

from datetime import datetime

import pytest

from services.notifier.latency import Way, is_measured, stages, way
from shared.models.story import Stage
from shared.models.subscription import Delivery, MessageType, Subscription
from tests.factories import NOON, after, article, delivery, entry, envelope, make_id, revision, story, subscription

OF = Way(after(-300), NOON, after(2), after(3))
TOLD = entry(published=after(-300), seen_at=NOON)


def under_way(type_: MessageType = MessageType.CREATED, **over: object) -> Delivery:
    return delivery(envelope=envelope(type=type_), **over)


def measured(
    of: Subscription | None = None,
    told: Delivery | None = None,
    held: tuple[tuple[datetime, datetime], ...] = (),
) -> bool:
    return is_measured(of or subscription(), told or under_way(), OF, after(20), held, 600.0)


def test_each_part_of_the_way_has_its_length() -> None:
    assert stages(OF, after(20)) == {
        Stage.LISTING: 300.0,
        Stage.QUEUE: 2.0,
        Stage.CLASSIFY: 1.0,
        Stage.DELIVERY: 17.0,
        Stage.TOTAL: 20.0,
    }


def test_what_bears_no_date_has_no_listing_and_clocks_that_differ_make_nothing_negative() -> None:
    found = stages(Way(None, NOON, after(-1), after(3)), after(2))
    assert Stage.LISTING not in found
    assert (found[Stage.QUEUE], found[Stage.DELIVERY]) == (0.0, 0.0)


def test_the_way_is_that_of_the_entry_that_made_the_revision() -> None:
    made = revision(entry_id=TOLD.id, taken_at=after(2), at=after(3))
    other = entry(title="another", seen_at=after(-9))
    assert way(story(articles=(article(other), article(TOLD)), revisions=(made,)), 1) == OF


@pytest.mark.parametrize(
    "made",
    [
        revision(entry_id=TOLD.id),
        revision(taken_at=after(2)),
        revision(entry_id=make_id("unlisted"), taken_at=after(2)),
        revision(number=2, entry_id=TOLD.id, taken_at=after(2)),
    ],
    ids=["its page was read", "a person made it", "it is not listed", "another revision"],
)
def test_what_came_another_way_has_none(made: object) -> None:
    assert way(story(articles=(article(TOLD),), revisions=(made,)), 1) is None


@pytest.mark.parametrize(
    ("type_", "counts"),
    [
        (MessageType.CREATED, True),
        (MessageType.UPDATED, True),
        (MessageType.MERGED, False),
        (MessageType.RETRACTED, False),
        (MessageType.TEST, False),
    ],
)
def test_the_first_report_and_its_news_count(type_: MessageType, counts: bool) -> None:
    assert measured(told=under_way(type_)) is counts


def test_a_digest_is_late_on_purpose() -> None:
    assert not measured(subscription(digest={"at": ["07:00"]}))


@pytest.mark.parametrize(
    ("start", "end", "counts"),
    [(-9, 2, True), (-9, 4, False), (10, 12, False), (19, 99, False), (20, 99, True)],
)
def test_quiet_hours_and_outages_hold_what_falls_into_them(start: float, end: float, counts: bool) -> None:
    assert measured(held=((after(start), after(end)),)) is counts


@pytest.mark.parametrize(("sent", "counts"), [(-597, True), (-596, False), (1, False)])
def test_the_pause_between_two_updates_holds_what_falls_into_it(sent: float, counts: bool) -> None:
    assert measured(told=under_way(MessageType.UPDATED, sent_at=after(sent), sent_revision=1)) is counts
