"""Endpoints that are away for minutes, for days, or for good; what others hear of it; and what comes afterwards."""

from itertools import pairwise

import pytest

from shared.models.endpoint import EndpointState, EndpointStatus, Order
from shared.models.subscription import DeliveryStatus
from tests.acceptance.desks import Desk
from tests.acceptance.stage import Stage
from tests.acceptance.tales import Tale
from tests.acceptance.wants import (
    DAY,
    HOUR,
    MINUTE,
    about,
    at,
    between,
    created,
    notice,
    test_message,
    updated,
)
from tests.answers import DISABLE, GONE, OK, Status

DOWN = Status(500)
# So that days of probing are soon over: a breaker's gap grows to an hour, and a disabled endpoint is probed daily.
RARELY, LATE = 4, 72 * MINUTE


async def test_a_breaker_opens_at_five_failures_and_its_gap_doubles_to_a_quarter_of_an_hour(stage: Stage) -> None:
    """Each gap ends with one probe, for which any message will do."""
    desk, tales = stage.desk(DOWN), [stage.tale(f"story {number}") for number in range(10)]
    stage.at(0, *[tale.breaks() for tale in tales])
    for tale in tales:
        desk.takes(created(tale))
    desk.becomes(at(15), "failing", "failed")
    desk.becomes(at(15), "open", "failures_in_a_row")
    await stage.plays(until=HOUR)
    moments = [each.at for each in desk.received]
    assert 5 <= moments.count(15.0) <= 8
    probes = [15.0, *moments[moments.count(15.0) :]]
    for gap, (earlier, later) in zip((30, 60, 120, 240, 480, 900, 900), pairwise(probes), strict=False):
        assert 0.8 * gap <= later - earlier <= 1.2 * gap
    assert len(probes) >= 7


async def test_a_probe_that_fails_is_not_one_of_the_tries_of_its_message(stage: Stage) -> None:
    desk, kursk = stage.desk(DOWN), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.takes(created(kursk))
    await stage.plays(until=12 * HOUR)
    assert len(desk.received) > 35
    delivery = await desk.delivery(kursk)
    assert (delivery.status, delivery.failures) == (DeliveryStatus.PENDING, 5)


async def test_as_soon_as_one_arrives_all_that_had_failed_follow(stage: Stage) -> None:
    """The first would otherwise wait for half an hour more."""
    desk, kursk, front = stage.desk(), stage.tale("kursk"), stage.tale("front")
    stage.at(0, desk.goes_down(), kursk.breaks())
    stage.at(20 * MINUTE, desk.comes_up(), front.breaks())
    desk.wants(at(20 * MINUTE + 15), created(front), created(kursk))
    desk.logs(*["connect_error"] * 5, "delivered", of=kursk)
    await stage.plays(until=DAY)


async def test_after_an_outage_all_that_waited_is_told_at_once_each_story_as_it_is_now(stage: Stage) -> None:
    desk, kursk, front, new = stage.desk(), stage.tale("kursk"), stage.tale("front"), stage.tale("new")
    stage.at(0, kursk.breaks(), front.breaks())
    stage.at(HOUR, desk.goes_down(), kursk.changes("one"))
    for hour in range(2, 8):
        stage.at(hour * HOUR, kursk.changes(f"change {hour}"))
    stage.at(5 * HOUR, new.breaks())
    stage.at(9 * HOUR, desk.comes_up())
    desk.wants(at(15), created(kursk))
    desk.wants(at(15), created(front))
    back = between(9 * HOUR, 9 * HOUR + 18 * MINUTE)
    desk.wants(back, updated(kursk, 8, since_revision=1))
    desk.wants(back, created(new))
    desk.becomes(at(HOUR), "failing", "failed")
    desk.becomes(between(HOUR, 2 * HOUR), "open", "failures_in_a_row")
    desk.becomes(back, "active", "recovered")
    await stage.plays(until=2 * DAY)
    first, second = desk.received[2:]
    assert second.at == first.at


async def test_an_outage_of_thirty_hours_loses_nothing_and_counts_no_age(stage: Stage) -> None:
    stage.sets(delivery_retry_scale=RARELY)
    desk, tales = stage.desk(), [stage.tale(f"story {number}") for number in range(5)]
    stage.at(0, desk.goes_down())
    for number, tale in enumerate(tales):
        stage.at(number * 6 * HOUR, tale.breaks())
    stage.at(30 * HOUR, desk.comes_up())
    for tale in tales:
        desk.wants(between(30 * HOUR, 30 * HOUR + LATE), created(tale))
    await stage.plays(until=2 * DAY)


def falls_ill(stage: Stage, *, for_days: float) -> tuple[Desk, Desk, Tale]:
    """It has been well for a day; then nobody listens. A watcher hears of endpoints, and of no story."""
    ill, watcher = stage.desk(name="ill"), stage.desk(name="watcher", endpoints=True, topics=("endpoints only",))
    before, during = stage.tale("before"), stage.tale("during")
    stage.at(0, before.breaks())
    stage.at(DAY, ill.goes_down(), during.breaks())
    stage.at(DAY * (1 + for_days), ill.comes_up())
    ill.wants(at(15), created(before))
    return ill, watcher, during


async def test_72_hours_without_success_disable_and_others_are_warned_at_50_and_90_per_cent(stage: Stage) -> None:
    """Told to a subscription that asks for it; the endpoint itself is told nothing of the kind, though it asks, too."""
    ill, watcher, _ = falls_ill(stage, for_days=40)
    own = ill.subscription.model_copy(update={"endpoints": True})
    ill.subscription = own
    ill.becomes(at(DAY + 15), "failing", "failed")
    ill.becomes(between(DAY, DAY + HOUR), "open", "failures_in_a_row")
    # The way begins with the last success, 15 s after the start.
    ill.becomes(between(15 + 3 * DAY, 15 + 3 * DAY + 20 * MINUTE), "disabled", "no_success")
    half, most, whole = (15 + share * 3 * DAY for share in (0.5, 0.9, 1))
    late = 20 * MINUTE
    watcher.wants(between(half, half + late), notice("failing", "ill", status="open"))
    watcher.wants(between(most, most + late), notice("failing", "ill", status="open"))
    watcher.wants(between(whole, whole + late), notice("disabled", "ill", status="disabled", reason="no_success"))
    await stage.plays(until=30 * DAY)
    assert await ill.waiting() == 1
    probes = [each.at for each in (await ill.attempts()) if each.type == "webhook.test"]
    assert 55 <= len(probes) <= 56
    assert {round((later - earlier).total_seconds()) for earlier, later in pairwise(probes)} == {21_600}


async def test_a_disabled_endpoint_is_on_again_after_two_probes_and_gets_all_that_was_kept(stage: Stage) -> None:
    stage.sets(delivery_retry_scale=RARELY)
    ill, watcher, during = falls_ill(stage, for_days=5)
    for day in range(2, 6):
        stage.at(day * DAY, during.changes(f"change {day}"))
    back = between(6 * DAY, 7 * DAY + 4 * MINUTE)
    ill.wants(back, test_message(), test_message(), created(during, 5))
    half, most, whole = (15 + share * 3 * DAY for share in (0.5, 0.9, 1))
    watcher.wants(between(half, half + LATE), notice("failing", "ill"))
    watcher.wants(between(most, most + LATE), notice("failing", "ill"))
    watcher.wants(between(whole, whole + LATE), notice("disabled", "ill"))
    watcher.wants(back, notice("recovered", "ill", status="active"))
    await stage.plays(until=10 * DAY)
    first, second = (each.at for each in ill.received if each.type == "webhook.test")
    assert second - first == pytest.approx(240)


async def test_a_success_in_between_begins_the_way_to_being_disabled_anew(stage: Stage) -> None:
    """Forty hours and forty more, with an hour between them."""
    stage.sets(delivery_retry_scale=RARELY)
    desk, tales = stage.desk(), [stage.tale(f"story {number}") for number in range(3)]
    stage.at(0, tales[0].breaks())
    stage.at(HOUR, desk.goes_down(), tales[1].breaks())
    stage.at(40 * HOUR, desk.comes_up())
    stage.at(41 * HOUR, desk.goes_down(), tales[2].breaks())
    stage.at(81 * HOUR, desk.comes_up())
    desk.wants(at(15), created(tales[0]))
    desk.wants(between(40 * HOUR, 40 * HOUR + LATE), created(tales[1]))
    desk.wants(between(81 * HOUR, 81 * HOUR + LATE), created(tales[2]))
    await stage.plays(until=100 * HOUR)
    assert {turn.status for turn in stage.turns} == {"failing", "open", "active"}


async def test_a_person_disables_and_enables_and_everything_is_kept_meanwhile(stage: Stage) -> None:
    desk, kursk, front = stage.desk(), stage.tale("kursk"), stage.tale("front")
    stage.at(0, kursk.breaks())
    stage.at(MINUTE, desk.is_ordered(Order.DISABLE))
    stage.at(HOUR, front.breaks())
    stage.at(2 * HOUR, kursk.changes())
    stage.at(3 * DAY, desk.is_ordered(Order.ENABLE))
    desk.wants(at(15), created(kursk))
    desk.wants(at(3 * DAY), created(front))
    desk.wants(at(3 * DAY), updated(kursk, 2))
    desk.becomes(at(MINUTE), "disabled", "by_hand")
    desk.becomes(at(3 * DAY), "active", "enabled")
    desk.becomes(at(3 * DAY), "active", "recovered")  # proven by the first that arrives
    await stage.plays(until=5 * DAY)


@pytest.mark.parametrize("answer", [GONE, Status(204, DISABLE)])
async def test_what_the_receiver_disabled_only_a_person_enables(stage: Stage, answer: Status) -> None:
    desk, kursk = stage.desk(answer, OK), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(20 * DAY, desk.is_ordered(Order.ENABLE))
    desk.wants(at(15), created(kursk))
    # It had said "disable" with a 2xx: that message has arrived.
    if answer is GONE:
        desk.wants(at(20 * DAY), created(kursk))
    await stage.plays(until=30 * DAY)


async def test_others_hear_at_once_of_an_endpoint_that_is_gone(stage: Stage) -> None:
    gone = stage.desk(GONE, name="gone")
    watcher = stage.desk(name="watcher", endpoints=True, topics=("endpoints only",))
    deaf, kursk = stage.desk(name="deaf", topics=("endpoints only",)), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    gone.wants(at(15), created(kursk))
    watcher.wants(at(15), notice("disabled", "gone", reason="gone", last_outcome="gone", waiting=1))
    deaf.wants_nothing()
    await stage.plays(until=DAY)


async def test_nobody_hears_of_an_endpoint_that_was_away_for_a_few_hours(stage: Stage) -> None:
    ill, watcher, during = falls_ill(stage, for_days=0.25)
    ill.wants(between(1.25 * DAY, 1.25 * DAY + 18 * MINUTE), created(during))
    watcher.wants_nothing()
    await stage.plays(until=5 * DAY)


async def test_who_is_new_is_told_nothing_before_it_has_answered_a_test(stage: Stage) -> None:
    desk, kursk = stage.desk(DOWN, DOWN, OK, in_file=False), stage.tale("kursk")
    stage.at(1, stage.subscribes(desk, EndpointState(status=EndpointStatus.PENDING)), desk.is_tested("handshake"))
    stage.at(2, kursk.breaks())
    desk.wants(at(1), test_message())
    desk.wants(about(1, 5), test_message())
    answered = about(1, 5, 30)
    desk.wants(answered, test_message(), created(kursk))
    desk.becomes(answered, "active", "handshake")
    await stage.plays(until=DAY)


async def test_who_never_answers_its_test_is_told_nothing(stage: Stage) -> None:
    desk, kursk = stage.desk(DOWN, in_file=False), stage.tale("kursk")
    stage.at(1, stage.subscribes(desk, EndpointState(status=EndpointStatus.PENDING)), desk.is_tested("handshake"))
    stage.at(2, kursk.breaks())
    desk.takes(test_message())
    desk.stays_as_it_is()
    await stage.plays(until=5 * DAY)
    assert len(desk.received) == 9
