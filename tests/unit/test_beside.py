"""What is known beside a story: another to which it is related, and the figures that rang in others."""

import pytest

from services.classifier.alerting import Ring, Silent
from services.classifier.telling import decided as judged
from services.classifier.telling import place
from shared.models.change import Background
from shared.models.story import AlertType, Reason, Story, figure_key
from shared.models.topic import TopicMatch
from tests.factories import NOON, match
from tests.unit.tellings import SETTLED, Telling, count, decided, figure, joined, known, opened, says, told_by

# Figures that rang in another story


def test_a_figure_that_rang_in_another_story_is_no_news() -> None:
    story, news = known(("11,000", "deployed", 11_000)), count("600", "killed", 600)
    assert isinstance(decided(story, *news), Ring)
    assert decided(story, *news, rung=[figure_key("killed", 600)]) == Silent(Reason.NOTHING_NEW, "told again")


def test_what_rang_for_another_count_is_news() -> None:
    rung = [figure_key("wounded", 600)]
    assert isinstance(decided(known(), *count("600", "killed", 600), rung=rung), Ring)


def test_a_figure_that_rang_elsewhere_is_news_where_the_old_one_is_cited_beside_it() -> None:
    story, rung = known(("300", "killed", 300)), [figure_key("killed", 600)]
    assert isinstance(decided(story, *count("600", "killed", 600), rung=rung), Silent)
    told = told_by("courier", "Now 600, up from 300")
    claims = figure(told, "600", "killed", 600), figure(told, "300", "killed", 300)
    assert decided(story, told, *claims, rung=rung) == Ring(
        AlertType.UPDATED, Reason.FIGURE_CHANGED, "killed 300 → 600"
    )


@pytest.mark.parametrize(("told_in", "rings"), [("its own", True), ("st_other", False)])
def test_a_story_is_told_only_what_rang_in_others(told_in: str, rings: bool) -> None:
    story, (told, claim) = known(("300", "killed", 300)), count("600", "killed", 600)
    verdict = match(claims=(claim,))
    after, _ = joined(story, told, verdict)
    figures = {figure_key("killed", 600): story.id if told_in == "its own" else told_in}
    change = judged(story, after, told.id, Background([story], 1, figures=figures), SETTLED)
    assert (change.rings is not None) is rings


def test_a_ring_remembers_every_figure_that_its_story_tells() -> None:
    told, claim = count("600", "killed", 600)
    change = place(told, match(claims=(claim,)), Background(), NOON)
    assert change.rung == (figure_key("killed", 600),)
    told, claim = count("about 600", "killed", 600)
    assert place(told, match(claims=(claim,)), Background([change.story], 1), NOON).rung == ()


# Related stories


def other() -> Story:
    """That Kyiv says they left Kursk, and that 4,000 fell."""
    told = told_by("herald", "They left Kursk, says Kyiv", "In all 4,000 fell.")
    left = says(told, "They left Kursk", region="kursk", attribution="Kyiv")
    return opened(told, match(claims=(left, figure(told, "4,000", "killed", 4_000))))


SILENT = Silent(Reason.RELATED)


def related(told: Telling, beside: Story, second: Telling | None = None) -> Ring | Silent:
    """What an article rings that opened a story of its own, or the second of it."""
    before, entry_id = None, told[0].id
    story = silent(opened(*told), related_to=beside.id)
    if second:
        before, entry_id = story, second[0].id
        story = silent(joined(story, *second)[0])
    rings = judged(before, story, entry_id, Background([beside], 1), NOON).rings
    return Ring(rings.type, Reason(rings.reason), rings.detail) if rings else SILENT


def silent(story: Story, **over: object) -> Story:
    return story.model_copy(update={"revisions": (), **over})


TITLE = "Away from the front"


def telling(lead: str = "Nobody saw them.", verdict: TopicMatch | None = None, **said: object) -> Telling:
    told = told_by("courier", TITLE, lead)
    return told, (verdict or match()).model_copy(update={"claims": (says(told, TITLE, **said),)})


@pytest.mark.parametrize(
    ("told", "new"),
    [
        (telling(verdict=match(event_type="capture")), "capture"),
        (telling(role="killed", value=600), "killed 600"),
        (telling(region="sumy"), "sumy"),
        (telling(attribution="Seoul"), "Seoul"),
    ],
)
def test_a_related_story_rings_for_what_the_other_does_not_hold(told: Telling, new: str) -> None:
    ring = Ring(AlertType.CREATED, Reason.NEW_STORY, f"first told by courier; {new}")
    assert related(told, other()) == ring


@pytest.mark.parametrize(
    "told",
    [
        telling(),
        telling(role="wounded", value=4_100),
        telling(region="kursk"),
        telling(attribution="Kyiv's general staff"),
    ],
)
def test_a_related_story_that_says_what_the_other_holds_is_silent(told: Telling) -> None:
    assert related(told, other()) == SILENT


def test_what_stands_in_the_background_makes_no_related_story_ring() -> None:
    told = told_by("courier", "Away from the front", "Nobody saw them. In all 600 fell.")
    assert related((told, match(claims=(figure(told, "600", "killed", 600),))), other()) == SILENT


def test_a_related_story_rings_when_a_second_source_joins() -> None:
    assert related(telling(), other()) == SILENT
    second = told_by("wire", "Kim's men are gone"), match()
    assert related(telling(), other(), second) == Ring(AlertType.CREATED, Reason.NEW_STORY, "first told by courier")
