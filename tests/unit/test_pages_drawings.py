"""Charts of figures and maps of places: what they show, and that nothing leaves the drawing."""

import re

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.pages import figures, maps
from services.gateway.pages.figures import chart, histories
from services.gateway.pages.maps import drawn
from shared.models.pack import Place
from shared.models.story import KnownClaim
from tests.factories import after, claim
from tests.packs import installed

PLACES = next(topic for topic in installed().topics if topic.pack.name == "dprk-kursk").pack.places


def said(value: float | None, seconds: float, role: str = "casualties", **over: object) -> KnownClaim:
    fields = claim(role=role, value=value).model_dump()
    known = {"entry_id": f"e{seconds}", "sources": ("A",), "position": 0, "said_at": after(seconds)}
    return KnownClaim.model_validate(fields | known | over)


def test_a_figure_is_told_from_the_first_to_the_last_each_run_of_the_same_once() -> None:
    claims = [said(5000, 30), said(4000, 10), said(4010, 20), said(None, 40)]
    (history,) = histories(claims, {}, {})
    assert history.told == "casualties: 4,000 → 5,000"
    assert [each.value for each in history.said] == [4000, 4010, 5000]
    assert history.said[0].words == "~4,000, per A, unconfirmed; 1 source"


def test_it_counts_when_the_article_was_published_not_when_it_was_read() -> None:
    claims = [said(5000, 30), said(4000, 10)]
    (history,) = histories(claims, {"e30": after(0), "e10": after(5)}, {})
    assert history.change == "5,000 → 4,000"


def test_what_changes_comes_first_and_what_most_say_next() -> None:
    claims = [
        said(11_000, 0, "deployed", sources=("A", "B", "C")),
        said(600, 0, "killed", sources=("A", "B")),
        said(4000, 0),
        said(5000, 9),
    ]
    assert [history.what for history in histories(claims, {}, {})] == ["casualties", "deployed", "killed"]


@given(st.lists(st.tuples(st.floats(0, 1e9), st.integers(0, 10**7)), min_size=1, max_size=12), st.integers(0, 10**7))
def test_a_chart_stays_within_its_drawing(points: list[tuple[float, int]], until: int) -> None:
    (history,) = histories([said(value, at) for value, at in points], {}, {})
    drawing = chart(history, after(until))
    points_drawn = [(dot.x, dot.y) for dot in drawing.dots]
    points_drawn += [(label.x, label.y) for label in (*drawing.labels, *drawing.times)]
    assert all(0 <= x <= figures.WIDTH and 0 <= y <= figures.HEIGHT for x, y in points_drawn)
    assert re.fullmatch(r"M[\d.]+ [\d.]+(H[\d.]+V[\d.]+)*H[\d.]+", drawing.path)
    assert [dot.x for dot in drawing.dots] == sorted(dot.x for dot in drawing.dots)


def test_nobody_draws_a_map_of_places_that_lie_nowhere() -> None:
    assert drawn({}, PLACES) is None
    assert drawn({"atlantis": 1, "siberia": 2}, PLACES) is None


def test_a_place_without_a_position_is_shown_by_its_region() -> None:
    drawing = drawn({"vorozhba": 1}, PLACES)
    assert drawing
    assert drawing.told == "Named: Kursk Oblast"


def test_what_is_named_most_is_largest_and_what_lies_around_is_there() -> None:
    drawing = drawn({"sudzha": 4, "korenevo": 1}, PLACES)
    assert drawing
    assert [spot.title for spot in drawing.named] == ["Sudzha", "Korenevo"]
    assert drawing.named[0].radius > drawing.named[1].radius
    assert {"Kursk", "Sumy"} <= {spot.title for spot in drawing.around}
    assert "36°E" in {line.text for line in drawing.meridians}
    assert "51°N" in {line.text for line in drawing.parallels}


def test_a_region_that_lies_in_itself_is_looked_for_once() -> None:
    round_about = {"a": Place(title="A", within="b"), "b": Place(title="B", within="a")}
    assert drawn({"a": 1}, round_about) is None


positions = st.tuples(st.floats(-85, 85), st.floats(-180, 180))


@given(st.dictionaries(st.sampled_from("abcdefgh"), positions, min_size=1), st.data())
def test_all_that_is_named_lies_within_the_map_wherever_on_earth(
    where: dict[str, tuple[float, float]], data: st.DataObject
) -> None:
    places = {name: Place(title=f"Place {name}", at=at) for name, at in where.items()}
    named = data.draw(st.dictionaries(st.sampled_from(sorted(places)), st.integers(1, 9), min_size=1))
    drawing = drawn(named, places)
    assert drawing
    assert len(drawing.named) == len(named)
    for spot in (*drawing.named, *drawing.around):
        assert 0 <= spot.x <= maps.WIDTH
        assert 0 <= spot.y <= maps.HEIGHT
    for lines, end in ((drawing.meridians, maps.WIDTH), (drawing.parallels, maps.HEIGHT)):
        assert all(-0.1 <= line.at <= end + 0.1 for line in lines)
