"""What a publisher says otherwise than it did before: what rings, and for what it is still named."""

from datetime import datetime

import pytest

from services.classifier.cluster import Assignment
from services.classifier.fingerprint import fingerprint
from services.classifier.story import extend
from services.classifier.telling import place, put
from shared.models.change import Background, Change
from shared.models.entry import Entry
from shared.models.story import Alert, Decision, Story
from shared.models.topic import Notice, TopicMatch
from tests.factories import NOON, after, match
from tests.unit.tellings import Telling, figure, says, told_by

URL, GUID = "https://herald.example/kursk", "urn:herald:1"
LATER = after(3 * 86_400)


def herald(title: str, *figures: tuple[str, str, float], summary: str = "", **over: object) -> Telling:
    fields: dict[str, object] = {"url": URL, "guid": GUID} | over
    told = told_by("Herald", title, summary).model_copy(update=fields)
    return told, match(claims=tuple(figure(told, *each) for each in figures))


def telling(told: Telling, *stories: Story, now: datetime = NOON) -> Change:
    return place(*told, Background(stories=stories), now)


def first(*others: Telling) -> Story:
    """Told by the Herald, then by others."""
    story = telling(herald("Losses of 4,000 near Kursk", ("4,000", "casualties", 4_000))).story
    for other in others:
        joins = Assignment(story.id, Decision.SAME_STORY, 1.0, "told again")
        story = extend(story, *other, fingerprint(*other), joins, NOON)
    return story


def again(title: str, *figures: tuple[str, str, float], **over: object) -> Telling:
    """The same item, changed."""
    return herald(title, *figures, **{"change": 1} | over)  # type: ignore[arg-type]


def rung(change: Change) -> tuple[str, str, str] | None:
    alert = change.alert
    return (alert.type.value, alert.reason, alert.detail) if isinstance(alert, Alert) and not alert.again else None


def reason(change: Change) -> str | None:
    return change.alert.reason if change.alert else None


def who_says(story: Story, value: float) -> list[tuple[str, ...]]:
    return [claim.sources for claim in story.claims if claim.value == value]


def courier(words: str, value: float) -> Telling:
    told = told_by("courier", f"Courier: losses of {words} near Kursk")
    return told, match(claims=(figure(told, words, "casualties", value),))


@pytest.mark.parametrize(("words", "value"), [("3,000", 3_000.0), ("400", 400.0), ("40,000", 40_000.0)])
def test_another_figure_in_a_new_wording_is_a_correction_whatever_its_size_and_age(words: str, value: float) -> None:
    change = telling(again(f"Losses of {words} near Kursk", (words, "casualties", value)), first(), now=LATER)
    assert rung(change) == ("updated", "corrected", f"Herald corrects itself: casualties 4,000 → {words}")
    assert [article.decision for article in change.story.articles] == [Decision.NEW, Decision.EXACT]
    assert (who_says(change.story, 4_000), who_says(change.story, value)) == ([()], [("Herald",)])
    assert [claim.value for claim in change.story.said] == [value]


def test_the_story_reads_as_its_publisher_has_it_now() -> None:
    change = telling(again("Losses of 3,000 near Kursk", ("3,000", "casualties", 3_000)), first())
    assert change.story.title == "Losses of 3,000 near Kursk"


def test_other_words_with_the_same_facts_are_silent() -> None:
    change = telling(again("Some 4,000 lost near Kursk, a spokesman says", ("4,000", "casualties", 4_000)), first())
    assert rung(change) is None
    assert change.story.title == "Some 4,000 lost near Kursk, a spokesman says"
    assert who_says(change.story, 4_000) == [("Herald",)]


def test_a_figure_that_is_left_out_is_no_correction() -> None:
    assert rung(telling(again("Losses near Kursk"), first())) is None


def test_a_figure_that_has_only_moved_down_is_no_correction() -> None:
    down = "They are many. They have been there for long. So it is said. Of all 11,000 men 4 000 were lost."
    told = again("Losses of 900 near Kursk", ("900", "casualties", 900), summary=down)
    assert rung(telling(told, first())) is None


def test_a_second_correction_is_held_against_the_first() -> None:
    story = telling(again("Losses of 3,000 near Kursk", ("3,000", "casualties", 3_000)), first()).story
    change = telling(again("Losses of 300 near Kursk", ("300", "casualties", 300), change=2), story)
    assert rung(change) == ("updated", "corrected", "Herald corrects itself: casualties 3,000 → 300")


def test_a_figure_that_others_stand_by_and_that_is_known_corrects_nothing_for_the_story() -> None:
    story = first(courier("4,000", 4_000), courier("3,000", 3_000))
    change = telling(again("Losses of 3,000 near Kursk", ("3,000", "casualties", 3_000)), story)
    assert rung(change) is None
    assert who_says(change.story, 4_000) == [("courier",)]


def test_a_figure_that_nobody_says_any_more_is_news_even_where_the_other_is_known() -> None:
    change = telling(
        again("Losses of 3,000 near Kursk", ("3,000", "casualties", 3_000)), first(courier("3,000", 3_000))
    )
    assert rung(change) == ("updated", "corrected", "Herald corrects itself: casualties 4,000 → 3,000")


def test_what_was_corrected_does_not_ring_when_others_repeat_it() -> None:
    story = telling(again("Losses of 3,000 near Kursk", ("3,000", "casualties", 3_000)), first()).story
    change = telling(courier("4,000", 4_000), story)
    assert rung(change) is None
    assert who_says(change.story, 4_000) == [("courier",)]


def test_another_source_with_the_same_address_corrects_nobody() -> None:
    other = again("Losses of 400 near Kursk", ("400", "casualties", 400), source="Mirror", feed_name="Mirror")
    change = telling(other, first())
    assert rung(change) is None
    assert who_says(change.story, 4_000) == [("Herald",)]


def test_a_number_that_is_unique_within_its_feed_is_enough_for_a_change() -> None:
    over = {"guid": "17", "url": "https://herald.example/losses-of-4000"}
    told = herald("Losses of 4,000 near Kursk", ("4,000", "casualties", 4_000), **over)
    moved = {"guid": "17", "url": "https://herald.example/losses-of-3000"}
    changed = again("Losses of 3,000 near Kursk", ("3,000", "casualties", 3_000), **moved)
    story = telling(told).story
    assert set(telling(changed, story).marks.identities) & set(telling(told).marks.identities)
    assert reason(telling(changed, story)) == "corrected"
    other = again("Losses of 3,000 near Kursk", ("3,000", "casualties", 3_000), feed_name="Herald Sport", **moved)
    assert reason(telling(other, story)) == "figure_changed"


def test_another_place_up_front_is_a_correction() -> None:
    def told(place: str, change: int = 0) -> Telling:
        entry = herald(f"They are in {place}", change=change)[0]
        return entry, match(claims=(says(entry, place, kind="deployment", place=place, region=place.lower()),))

    story = telling(told("Kursk")).story
    change = telling(told("Belgorod", change=1), story)
    assert rung(change) == ("updated", "corrected", "Herald corrects itself: place kursk → belgorod")
    assert [claim.region for claim in change.story.said] == ["belgorod"]


def test_a_correction_that_names_itself_one_may_repeat_what_was_wrong() -> None:
    title = "Correction: losses of 300, not 4,000, near Kursk"
    told, verdict = herald(
        title, ("300", "casualties", 300), ("4,000", "casualties", 4_000), url="https://herald.example/2", guid="urn:2"
    )
    plain = telling((told, verdict), first())
    assert rung(plain) is None
    noticed = verdict.model_copy(update={"notice": Notice.CORRECTION, "notice_at": 0})
    change = telling((told, noticed), first())
    assert rung(change) == ("updated", "corrected", "Herald corrects itself: casualties 4,000 → 300")
    assert change.story.articles[0].title == "Losses of 4,000 near Kursk"


# Its page


def read(text: str, *figures: tuple[str, str, float]) -> tuple[Entry, TopicMatch]:
    told, _ = herald("Losses of 4,000 near Kursk", text=text)
    claims = [figure(told, "4,000", "casualties", 4_000), *(figure(told, *each) for each in figures)]
    return told, match(claims=tuple(claims))


def putting(told: Telling, held: Story) -> Change:
    return put(*told, held, Background(stories=[held]), NOON)


def test_the_first_text_corrects_nothing_and_another_text_does() -> None:
    with_text = putting(read("Of them 900 fell.", ("900", "killed", 900)), first())
    assert (rung(with_text), who_says(with_text.story, 900)) == (None, [("Herald",)])
    change = putting(read("Of them 90 fell.", ("90", "killed", 90)), with_text.story)
    assert rung(change) == ("updated", "corrected", "Herald corrects itself: killed 900 → 90")
    assert (who_says(change.story, 900), who_says(change.story, 90)) == ([()], [("Herald",)])
    assert rung(putting(read("Of them 90 fell, sadly.", ("90", "killed", 90)), change.story)) is None
