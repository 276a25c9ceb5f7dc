"""Quiet hours and digests by the clock on a wall in Kyiv."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from shared.models.subscription import Day, Digest, Quiet
from shared.models.topic import Severity
from tests.acceptance.stage import Meanwhile, Stage
from tests.acceptance.wants import DAY, HOUR, about, at, between, created, digest, some_digest, updated
from tests.answers import ABORT, OK, Status, above

KYIV = "Europe/Kyiv"
NIGHT = Quiet(start="23:00", end="07:00")
MORNINGS = Digest(at=("08:00",))
TWICE = Digest(at=("08:00", "20:00"))


def in_kyiv(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(KYIV))


async def test_what_breaks_at_night_rings_when_the_night_is_over(stage: Stage) -> None:
    stage.begins(in_kyiv("2025-02-03 22:00"))
    desk, all_night = stage.desk(quiet=NIGHT, timezone=KYIV), stage.desk(name="all-night")
    evening, midnight, small_hours = stage.tale("evening"), stage.tale("midnight"), stage.tale("small hours")
    stage.at(0, evening.breaks())
    stage.at(2 * HOUR, midnight.breaks())
    stage.at(3 * HOUR, evening.changes())
    stage.at(6 * HOUR, small_hours.breaks())
    desk.wants(at(15), created(evening))
    for message in (created(midnight), created(small_hours), updated(evening, 2)):
        desk.wants(at(9 * HOUR), message)
    all_night.wants(at(15), created(evening))
    all_night.wants(at(2 * HOUR + 15), created(midnight))
    all_night.wants(at(3 * HOUR), updated(evening, 2))
    all_night.wants(at(6 * HOUR + 15), created(small_hours))
    await stage.plays(until=DAY)


async def test_what_is_critical_rings_at_night_if_so_asked(stage: Stage) -> None:
    stage.begins(in_kyiv("2025-02-03 23:30"))
    desk = stage.desk(quiet=NIGHT.model_copy(update={"unless": Severity.CRITICAL}), timezone=KYIV)
    grave, plain = stage.tale("grave", severity=Severity.CRITICAL), stage.tale("plain")
    stage.at(0, grave.breaks(), plain.breaks())
    stage.at(HOUR, plain.grows_more_severe(Severity.HIGH))
    stage.at(2 * HOUR, plain.grows_more_severe(Severity.CRITICAL))
    desk.wants(at(15), created(grave))
    desk.wants(at(2 * HOUR), created(plain, 3))
    await stage.plays(until=DAY)


async def test_a_night_that_begins_on_a_named_day_ends_on_the_next(stage: Stage) -> None:
    """Friday's night is quiet, Saturday's is not."""
    stage.begins(in_kyiv("2025-02-07 22:00"))
    desk = stage.desk(quiet=NIGHT.model_copy(update={"days": (Day.FRI,)}), timezone=KYIV)
    friday, saturday = stage.tale("friday"), stage.tale("saturday")
    stage.at(4 * HOUR, friday.breaks())
    stage.at(DAY + 4 * HOUR, saturday.breaks())
    desk.wants(at(9 * HOUR), created(friday))
    desk.wants(at(DAY + 4 * HOUR + 15), created(saturday))
    await stage.plays(until=3 * DAY)


@pytest.mark.parametrize(("evening", "hours"), [("2025-03-29 23:30", 6.5), ("2025-10-25 23:30", 8.5)])
async def test_the_night_is_an_hour_shorter_in_march_and_longer_in_october(
    stage: Stage, evening: str, hours: float
) -> None:
    stage.begins(in_kyiv(evening))
    desk, kursk = stage.desk(quiet=NIGHT, timezone=KYIV), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.wants(at(hours * HOUR), created(kursk))
    await stage.plays(until=DAY)


async def test_what_was_held_for_two_quiet_days_is_news_on_the_third(stage: Stage) -> None:
    stage.begins(in_kyiv("2025-02-07 09:00"))
    weekend = Quiet(start="10:00", end="10:00", days=(Day.FRI, Day.SAT))
    desk, kursk = stage.desk(quiet=weekend, timezone=KYIV), stage.tale("kursk")
    stage.at(2 * HOUR, kursk.breaks())
    desk.wants(at(2 * DAY + HOUR), created(kursk))
    await stage.plays(until=5 * DAY)


async def test_a_retry_does_not_ring_in_the_night(stage: Stage) -> None:
    stage.begins(in_kyiv("2025-02-03 22:59:30"))
    desk, kursk = stage.desk(Status(500), Status(500), OK, quiet=NIGHT, timezone=KYIV), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.wants(at(15), created(kursk))
    desk.wants(about(15, 5), created(kursk))
    desk.wants(at(8 * HOUR + 30), created(kursk))
    await stage.plays(until=DAY)


async def test_a_digest_comes_at_eight_with_the_gravest_first_and_an_empty_one_does_not_come(stage: Stage) -> None:
    stage.begins(in_kyiv("2025-02-03 10:00"))
    desk = stage.desk(digest=MORNINGS, timezone=KYIV)
    plain, grave, late = stage.tale("plain"), stage.tale("grave", severity=Severity.HIGH), stage.tale("late")
    stage.at(HOUR, plain.breaks())
    stage.at(2 * HOUR, grave.breaks())
    stage.at(3 * HOUR, plain.changes())
    stage.at(2.5 * DAY, late.breaks())
    desk.wants(at(22 * HOUR), digest(grave, plain, stories_truncated=False, since=None))
    first = in_kyiv("2025-02-04 08:00").astimezone(ZoneInfo("UTC")).isoformat()
    desk.wants(at(22 * HOUR + 2 * DAY), digest(late, since=first))
    await stage.plays(until=6 * DAY)
    told = desk.received[0].data["stories"]
    assert isinstance(told, list)
    assert [each["revision"] for each in told] == [1, 2]


async def test_digests_come_twice_a_day_also_when_the_clocks_change(stage: Stage) -> None:
    stage.begins(in_kyiv("2025-03-29 21:00"))
    desk, kursk, front = stage.desk(digest=TWICE, timezone=KYIV), stage.tale("kursk"), stage.tale("front")
    stage.at(0, kursk.breaks())
    stage.at(12 * HOUR, front.breaks())
    desk.wants(at(10 * HOUR), digest(kursk))
    desk.wants(at(22 * HOUR), digest(front))
    await stage.plays(until=3 * DAY)


async def test_a_digest_of_more_than_16_kib_is_two_messages_and_nothing_is_left_out(stage: Stage) -> None:
    stage.begins(in_kyiv("2025-02-03 10:00"))
    desk = stage.desk(Meanwhile(), digest=MORNINGS, timezone=KYIV)
    tales = sorted(
        (stage.tale(f"story {number}", summary="слово " * 100) for number in range(40)), key=lambda tale: tale.id
    )
    stage.at(0, *[tale.breaks() for tale in tales])
    desk.takes(some_digest())
    await stage.plays(until=DAY)
    told = [each.about for each in desk.received]
    assert [each.at for each in desk.received] == [22 * HOUR] * len(told)
    assert len(told) >= 2
    assert [story for part in told if isinstance(part, tuple) for story in part] == [tale.id for tale in tales]
    assert [each.data["stories_truncated"] for each in desk.received] == [True] * (len(told) - 1) + [False]


async def test_a_digest_that_fails_is_tried_again_byte_for_byte_and_nothing_held_is_lost(stage: Stage) -> None:
    stage.begins(in_kyiv("2025-02-03 10:00"))
    desk = stage.desk(Status(500), Status(500), OK, digest=MORNINGS, timezone=KYIV)
    kursk, front, late = stage.tale("kursk"), stage.tale("front"), stage.tale("late")
    stage.at(0, kursk.breaks(), front.breaks())
    stage.at(22 * HOUR + 2, kursk.changes())
    stage.at(22 * HOUR + 3, late.breaks())
    both = sorted((kursk, front), key=lambda tale: tale.id)
    desk.wants(at(22 * HOUR), digest(*both))
    desk.wants(about(22 * HOUR, 5), digest(*both))
    desk.wants(about(22 * HOUR, 5, 30), digest(*both))
    desk.wants(at(22 * HOUR + DAY), digest(*sorted((kursk, late), key=lambda tale: tale.id)))
    await stage.plays(until=4 * DAY)
    assert len({each.request.body for each in desk.received[:3]}) == 1


async def test_a_digest_that_is_too_large_for_its_receiver_comes_in_short_ones(stage: Stage) -> None:
    stage.begins(in_kyiv("2025-02-03 10:00"))
    desk = stage.desk(above(5000), digest=MORNINGS, timezone=KYIV, per_minute=6000)
    tales = [stage.tale(f"story {number}", summary="слово " * 100) for number in range(8)]
    stage.at(0, *[tale.breaks() for tale in tales])
    desk.takes(some_digest(), at(22 * HOUR))
    await stage.plays(until=5 * DAY)
    outcomes = [each.outcome for each in await desk.attempts()]
    assert outcomes[:2] == ["too_large", "delivered"]
    taken = [each for each, outcome in zip(desk.received, outcomes, strict=True) if outcome == "delivered"]
    told = [story for each in taken if isinstance(each.about, tuple) for story in each.about]
    assert sorted(told) == sorted(tale.id for tale in tales)


async def test_the_stories_of_a_digest_that_was_given_up_stand_in_the_next_under_another_id(stage: Stage) -> None:
    stage.begins(in_kyiv("2025-02-03 10:00"))
    desk, kursk = stage.desk(Status(400, ABORT), OK, digest=MORNINGS, timezone=KYIV), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.wants(at(22 * HOUR), digest(kursk))
    desk.wants(at(22 * HOUR + DAY), digest(kursk))
    desk.logs("aborted", "delivered")
    await stage.plays(until=5 * DAY)


async def test_a_digest_outlives_an_outage(stage: Stage) -> None:
    """The next one is due while the first has not arrived yet."""
    stage.begins(in_kyiv("2025-02-03 10:00"))
    stage.sets(delivery_retry_scale=4)
    desk, kursk, front = stage.desk(digest=MORNINGS, timezone=KYIV), stage.tale("kursk"), stage.tale("front")
    stage.at(0, kursk.breaks(), desk.goes_down())
    stage.at(DAY, front.breaks())
    stage.at(50 * HOUR, desk.comes_up())
    back = between(50 * HOUR, 52 * HOUR)
    desk.wants(back, digest(kursk), digest(front))
    await stage.plays(until=6 * DAY)


async def test_what_a_digest_holds_rings_at_once_when_its_subscription_becomes_instant(stage: Stage) -> None:
    stage.begins(in_kyiv("2025-02-03 10:00"))
    desk, kursk, front = stage.desk(digest=MORNINGS, timezone=KYIV), stage.tale("kursk"), stage.tale("front")
    instant = desk.subscription.model_copy(update={"digest": None})
    stage.at(0, kursk.breaks())
    stage.at(HOUR, stage.rewrites(instant))
    stage.at(2 * HOUR, front.breaks())
    desk.wants(at(2 * HOUR + 15), created(front))
    desk.wants(between(HOUR, 22 * HOUR), created(kursk))
    await stage.plays(until=3 * DAY)


async def test_what_rang_is_not_told_again_when_its_subscription_becomes_a_digest(stage: Stage) -> None:
    stage.begins(in_kyiv("2025-02-03 10:00"))
    desk, kursk, front = stage.desk(timezone=KYIV), stage.tale("kursk"), stage.tale("front")
    stage.at(0, kursk.breaks())
    stage.at(HOUR, stage.rewrites(desk.subscription.model_copy(update={"digest": MORNINGS})))
    stage.at(2 * HOUR, front.breaks())
    desk.wants(at(15), created(kursk))
    desk.wants(at(22 * HOUR), digest(front))
    await stage.plays(until=3 * DAY)
