"""What a publisher takes back: whose word counts no more, and what rings."""

import pytest

from services.classifier.cluster import Assignment
from services.classifier.telling import disown, place, put, take_away
from services.classifier.withdrawals import CHANGED, TAKEN_BACK, notice_beside, retracts
from shared.models.change import Background, Change
from shared.models.entry import Entry
from shared.models.story import Decision, Status, Story
from shared.models.topic import Notice, TopicMatch
from tests.factories import NOON, match
from tests.unit.tellings import Telling, figure, told_by
from tests.unit.test_corrections import again, first, herald, rung, telling

RETRACTED = ("retracted", "retracted")


def courier() -> Telling:
    told = told_by("courier", "Courier: heavy losses near Kursk")
    return told, match(claims=())


def noticed(told: Telling, notice: Notice = Notice.RETRACTION, at: int = 0) -> tuple[Entry, TopicMatch]:
    return told[0], told[1].model_copy(update={"notice": notice, "notice_at": at})


def withdrawn(story: Story) -> list[bool]:
    return [article.withdrawn is not None for article in story.articles]


# The page is gone


def test_a_story_that_nobody_stands_by_is_retracted_once() -> None:
    story = first()
    gone = herald("Losses of 4,000 near Kursk")[0].model_copy(update={"gone": True, "id": story.articles[0].entry_id})
    change = take_away(gone, story, NOON)
    assert rung(change) == (*RETRACTED, "nobody stands by it any more: Herald, its page is gone")
    assert (change.story.status, withdrawn(change.story)) == (Status.RETRACTED, [True])
    assert rung(take_away(gone, change.story, NOON)) is None


def test_what_others_stand_by_is_updated_where_it_began_and_silent_elsewhere() -> None:
    story = first(courier())
    began, joined = (entry_of(story, place) for place in (0, 1))
    change = take_away(began, story, NOON)
    assert rung(change) == ("updated", "withdrawn", "Herald, its page is gone; only there: casualties 4,000")
    assert change.story.status is not Status.RETRACTED
    assert rung(take_away(joined, story, NOON)) is None


def test_a_new_wording_stands_no_firmer_than_its_item() -> None:
    story = telling(again("Some 4,000 lost near Kursk"), first()).story
    assert len(story.articles) == 2
    assert rung(take_away(entry_of(story, 0), story, NOON)) is not None
    assert take_away(entry_of(story, 0), story, NOON).story.status is Status.RETRACTED


def entry_of(story: Story, at: int) -> Entry:
    article = story.articles[at]
    return told_by("any", article.title).model_copy(update={"id": article.entry_id, "gone": True})


# It says so


def test_a_retraction_takes_back_all_that_its_source_told() -> None:
    second = herald("Herald: how 4,000 were lost near Kursk", url="https://herald.example/2", guid="urn:2")
    story = first(second)
    notice = noticed(again("Retraction: losses of 4,000 near Kursk", ("4,000", "casualties", 4_000)))
    change = telling(notice, story)
    assert rung(change) == (*RETRACTED, "nobody stands by it any more: Herald, taken back by its publisher")
    assert all(withdrawn(change.story))
    assert change.story.title == "Losses of 4,000 near Kursk"
    assert change.story.claims == story.claims


def test_a_retraction_leaves_what_others_told() -> None:
    change = telling(noticed(again("Retraction: losses of 4,000 near Kursk")), first(courier()))
    assert rung(change) == ("updated", "withdrawn", "Herald, taken back by its publisher; only there: casualties 4,000")
    assert withdrawn(change.story) == [True, False, True]


def test_a_retraction_of_what_is_not_told_opens_a_silent_story() -> None:
    change = telling(noticed(herald("Retraction: losses of 4,000 near Kursk")))
    assert (rung(change), change.story.revision, change.story.status) == (None, 0, Status.RETRACTED)


@pytest.mark.parametrize(
    ("title", "at", "own"),
    [
        ("Retraction: losses near Kursk", 0, True),
        ("[Retraction: losses near Kursk]", 1, True),
        ("Herald withdraws story on losses near Kursk", 7, True),
        ("The Times withdraws story on losses near Kursk", 10, False),
        ("Losses near Kursk", 40, True),
    ],
)
def test_a_headline_about_somebody_else_s_retraction_takes_nothing_back(title: str, at: int, own: bool) -> None:
    assert retracts(*noticed(herald(title, url="https://herald.example/2", guid="urn:2"), at=at), first()) is own


def test_a_notice_belongs_to_the_story_of_its_source_beside_which_it_would_stand() -> None:
    story = first()
    related = Assignment(None, Decision.RELATED, 0.3, "beside it", beside=story.id)
    told = noticed(herald("Retraction: losses"))
    assert notice_beside(related, *told, [story]).story_id == story.id
    assert notice_beside(related, *herald("Losses"), [story]) is related
    assert notice_beside(related, *noticed(courier()), [story]) is related


def test_a_page_that_says_so_takes_its_article_back() -> None:
    story = first()
    told = herald("Losses of 4,000 near Kursk", text="This story has been withdrawn.")
    said = noticed(told, at=told[0].whole.index("This"))
    change = put(*said, story, Background(stories=[story]), NOON)
    assert rung(change) == (*RETRACTED, "nobody stands by it any more: Herald, taken back by its publisher")


# It tells of something else


@pytest.mark.parametrize(
    ("title", "notice", "why"),
    [
        ("Council approves its budget", None, CHANGED),
        ("Losses near Kursk are not known", None, None),
        ("Correction: losses near Kursk are not known", Notice.CORRECTION, CHANGED),
        ("Losses near Kursk: article removed", Notice.RETRACTION, TAKEN_BACK),
    ],
)
def test_an_item_that_tells_nothing_of_it_any_more(title: str, notice: Notice | None, why: str | None) -> None:
    story = first()
    change = disown(again(title)[0], notice, story, NOON)
    assert (change and change.story.articles[0].withdrawn) == why
    assert (rung(change) if change else None) == (
        (*RETRACTED, f"nobody stands by it any more: Herald, {why}") if why else None
    )
    if change:
        assert disown(again(title)[0], notice, change.story, NOON) is None


def test_another_item_or_another_source_disowns_nothing() -> None:
    title = "Council approves its budget"
    others = (
        again(title, url="https://herald.example/2", guid="urn:2")[0],
        again(title, source="Mirror", feed_name="Mirror")[0],
        herald(title)[0],
    )
    assert [disown(each, None, first(), NOON) for each in others] == [None] * 3
    assert disown(others[0], Notice.RETRACTION, first(), NOON) is None


def test_a_text_that_is_off_the_topic_with_a_correction_below_disowns_nothing() -> None:
    story = telling(again("Losses of 4,000 near Kursk", ("4,000", "casualties", 4_000))).story
    same = again("Losses of 4,000 near Kursk", text="All else.")[0]
    assert same.id == story.articles[0].entry_id
    assert disown(same, Notice.CORRECTION, story, NOON) is None
    assert disown(same, Notice.RETRACTION, story, NOON) is not None


def placed(told: Telling, story: Story) -> Change:
    return place(*told, Background(stories=[story]), NOON)


def test_a_story_that_never_rang_is_retracted_in_silence() -> None:
    old = herald("Losses of 4,000 near Kursk", published=NOON.replace(month=1))
    story = telling(old).story
    assert story.revision == 0
    change = placed(noticed(again("Retraction: losses of 4,000 near Kursk")), story)
    assert (rung(change), change.story.status) == (None, Status.RETRACTED)


def test_figures_of_a_retraction_are_no_news() -> None:
    told = again("Retraction: losses of 9,000 near Kursk")
    said = match(claims=(figure(told[0], "9,000", "casualties", 9_000),))
    change = placed(noticed((told[0], said)), first(courier()))
    assert [claim.value for claim in change.story.claims if claim.value] == [4_000]
