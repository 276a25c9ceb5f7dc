"""The message: what stands in it, and that it stays small whatever the story holds."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.notifier.plan import Send
from services.notifier.render import MAX_BODY_BYTES, MAX_URL_BYTES, render, webhook_id
from shared.models.story import AlertType, KnownClaim, Story
from tests.factories import NOON, after, article, claim, delivery, entry, revision, story

CREATED = Send(AlertType.CREATED, "new_story")


def known(**over: object) -> KnownClaim:
    fields = {"entry_id": entry().id, "sources": ("Example News",), "position": 0, "said_at": NOON}
    return KnownClaim.model_validate(claim().model_dump() | fields | over)


def data(told: Story, since: int = 0) -> dict[str, object]:
    body = json.loads(render(told, delivery(sent_revision=since), CREATED, after(60)).body)
    assert (body["type"], body["timestamp"]) == ("story.alert.created", "2025-02-03T12:01:00+00:00")
    found = body["data"]
    assert isinstance(found, dict)
    return found


def test_the_id_follows_from_subscription_story_and_revision() -> None:
    assert webhook_id("desk", "st_1", 1) == "msg_899ec47971702bfe8a4212a56d"
    others = {webhook_id("desk", "st_1", 2), webhook_id("desk", "st_2", 1), webhook_id("other", "st_1", 1)}
    assert len(others | {webhook_id("desk", "st_1", 1)}) == 4


def test_the_same_story_at_the_same_time_is_the_same_bytes() -> None:
    assert render(story(), delivery(), CREATED, NOON) == render(story(), delivery(), CREATED, NOON)


def test_the_envelope_is_of_the_newest_revision() -> None:
    told = story(revisions=(revision(), revision(number=2, detail="deployed 10,000 → 12,000")))
    sent = render(told, delivery(sent_revision=1), Send(AlertType.UPDATED, "figure_changed"), NOON)
    assert (sent.revision, sent.type) == (2, AlertType.UPDATED)
    assert sent.webhook_id == webhook_id("desk", told.id, 2)
    body = json.loads(sent.body)
    assert body["type"] == "story.alert.updated"
    assert (body["data"]["revision"], body["data"]["since_revision"]) == (2, 1)
    assert (body["data"]["reason"], body["data"]["reason_detail"]) == ("figure_changed", "deployed 10,000 → 12,000")


def test_a_story_is_told_with_its_counts_times_claims_and_articles() -> None:
    first = article(entry(source="A", published=after(-60)))
    copy = article(entry(title="Copy", source="B"), decision="copy", derived_from="A")
    other = article(entry(title="Other", source="C", language="uk", url="https://c.example/1"), decision="same_story")
    found = data(story(articles=(first, copy, other), claims=(known(),)))
    assert found["counts"] == {
        "articles": 3,
        "sources": 3,
        "independent_sources": 2,
        "languages": 2,
        "suppressed_duplicates": 1,
    }
    times = found["times"]
    assert isinstance(times, dict)
    assert times["first_published"] == "2025-02-03T11:59:00+00:00"
    claims, articles = found["claims"], found["articles"]
    assert isinstance(claims, list)
    assert isinstance(articles, list)
    assert [(told["value"], told["qualifier"], told["article"]) for told in claims] == [(11_000, "about", first.url)]
    assert [told["relation"] for told in articles] == ["independent", "derived", "independent"]
    assert found["articles_truncated"] is False
    assert found["lead_article"] == articles[0]


def test_a_story_is_told_by_the_best_article_in_the_readers_language() -> None:
    english = article(entry(summary="They are gone."))
    korean = article(entry(title="북한군 사라져", summary="3주째 안 보인다.", language="ko"), decision="same_story")
    told = story(articles=(english, korean))
    for languages, best in (((), english), (("ko", "en"), korean), (("uk",), english), (("uk", "ko"), korean)):
        found = json.loads(render(told, delivery(), CREATED, NOON, languages).body)["data"]
        assert (found["title"], found["summary"], found["language"]) == (best.title, best.summary, best.language)
        assert found["lead_article"]["url"] == best.url


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (
            {"role": "killed", "value": 600, "unit": "people", "place": "kursk", "attribution": "South Korea's NIS"},
            "killed: about 600 people, Kursk (South Korea's NIS, claimed)",
        ),
        (
            {"role": "to_be_sent", "value": 12_500, "qualifier": "up_to", "certainty": "possible"},
            "to be sent: up to 12,500 (possible)",
        ),
        (
            {"role": None, "value": None, "qualifier": None, "place": "malaya-loknya", "certainty": "denied"},
            "withdrawal: Malaya Loknya (denied)",
        ),
        (
            {"role": None, "value": None, "qualifier": None, "unit": "people", "attribution": "Ukraine"},
            "withdrawal (Ukraine, claimed)",
        ),
    ],
)
def test_a_claim_is_told_in_a_plain_line_with_the_address_of_its_article(said: dict[str, object], text: str) -> None:
    claims = data(story(claims=(known(**said),)))["claims"]
    assert isinstance(claims, list)
    assert [(told["text"], told["article"]) for told in claims] == [(text, article().url)]


def test_a_message_names_the_stories_that_were_merged_the_last_of_many() -> None:
    assert data(story())["merged_story_ids"] == []
    many = tuple(f"st_{number}" for number in range(60))
    assert data(story(merged_from=many))["merged_story_ids"] == list(many[10:])


def test_of_many_articles_the_first_five_are_told() -> None:
    many = tuple(article(entry(title=f"T{number}")) for number in range(9))
    found = data(story(articles=many))
    assert len(found["articles"]) == 5  # type: ignore[arg-type]
    assert found["articles_truncated"] is True


def test_an_address_is_told_whole_or_not_at_all() -> None:
    fits, too_long = "https://e.example/" + "x" * 1900, "https://e.example/" + "x" * 2000
    for url, told in ((fits, fits), (too_long, None)):
        found = data(story(articles=(article(entry(url=url)),)))
        assert found["lead_article"]["url"] == told  # type: ignore[index]


def test_a_huge_story_is_still_told_with_its_title() -> None:
    huge = story(
        title="Ж" * 20_000,
        summary="Ж" * 20_000,
        revisions=(revision(detail="\x01" * 20_000),),
        articles=tuple(
            article(entry(title=f"{letter * 20_000}", summary=letter * 20_000, url="https://e.example/" + "ж" * 950))
            for letter in "Ж" + "\x01" * 8
        ),
        claims=(known(place="\x01" * 20_000),) * 20,
    )
    body = render(huge, delivery(), CREATED, NOON).body
    assert len(body.encode()) <= MAX_BODY_BYTES
    assert json.loads(body)["data"]["title"].startswith("Ж" * 100)


TEXT = st.text(max_size=40).map(lambda text: text * 40) | st.text(max_size=60)
SHORT = st.text(min_size=1, max_size=30)
ARTICLES = st.builds(
    lambda title, source, url, language: article(entry(title=title, source=source, url=url, language=language)),
    TEXT,
    TEXT,
    st.none() | TEXT,
    st.none() | TEXT,
)
CLAIMS = st.builds(
    lambda place, time, sources: known(place=place, time=time, sources=tuple(sources)),
    st.none() | TEXT,
    st.none() | TEXT,
    st.lists(TEXT, max_size=20),
)
STORIES = st.builds(
    lambda title, summary, detail, articles, claims: story(
        title=title, summary=summary, revisions=(revision(detail=detail),), articles=articles, claims=claims
    ),
    TEXT,
    TEXT,
    TEXT,
    st.lists(ARTICLES, min_size=1, max_size=8),
    st.lists(CLAIMS, max_size=15),
)


@given(STORIES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_story_makes_a_message_too_large(told: Story) -> None:
    sent = render(told, delivery(), CREATED, NOON)
    assert len(sent.body.encode()) <= MAX_BODY_BYTES
    body = json.loads(sent.body)
    for url in [body["data"]["lead_article"]["url"], *[a["url"] for a in body["data"]["articles"]]]:
        assert url is None or len(url.encode()) <= MAX_URL_BYTES
