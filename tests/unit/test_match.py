from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.match import Matcher, compile_topics
from services.classifier.text import fold
from shared.models.entry import Entry
from shared.models.pack import TopicPack
from shared.models.topic import Severity, Tier, TopicMatch

NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)

FLEET = TopicPack.model_validate(
    {
        "topic": {
            "name": "fleet",
            "title": "Ships of Atlantis in the Narrow Sea",
            "rule": {
                "actor": ["atlantis"],
                "alias": ["island"],
                "noun": ["ship"],
                "compound": ["armada"],
                "owner": ["rival"],
                "core": ["strait"],
                "related": ["sea"],
            },
            "threshold": 3.5,
            "events": {
                "sailing": {"severity": "medium"},
                "sinking": {"severity": "critical", "weight": 1.2},
            },
        },
        "languages": [
            {
                "language": "en",
                "concepts": {
                    "atlantis": ["atlantis", "atlantean*"],
                    "island": ["the island"],
                    "ship": ["ship", "ships", "frigate*"],
                    "armada": ["atlantean armada"],
                    "rival": ["lemurian"],
                    "strait": ["black strait"],
                    "sea": ["narrow sea"],
                },
                "events": {"sailing": ["sail*", "left port"], "sinking": ["sank", "sink*"]},
                "masks": ["bank of atlantis"],
                "negatives": ["regatta", "film"],
            },
            {
                "language": "zh",
                "concepts": {"atlantis": ["大西"], "ship": ["船"], "strait": ["黑峡"]},
                "events": {"sailing": ["航行"]},
            },
        ],
    }
)
MATCHER = compile_topics([FLEET])


def judge(text: str, language: str = "en") -> TopicMatch | None:
    found = MATCHER.match(text, language)
    return found[0] if found else None


def reason(text: str, language: str = "en") -> str | None:
    found = judge(text, language)
    return found.reason if found else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Atlantis ships sail through the Black Strait", "matched"),
        ("Ships of Atlantis\nThey left port for the Narrow Sea.", "matched"),
        ("The Atlantean Armada sank in the Narrow Sea", "matched"),
        ("Rain is expected over the Narrow Sea", None),
        ("The island has ships that sail", "no_actor"),
        ("The island has ships that sail the Narrow Sea", "matched"),
        (
            "Atlantis signs a treaty on the Black Strait, and from today the ships of all nations sail there",
            "no_noun_near_actor",
        ),
        ("Atlantis votes.\nShips sail in the Black Strait.", "no_noun_near_actor"),
        ("Atlantis watches Lemurian ships sail through the Black Strait", "no_noun_near_actor"),
        ("Atlantean and Lemurian ships sail through the Black Strait", "matched"),
        ("The Bank of Atlantis has ships that sail the Narrow Sea", None),
        ("Atlantis has ships in the Black Strait", "no_event"),
        ("Atlantis ships sail on", "no_place"),
        ("Atlantis ships sail in the Narrow Sea in a regatta film", "negative_context"),
        ("News\nOne. Two. Three. Four. Atlantis ships sail through the Black Strait.", "actor_not_in_lead"),
        ("News\nOne. Two. Atlantis ships sail through the Black Strait.", "matched"),
    ],
)
def test_every_verdict_has_its_reason(text: str, expected: str | None) -> None:
    assert reason(text) == expected


def test_a_score_that_never_reached_the_threshold_says_so() -> None:
    strict = FLEET.model_copy(update={"topic": FLEET.topic.model_copy(update={"threshold": 9.0})})
    found = compile_topics([strict]).match("Atlantis ships sail through the Black Strait", "en")[0]
    assert (found.relevant, found.reason, found.threshold) == (False, "below_threshold", 9.0)


def test_an_event_counts_in_the_sentence_after_the_actor_and_no_later() -> None:
    assert reason("Black Strait: ships of Atlantis.\nThey sail.") == "matched"
    assert reason("Black Strait: ships of Atlantis.\nSo it is said. They sail.") == "no_event"


def test_a_title_is_one_sentence_whatever_marks_stand_in_it() -> None:
    assert reason("Gone! The ships of Atlantis!\nThey sailed through the Black Strait. So it is.") == "matched"


def test_an_event_inside_the_form_of_another_does_not_count() -> None:
    events = {"sailing": ("sail*",), "staying": ("did not sail",)}
    english = FLEET.languages[0].model_copy(update={"events": events})
    rule = FLEET.topic.model_copy(update={"events": dict.fromkeys(events, FLEET.topic.events["sailing"])})
    pack = FLEET.model_copy(update={"languages": (english,), "topic": rule})
    [found] = compile_topics([pack]).match("Atlantis ships did not sail the Black Strait", "en")
    assert found.event_type == "staying"


def test_what_stands_far_below_is_no_sign_of_another_subject() -> None:
    text = "Atlantis ships sail the Narrow Sea\n" + "So it is said. " * 4
    assert reason(text + "A regatta film is shown.") == "matched"


def test_forms_end_where_words_end() -> None:
    assert reason("Atlantisport has ships that sail in the Black Strait") is None
    assert reason("Neoatlantis has ships that sail in the Black Strait") is None
    assert reason("Atlantis’s ships sail in the Black Strait") == "matched"
    assert reason("Atlantis shipping sails in the Black Strait") == "no_noun_near_actor"


def test_forms_of_one_language_do_not_count_in_another() -> None:
    assert reason("大西船在黑峡航行", "zh") == "matched"
    assert reason("大西船在黑峡航行", "ja") is None


def test_a_headline_too_short_to_tell_its_language_is_read_in_the_one_that_says_most() -> None:
    german = {
        "language": "de",
        "concepts": {"atlantis": ["atlantis"], "ship": ["schiff*"], "sea": ["black"]},
        "events": {"sailing": ["sail*"]},
    }
    both = compile_topics([TopicPack.model_validate(FLEET.model_dump() | {"languages": [german, *FLEET.languages]})])
    for text, language in (("Atlantis ships sail Black Strait", "en"), ("Atlantis: Schiffe sail black", "de")):
        (found,) = both.match(text)
        assert (found.relevant, found.language) == (True, language)
    assert MATCHER.match("大西船在黑峡航行")[0].relevant
    assert both.match("Atlantis ships sail Black Strait", "de")[0].reason == "no_noun_near_actor"


def test_a_noun_must_stand_nearer_in_chinese() -> None:
    assert reason("大西" + "一" * 20 + "船在黑峡航行", "zh") == "matched"
    assert reason("大西" + "一" * 21 + "船在黑峡航行", "zh") == "no_noun_near_actor"


def test_the_tier_is_core_when_the_topics_own_place_is_named() -> None:
    core, related = judge("Atlantis ships sail the Black Strait"), judge("Atlantis ships sail the Narrow Sea")
    assert core
    assert related
    assert (core.tier, related.tier) == (Tier.CORE, Tier.RELATED)
    assert core.score > related.score


def test_a_repeated_negative_form_is_taken_off_once() -> None:
    once, thrice = (
        judge("Atlantis ships sail the Black Strait: film"),
        judge("Atlantis ships sail the Black Strait: film, Film, film"),
    )
    assert once
    assert thrice
    assert once.score == thrice.score
    assert [hit.text for hit in thrice.negative] == ["film", "Film", "film"]


def test_severity_comes_with_the_event_type() -> None:
    found = judge("Atlantis ships sail, one sank in the Black Strait")
    assert found
    assert (found.event_type, found.severity) == ("sinking", Severity.CRITICAL)


def test_the_title_decides_between_event_types() -> None:
    found = judge("Atlantis ships sail the Black Strait\nLast year ships of Atlantis sank.")
    assert found
    assert found.event_type == "sailing"


def test_two_topics_share_one_scan_and_judge_apart() -> None:
    rule = FLEET.topic.model_copy(update={"name": "other", "threshold": 99.0})
    both = compile_topics([FLEET, FLEET.model_copy(update={"topic": rule})])
    found = both.match("Atlantis ships sail through the Black Strait", "en")
    assert [(match.topic, match.relevant) for match in found] == [("fleet", True), ("other", False)]


def test_the_version_changes_with_the_pack_and_only_then() -> None:
    other = FLEET.model_copy(update={"topic": FLEET.topic.model_copy(update={"threshold": 3.0})})
    assert compile_topics([FLEET]).versions == MATCHER.versions
    assert compile_topics([other]).versions != MATCHER.versions
    assert len(MATCHER.versions["fleet"]) == 12


def test_a_classification_names_the_entry_and_the_moment() -> None:
    entry = Entry(
        id="0" * 16, feed_id="f", source="s", feed_name="n", language="en", seen_at=NOW,
        title="Atlantis ships sail", summary="They are in the Black Strait.",
    )  # fmt: skip
    verdict = MATCHER.classify(entry, NOW)
    assert (verdict.entry_id, verdict.classified_at) == (entry.id, NOW)
    assert verdict.matches[0].relevant
    assert Matcher([]).classify(entry, NOW).matches == ()


PIECES = [
    "Atlantis",
    "ATLANTEAN",
    "sh\u00adips",
    "ships",
    "sail",
    "sank",
    "Black Strait",
    "film",
    ". ",
    "\n",
    " ",
    "é",
    "ﬁ",
]


@given(st.lists(st.sampled_from(PIECES)).map(" ".join) | st.text())
def test_evidence_points_into_the_original_text(text: str) -> None:
    for match in MATCHER.match(text, "en"):
        for hit in (*match.evidence, *match.negative):
            assert text[hit.start : hit.end] == hit.text
            assert fold(hit.text).text.startswith(("atl", "ship", "sa", "black", "film"))
