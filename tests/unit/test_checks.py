"""What becomes of a page that was read: when it is checked, and what follows from what the check found."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.checks import conditions, followed, validators
from services.poller.extract import Extract
from services.poller.page import Ask, Then, ended, failed, moved, next_step, read
from shared.models.page import PageOutcome, PageState
from tests.factories import NOON, entry

FRESH = PageState()
PLAN = (3600.0, 21_600.0, 86_400.0)
URL = "https://news.example/1"
TEXT = "The harbour master of Lemuria told reporters on Monday that two ships had left the port before dawn. " * 8
ENTRY = entry(url=URL, text=TEXT.strip())
HELD = {"etag": '"1"', "last_modified": "Mon, 03 Feb 2025 12:00:00 GMT"}


def checking(**over: object) -> PageState:
    """A page that was read at noon, an hour later."""
    return PageState.model_validate({"check_at": NOON, **HELD} | over)


def after(then: Then, state: PageState = FRESH, plan: Sequence[float] = PLAN) -> Then:
    return followed(then, ENTRY, state, plan, NOON)


@pytest.mark.parametrize("outcome", ["read", "short", "paywall", "withheld"])
def test_where_an_article_stands_it_is_checked_with_the_validators_that_came(outcome: str) -> None:
    then = after(
        replace(ended(PageOutcome(outcome)), validators=HELD), PageState(url="https://other.example/1", hops=2)
    )
    assert (then.outcome, then.after) == (PageOutcome(outcome), 3600)
    assert then.state == PageState(url="https://other.example/1", check_at=NOON + timedelta(hours=1), **HELD)
    assert conditions(then.state) == {"If-None-Match": HELD["etag"], "If-Modified-Since": HELD["last_modified"]}


@pytest.mark.parametrize("outcome", ["not_html", "refused", "disallowed", "not_found", "timeout", "expired"])
def test_where_none_stands_none_is_checked(outcome: str) -> None:
    assert after(ended(PageOutcome(outcome))) == ended(PageOutcome(outcome))


def test_without_a_plan_nothing_is_checked() -> None:
    assert after(ended(PageOutcome.READ), plan=()) == ended(PageOutcome.READ)
    assert after(ended(PageOutcome.UNCHANGED), checking(), ()) == ended(PageOutcome.UNCHANGED)


def test_what_is_under_way_is_left_alone() -> None:
    for then in (Then(None, PageState(), robots=""), failed(PageState(), PageOutcome.TIMEOUT, 0.5)):
        assert after(then) is then


@pytest.mark.parametrize("outcome", ["unchanged", "timeout", "refused", "paywall", "disallowed", "server_error"])
def test_checks_follow_in_the_gaps_of_the_plan_whatever_they_find_and_then_end(outcome: str) -> None:
    state, gaps = checking(), []
    while (then := after(ended(PageOutcome(outcome)), state)).state:
        state = then.state
        gaps.append(then.after)
        assert then.outcome is PageOutcome(outcome)
    assert gaps == [18_000, 64_800]
    assert then == ended(PageOutcome(outcome))


def test_a_check_compares_the_texts() -> None:
    same, other = read(ENTRY, Extract(TEXT), 20_000), read(ENTRY, Extract(TEXT.replace("two", "three")), 20_000)
    assert (after(same, checking()).outcome, after(same, checking()).entry) == (PageOutcome.UNCHANGED, None)
    then = after(other, checking())
    assert then.outcome is PageOutcome.CHANGED
    assert then.entry
    assert then.entry.edition not in ("", ENTRY.edition)


def test_where_an_article_stood_a_notice_is_enough() -> None:
    then = after(read(ENTRY, Extract("Withdrawn."), 20_000), checking())
    assert (then.outcome, then.entry and then.entry.text) == (PageOutcome.CHANGED, "Withdrawn.")
    assert read(entry(url=URL), Extract("Withdrawn."), 20_000) == ended(PageOutcome.SHORT)


@pytest.mark.parametrize("state", [PageState(), checking()])
def test_410_is_believed_at_once(state: PageState) -> None:
    then = after(ended(PageOutcome.GONE), state)
    assert then == Then(PageOutcome.GONE, entry=ENTRY.model_copy(update={"gone": True}))
    assert then.entry
    assert then.entry.edition == "gone"


def test_404_is_believed_at_the_second_check_in_a_row() -> None:
    nothing = ended(PageOutcome.NOT_FOUND)
    first = after(nothing, checking())
    assert (first.outcome, first.entry, first.after) == (PageOutcome.NOT_FOUND, None, 3600)
    assert first.state
    assert first.state.checks == 0
    assert after(nothing, first.state).outcome is PageOutcome.GONE
    back = after(ended(PageOutcome.UNCHANGED), first.state)
    assert back.state
    assert (back.state.checks, back.state.missing) == (1, False)
    assert after(nothing, back.state).entry is None


def test_a_404_at_the_last_check_is_looked_at_once_more() -> None:
    then = after(ended(PageOutcome.NOT_FOUND), checking(checks=2))
    assert then.state
    assert after(ended(PageOutcome.UNCHANGED), then.state).state is None
    assert after(ended(PageOutcome.NOT_FOUND), then.state).outcome is PageOutcome.GONE


OUTCOMES = st.sampled_from([outcome for outcome in PageOutcome if outcome is not PageOutcome.READ])


@given(st.lists(OUTCOMES, min_size=12, max_size=12))
def test_no_page_is_checked_for_ever(outcomes: Sequence[PageOutcome]) -> None:
    state, made = checking(), 0
    for outcome in outcomes:
        then = after(ended(outcome), state)
        made += 1
        if then.state is None:
            break
        state = then.state
    assert made <= 2 * len(PLAN)


def test_a_check_does_not_begin_before_its_time_and_needs_robots_txt_again() -> None:
    state = checking(check_at=NOON + timedelta(minutes=5))
    assert next_step(ENTRY, state, None, "Tocsin", 0, NOON) == Then(None, state, 300)
    later = NOON + timedelta(minutes=5)
    assert next_step(ENTRY, state, None, "Tocsin", 0, later) == Ask("https://news.example/robots.txt", robots=True)
    assert next_step(ENTRY, state, "", "Tocsin", 0, later) == Ask(URL)
    assert next_step(ENTRY, state, "User-agent: *\nDisallow: /", "Tocsin", 0, later) == ended(PageOutcome.DISALLOWED)


def test_a_check_that_fails_is_not_repeated_before_the_next() -> None:
    assert failed(checking(), PageOutcome.TIMEOUT, 0.5) == ended(PageOutcome.TIMEOUT)


def test_validators_are_sent_only_to_the_page_that_gave_them() -> None:
    then = moved(checking(), "https://news.example/2")
    assert then.state
    assert conditions(then.state) == {}


def test_an_answer_that_brings_a_page_brings_its_validators_and_304_leaves_them() -> None:
    fresh = replace(read(ENTRY, Extract(TEXT), 20_000), validators=validators({"etag": '"2"'}))
    told = after(fresh, checking()).state
    assert told
    assert (told.etag, told.last_modified) == ('"2"', None)
    kept = after(ended(PageOutcome.UNCHANGED), checking()).state
    assert kept
    assert (kept.etag, kept.last_modified) == (HELD["etag"], HELD["last_modified"])
