"""A topic whose stories gather nothing: each entry is a story of its own, but for one that is published once more."""

from datetime import timedelta

import pytest

from services.classifier.fingerprint import fingerprint
from services.classifier.telling import marks_of, place
from shared.models.change import Background
from shared.models.entry import Entry
from shared.models.story import AlertType, Decision, Story
from tests.factories import NOON, entry, match

SIREN = "Sirens are tested in Seoul at noon"


def notice(number: int, **over: object) -> Entry:
    url = f"https://town.example/{number}"
    return entry(id=f"{number:016}", title=SIREN, guid=url, url=url, **over)


def placed(told: Entry, *stories: Story, gather: bool) -> tuple[Story, Decision]:
    change = place(told, match(gather=gather), Background(stories), NOON + timedelta(minutes=1))
    article = change.story.article(told.id)
    assert article
    return change.story, article.decision


@pytest.mark.parametrize(("gather", "decision"), [(True, Decision.EXACT), (False, Decision.NEW)])
def test_the_same_words_are_told_twice_only_by_such_a_topic(gather: bool, decision: Decision) -> None:
    first, _ = placed(notice(1), gather=gather)
    second, how = placed(notice(2), first, gather=gather)
    assert how is decision
    assert (second.id == first.id) is gather


def test_each_rings_by_itself() -> None:
    first, _ = placed(notice(1), gather=False)
    change = place(notice(2), match(gather=False), Background([first]), NOON)
    assert change.rings
    assert change.rings.type is AlertType.CREATED
    assert change.story.articles[0].reason == "its topic gathers nothing"


def test_an_item_that_is_published_once_more_stays_where_it_was() -> None:
    first, _ = placed(notice(1), gather=False)
    again, how = placed(notice(1).model_copy(update={"id": "again", "feed_name": "Mirror"}), first, gather=False)
    assert (again.id, how) == (first.id, Decision.EXACT)


def test_it_is_found_by_what_it_is_and_not_by_what_it_says() -> None:
    told = notice(1)
    print_ = fingerprint(told, match())
    usual, bare = (marks_of(told, print_, gather=gather) for gather in (True, False))
    assert usual.terms
    assert (bare.terms, bare.figures, bare.sets) == ((), (), ())
    assert set(bare.identities) < set(usual.identities)
    stored = place(told, match(gather=False), Background(), NOON).marks
    assert stored == bare
