"""The messages: what stands in them, and that they stay small whatever a story holds."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.classifier.story import SHOWN_EVIDENCE
from services.notifier.plan import Send
from services.notifier.render import (
    MAX_BODY_BYTES,
    digest_payload,
    endpoint_payload,
    fits,
    gravest_first,
    sample_payload,
    story_payload,
    webhook_id,
)
from services.notifier.sample import sample_story
from services.notifier.snapshot import MAX_SOURCES, MAX_URL_BYTES, Payload, Reader, compact
from shared.models.endpoint import EndpointState, EndpointStatus
from shared.models.story import AlertType, KnownClaim, Story
from shared.models.subscription import Delivery, MessageType
from tests.factories import NOON, after, article, claim, delivery, entry, evidence, make_id, revision, story

CREATED = Send(AlertType.CREATED, "new_story", "first report")
DIGEST = delivery(subject="digest")


def known(**over: object) -> KnownClaim:
    fields = {"entry_id": entry().id, "sources": ("Example News",), "position": 0, "said_at": NOON}
    return KnownClaim.model_validate(claim().model_dump() | fields | over)


def read(payload: Payload) -> dict[str, object]:
    """Its data as a receiver reads it."""
    found = json.loads(compact(payload))["data"]
    assert isinstance(found, dict)
    return found


def data(told: Story, before: Delivery | None = None, reader: Reader | None = None) -> dict[str, object]:
    payload = story_payload(told, before or delivery(), CREATED, after(60), reader or Reader())
    assert (payload["type"], payload["timestamp"]) == ("story.alert.created", "2025-02-03T12:01:00+00:00")
    return read(payload)


# Whose id it is


def test_the_id_follows_from_subscription_story_and_revision() -> None:
    assert webhook_id("desk", "st_1", 1) == "msg_899ec47971702bfe8a4212a56d"
    others = {webhook_id("desk", "st_1", 2), webhook_id("desk", "st_2", 1), webhook_id("other", "st_1", 1)}
    assert len(others | {webhook_id("desk", "st_1", 1)}) == 4


def test_what_is_told_again_or_cut_down_has_an_id_of_its_own() -> None:
    ids = {webhook_id("desk", "st_1", 1, again=again, thin=thin) for again in (0, 1, 2) for thin in (False, True)}
    assert len(ids) == 6


def test_the_same_story_at_the_same_time_is_the_same_bytes() -> None:
    one, other = story(), story()
    assert one is not other
    assert compact(story_payload(one, delivery(), CREATED, NOON)) == compact(
        story_payload(other, delivery(), CREATED, NOON)
    )


# A story


def test_the_message_is_of_the_newest_revision_and_says_what_is_news() -> None:
    told = story(revisions=(revision(), revision(number=2, detail="deployed 10,000 → 12,000")))
    send = Send(AlertType.UPDATED, "figure_changed", "deployed 10,000 → 12,000")
    payload = story_payload(told, delivery(sent_revision=1), send, NOON)
    found = read(payload)
    assert payload["type"] == "story.alert.updated"
    assert (found["revision"], found["since_revision"]) == (2, 1)
    assert (found["reason"], found["reason_detail"]) == ("figure_changed", "deployed 10,000 → 12,000")


def test_who_was_told_before_is_told_something_else_of_the_same_story() -> None:
    """Messages are kept for those who are told the same."""
    told = story(articles=(article(), article(entry(title="Other"))))
    first, second = data(told), data(told, delivery(sent_revision=1, sent_articles=1))
    assert (first["since_revision"], second["since_revision"]) == (0, 1)
    assert [found["counts"]["new_articles"] for found in (first, second)] == [2, 1]  # type: ignore[index]


def test_a_story_is_told_with_its_counts_times_claims_and_articles() -> None:
    first = article(entry(source="A", published=after(-60)))
    copy = article(entry(title="Copy", source="B"), decision="copy", derived_from="A")
    other = article(entry(title="Other", source="C", language="uk", url="https://c.example/1"), decision="same_story")
    told = story(articles=(first, copy, other), claims=(known(),), unlisted=2)
    found = data(told, delivery(sent_articles=4))
    assert found["counts"] == {
        "articles": 5,
        "new_articles": 1,
        "sources": 3,
        "independent_sources": 2,
        "languages": 2,
        "suppressed_duplicates": 3,
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


def test_a_story_that_lost_articles_has_no_less_than_no_new_ones() -> None:
    assert data(story(), delivery(sent_articles=9))["counts"]["new_articles"] == 0  # type: ignore[index]


def test_what_counted_for_the_topic_is_told_each_word_once() -> None:
    words = ("North Korean", "Kursk", "North Korean")
    found = tuple(evidence(text=word, start=place, end=place + 1) for place, word in enumerate(words))
    relevance = data(story(articles=(article(evidence=found),)))["relevance"]
    assert relevance == {"score": 8.0, "threshold": 5.0, "topic_version": "v1", "evidence": ["North Korean", "Kursk"]}


@pytest.mark.parametrize("base", [None, "https://tocsin.example"])
def test_links_lead_to_the_gateway_or_are_paths_if_nobody_has_told_where_it_is(base: str | None) -> None:
    links = data(story(id="s1"), reader=Reader(base_url=base))["links"]
    assert links == {"story": f"{base or ''}/stories/s1", "api": f"{base or ''}/v1/stories/s1"}


def test_a_claim_names_the_first_of_many_outlets() -> None:
    claims = data(story(claims=(known(sources=tuple(f"S{number}" for number in range(40))),)))["claims"]
    assert [told["sources"] for told in claims] == [[f"S{number}" for number in range(MAX_SOURCES)]]  # type: ignore[attr-defined]


def test_a_story_is_told_by_the_best_article_in_the_readers_language() -> None:
    english = article(entry(summary="They are gone."))
    korean = article(entry(title="북한군 사라져", summary="3주째 안 보인다.", language="ko"), decision="same_story")
    told = story(articles=(english, korean))
    for languages, best in (((), english), (("ko", "en"), korean), (("uk",), english), (("uk", "ko"), korean)):
        found = data(told, reader=Reader(languages))
        assert (found["title"], found["summary"], found["language"]) == (best.title, best.summary, best.language)
        assert found["lead_article"]["url"] == best.url  # type: ignore[index]


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


def huge(**over: object) -> Story:
    return story(
        title="Ж" * 20_000,
        summary="Ж" * 20_000,
        revisions=(revision(detail="\x01" * 20_000),),
        articles=tuple(
            article(entry(title=f"{letter * 20_000}", summary=letter * 20_000, url="https://e.example/" + "ж" * 950))
            for letter in "Ж" + "\x01" * 8
        ),
        claims=(known(place="\x01" * 20_000, sources=("\x01" * 20_000,) * 20),) * 20,
        **over,
    )


def test_a_huge_story_is_still_told_with_its_title() -> None:
    payload = story_payload(huge(), delivery(), CREATED, NOON)
    assert fits(payload)
    assert str(read(payload)["title"]).startswith("Ж" * 100)


def test_after_a_receiver_found_a_message_too_large_it_is_short() -> None:
    told = story(articles=tuple(article(entry(title=f"T{number}")) for number in range(9)), claims=(known(),))
    found = data(told, delivery(thin=True))
    assert (found["articles"], found["claims"], found["articles_truncated"]) == ([], [], True)
    assert found["lead_article"]["title"] == "T0"  # type: ignore[index]


# A test


def test_a_test_has_all_that_a_story_has_and_says_what_it_is() -> None:
    payload = sample_payload(sample_story(NOON), NOON)
    found = read(payload)
    assert (payload["type"], found["test"]) == ("webhook.test", True)
    assert {*found} - {"test"} == {*data(story())}
    assert found["claims"]
    assert len(found["articles"]) == 3  # type: ignore[arg-type]
    assert read(sample_payload(sample_story(NOON), NOON, thin=True))["articles"] == []


# Another endpoint


def test_how_another_endpoint_is_doing_is_told_without_where_it_is() -> None:
    state = EndpointState(
        status=EndpointStatus.DISABLED,
        reason="no_success",
        failures=21,
        down_since=after(-9),
        last_outcome="timeout",
        last_detail="x" * 200,
    )
    payload = endpoint_payload("ill", MessageType.DISABLED, state, 7, NOON)
    assert payload == {
        "type": "endpoint.disabled",
        "timestamp": "2025-02-03T12:00:00+00:00",
        "data": {
            "schema": 1,
            "endpoint": "ill",
            "status": "disabled",
            "reason": "no_success",
            "detail": "x" * 100,
            "since": "2025-02-03T11:59:51+00:00",
            "failures": 21,
            "waiting": 7,
            "last_outcome": "timeout",
        },
    }


# A digest

Part = tuple[Story, Delivery, Send]


def part(name: str, before: Delivery | None = None, **over: object) -> Part:
    return story(id=name, **over), before or delivery(subject=name), CREATED


def named(payload: Payload) -> list[object]:
    stories = read(payload)["stories"]
    assert isinstance(stories, list)
    return [each["story_id"] for each in stories]


def test_a_digest_tells_each_story_as_a_message_of_its_own_would_but_briefly() -> None:
    many = tuple(article(entry(title=f"T{number}")) for number in range(3))
    payload, told = digest_payload(DIGEST, [part("a", delivery(sent_revision=1), articles=many), part("b")], NOON)
    found = read(payload)
    assert (payload["type"], told, named(payload)) == ("story.digest", 2, ["a", "b"])
    assert (found["subscription"], found["since"], found["stories_truncated"]) == ("desk", None, False)
    first = found["stories"][0]  # type: ignore[index]
    assert {*first} == {*data(story())}
    assert (first["since_revision"], len(first["articles"]), first["articles_truncated"]) == (1, 1, True)


def test_a_digest_says_since_when() -> None:
    payload, _ = digest_payload(delivery(subject="digest", sent_at=after(-60)), [part("a")], NOON)
    assert read(payload)["since"] == "2025-02-03T11:59:00+00:00"


def test_a_digest_tells_as_many_as_it_holds_and_that_there_are_more() -> None:
    parts = [part(f"{number:02}", articles=(article(entry(title="T" * 200)),)) for number in range(60)]
    payload, told = digest_payload(DIGEST, parts, NOON)
    assert 2 < told < 60
    assert named(payload) == [f"{number:02}" for number in range(told)]
    assert read(payload)["stories_truncated"] is True
    assert fits(payload)
    assert not fits(payload, MAX_BODY_BYTES - 3000)


def test_a_digest_that_was_found_too_large_tells_one_story_in_short() -> None:
    parts = [part(f"{number:02}", claims=(known(),)) for number in range(60)]
    payload, told = digest_payload(delivery(thin=True), parts, NOON)
    only = read(payload)["stories"][0]  # type: ignore[index]
    assert (told, named(payload), only["claims"], only["articles"]) == (1, ["00"], [], [])
    assert read(payload)["stories_truncated"] is True


@pytest.mark.parametrize("thin", [False, True])
def test_a_huge_story_is_told_in_a_digest_too(thin: bool) -> None:
    stories = [huge(id=name) for name in "abc"]
    stories = [each.model_copy(update={"articles": each.articles[1:]}) for each in stories]
    payload, many = digest_payload(delivery(thin=thin), [(each, delivery(), CREATED) for each in stories], NOON)
    assert fits(payload)
    assert many == (1 if thin else 3)
    assert named(payload) == ["a", "b", "c"][:many]


def test_the_gravest_come_first_then_the_most_relevant() -> None:
    parts = [part("b", score=9), part("a", score=9), part("c", severity="critical", score=1), part("d", score=10)]
    assert [told.id for told, _, _ in gravest_first(parts)] == ["c", "d", "a", "b"]


# Whatever stands in a story


TEXT = st.text(max_size=40).map(lambda text: text * 40) | st.text(max_size=60)
SHORT = st.text(min_size=1, max_size=30)
ARTICLES = st.builds(
    lambda title, source, url, language, words: article(
        entry(title=title, source=source, url=url, language=language),
        evidence=tuple(evidence(text=word) for word in words),
    ),
    TEXT,
    TEXT,
    st.none() | TEXT,
    st.none() | TEXT,
    st.lists(TEXT, max_size=SHOWN_EVIDENCE),
)
CLAIMS = st.builds(
    lambda place, time, sources: known(place=place, time=time, sources=tuple(sources)),
    st.none() | TEXT,
    st.none() | TEXT,
    st.lists(TEXT, max_size=40),
)
STORIES = st.builds(
    lambda title, summary, detail, articles, claims: story(
        id=make_id(title, summary),
        summary=summary,
        revisions=(revision(detail=detail),),
        articles=articles,
        claims=claims,
    ),
    TEXT,
    TEXT,
    TEXT,
    st.lists(ARTICLES, min_size=1, max_size=8),
    st.lists(CLAIMS, max_size=15),
)


@given(STORIES, st.booleans())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_story_makes_a_message_too_large(told: Story, thin: bool) -> None:
    payload = story_payload(told, delivery(thin=thin), CREATED, NOON)
    assert len(compact(payload).encode()) <= MAX_BODY_BYTES
    found = json.loads(compact(payload))["data"]
    for url in [found["lead_article"]["url"], *[a["url"] for a in found["articles"]]]:
        assert url is None or len(url.encode()) <= MAX_URL_BYTES


@given(st.lists(STORIES, min_size=1, max_size=6), st.booleans())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_stories_make_a_digest_too_large_and_the_first_is_always_told(told: Sequence[Story], thin: bool) -> None:
    parts = [(each, delivery(subject=each.id), CREATED) for each in told]
    payload, many = digest_payload(delivery(subject="digest", thin=thin), parts, NOON)
    assert len(compact(payload).encode()) <= MAX_BODY_BYTES
    assert 1 <= many <= len(parts)
    assert named(payload) == [each.id for each in told[:many]]
    assert read(payload)["stories_truncated"] is (many < len(parts))
