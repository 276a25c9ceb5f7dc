"""Several notifiers, and notifiers that die at the worst of moments."""

from tests.acceptance.stage import Kills, Stage
from tests.acceptance.wants import DAY, HOUR, MINUTE, at, between, created, updated
from tests.answers import OK, Status

LEASE = 30


async def test_three_notifiers_share_the_work_and_repeat_nothing(stage: Stage) -> None:
    desks = [stage.desk(name=f"desk-{number}") for number in range(5)]
    tales = [stage.tale(f"story {number}") for number in range(8)]
    stage.at(0, stage.joins("n2"), stage.joins("n3"))
    stage.at(1, *[tale.breaks() for tale in tales])
    for number, tale in enumerate(tales):
        stage.at(HOUR + number, tale.changes())
        for desk in desks:
            desk.wants(at(16), created(tale))
            desk.wants(at(HOUR + number), updated(tale, 2))
    await stage.plays(until=DAY)


async def test_a_notifier_that_dies_before_it_has_noted_the_answer_repeats_the_same_bytes(stage: Stage) -> None:
    """Its lease runs out, then another sends what was frozen, though the story has changed; and then the news."""
    desk, kursk = stage.desk(Kills(stage), OK), stage.tale("kursk")
    stage.at(0, stage.joins("n2"), kursk.breaks())
    stage.at(20, kursk.changes())
    desk.wants(at(15), created(kursk, 1))
    desk.wants(at(15 + LEASE), created(kursk, 1))
    desk.wants(at(15 + LEASE + 10 * MINUTE), updated(kursk, 2, since_revision=1))
    await stage.plays(until=DAY)
    assert len({each.id for each in desk.received}) == 2


async def test_all_notifiers_die_in_the_middle_and_the_next_goes_on_where_they_were(stage: Stage) -> None:
    desk, kursk, front = stage.desk(Kills(stage), OK), stage.tale("kursk"), stage.tale("front")
    stage.at(0, kursk.breaks())
    stage.at(MINUTE, front.breaks())
    stage.at(HOUR, stage.joins("n2"))
    desk.wants(at(15), created(kursk))
    desk.wants(at(HOUR), created(kursk))
    desk.wants(at(HOUR), created(front))
    await stage.plays(until=DAY)


async def test_a_death_costs_an_endpoint_a_lease_at_the_most(stage: Stage) -> None:
    desk, other = stage.desk(Kills(stage), OK), stage.desk(name="other")
    kursk, late = stage.tale("kursk"), stage.tale("late")
    stage.at(0, stage.joins("n2"), kursk.breaks())
    stage.at(2, late.breaks())
    desk.wants(at(15), created(kursk))
    desk.wants(at(15 + LEASE), created(kursk))
    desk.wants(at(15 + LEASE), created(late))
    other.wants(between(15, 15 + LEASE), created(kursk))
    other.wants(between(17, 15 + LEASE), created(late))
    other.takes(created(kursk))  # if the one that died had it in hand as well
    await stage.plays(until=DAY)


async def test_it_dies_again_and_again_and_the_message_arrives_in_the_end_always_the_same(stage: Stage) -> None:
    desk, kursk = stage.desk(*[Kills(stage)] * 3, OK), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    for number in range(2, 5):
        stage.at((number - 1) * HOUR, stage.joins(f"n{number}"))
    desk.wants(at(15), created(kursk))
    for hour in range(1, 4):
        desk.wants(at(hour * HOUR), created(kursk))
    await stage.plays(until=DAY)


async def test_what_an_endpoint_had_learnt_outlives_its_notifier(stage: Stage) -> None:
    desk, tales = stage.desk(Status(500)), [stage.tale(f"story {number}") for number in range(5)]
    stage.at(0, *[tale.breaks() for tale in tales])
    stage.at(20, stage.kills())
    stage.at(21, stage.joins("n2"))
    for tale in tales:
        desk.takes(created(tale))
    desk.becomes(at(15), "failing", "failed")
    desk.becomes(at(15), "open", "failures_in_a_row")
    await stage.plays(until=10 * MINUTE)
    later = [each.at for each in desk.received if each.at > 15]
    assert later[0] >= 15 + 24
    assert len(later) == len({*later})


async def test_alerts_from_before_the_first_start_are_told(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, stage.kills(), kursk.breaks())
    stage.at(HOUR, stage.joins("n2"))
    desk.wants(at(HOUR), created(kursk))
    await stage.plays(until=DAY)
