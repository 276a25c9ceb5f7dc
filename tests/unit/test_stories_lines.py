"""Lines that are replayed: their order, and what a publisher did with them."""

from datetime import timedelta
from json import dumps, loads

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.stories.lines import LabelledStory, StoryLine, labelled_by
from services.cli.stories.replay import Arrival, Outcome, Press, as_line, in_order
from services.cli.topics.lines import BadLine, read_lines
from services.poller.identity import CHANGES_TOLD
from shared.models.entry import Entry
from shared.models.story import UNNAMED
from tests.factories import NOON, after, article, entry, story


def line(**over: object) -> StoryLine:
    return StoryLine.model_validate({"id": "a", "title": "T"} | over)


def ordered(*days: int | None) -> list[tuple[int, float]]:
    """Of lines on these days: number, and the day on which it came."""
    lines = [line(published=None if day is None else (NOON + timedelta(days=day))) for day in days]
    arrivals = in_order([*enumerate(lines, 1)], NOON)
    return [(arrival.number, (arrival.at - NOON) / timedelta(days=1)) for arrival in arrivals]


def test_lines_come_by_time_and_at_one_time_as_they_stand() -> None:
    assert ordered(2, 1, 2, 1) == [(2, 1), (4, 1), (1, 2), (3, 2)]


def test_a_line_without_a_time_keeps_its_place() -> None:
    assert ordered(None, 2, None, 1, None) == [(4, 1), (5, 1), (1, 2), (2, 2), (3, 2)]
    assert ordered(None, None) == [(1, 0), (2, 0)]


@given(st.lists(st.none() | st.integers(0, 5)))
def test_every_line_comes_once_and_the_clock_never_goes_back(days: list[int | None]) -> None:
    came = ordered(*days)
    assert sorted(number for number, _ in came) == [*range(1, len(days) + 1)]
    assert [at for _, at in came] == sorted(at for _, at in came)


def published(*lines: StoryLine) -> list[Entry]:
    press = Press()
    return [press.entry(Arrival(number, each, after(number))) for number, each in enumerate(lines, 1)]


def test_another_wording_of_an_item_is_a_change_of_it() -> None:
    first, second, third = published(line(), line(title="U"), line(title="V", source=None))
    assert [each.change for each in (first, second, third)] == [0, 1, 2]
    assert len({first.id, second.id, third.id}) == 3
    assert first.feed_id == second.feed_id
    assert first.guid == second.guid == third.guid


def test_a_wording_that_was_there_before_is_no_change() -> None:
    first, second, again, back = published(line(), line(title="U"), line(title="U", text="page"), line())
    assert (again.id, again.change) == (second.id, 1)
    assert back.id == first.id


def test_no_more_changes_are_told_than_pollers_tell() -> None:
    entries = published(*(line(title=str(number)) for number in range(6)))
    assert [each.change for each in entries] == [0, 1, 2, 3, 3, 3]
    assert entries[-1].change == CHANGES_TOLD


def test_one_id_of_two_sources_is_two_items() -> None:
    first, second = published(line(source="Herald"), line(source="Tribune"))
    assert first.id != second.id
    assert (first.change, second.change) == (0, 0)


def test_what_is_gone_is_what_was_said_last() -> None:
    _, second, gone = published(line(), line(title="U"), line(title="Page not found", gone=True))
    assert (gone.id, gone.title, gone.seen_at) == (second.id, "U", after(3))


@pytest.mark.parametrize(
    ("over", "source"),
    [
        ({"source": "Herald", "url": "https://x.example/1"}, "Herald"),
        ({"url": "https://www.x.example:8080/1"}, "x.example"),
        ({"url": "https://[bad/1"}, UNNAMED),
        ({"url": "nowhere"}, UNNAMED),
        ({}, UNNAMED),
    ],
)
def test_a_source_is_named_or_known_by_its_address(over: dict[str, object], source: str) -> None:
    (found,) = published(line(**over))
    assert found.source == source


def test_a_change_that_names_no_source_is_of_the_one_before() -> None:
    first, second = published(line(source="Herald"), line(title="U", url="https://herald.example/1"))
    assert (second.source, second.feed_id, second.change) == ("Herald", first.feed_id, 1)


def test_what_names_no_source_adds_none_to_those_that_are_known() -> None:
    def of(*sources: str) -> int:
        told = [entry(title=str(number), source=source, url=None) for number, source in enumerate(sources)]
        return story(articles=tuple(map(article, told))).independent_sources

    assert of(UNNAMED) == of(UNNAMED, UNNAMED) == 1
    assert of("Herald", UNNAMED) == of(UNNAMED, "Herald", UNNAMED) == 1
    assert of("Herald", UNNAMED, "Tribune") == 2


def read(key: str, **fields: object) -> LabelledStory:
    ((_, found),) = read_lines(labelled_by(key), [dumps({"title": "T"} | fields).encode()])
    assert not isinstance(found, BadLine), found
    return found


def test_a_label_stands_under_the_key_that_is_asked_for() -> None:
    assert read("ev", ev="E1", story="other").label == "E1"
    assert read("cluster", cluster=0).label == "0"
    assert read("story", ev="E1").label is None
    assert read("story", story="").label is None


def test_made_files_say_date_and_text_where_feeds_say_published_and_summary() -> None:
    made = read("ev", id=3, set="b", date="2025-02-03", text="Below.", lang="en").as_line(7)
    assert (made.id, made.summary, made.text, made.source) == ("b/3", "Below.", None, "outlet 7")
    assert made.published == NOON.replace(hour=0)


def test_what_feeds_say_stays_as_it_is() -> None:
    told = read(
        "ev", id="x", published="2025-02-03T12:00:00Z", summary="Below.", text="Page.", source="Herald"
    ).as_line(7)
    assert (told.id, told.summary, told.text, told.source) == ("x", "Below.", "Page.", "Herald")
    assert told.published == NOON
    assert read("ev", url="https://x.example/1").as_line(7).source is None


def test_a_line_without_an_id_is_an_article_of_its_own() -> None:
    assert read("ev").as_line(7).id == "line 7"


def test_a_copy_that_its_story_does_not_list_is_told_as_one() -> None:
    told = loads(as_line(Outcome(Arrival(1, line(), NOON), "one of many", "st_1")))
    assert (told["relevant"], told["story_id"], told["decision"], told["relation"]) == (True, "st_1", "copy", "derived")
    assert (told["similarity"], told["alert"]) == (None, None)
