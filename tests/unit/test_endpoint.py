"""How an endpoint is doing, and what may be sent to it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from services.notifier.channels.base import Sent
from services.notifier.endpoint import Gate, Rules, disabled, enabled, gate, judged, spends
from shared.models.endpoint import EndpointState, EndpointStatus, Reason
from shared.models.subscription import MessageType
from tests.factories import NOON, after

HOUR = 3600.0
RULES = Rules()
OK = Sent("delivered", ok=True)
FAILS = Sent("server_error", ok=False, detail="HTTP 500")
GONE = Sent("gone", ok=False, final=True, gone=True)
UNWANTED = Sent("disabled_by_receiver", ok=True, gone=True)
THROTTLES = Sent("throttled", ok=False, retry_after=120)
TOO_LARGE = Sent("too_large", ok=False, too_large=True)
ABORTED = Sent("aborted", ok=False, final=True)

ACTIVE = EndpointState()
PENDING = EndpointState(status=EndpointStatus.PENDING)


def told(
    state: EndpointState, sent: Sent, seconds: float = 0, *, test: bool = False, rules: Rules = RULES, draw: float = 0.5
) -> EndpointState:
    """After an answer, `seconds` after NOON."""
    return judged(state, sent, test, rules, after(seconds), draw)


def failed(state: EndpointState, times: int, seconds: float = 0) -> EndpointState:
    for _ in range(times):
        state = told(state, FAILS, seconds)
    return state


def failed_for(state: EndpointState, hours: Sequence[float]) -> EndpointState:
    for hour in hours:
        state = told(state, FAILS, hour * HOUR)
    return state


OPEN = failed(ACTIVE, 5)
# Twenty failures over 72 hours; the last success was just before.
SLOPE = [hour * 72 / 19 for hour in range(20)]
NEAR = failed_for(told(ACTIVE, OK), SLOPE[:-1])
DISABLED = told(NEAR, FAILS, 72 * HOUR)
BY_HAND = disabled(ACTIVE, Reason.BY_HAND, NOON)


def test_one_that_is_well_takes_four_at_once() -> None:
    assert gate(ACTIVE, NOON) == Gate(4, "active")
    assert gate(told(ACTIVE, FAILS), NOON) == Gate(4, "failing")


# The handshake


def test_until_it_has_answered_a_test_only_tests_pass() -> None:
    assert gate(PENDING, NOON) == Gate(0, "pending")
    for sent in (FAILS, GONE, UNWANTED, THROTTLES, TOO_LARGE, ABORTED):
        tried = told(PENDING, sent, test=True)
        assert (tried.status, tried.is_down, tried.notice) == (EndpointStatus.PENDING, False, 0)
        assert gate(tried, NOON) == Gate(0, "pending")
    assert told(PENDING, OK).status is EndpointStatus.PENDING
    shaken = told(PENDING, OK, 5, test=True)
    assert (shaken.status, shaken.reason, shaken.changed_at) == (EndpointStatus.ACTIVE, "handshake", after(5))
    assert shaken.notice == 0


# The breaker


def test_five_failures_in_a_row_open_the_breaker() -> None:
    failing = failed(ACTIVE, 4)
    assert (failing.status, failing.reason) == (EndpointStatus.FAILING, "failed")
    assert (OPEN.status, OPEN.reason) == (EndpointStatus.OPEN, "failures_in_a_row")
    assert gate(OPEN, NOON) == Gate(0, "open", after(30))
    assert gate(OPEN, after(30)) == Gate(1, "probe")


def test_a_success_between_them_keeps_it_closed() -> None:
    state = failed(told(failed(ACTIVE, 4), OK), 4)
    assert (state.status, state.failures) == (EndpointStatus.FAILING, 4)


def test_each_failed_probe_doubles_the_gap_up_to_a_quarter_of_an_hour() -> None:
    state, gaps = OPEN, list[float]()
    for _ in range(8):
        assert state.resume_at is not None
        at = (state.resume_at - NOON).total_seconds()
        state = told(state, FAILS, at)
        assert state.resume_at is not None
        gaps.append((state.resume_at - after(at)).total_seconds())
    assert gaps == [60, 120, 240, 480, 900, 900, 900, 900]
    assert state.changed_at == NOON  # when it opened, not when it was probed


def test_the_gap_stays_bounded_however_often_it_opened() -> None:
    often = OPEN.model_copy(update={"opened": 5000})
    assert told(often, FAILS, 60).resume_at == after(960)


@pytest.mark.parametrize(("draw", "seconds"), [(0.0, 24), (0.5, 30), (0.75, 33)])
def test_the_gap_is_spread_by_a_fifth(draw: float, seconds: float) -> None:
    assert told(failed(ACTIVE, 4), FAILS, draw=draw).resume_at == after(seconds)


def test_the_scale_shortens_the_gaps() -> None:
    scaled = replace(RULES, scale=0.01)
    assert told(failed(ACTIVE, 4), FAILS, rules=scaled).resume_at == after(0.3)
    assert told(NEAR, FAILS, 72 * HOUR, rules=scaled).resume_at == after((72 + 0.06) * HOUR)


def test_failures_that_were_on_their_way_when_it_opened_do_not_lengthen_its_gap() -> None:
    late = failed(OPEN, 3, 15)
    assert (late.resume_at, late.opened, late.failures) == (after(30), 1, 8)


def test_a_success_that_was_on_its_way_when_it_opened_closes_it() -> None:
    closed = told(OPEN, OK, 2)
    assert gate(closed, after(2)) == Gate(4, "active")
    assert (closed.reason, closed.opened, closed.failures) == ("recovered", 0, 0)
    assert closed.outage(after(9)) == (NOON, after(2))


def test_an_outage_lasts_from_the_first_failure_to_the_next_success() -> None:
    assert ACTIVE.outage(NOON) is None
    assert failed_for(ACTIVE, [1, 2, 3]).outage(after(5 * HOUR)) == (after(HOUR), after(5 * HOUR))
    up = told(failed_for(ACTIVE, [1, 2, 3]), OK, 4 * HOUR)
    assert up.outage(after(9 * HOUR)) == (after(HOUR), after(4 * HOUR))
    assert not up.is_down


def test_what_fails_again_within_an_hour_was_one_outage_and_later_another() -> None:
    up = told(failed(ACTIVE, 5), OK, 10 * HOUR)
    assert told(up, FAILS, 10.9 * HOUR).down_since == NOON
    assert told(up, FAILS, 11 * HOUR).down_since == after(11 * HOUR)


# What the receiver asks for


def test_retry_after_holds_everything_and_is_neither_failure_nor_success() -> None:
    state = told(failed(ACTIVE, 3), THROTTLES)
    assert (state.status, state.failures) == (EndpointStatus.FAILING, 3)
    assert gate(state, NOON) == Gate(0, "retry_after", after(120))
    assert gate(state, after(120)) == Gate(4, "failing")


@pytest.mark.parametrize(("asked", "held"), [(1e9, HOUR), (0, 1), (-5, 1), (float("inf"), HOUR)])
def test_retry_after_is_honoured_for_an_hour_at_most_and_a_second_at_least(asked: float, held: float) -> None:
    assert told(ACTIVE, replace(THROTTLES, retry_after=asked)).throttled_until == after(held)


def test_neither_a_success_nor_a_shorter_wish_ends_the_time_that_it_asked_for() -> None:
    state = told(told(told(OPEN, THROTTLES), replace(THROTTLES, retry_after=5), 1), OK, 2)
    assert gate(state, after(3)) == Gate(0, "retry_after", after(120))


def test_an_open_one_that_asks_for_time_is_probed_after_it() -> None:
    state = told(OPEN, THROTTLES, 30)
    assert gate(state, after(30)) == Gate(0, "retry_after", after(150))
    assert gate(state, after(150)) == Gate(1, "probe")


@pytest.mark.parametrize("sent", [GONE, UNWANTED])
@pytest.mark.parametrize("before", [ACTIVE, OPEN, DISABLED], ids=["active", "open", "disabled"])
def test_one_that_wants_nothing_any_more_is_disabled_at_once_and_never_probed(
    sent: Sent, before: EndpointState
) -> None:
    state = told(before, sent, 80 * HOUR)
    assert (state.status, state.reason) == (EndpointStatus.DISABLED, sent.outcome)
    assert (state.notice_type, state.notice - before.notice) == (MessageType.DISABLED, int(before is not DISABLED))
    assert gate(state, after(10_000 * HOUR)) == Gate(0, "disabled")
    for _ in range(3):
        state = told(state, OK, 81 * HOUR, test=True)
    assert state.status is EndpointStatus.DISABLED


@pytest.mark.parametrize("sent", [TOO_LARGE, ABORTED])
@pytest.mark.parametrize("before", [ACTIVE, failed(ACTIVE, 4), OPEN], ids=["active", "failing", "open"])
def test_an_answer_about_one_message_says_nothing_of_the_others(sent: Sent, before: EndpointState) -> None:
    state = told(before, sent, 60)
    assert (state.last_outcome, state.last_failure_at) == (sent.outcome, after(60))
    ignored = {"last_outcome", "last_detail", "last_failure_at"}
    assert state.model_dump(exclude=ignored) == before.model_dump(exclude=ignored)


# Disabling


def test_three_days_without_success_disable_it_after_two_warnings() -> None:
    state, notices = told(ACTIVE, OK), list[tuple[int, float]]()
    for hour in range(73):
        before, state = state, told(state, FAILS, hour * HOUR)
        if state.notice > before.notice:
            notices.append((state.warned, hour))
    assert notices == [(50, 36), (90, 65), (90, 72)]
    assert (state.status, state.reason, state.notice_type) == (
        EndpointStatus.DISABLED, "no_success", MessageType.DISABLED,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("success", "failures", "is_disabled"),
    [
        (0, [52 + n for n in range(20)], False),  # 71 hours
        (0, [53 + n for n in range(20)], True),
        (0, [100 + n * 11.9 / 19 for n in range(20)], False),  # 11.9 hours, though nothing succeeded for long
        (0, [100 + n * 12 / 19 for n in range(20)], True),
        (0, [n * 4.5 for n in range(19)], False),  # 19 failures
        (None, [n * 71 / 19 for n in range(20)], False),  # it never succeeded: from the first failure
        (None, [n * 72 / 19 for n in range(20)], True),
    ],
)
def test_it_takes_72_hours_and_20_failures_over_12(
    success: float | None, failures: list[float], is_disabled: bool
) -> None:
    state = ACTIVE if success is None else told(ACTIVE, OK, success * HOUR)
    assert (failed_for(state, failures).status is EndpointStatus.DISABLED) == is_disabled


def test_a_disabled_one_is_probed_every_six_hours_for_a_fortnight() -> None:
    state, probes = DISABLED, 0
    while (door := gate(state, state.resume_at or NOON)).probe:
        assert door.slots == 0
        assert state.resume_at is not None
        at = (state.resume_at - NOON).total_seconds()
        assert gate(state, after(at - 1)) == Gate(0, "disabled", after(at))
        state, probes = told(state, FAILS, at, test=True), probes + 1
    assert probes == 14 * 4
    assert gate(state, after(10_000 * HOUR)) == Gate(0, "disabled")


def test_two_probes_that_pass_a_minute_apart_enable_it() -> None:
    first = told(DISABLED, OK, 78 * HOUR, test=True)
    assert gate(first, after(78 * HOUR)) == Gate(0, "disabled", after(78 * HOUR + 60))
    second = told(first, OK, 78 * HOUR + 60, test=True)
    assert (second.status, second.reason, second.notice_type) == (
        EndpointStatus.ACTIVE, "recovered", MessageType.RECOVERED,
    )  # fmt: skip
    assert second.outage(after(99 * HOUR)) == (NOON, after(78 * HOUR + 60))


@pytest.mark.parametrize("sent", [FAILS, THROTTLES, TOO_LARGE, ABORTED])
def test_a_probe_with_any_other_answer_is_followed_by_the_next_in_six_hours(sent: Sent) -> None:
    state = told(told(DISABLED, OK, 78 * HOUR, test=True), sent, 78 * HOUR + 60, test=True)
    assert (state.probes_passed, state.resume_at) == (0, after(84 * HOUR + 60))


def test_what_was_on_its_way_when_it_was_disabled_does_not_put_the_probe_off() -> None:
    assert told(DISABLED, FAILS, 72 * HOUR + 9).resume_at == DISABLED.resume_at


def test_after_the_fortnight_two_tests_of_a_person_still_enable_it() -> None:
    state = DISABLED.model_copy(update={"resume_at": None})
    for hour in (9000, 9001):
        state = told(state, OK, hour * HOUR, test=True)
    assert state.status is EndpointStatus.ACTIVE


def test_others_hear_of_a_recovery_only_if_they_heard_of_the_failure() -> None:
    assert told(OPEN, OK).notice == 0
    warned = failed_for(told(ACTIVE, OK), [hour * 2 for hour in range(19)])
    assert (warned.notice, warned.notice_type) == (1, MessageType.FAILING)
    recovered = told(warned, OK, 40 * HOUR)
    assert (recovered.notice, recovered.notice_type) == (2, MessageType.RECOVERED)
    assert told(told(recovered, FAILS, 41 * HOUR), OK, 42 * HOUR).notice == 2


# By hand


def test_what_a_person_disabled_stays_so_whatever_it_answers() -> None:
    assert (BY_HAND.reason, BY_HAND.notice) == ("by_hand", 0)
    for sent in (OK, FAILS, OK, OK):
        state = told(BY_HAND, sent, 9, test=True)
        assert (state.status, state.reason) == (EndpointStatus.DISABLED, "by_hand")
        assert gate(state, after(10_000 * HOUR)) == Gate(0, "disabled")


@pytest.mark.parametrize("before", [PENDING, OPEN, DISABLED, told(ACTIVE, GONE), BY_HAND])
def test_a_person_enables_any(before: EndpointState) -> None:
    state = enabled(before, after(80 * HOUR))
    assert gate(state, after(80 * HOUR)) == Gate(4, "active")
    assert (state.reason, state.failures, state.opened) == ("enabled", 0, 0)


def test_the_way_to_being_disabled_begins_anew_when_a_person_enables_it() -> None:
    state = enabled(DISABLED, after(73 * HOUR))
    again = failed_for(state, [74 + n for n in range(71)])
    assert (again.status, again.warned, again.notice - state.notice) == (EndpointStatus.OPEN, 90, 2)
    assert told(again, FAILS, 145 * HOUR).status is EndpointStatus.DISABLED


def test_an_outage_outlasts_being_enabled_until_a_success() -> None:
    state = told(enabled(DISABLED, after(100 * HOUR)), FAILS, 101 * HOUR)
    assert state.outage(after(102 * HOUR)) == (NOON, after(102 * HOUR))
    up = told(state, OK, 103 * HOUR)
    assert up.outage(after(200 * HOUR)) == (NOON, after(103 * HOUR))
    assert up.notice_type is MessageType.RECOVERED


def test_the_time_in_which_a_person_disabled_it_is_an_outage() -> None:
    assert told(enabled(BY_HAND, after(9)), OK, 10).outage(after(99)) == (NOON, after(10))


# Whose try it was


@pytest.mark.parametrize(
    ("before", "sent", "one_of_its_own"),
    [
        (ACTIVE, FAILS, True),
        (failed(ACTIVE, 4), FAILS, True),
        (OPEN, FAILS, False),
        (DISABLED, FAILS, False),
        (ACTIVE, THROTTLES, False),
        (ACTIVE, GONE, False),
        (ACTIVE, TOO_LARGE, True),
        (OPEN, TOO_LARGE, True),
        (OPEN, ABORTED, True),
    ],
)
def test_a_try_is_the_messages_own_unless_any_message_would_have_failed(
    before: EndpointState, sent: Sent, one_of_its_own: bool
) -> None:
    assert spends(before, sent) == one_of_its_own
    assert spends(before, sent, is_test=True)


# The page

PAGE = (Path(__file__).parents[2] / "docs/explanation/endpoints.md").read_text(encoding="utf-8")
STATES = [
    PENDING, ACTIVE, failed(ACTIVE, 3), failed(ACTIVE, 4), OPEN, NEAR, DISABLED, BY_HAND,
    told(ACTIVE, GONE), told(DISABLED, OK, 78 * HOUR, test=True),
]  # fmt: skip
ANSWERS = (OK, FAILS, GONE, UNWANTED, THROTTLES, TOO_LARGE, ABORTED)
LATER = after(79 * HOUR)


def followers(state: EndpointState) -> Iterator[EndpointState]:
    """All that can come next."""
    yield from (told(state, sent, 79 * HOUR, test=test) for sent in ANSWERS for test in (False, True))
    yield from (enabled(state, LATER), disabled(state, Reason.BY_HAND, LATER))


def rows() -> set[tuple[str, str, str]]:
    """From, to and reason of each transition in the page's table."""
    table = re.findall(r"^\| ([a-z, ]+) \| ([a-z]+) \| `([a-z_]+)` \|", PAGE, re.MULTILINE)
    return {(before, then, reason) for row, then, reason in table for before in row.split(", ")}


def test_the_table_of_transitions_is_that_of_the_code() -> None:
    happen = {
        (before.status.value, then.status.value, then.reason)
        for before in STATES
        for then in followers(before)
        if before.status is not then.status
    }
    assert rows() == happen
    assert {reason.value for reason in Reason} <= {reason for _, _, reason in happen}


def test_the_picture_has_the_transitions_of_the_table() -> None:
    drawn = set(re.findall(r"^ +([a-z]+) --> ([a-z]+)", PAGE, re.MULTILINE))
    assert {(before, then) for before, then in drawn if before != then} == {(row[0], row[1]) for row in rows()}


def test_the_page_names_the_figures_of_the_rules() -> None:
    for text in ("5 failures", "30 s", "15 min", "1 h", "72 h", "20 failures", "12 h", "6 h", "14 days", "60 s"):
        assert text in PAGE
    assert Rules(5, 30, 900, HOUR, 72 * HOUR, 20, 12 * HOUR, 6 * HOUR, 14 * 24 * HOUR, 60, 2, 1) == RULES
