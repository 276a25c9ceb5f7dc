"""What follows from one attempt to deliver."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels.base import Sent
from services.notifier.conclude import ATTEMPTS_KEPT, Conclusion, Persistence, Tried, acknowledged, anew, conclude
from services.notifier.retry import GAPS_SECONDS, HALFWAY
from shared.models.subscription import Attempt, Delivery, DeliveryStatus, MessageType
from tests.factories import NOON, after, delivery, envelope

DAY = 86_400.0
LASTING = Persistence(scale=1.0, max_age=DAY)
OK = Sent("delivered", ok=True)
REFUSED = Sent("server_error", ok=False, detail="HTTP 500")
UNKNOWN = Sent("timeout", ok=False, known=False)
TOO_LARGE = Sent("too_large", ok=False, too_large=True)
ABORTED = Sent("aborted", ok=False, final=True)
STORY = delivery().subject
ATTEMPTED = delivery(envelope=envelope(revision=1, articles={STORY: 4}))


def after_attempt(
    before: Delivery, sent: Sent, *, at: float = 20, newest: int = 1, spent: bool = True, draw: float = 0.5
) -> Conclusion:
    return conclude(before, Tried(sent, after(at), 0.25, spent), newest, LASTING, draw)


# It has arrived


def test_what_arrived_is_acknowledged_and_nothing_is_left_to_do() -> None:
    failed = ATTEMPTED.model_copy(update={"failures": 3, "first_failed_at": NOON, "doubtful": True, "thin": True})
    done = after_attempt(failed, OK, at=50)
    assert done.next_at is None
    assert done.delivery == delivery(
        status=DeliveryStatus.DELIVERED,
        sent_revision=1,
        sent_at=after(50),
        sent_articles=4,
        attempts=(done.attempt,),
    )


def test_newer_news_are_looked_at_at_once() -> None:
    assert after_attempt(ATTEMPTED, OK, newest=2).next_at == after(20)


def test_a_redelivery_of_something_older_takes_nothing_back() -> None:
    done = after_attempt(ATTEMPTED.model_copy(update={"sent_revision": 3}), OK, newest=3)
    assert done.delivery.sent_revision == 3


def test_a_story_that_a_digest_has_told_is_acknowledged_with_what_it_told() -> None:
    digest = envelope(type=MessageType.DIGEST, revision=9, covers={STORY: 2}, articles={STORY: 7})
    under_way = ATTEMPTED.model_copy(update={"failures": 2, "retry_at": after(99), "sent_revision": 1})
    told = acknowledged(under_way, digest, after(50))
    assert (told.status, told.sent_revision, told.sent_articles) == (DeliveryStatus.DELIVERED, 2, 7)
    assert (told.sent_at, told.envelope, told.failures, told.retry_at) == (after(50), None, 0, None)


# It has not


@pytest.mark.parametrize(("sent", "doubtful"), [(REFUSED, False), (UNKNOWN, True)])
def test_a_failed_message_is_kept_and_tried_again_after_the_gap(sent: Sent, doubtful: bool) -> None:
    done = after_attempt(ATTEMPTED, sent)
    assert done.next_at == done.delivery.retry_at == after(25)
    assert (done.delivery.envelope, done.delivery.doubtful) == (ATTEMPTED.envelope, doubtful)
    assert (done.delivery.failures, done.delivery.first_failed_at) == (1, after(20))
    assert done.delivery.status is DeliveryStatus.PENDING


def test_what_one_attempt_left_in_doubt_no_later_refusal_settles() -> None:
    once = after_attempt(ATTEMPTED, UNKNOWN).delivery
    assert after_attempt(once, REFUSED).delivery.doubtful


def test_the_gaps_between_attempts_are_those_of_the_ladder_and_then_it_is_given_up() -> None:
    pair, at, gaps = ATTEMPTED, 0.0, []
    while pair.envelope:
        done = after_attempt(pair, UNKNOWN, at=at)
        pair, next_at = done.delivery, done.next_at
        if next_at:
            gaps.append((next_at - after(at)).total_seconds())
            at += gaps[-1]
    assert gaps == list(GAPS_SECONDS)
    assert (pair.status, len(pair.attempts)) == (DeliveryStatus.GAVE_UP, len(GAPS_SECONDS) + 1)


def test_after_the_last_try_newer_news_get_their_own() -> None:
    tired = ATTEMPTED.model_copy(update={"failures": 8, "first_failed_at": NOON})
    assert after_attempt(tired, UNKNOWN).next_at is None
    done = after_attempt(tired, UNKNOWN, newest=2)
    assert (done.delivery.status, done.delivery.failures, done.next_at) == (DeliveryStatus.GAVE_UP, 0, after(20))


@pytest.mark.parametrize("newest", [1, 2])
def test_what_is_never_wanted_is_given_up_also_if_there_are_newer_news(newest: int) -> None:
    done = after_attempt(ATTEMPTED, ABORTED, newest=newest)
    assert (done.delivery.status, done.delivery.envelope, done.next_at) == (DeliveryStatus.GAVE_UP, None, None)


def test_what_has_failed_for_too_long_is_given_up_but_for_the_time_in_which_it_could_not_be_sent() -> None:
    old = ATTEMPTED.model_copy(update={"failures": 1, "first_failed_at": NOON})
    assert after_attempt(old, UNKNOWN, at=DAY).delivery.status is DeliveryStatus.PENDING
    assert after_attempt(old, UNKNOWN, at=DAY + 1).delivery.status is DeliveryStatus.GAVE_UP
    quiet = ((NOON, after(8 * 3600)),)
    held = conclude(old, Tried(UNKNOWN, after(DAY + 1), 0.1), 1, LASTING, 0.5, quiet)
    assert held.delivery.status is DeliveryStatus.PENDING


# Too large


def test_what_is_too_large_is_written_anew_and_thin_at_once_and_then_given_up() -> None:
    first = after_attempt(ATTEMPTED, TOO_LARGE)
    assert (first.next_at, first.delivery.envelope, first.delivery.thin) == (after(20), None, True)
    assert (first.delivery.status, first.delivery.failures) == (DeliveryStatus.PENDING, 0)
    thin = first.delivery.model_copy(update={"envelope": envelope(thin=True)})
    second = after_attempt(thin, TOO_LARGE)
    assert (second.delivery.status, second.next_at, second.delivery.thin) == (DeliveryStatus.GAVE_UP, None, False)


def test_news_after_a_thin_message_are_told_in_full_again() -> None:
    thin = ATTEMPTED.model_copy(update={"envelope": envelope(thin=True), "thin": True})
    assert not after_attempt(thin, OK).delivery.thin


# Not one of its own tries


@pytest.mark.parametrize("sent", [UNKNOWN, REFUSED])
def test_an_attempt_that_any_message_would_have_failed_is_none_of_this_ones_tries(sent: Sent) -> None:
    old = ATTEMPTED.model_copy(update={"failures": 8, "first_failed_at": after(-9 * DAY)})
    done = after_attempt(old, sent, spent=False)
    assert (done.next_at, done.delivery.envelope) == (after(20), ATTEMPTED.envelope)
    assert (done.delivery.failures, done.delivery.doubtful) == (8, not sent.known)
    assert done.delivery.attempts == (done.attempt,)


FAILED = delivery(
    envelope=envelope(),
    failures=7,
    first_failed_at=NOON,
    retry_at=after(9000),
    attempts=(Attempt(at=after(60), revision=1, outcome="timeout"),),
)


def test_what_failed_before_an_endpoint_came_back_counts_half_at_most_and_is_tried_at_once() -> None:
    back = anew(FAILED, after(61))
    assert (back.failures, back.first_failed_at, back.retry_at) == (HALFWAY, None, None)
    assert back.envelope == FAILED.envelope
    assert anew(FAILED.model_copy(update={"failures": 2}), after(61)).failures == 2


@pytest.mark.parametrize(
    ("before", "released"),
    [(FAILED, None), (FAILED, 59), (FAILED.model_copy(update={"envelope": None}), 61), (ATTEMPTED, 61)],
)
def test_everything_else_stays_as_it_was(before: Delivery, released: float | None) -> None:
    assert anew(before, released if released is None else after(released)) == before


# What is written down


def test_an_attempt_is_logged_with_all_that_is_known_of_it() -> None:
    done = after_attempt(ATTEMPTED, REFUSED)
    assert done.attempt == Attempt(
        at=after(20),
        subject=STORY,
        webhook_id="msg_1",
        revision=1,
        type=MessageType.CREATED,
        outcome="server_error",
        detail="HTTP 500",
        seconds=0.25,
        next_at=after(25),
    )


def test_the_log_keeps_the_last_attempts_and_short_details() -> None:
    tried = tuple(Attempt(at=NOON, revision=1, outcome=f"{number}") for number in range(ATTEMPTS_KEPT))
    pair = ATTEMPTED.model_copy(update={"attempts": tried})
    done = after_attempt(pair, replace(REFUSED, detail="x" * 1000))
    assert [a.outcome for a in done.delivery.attempts] == [str(n) for n in range(1, ATTEMPTS_KEPT)] + ["server_error"]
    assert len(done.delivery.attempts[-1].detail) == 200


def test_without_a_message_there_is_nothing_to_conclude() -> None:
    with pytest.raises(ValueError, match="nothing was attempted"):
        after_attempt(delivery(), OK)


@given(
    sent=st.sampled_from((OK, REFUSED, UNKNOWN, TOO_LARGE, ABORTED)),
    failures=st.integers(0, 8),
    newest=st.integers(1, 3),
    spent=st.booleans(),
    thin=st.booleans(),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_a_message_is_under_way_just_as_long_as_there_is_a_time_for_it(
    sent: Sent, failures: int, newest: int, spent: bool, thin: bool, draw: float
) -> None:
    frozen = envelope(thin=thin)
    before = ATTEMPTED.model_copy(update={"envelope": frozen, "failures": failures, "first_failed_at": after(-60)})
    done = after_attempt(before, sent, newest=newest, spent=spent, draw=draw)
    settled = done.delivery.status is not DeliveryStatus.PENDING
    assert done.delivery.envelope in (None, frozen)
    assert settled or done.next_at is not None
    if settled:
        assert (done.delivery.failures, done.delivery.retry_at, done.delivery.envelope) == (0, None, None)
    if done.next_at is not None:
        assert done.next_at >= after(20)
