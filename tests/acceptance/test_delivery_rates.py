"""How much at once, and how many in a minute."""

from tests.acceptance.stage import Meanwhile, Stage
from tests.acceptance.wants import DAY, MINUTE, at, between, created
from tests.answers import OK, Status


async def test_sixty_in_a_minute_after_a_burst_of_ten(stage: Stage) -> None:
    """Forty stories break in the same second."""
    desk, tales = stage.desk(), [stage.tale(f"story {number}") for number in range(40)]
    stage.at(0, *[tale.breaks() for tale in tales])
    for tale in tales:
        desk.wants(between(15, 15 + 30), created(tale))
    await stage.plays(until=DAY)
    assert [each.at for each in desk.received] == [15.0] * 10 + [float(second) for second in range(16, 46)]


async def test_six_in_a_minute_after_a_burst_of_four_and_nothing_is_lost(stage: Stage) -> None:
    desk, tales = stage.desk(per_minute=6), [stage.tale(f"story {number}") for number in range(10)]
    stage.at(0, *[tale.breaks() for tale in tales])
    for tale in tales:
        desk.wants(between(15, 15 + MINUTE), created(tale))
    await stage.plays(until=DAY)
    assert [each.at for each in desk.received] == [15.0] * 4 + [25.0, 35.0, 45.0, 55.0, 65.0, 75.0]


async def test_attempts_that_fail_use_up_the_rate_as_well(stage: Stage) -> None:
    desk, tales = stage.desk(Status(500), Status(500), OK, per_minute=6), [stage.tale(f"story {n}") for n in range(3)]
    stage.at(0, *[tale.breaks() for tale in tales])
    for tale in tales:
        desk.takes(created(tale))
    await stage.plays(until=DAY)
    moments = [each.at for each in desk.received]
    assert len(moments) == 5
    assert moments[:3] == [15.0] * 3
    # One is left of the burst of four.
    assert 19 <= moments[3] <= 21
    assert moments[4] >= 25


async def test_who_is_slow_has_four_in_flight_and_no_more(stage: Stage) -> None:
    """Each is answered only when four are there."""
    stage.sets(delivery_total_seconds=5)
    desk = stage.desk(per_minute=6000)
    desk.receiver.answers(Meanwhile(desk.has_received(4)))
    tales = [stage.tale(f"story {number}") for number in range(8)]
    stage.at(0, *[tale.breaks() for tale in tales])
    for tale in tales:
        desk.wants(at(15), created(tale))
    await stage.plays()
    assert desk.receiver.most_at_once == 4


async def test_one_subscriptions_rate_is_not_anothers(stage: Stage) -> None:
    slow, fast = stage.desk(name="slow", per_minute=1), stage.desk(name="fast", per_minute=6000)
    tales = [stage.tale(f"story {number}") for number in range(8)]
    stage.at(0, *[tale.breaks() for tale in tales])
    for tale in tales:
        fast.wants(at(15), created(tale))
        slow.takes(created(tale))
    await stage.plays(until=DAY)
    assert [each.at for each in slow.received] == [15.0] * 4 + [75.0, 135.0, 195.0, 255.0]
