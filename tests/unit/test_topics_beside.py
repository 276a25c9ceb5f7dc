"""Two topics share one scan, and neither has a part in the other's verdicts."""

from pathlib import Path

import pytest

from services.classifier.match import Matcher
from services.classifier.packs import load_pack
from shared.models.pack import TopicPack
from shared.models.topic import TopicMatch

TOPICS = Path(__file__).parents[2] / "seeds/topics"
TROOPS, CABLES = load_pack(TOPICS / "dprk-kursk"), load_pack(TOPICS / "undersea-cables")
BOTH = Matcher([TROOPS, CABLES])

ABOUT_TROOPS = "North Korean soldiers are withdrawn from the front near Kursk"
ABOUT_CABLES = "Two undersea cables cut in the Gulf of Finland"
ABOUT_BOTH = f"{ABOUT_TROOPS}; {ABOUT_CABLES}"


def relevant(matcher: Matcher, text: str, language: str = "en") -> set[str]:
    return {match.topic for match in matcher.match(text, language) if match.relevant}


def of(topic: str, matches: tuple[TopicMatch, ...]) -> list[TopicMatch]:
    return [match for match in matches if match.topic == topic]


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        (ABOUT_TROOPS, {"dprk-kursk"}),
        (ABOUT_CABLES, {"undersea-cables"}),
        (ABOUT_BOTH, {"dprk-kursk", "undersea-cables"}),
        ("Rain is expected in Tallinn and in Kursk", set()),
    ],
)
def test_an_entry_is_told_to_each_topic_that_it_is_about_and_to_no_other(text: str, topics: set[str]) -> None:
    assert relevant(BOTH, text) == topics


def test_each_topic_has_its_own_event_and_evidence_in_an_entry_about_both() -> None:
    first, second = BOTH.match(ABOUT_BOTH, "en")
    assert (first.event_type, second.event_type) == ("withdrawal", "damage")
    assert not {hit.concept for hit in first.evidence} & {hit.concept for hit in second.evidence}


def test_a_topic_beside_it_changes_no_verdict_score_claim_or_version() -> None:
    for pack in (TROOPS, CABLES):
        alone = Matcher([pack])
        for text, language in examples():
            assert of(pack.name, BOTH.match(text, language)) == list(alone.match(text, language))


def test_the_examples_of_one_topic_are_nothing_to_the_other() -> None:
    for pack, other in ((TROOPS, CABLES), (CABLES, TROOPS)):
        for forms in pack.languages:
            for example in forms.examples.match:
                assert other.name not in relevant(BOTH, example.text, forms.language), example.text


def test_the_order_of_the_topics_makes_no_difference() -> None:
    other_way = Matcher([CABLES, TROOPS])
    for text, language in examples():
        assert set(BOTH.match(text, language)) == set(other_way.match(text, language))


def examples() -> list[tuple[str, str]]:
    return [
        (text, forms.language)
        for pack in (TROOPS, CABLES)
        for forms in pack.languages
        for text in _texts(pack, forms.language)
    ]


def _texts(pack: TopicPack, language: str) -> list[str]:
    (forms,) = [forms for forms in pack.languages if forms.language == language]
    return [*(example.text for example in forms.examples.match), *forms.examples.no_match]


def test_the_second_topic_is_grown_enough_to_prove_something() -> None:
    assert {forms.language for forms in CABLES.languages} == {"de", "en", "fi", "zh"}
    for forms in CABLES.languages:
        assert len(forms.examples.match) >= 8, forms.language
        assert len(forms.examples.no_match) >= 8, forms.language
    assert {place.tier for place in CABLES.places.values()} == {"core", "related"}
    assert not CABLES.topic.roles
    assert set(CABLES.topic.events).isdisjoint(TROOPS.topic.events)
