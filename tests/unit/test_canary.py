"""The canary's feed, slot by slot, its topic, and the name that is its own."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.classifier.canary import PACK
from services.classifier.grammars import Grammars
from services.classifier.match import Matcher, compile_topics
from services.notifier.route import audience, refusal
from services.poller.canary import document, pace_of, slot_of
from services.poller.identity import identify
from services.poller.parse import Item, parse
from services.poller.schedule import Habits, Pace, next_regular
from shared.models.canary import FEED_ID, NAME, canary_feed, kept_seconds
from shared.models.pack import TopicRule
from tests.factories import feed, story, subscription
from tests.packs import installed

PACE = Pace(least=300, most=3600, jitter=0.1, backoff=60, backoff_cap=21_600)
moments = st.floats(1_000_000_000, 4_000_000_000)
slots = st.integers(1, 86_400)


def item_at(now: float, every: int) -> Item:
    (item,) = parse(document(now, every), "http://127.0.0.1:9101/canary").items
    return item


@given(moments, slots)
def test_a_slot_begins_no_later_than_now_and_ends_later(now: float, every: int) -> None:
    assert slot_of(now, every) <= now < slot_of(now, every) + every


@given(moments, slots)
def test_the_entry_of_a_slot_is_the_same_until_the_next_begins(now: float, every: int) -> None:
    slot = slot_of(now, every)
    assert document(slot, every) == document(now, every) == document(slot + every - 0.001, every)
    before, this, after = (identify([item_at(at, every)])[0] for at in (slot - 0.001, slot, slot + every))
    assert len({before.key, this.key, after.key}) == len({before.alias, this.alias, after.alias}) == 3


def test_an_entry_is_published_when_its_slot_begins_and_has_no_page() -> None:
    item = item_at(1_200_000_599.5, 600)
    assert item.published == datetime.fromtimestamp(1_200_000_000, UTC)
    assert (item.guid, item.url) == ("canary:1200000000", None)


@given(moments, slots, st.floats(0, 1, exclude_max=True))
def test_the_next_poll_is_due_when_the_next_slot_begins(now: float, every: int, draw: float) -> None:
    then = next_regular(Habits(), pace_of(canary_feed(every), PACE, now), draw)
    assert now + then.after == pytest.approx(slot_of(now, every) + every, abs=0.001)


def test_after_a_failure_it_is_tried_again_within_a_slot_and_others_keep_their_pace() -> None:
    assert pace_of(canary_feed(120), PACE, 1e9).backoff_cap == 120
    assert pace_of(feed(), PACE, 1e9) == PACE
    assert pace_of(feed(interval_seconds=60), PACE, 1e9).fixed == 60


def test_however_often_it_is_sent_it_has_one_address() -> None:
    assert {canary_feed(every).id for every in (1, 600)} == {FEED_ID}


def judged(matcher: Matcher, title: str, summary: str = "") -> dict[str, bool]:
    return {match.topic: match.relevant for match in matcher.match(f"{title}\n{summary}", "en")}


def test_its_entry_tells_of_its_topic_and_of_no_other() -> None:
    item = item_at(1e9, 600)
    together = compile_topics([*(topic.pack for topic in installed().topics), PACK], Grammars())
    assert judged(together, item.title, item.summary) == {NAME: True}
    assert judged(together, "A canary sings in a coal mine in Wales") == {}


def test_every_one_of_its_entries_is_a_story_of_its_own() -> None:
    (match,) = compile_topics([PACK]).match(item_at(1e9, 600).title, "en")
    assert not match.gather


def test_nobody_else_may_have_its_name() -> None:
    with pytest.raises(ValidationError, match="canary is Tocsin's own; choose another name"):
        subscription(id=NAME)
    rule = {"title": "x", "rule": {"actor": ["a"]}, "threshold": 1, "events": {"e": {"severity": "low"}}}
    assert TopicRule.model_validate(rule | {"name": "canaries"}).gather
    with pytest.raises(ValidationError, match="canary is Tocsin's own; choose another name"):
        TopicRule.model_validate(rule | {"name": NAME})


def test_it_is_heard_by_its_own_subscription_alone_which_hears_nothing_else() -> None:
    own = subscription(id="own").model_copy(update={"id": NAME})
    everything, asking = subscription(id="everything"), subscription(id="asking", topics=(NAME,))
    its, other = story(topic=NAME), story()
    assert refusal(everything, its) is None  # no filter would keep it back
    assert audience([own, everything, asking], its) == [own]
    assert audience([own, everything, asking], other) == [everything, asking]


def test_what_is_its_is_kept_for_an_hour_at_most() -> None:
    assert [kept_seconds(days * 86_400, canary=is_its) for days, is_its in ((1, True), (1, False))] == [3600, 86_400]
    assert kept_seconds(60, canary=True) == 60


def test_slots_follow_each_other() -> None:
    starts = sorted({slot_of(1e9 + second, 7) for second in range(100)})
    assert {later - earlier for earlier, later in pairwise(starts)} == {7}
