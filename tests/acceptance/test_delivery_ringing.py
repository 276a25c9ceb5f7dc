"""When a story rings: the hold, the pause between updates, what does not wait, and what is no news."""

import pytest

from shared.models.story import Status
from shared.models.topic import Severity
from tests.acceptance.stage import Meanwhile, Stage
from tests.acceptance.wants import DAY, HOUR, MINUTE, about, at, created, merged, retracted, updated
from tests.answers import HANGS, OK
from tests.answers import Status as Answers

OUTLETS = [f"Outlet {number}" for number in range(30)]


async def test_a_first_report_is_held_for_15_seconds_and_told_once(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.wants(at(15), created(kursk, status="breaking", reason="new_story"))
    desk.logs("delivered")
    desk.stays_as_it_is()
    await stage.plays(until=30 * DAY)


async def test_what_changes_during_the_hold_is_told_in_the_same_message(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(5, kursk.changes("casualties 3,000 → 4,000"))
    stage.at(9, kursk.changes("first official confirmation", "confirmed"))
    told = "first report; casualties 3,000 → 4,000; first official confirmation"
    desk.wants(at(15), created(kursk, 3, reason="confirmed", reason_detail=told))
    await stage.plays()


async def test_what_is_grave_is_held_as_well_while_nobody_has_heard_of_the_story(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(5, kursk.grows_more_severe())
    desk.wants(at(15), created(kursk, 2, severity="critical"))
    await stage.plays()


async def test_ten_changes_within_ten_minutes_are_one_update_that_names_each(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    for number in range(10):
        stage.at(MINUTE + number, kursk.changes(f"change {number}"))
    every = "; ".join(f"change {number}" for number in range(10))
    desk.wants(at(15), created(kursk))
    desk.wants(at(15 + 10 * MINUTE), updated(kursk, 11, since_revision=1, reason_detail=every))
    await stage.plays()


async def test_updates_are_ten_minutes_apart_and_one_that_comes_later_goes_at_once(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(MINUTE, kursk.changes("one"))
    stage.at(11 * MINUTE, kursk.changes("two"))
    stage.at(HOUR, kursk.changes("three"))
    desk.wants(at(15), created(kursk))
    desk.wants(at(15 + 10 * MINUTE), updated(kursk, 2, reason_detail="one"))
    desk.wants(at(15 + 20 * MINUTE), updated(kursk, 3, reason_detail="two"))
    desk.wants(at(HOUR), updated(kursk, 4, reason_detail="three"))
    await stage.plays(until=2 * HOUR)


@pytest.mark.parametrize(
    "reason",
    ["figure_changed", "new_figure", "new_place", "new_event_type", "confirmed", "corrected", "denied", "withdrawn"],
)
async def test_each_new_fact_is_an_update_that_says_what_is_new(stage: Stage, reason: str) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(MINUTE, kursk.changes("what is new", reason))
    desk.wants(at(15), created(kursk))
    desk.wants(at(15 + 10 * MINUTE), updated(kursk, 2, reason=reason, reason_detail="what is new"))
    await stage.plays()


async def test_raised_severity_does_not_wait(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(MINUTE, kursk.changes("no hurry"))
    stage.at(2 * MINUTE, kursk.grows_more_severe())
    desk.wants(at(15), created(kursk))
    desk.wants(at(2 * MINUTE), updated(kursk, 3, severity="critical", reason_detail="no hurry; severity → critical"))
    await stage.plays()


async def test_a_retraction_does_not_wait(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(MINUTE, kursk.is_retracted())
    desk.wants(at(15), created(kursk))
    desk.wants(at(MINUTE), retracted(kursk, 2))
    await stage.plays()


async def test_a_merge_does_not_wait_and_the_story_that_is_gone_is_told_no_more(stage: Stage) -> None:
    desk, kursk, front = stage.desk(), stage.tale("kursk"), stage.tale("front", source="Another")
    stage.at(0, kursk.breaks())
    stage.at(10, front.breaks())
    stage.at(MINUTE, front.changes("which waits for its ten minutes"))
    stage.at(2 * MINUTE, kursk.takes_over(front))
    desk.wants(at(15), created(kursk))
    desk.wants(at(25), created(front))
    desk.wants(at(2 * MINUTE), merged(kursk, 2, merged_story_ids=[front.id]))
    await stage.plays(until=DAY)


async def test_who_heard_only_of_the_story_that_is_gone_hears_of_the_other_as_merged(stage: Stage) -> None:
    desk = stage.desk(languages=("en",))
    kursk, front = stage.tale("kursk", language="ko"), stage.tale("front", source="Another")
    stage.at(0, kursk.breaks())
    stage.at(10, front.breaks())
    stage.at(2 * MINUTE, kursk.takes_over(front))
    desk.wants(at(25), created(front))
    desk.wants(at(2 * MINUTE), merged(kursk, 2, since_revision=0, language="en"))
    await stage.plays()


async def test_copies_of_a_wire_story_raise_counters_only(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(MINUTE, kursk.is_copied_by(*OUTLETS))
    stage.at(HOUR, kursk.changes())
    desk.wants(at(15), created(kursk))
    counts = {"articles": 31, "new_articles": 30, "sources": 31, "independent_sources": 1, "languages": 1}
    desk.wants(at(HOUR), updated(kursk, 2, counts=counts | {"suppressed_duplicates": 30}))
    await stage.plays(until=DAY)


async def test_reaching_25_sources_does_not_ring_who_has_the_story(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    for number in range(25):
        stage.at(MINUTE * (number + 1), kursk.gets_sources(OUTLETS[number]))
    desk.wants(at(15), created(kursk))
    await stage.plays(until=DAY)


async def test_who_never_got_created_gets_the_third_revision_as_created(stage: Stage) -> None:
    desk, all_of_it, kursk = stage.desk(min_severity=Severity.HIGH), stage.desk(name="all"), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(HOUR, kursk.changes())
    stage.at(2 * HOUR, kursk.grows_more_severe())
    desk.wants(at(2 * HOUR), created(kursk, 3))
    all_of_it.wants(at(15), created(kursk))
    all_of_it.wants(at(HOUR), updated(kursk, 2, since_revision=1))
    all_of_it.wants(at(2 * HOUR), updated(kursk, 3, since_revision=2))
    await stage.plays(until=DAY)


async def test_news_take_the_place_of_a_message_that_was_surely_refused(stage: Stage) -> None:
    desk, kursk = stage.desk(Answers(500), OK), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(17, kursk.changes())
    desk.wants(at(15), created(kursk, 1))
    desk.wants(about(15, 5), created(kursk, 2))
    await stage.plays()
    assert len({each.id for each in desk.received}) == 2


async def test_a_message_that_may_have_arrived_goes_first_and_the_news_follow(stage: Stage) -> None:
    desk, kursk = stage.desk(HANGS, OK), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(17, kursk.changes())
    desk.wants(at(15), created(kursk, 1))
    desk.wants(about(15, 5), created(kursk, 1))
    desk.wants(about(15 + 10 * MINUTE, 5), updated(kursk, 2, since_revision=1))
    desk.logs("timeout", "delivered", "delivered")
    await stage.plays()


async def test_what_changes_while_a_message_is_on_its_way_follows_its_answer(stage: Stage) -> None:
    kursk = stage.tale("kursk")
    desk = stage.desk(Meanwhile(kursk.grows_more_severe()), OK)
    stage.at(0, kursk.breaks())
    desk.wants(at(15), created(kursk, 1), updated(kursk, 2, since_revision=1))
    await stage.plays(until=DAY)


async def test_what_was_retracted_before_it_was_told_is_not_told(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(10, kursk.is_retracted())
    desk.wants_nothing()
    await stage.plays(until=DAY)


async def test_a_retraction_reaches_who_heard_of_the_story_though_it_fits_no_more(stage: Stage) -> None:
    heard, never_heard = stage.desk(min_severity=Severity.HIGH), stage.desk(name="never-heard", topics=("weather",))
    kursk = stage.tale("kursk", severity=Severity.HIGH)
    stage.at(0, kursk.breaks())
    stage.at(MINUTE, kursk.is_retracted(severity=Severity.LOW, status=Status.RETRACTED))
    heard.wants(at(15), created(kursk))
    heard.wants(at(MINUTE), retracted(kursk, 2, severity="low"))
    never_heard.wants_nothing()
    await stage.plays()


async def test_an_old_story_that_comes_to_fit_a_filter_does_not_ring(stage: Stage) -> None:
    desk, kursk = stage.desk(min_independent_sources=2), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(25 * HOUR, kursk.gets_sources("Another"))
    desk.wants_nothing()
    await stage.plays(until=2 * DAY)
