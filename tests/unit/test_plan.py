"""What a subscription is told of a story, and when. Each case is a pair, a story, and the time."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels.base import Sent
from services.notifier.conclude import Persistence, Tried, conclude
from services.notifier.plan import Again, Nothing, Send, Situation, Timing, Wait, next_step, plan
from shared.models.endpoint import Order
from shared.models.story import AlertType, Status, Story
from shared.models.subscription import Attempt, Cause, Delivery, DeliveryStatus
from tests.factories import NOON, after, delivery, envelope, revision, story

DAY = 86_400.0
TIMING = Timing(hold=15, update_interval=600, max_age=DAY)
ORDINARY = Situation()
KNOWN = Situation(known=True)
RECOVER, REDELIVER = Situation(order=Order.RECOVER), Situation(order=Order.REDELIVER)
URGENT: list[dict[str, object]] = [
    {"reason": "severity_raised"},
    {"type": AlertType.MERGED},
    {"type": AlertType.RETRACTED},
]


def revised(*seconds: float, **newest: object) -> Story:
    """A story with a revision at each of these seconds after noon, told as `change <number>`."""
    kinds = [AlertType.CREATED, *[AlertType.UPDATED] * (len(seconds) - 1)]
    made = [
        revision(number=number, type=kind, reason="figure_changed", detail=f"change {number}", at=after(at))
        for number, (kind, at) in enumerate(zip(kinds, seconds, strict=True), 1)
    ]
    return story(revisions=(*made[:-1], made[-1].model_copy(update=newest)))


def told(number: int, at: float = 0) -> Delivery:
    return delivery(status=DeliveryStatus.DELIVERED, sent_revision=number, sent_at=after(at))


def given_up(**over: object) -> Delivery:
    tried = Attempt(at=NOON, revision=1, outcome="aborted")
    return delivery(status=DeliveryStatus.GAVE_UP, attempts=(tried,), **over)


def sends(type_: AlertType, *changes: int) -> Send:
    return Send(type_, "figure_changed", "; ".join(f"change {number}" for number in changes))


# plan


def test_a_first_report_is_held_back_and_then_created() -> None:
    assert plan(delivery(), revised(0), TIMING, after(14.9)) == Wait(after(15), "hold")
    assert plan(delivery(), revised(0), TIMING, after(15)) == sends(AlertType.CREATED, 1)


def test_the_hold_counts_from_the_first_revision() -> None:
    assert plan(delivery(), revised(0, 10), TIMING, after(15)) == sends(AlertType.CREATED, 1, 2)


def test_who_never_got_created_gets_revision_three_as_created() -> None:
    assert plan(delivery(), revised(0, 100, 200), TIMING, after(300)) == sends(AlertType.CREATED, 1, 2, 3)


def test_who_never_got_created_is_not_told_of_what_nobody_stands_by() -> None:
    taken_back = revised(0, 100, type=AlertType.RETRACTED).model_copy(update={"status": Status.RETRACTED})
    assert plan(delivery(), taken_back, TIMING, after(300)) == Nothing(Cause.RETRACTED)
    assert plan(told(1), taken_back, TIMING, after(300)) == sends(AlertType.RETRACTED, 2)


def test_who_is_up_to_date_is_told_nothing() -> None:
    assert plan(told(2), revised(0, 100), TIMING, after(5000)) == Nothing(Cause.UP_TO_DATE)
    assert plan(delivery(), story(revisions=()), TIMING, NOON) == Nothing(Cause.UP_TO_DATE)


def test_an_update_waits_for_the_quiet_time_after_the_last_message() -> None:
    assert plan(told(1, at=20), revised(0, 100), TIMING, after(110)) == Wait(after(620), "update_interval")
    assert plan(told(1, at=20), revised(0, 100), TIMING, after(620)) == sends(AlertType.UPDATED, 2)


@pytest.mark.parametrize("urgent", URGENT)
def test_what_is_urgent_does_not_wait(urgent: dict[str, object]) -> None:
    step = plan(told(1, at=20), revised(0, 100, **urgent), TIMING, after(100))
    assert isinstance(step, Send)


def test_urgent_news_are_not_held_up_by_later_news_that_are_not() -> None:
    severe = revised(0, 100, reason="severity_raised")
    later = severe.model_copy(
        update={"revisions": (*severe.revisions, revision(number=3, type="updated", at=after(110)))}
    )
    assert isinstance(plan(told(1, at=20), later, TIMING, after(110)), Send)


def test_news_decay() -> None:
    assert isinstance(plan(delivery(), revised(0), TIMING, after(DAY)), Send)
    assert plan(delivery(), revised(0), TIMING, after(DAY + 1)) == Nothing(Cause.TOO_OLD)
    assert isinstance(plan(delivery(), revised(0, DAY), TIMING, after(DAY + 1)), Send)


def test_what_was_given_up_is_not_begun_again_before_the_next_revision() -> None:
    assert plan(given_up(), revised(0), TIMING, after(60)) == Nothing(Cause.GIVEN_UP)
    assert isinstance(plan(given_up(), revised(0, 50), TIMING, after(60)), Send)


def test_of_several_revisions_the_last_gives_the_type_and_each_change_is_told_once() -> None:
    many = revised(0, 100, 200, 300)
    again = many.revisions[1].model_copy(update={"detail": "change 4"})
    twice = many.model_copy(update={"revisions": (many.revisions[0], again, *many.revisions[2:])})
    assert plan(told(1), twice, TIMING, after(5000)) == sends(AlertType.UPDATED, 4, 3)


# Time in which nothing could be told


def test_time_in_which_nothing_could_be_told_makes_news_no_older() -> None:
    late = after(DAY + 3600)
    assert plan(delivery(), revised(0), TIMING, late) == Nothing(Cause.TOO_OLD)
    away = Situation(held=((after(600), after(600 + 3600)),))
    assert plan(delivery(), revised(0), TIMING, late, away) == sends(AlertType.CREATED, 1)
    shorter = Situation(held=((after(600), after(600 + 3599)),))
    assert plan(delivery(), revised(0), TIMING, late, shorter) == Nothing(Cause.TOO_OLD)


def test_what_was_held_before_it_happened_does_not_count() -> None:
    before = Situation(held=((after(-DAY), NOON),))
    assert plan(delivery(), revised(0), TIMING, after(DAY + 1), before) == Nothing(Cause.TOO_OLD)


# Quiet hours

QUIET = Situation(quiet_until=after(9000))


def test_what_is_news_waits_for_the_end_of_the_quiet_hours_also_when_it_is_urgent() -> None:
    assert plan(delivery(), revised(0), TIMING, after(60), QUIET) == Wait(after(9000), "quiet_hours")
    assert plan(told(1), revised(0, 50, **URGENT[0]), TIMING, after(60), QUIET) == Wait(after(9000), "quiet_hours")


def test_what_is_no_news_does_not_wait_for_them() -> None:
    assert plan(told(1), revised(0), TIMING, after(60), QUIET) == Nothing(Cause.UP_TO_DATE)
    assert plan(given_up(), revised(0), TIMING, after(60), QUIET) == Nothing(Cause.GIVEN_UP)


# What a person has asked for


def test_what_was_given_up_or_is_old_is_recovered() -> None:
    assert plan(given_up(), revised(0), TIMING, after(60), RECOVER) == sends(AlertType.CREATED, 1)
    assert plan(told(1), revised(0, 10), TIMING, after(9 * DAY), RECOVER) == sends(AlertType.UPDATED, 2)


def test_what_has_arrived_is_not_recovered_but_redelivered_as_it_was_told_last() -> None:
    assert plan(told(2), revised(0, 10), TIMING, after(60), RECOVER) == Nothing(Cause.UP_TO_DATE)
    assert plan(told(2), revised(0, 10), TIMING, after(9 * DAY), REDELIVER) == sends(AlertType.UPDATED, 2)


def test_to_redeliver_a_story_of_which_there_is_news_is_to_tell_the_news() -> None:
    assert plan(told(1), revised(0, 10), TIMING, after(5000), REDELIVER) == sends(AlertType.UPDATED, 2)


def test_a_story_that_was_merged_or_never_rang_cannot_be_asked_for() -> None:
    gone = revised(0).model_copy(update={"merged_into": "st_elder"})
    assert plan(delivery(), gone, TIMING, after(60), RECOVER) == Nothing(Cause.MERGED)
    assert plan(delivery(), story(revisions=()), TIMING, after(60), REDELIVER) == Nothing(Cause.UP_TO_DATE)


# Merged


def test_a_merged_story_is_told_no_more_whatever_is_under_way() -> None:
    gone = revised(0, 50).model_copy(update={"merged_into": "st_elder"})
    assert plan(told(1), gone, TIMING, after(5000)) == Nothing(Cause.MERGED)
    pair = delivery(envelope=envelope(), retry_at=after(9000))
    assert next_step(pair, gone, TIMING, after(60), ORDINARY) == Nothing(Cause.MERGED)


def test_who_knows_a_story_under_another_id_is_told_at_once_that_it_is_merged() -> None:
    assert plan(delivery(), revised(0, 5), TIMING, after(6), KNOWN) == sends(AlertType.MERGED, 1, 2)
    assert plan(told(2), revised(0, 5), TIMING, after(6), KNOWN) == Nothing(Cause.UP_TO_DATE)


# next_step: a message may be under way


def test_a_message_under_way_goes_first_unchanged() -> None:
    frozen = envelope(revision=1)
    pair = delivery(envelope=frozen, doubtful=True)
    assert next_step(pair, revised(0, 5, **URGENT[0]), TIMING, after(6), ORDINARY) == Again(frozen)


def test_a_refused_message_makes_way_for_a_newer_revision_only() -> None:
    frozen = envelope(revision=1)
    pair = delivery(envelope=frozen)
    assert next_step(pair, revised(0), TIMING, after(60), ORDINARY) == Again(frozen)
    assert next_step(pair, revised(0, 50), TIMING, after(60), ORDINARY) == sends(AlertType.CREATED, 1, 2)


@pytest.mark.parametrize("doubtful", [True, False])
def test_no_news_shorten_the_wait_for_the_next_attempt(doubtful: bool) -> None:
    pair = delivery(envelope=envelope(), doubtful=doubtful, retry_at=after(100))
    assert next_step(pair, revised(0, 5, **URGENT[1]), TIMING, after(99), ORDINARY) == Wait(after(100), "retry")
    assert not isinstance(next_step(pair, revised(0, 5), TIMING, after(100), ORDINARY), Wait)


def test_a_message_under_way_waits_for_the_end_of_the_quiet_hours() -> None:
    pair = delivery(envelope=envelope())
    assert next_step(pair, revised(0), TIMING, after(60), QUIET) == Wait(after(9000), "quiet_hours")


@pytest.mark.parametrize("order", [RECOVER, REDELIVER])
def test_whoever_asks_for_a_message_under_way_does_not_wait_for_its_next_try(order: Situation) -> None:
    frozen = envelope()
    pair = delivery(envelope=frozen, retry_at=after(9000))
    assert next_step(pair, revised(0), TIMING, after(60), order) == Again(frozen)


@pytest.mark.parametrize("situation", [ORDINARY, KNOWN, QUIET, RECOVER, REDELIVER])
def test_with_nothing_under_way_it_is_the_plan(situation: Situation) -> None:
    step = next_step(delivery(), revised(0), TIMING, NOON, situation)
    assert step == plan(delivery(), revised(0), TIMING, NOON, situation)


# Whatever receivers do

OK = Sent("delivered", ok=True)
REFUSED = Sent("server_error", ok=False)
UNKNOWN = Sent("timeout", ok=False, known=False)


@given(
    st.lists(
        st.tuples(st.sampled_from([OK, REFUSED, UNKNOWN]), st.booleans(), st.floats(0, 7200)), min_size=1, max_size=40
    )
)
def test_a_pair_always_ends_up_to_date_or_given_up_and_never_goes_back(
    events: list[tuple[Sent, bool, float]],
) -> None:
    """A story grows while attempts end as they may; then the endpoint is well again."""
    pair, clock, current = delivery(), 0.0, revised(0)
    sent: list[int] = []
    for outcome, grows, passes in [*events, *[(OK, False, DAY / 3)] * 4]:
        clock += passes
        if grows:
            update = revision(number=current.revision + 1, type="updated", at=after(clock))
            current = current.model_copy(update={"revisions": (*current.revisions, update)})
        step = next_step(pair, current, replace(TIMING, max_age=100 * DAY), after(clock), ORDINARY)
        if isinstance(step, Wait | Nothing):
            continue
        frozen = step.envelope if isinstance(step, Again) else envelope(revision=current.revision)
        began = pair.model_copy(update={"envelope": frozen, "retry_at": None})
        tried = Tried(outcome, after(clock), 0.1)
        pair = conclude(began, tried, current.revision, Persistence(1.0, DAY), 0.5).delivery
        sent.extend([frozen.revision] if outcome.ok else [])
    assert sent == sorted(set(sent))
    assert pair.envelope is None
    assert pair.sent_revision == current.revision or pair.status is DeliveryStatus.GAVE_UP
