"""What a subscription is told of a story, and when. Each case is a pair, a story, and the time."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels.base import Sent
from services.notifier.conclude import ATTEMPTS_KEPT, conclude
from services.notifier.plan import Again, Nothing, Send, Timing, Wait, next_step, plan
from shared.models.story import AlertType, Status, Story
from shared.models.subscription import Attempt, Delivery, DeliveryStatus
from tests.factories import NOON, after, delivery, envelope, revision, story

DAY = 86_400.0
TIMING = Timing(hold=15, update_interval=600, max_age=DAY)
URGENT: list[dict[str, object]] = [
    {"reason": "severity_raised"},
    {"type": AlertType.MERGED},
    {"type": AlertType.RETRACTED},
]


def revised(*seconds: float, **newest: object) -> Story:
    """A story with a revision at each of these seconds after noon."""
    kinds = [AlertType.CREATED, *[AlertType.UPDATED] * (len(seconds) - 1)]
    made = [
        revision(number=number, type=kind, reason="figure_changed", at=after(at))
        for number, (kind, at) in enumerate(zip(kinds, seconds, strict=True), 1)
    ]
    return story(revisions=(*made[:-1], made[-1].model_copy(update=newest)))


def told(number: int, at: float = 0) -> Delivery:
    return delivery(status=DeliveryStatus.DELIVERED, sent_revision=number, sent_at=after(at))


# plan


def test_a_first_report_is_held_back_and_then_created() -> None:
    assert plan(delivery(), revised(0), TIMING, after(14.9)) == Wait(after(15), "hold")
    assert plan(delivery(), revised(0), TIMING, after(15)) == Send(AlertType.CREATED, "figure_changed")


def test_the_hold_counts_from_the_first_revision() -> None:
    assert plan(delivery(), revised(0, 10), TIMING, after(15)) == Send(AlertType.CREATED, "figure_changed")


def test_who_never_got_created_gets_revision_three_as_created() -> None:
    assert plan(delivery(), revised(0, 100, 200), TIMING, after(300)) == Send(AlertType.CREATED, "figure_changed")


def test_who_never_got_created_is_not_told_of_what_nobody_stands_by() -> None:
    taken_back = revised(0, 100, type=AlertType.RETRACTED).model_copy(update={"status": Status.RETRACTED})
    assert plan(delivery(), taken_back, TIMING, after(300)) == Nothing("retracted")
    assert plan(told(1), taken_back, TIMING, after(300)) == Send(AlertType.RETRACTED, "figure_changed")


def test_who_is_up_to_date_is_told_nothing() -> None:
    assert plan(told(2), revised(0, 100), TIMING, after(5000)) == Nothing("up_to_date")
    assert plan(delivery(), story(revisions=()), TIMING, NOON) == Nothing("up_to_date")


def test_an_update_waits_for_the_quiet_time_after_the_last_message() -> None:
    assert plan(told(1, at=20), revised(0, 100), TIMING, after(110)) == Wait(after(620), "update_interval")
    assert plan(told(1, at=20), revised(0, 100), TIMING, after(620)) == Send(AlertType.UPDATED, "figure_changed")


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
    assert plan(delivery(), revised(0), TIMING, after(DAY + 1)) == Nothing("too_old")
    assert isinstance(plan(delivery(), revised(0, DAY), TIMING, after(DAY + 1)), Send)


def test_what_was_given_up_is_not_begun_again_before_the_next_revision() -> None:
    tried = Attempt(at=NOON, revision=1, outcome="gone")
    pair = delivery(status=DeliveryStatus.GAVE_UP, attempts=(tried,))
    assert plan(pair, revised(0), TIMING, after(60)) == Nothing("given_up")
    assert isinstance(plan(pair, revised(0, 50), TIMING, after(60)), Send)


def test_a_merged_story_is_told_no_more_whatever_is_under_way() -> None:
    gone = revised(0, 50).model_copy(update={"merged_into": "st_elder"})
    assert plan(told(1), gone, TIMING, after(5000)) == Nothing("merged")
    pair = delivery(envelope=envelope(), retry_at=after(9000))
    assert next_step(pair, gone, TIMING, after(60)) == Nothing("merged")


def test_who_knows_a_story_under_another_id_is_told_at_once_that_it_is_merged() -> None:
    step = next_step(delivery(), revised(0, 5), TIMING, after(6), known=True)
    assert step == Send(AlertType.MERGED, "figure_changed")
    assert next_step(told(2), revised(0, 5), TIMING, after(6), known=True) == Nothing("up_to_date")


# next_step: a message may be under way


def test_a_message_under_way_goes_first_unchanged() -> None:
    frozen = envelope(revision=1)
    pair = delivery(envelope=frozen)
    assert next_step(pair, revised(0, 5, **URGENT[0]), TIMING, after(6)) == Again(frozen)


def test_a_refused_message_makes_way_for_a_newer_revision_only() -> None:
    frozen = envelope(revision=1)
    pair = delivery(envelope=frozen)
    assert next_step(pair, revised(0), TIMING, after(60)) == Again(frozen)
    assert next_step(pair, revised(0, 50), TIMING, after(60)) == Send(AlertType.CREATED, "figure_changed")


@pytest.mark.parametrize("doubtful", [True, False])
def test_no_news_shorten_the_wait_for_the_next_attempt(doubtful: bool) -> None:
    pair = delivery(envelope=envelope(), doubtful=doubtful, retry_at=after(100))
    assert next_step(pair, revised(0, 5, **URGENT[1]), TIMING, after(99)) == Wait(after(100), "retry")
    assert not isinstance(next_step(pair, revised(0, 5), TIMING, after(100)), Wait)


def test_with_nothing_under_way_it_is_the_plan() -> None:
    assert next_step(delivery(), revised(0), TIMING, NOON) == plan(delivery(), revised(0), TIMING, NOON)


# conclude: after an attempt

OK = Sent("delivered", ok=True)
REFUSED = Sent("server_error", ok=False, detail="HTTP 500")
UNKNOWN = Sent("timeout", ok=False, known=False)
ATTEMPTED = delivery(envelope=envelope(revision=1))


def test_what_arrived_is_logged_and_nothing_is_left_to_do() -> None:
    failed = ATTEMPTED.model_copy(update={"failures": 3, "first_failed_at": NOON})
    done = conclude(failed, OK, revised(0), TIMING, 1.0, after(50), 0.5)
    assert done.next_at is None
    assert done.delivery == delivery(
        status=DeliveryStatus.DELIVERED,
        sent_revision=1,
        sent_at=after(50),
        attempts=(Attempt(at=after(50), revision=1, outcome="delivered"),),
    )


def test_after_an_arrival_newer_news_follow_in_their_time() -> None:
    later = conclude(ATTEMPTED, OK, revised(0, 10), TIMING, 1.0, after(20), 0.5)
    assert later.next_at == after(620)
    at_once = conclude(ATTEMPTED, OK, revised(0, 10, **URGENT[0]), TIMING, 1.0, after(20), 0.5)
    assert at_once.next_at == after(20)


@pytest.mark.parametrize(("sent", "refused"), [(REFUSED, True), (UNKNOWN, False)])
def test_a_failed_message_is_kept_and_tried_again_after_the_gap(sent: Sent, refused: bool) -> None:
    done = conclude(ATTEMPTED, sent, revised(0), TIMING, 1.0, after(20), 0.5)
    assert done.next_at == done.delivery.retry_at == after(25)
    assert (done.delivery.envelope, done.delivery.refused) == (ATTEMPTED.envelope, refused)
    assert (done.delivery.failures, done.delivery.first_failed_at) == (1, after(20))
    assert done.delivery.status is DeliveryStatus.PENDING


def test_what_is_gone_is_given_up_even_if_there_are_newer_news() -> None:
    done = conclude(ATTEMPTED, replace(REFUSED, final=True), revised(0, 10), TIMING, 1.0, after(20), 0.5)
    assert (done.delivery.status, done.delivery.envelope, done.next_at) == (DeliveryStatus.GAVE_UP, None, None)


def test_after_the_last_attempt_newer_news_get_their_own() -> None:
    tired = ATTEMPTED.model_copy(update={"failures": 8, "first_failed_at": NOON})
    assert conclude(tired, UNKNOWN, revised(0), TIMING, 1.0, after(20), 0.5).next_at is None
    done = conclude(tired, UNKNOWN, revised(0, 10), TIMING, 1.0, after(20), 0.5)
    assert (done.delivery.status, done.delivery.failures, done.next_at) == (DeliveryStatus.GAVE_UP, 0, after(20))
    assert isinstance(next_step(done.delivery, revised(0, 10), TIMING, after(20)), Send)


def test_what_has_failed_for_too_long_is_given_up() -> None:
    old = ATTEMPTED.model_copy(update={"failures": 1, "first_failed_at": NOON})
    assert conclude(old, UNKNOWN, revised(0), TIMING, 1.0, after(DAY), 0.5).delivery.status is DeliveryStatus.PENDING
    assert (
        conclude(old, UNKNOWN, revised(0), TIMING, 1.0, after(DAY + 1), 0.5).delivery.status is DeliveryStatus.GAVE_UP
    )


def test_the_log_keeps_the_last_attempts_and_short_details() -> None:
    tried = tuple(Attempt(at=NOON, revision=1, outcome=f"{number}") for number in range(ATTEMPTS_KEPT))
    pair = ATTEMPTED.model_copy(update={"attempts": tried})
    done = conclude(pair, replace(REFUSED, detail="x" * 1000), revised(0), TIMING, 1.0, NOON, 0.5)
    assert [a.outcome for a in done.delivery.attempts] == [str(n) for n in range(1, ATTEMPTS_KEPT)] + ["server_error"]
    assert len(done.delivery.attempts[-1].detail) == 200


def test_without_a_message_there_is_nothing_to_conclude() -> None:
    with pytest.raises(ValueError, match="nothing was attempted"):
        conclude(delivery(), OK, revised(0), TIMING, 1.0, NOON, 0.5)


# Whatever receivers do


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
        step = next_step(pair, current, replace(TIMING, max_age=100 * DAY), after(clock))
        if isinstance(step, Wait | Nothing):
            continue
        frozen = step.envelope if isinstance(step, Again) else envelope(revision=current.revision)
        began = pair.model_copy(update={"envelope": frozen, "refused": False, "retry_at": None})
        pair = conclude(began, outcome, current, TIMING, 1.0, after(clock), 0.5).delivery
        sent.extend([frozen.revision] if outcome.ok else [])
    assert sent == sorted(set(sent))
    assert pair.envelope is None
    assert pair.sent_revision == current.revision or pair.status is DeliveryStatus.GAVE_UP
