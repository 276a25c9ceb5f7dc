"""Who wants which story: each filter, and stories that come to fit."""

import pytest

from shared.models.topic import Severity, Tier
from tests.acceptance.stage import Stage
from tests.acceptance.wants import DAY, HOUR, at, created, updated

OUTLETS = [f"Outlet {number}" for number in range(10)]


@pytest.mark.parametrize(
    ("wish", "unlike"),
    [
        ({"topics": ("dprk-kursk",)}, {"topic": "weather"}),
        ({"event_types": ("withdrawal",)}, {"event_type": "casualties"}),
        ({"languages": ("uk", "en")}, {"language": "ko"}),
        ({"sources": ("Example News",)}, {"source": "Another"}),
        ({"min_severity": Severity.HIGH}, {"severity": Severity.MEDIUM}),
        ({"min_score": 7.5}, {"score": 7.4}),
        ({"tiers": (Tier.CORE,)}, {"tier": Tier.RELATED}),
    ],
    ids=lambda value: next(iter(value)),
)
async def test_a_filter_lets_its_stories_through_and_no_others(
    stage: Stage, wish: dict[str, object], unlike: dict[str, object]
) -> None:
    desk, everything = stage.desk(), stage.desk(name="everything")
    desk.subscription = desk.subscription.model_copy(update=wish)
    fits = stage.tale("fits", severity=Severity.HIGH, tier=Tier.CORE)
    other = stage.tale("other", **{"severity": Severity.HIGH, "tier": Tier.CORE} | unlike)
    stage.at(0, fits.breaks(), other.breaks())
    desk.wants(at(15), created(fits))
    everything.wants(at(15), created(fits))
    everything.wants(at(15), created(other))
    await stage.plays(until=DAY)


async def test_all_filters_must_agree(stage: Stage) -> None:
    desk = stage.desk(topics=("dprk-kursk",), min_severity=Severity.HIGH, languages=("en",))
    stage.at(0, stage.tale("of another topic", severity=Severity.HIGH, topic="weather").breaks())
    stage.at(0, stage.tale("mild", severity=Severity.LOW).breaks())
    stage.at(0, stage.tale("foreign", severity=Severity.HIGH, language="ko").breaks())
    fits = stage.tale("fits", severity=Severity.CRITICAL)
    stage.at(0, fits.breaks())
    desk.wants(at(15), created(fits))
    await stage.plays(until=DAY)


async def test_five_independent_sources_are_reached_three_hours_later(stage: Stage) -> None:
    """Copies do not bring it nearer."""
    desk, kursk = stage.desk(min_independent_sources=5), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(HOUR, kursk.is_copied_by(*OUTLETS))
    stage.at(2 * HOUR, kursk.gets_sources("A", "B", "C"))
    stage.at(3 * HOUR, kursk.gets_sources("D"))
    stage.at(4 * HOUR, kursk.gets_sources("E"))
    desk.wants(at(3 * HOUR), created(kursk, 1))
    await stage.plays(until=DAY)
    counts = desk.received[0].data["counts"]
    assert isinstance(counts, dict)
    assert (counts["independent_sources"], counts["articles"]) == (5, 15)


async def test_a_story_that_comes_to_be_told_in_a_language_is_told_to_its_readers(stage: Stage) -> None:
    desk, kursk = stage.desk(languages=("uk",)), stage.tale("kursk", language="ru")
    stage.at(0, kursk.breaks())
    stage.at(HOUR, kursk.gets_sources("Українське", language="uk"))
    desk.wants(at(HOUR), created(kursk, 1, language="uk"))
    await stage.plays(until=DAY)


async def test_who_was_told_is_told_the_rest_also_when_it_fits_no_more(stage: Stage) -> None:
    desk, kursk = stage.desk(min_severity=Severity.HIGH), stage.tale("kursk", severity=Severity.HIGH)
    stage.at(0, kursk.breaks())
    stage.at(HOUR, kursk.changes("it was not that grave", severity=Severity.LOW))
    desk.wants(at(15), created(kursk))
    desk.wants(at(HOUR), updated(kursk, 2, severity="low"))
    await stage.plays(until=DAY)


async def test_what_fits_no_more_before_it_was_told_is_not_told(stage: Stage) -> None:
    desk, kursk = stage.desk(min_severity=Severity.HIGH), stage.tale("kursk", severity=Severity.HIGH)
    stage.at(0, kursk.breaks())
    stage.at(10, kursk.changes("it was not that grave", severity=Severity.LOW))
    desk.wants_nothing()
    await stage.plays(until=DAY)
