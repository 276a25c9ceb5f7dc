"""Which subscription wants which story."""

import pytest

from services.notifier.route import refusal
from tests.factories import article, entry, story, subscription

STORY = story(
    topic="dprk-kursk",
    severity="high",
    tier="related",
    score=6.0,
    event_type="withdrawal",
    articles=(
        article(entry(language="uk", source="Herald", url="https://herald.example/1")),
        article(entry(language="en", title="Other", source="Courier", url="https://courier.example/1")),
    ),
)


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"topics": ("weather", "dprk-kursk")},
        {"languages": ("ko", "uk")},
        {"min_severity": "high"},
        {"min_score": 6.0},
        {"tiers": ("related",)},
        {"event_types": ("capture", "withdrawal")},
        {"sources": ("Gazette", "Courier")},
        {"min_independent_sources": 2},
    ],
)
def test_a_story_that_meets_every_wish_is_wanted(wish: dict[str, object]) -> None:
    assert refusal(subscription(**wish), STORY) is None


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"enabled": False}, "disabled"),
        ({"topics": ("weather",)}, "topic"),
        ({"languages": ("ko",)}, "language"),
        ({"min_severity": "critical"}, "severity"),
        ({"min_score": 6.1}, "score"),
        ({"tiers": ("core",)}, "tier"),
        ({"tiers": ()}, "tier"),
        ({"event_types": ("capture",)}, "event_type"),
        ({"sources": ("Gazette", "courier")}, "source"),
        ({"min_independent_sources": 3}, "independent_sources"),
    ],
)
def test_a_refusal_tells_its_reason(wish: dict[str, object], reason: str) -> None:
    assert refusal(subscription(**wish), STORY) == reason


def test_a_merged_story_is_wanted_by_nobody() -> None:
    assert refusal(subscription(), STORY.model_copy(update={"merged_into": "st_elder"})) == "merged"


def test_a_story_in_no_known_language_is_refused_by_who_wants_one() -> None:
    silent = story(articles=(article(entry(language=None)),))
    assert refusal(subscription(languages=("en",)), silent) == "language"
    assert refusal(subscription(), silent) is None


def test_a_story_of_no_known_event_is_refused_by_who_wants_one() -> None:
    unnamed = STORY.model_copy(update={"event_type": None})
    assert refusal(subscription(event_types=("withdrawal",)), unnamed) == "event_type"
    assert refusal(subscription(), unnamed) is None


def test_copies_are_no_independent_sources() -> None:
    first = article(entry(source="Herald", url="https://herald.example/1"))
    copy = article(entry(title="Copy", source="Courier", url="https://courier.example/1"), derived_from="Herald")
    wants_two = subscription(min_independent_sources=2)
    assert refusal(wants_two, story(articles=(first, copy))) == "independent_sources"


def test_of_several_reasons_the_first_is_told() -> None:
    assert refusal(subscription(enabled=False, topics=("weather",), min_score=99), STORY) == "disabled"
    assert refusal(subscription(topics=("weather",), min_score=99), STORY) == "topic"
