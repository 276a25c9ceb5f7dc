"""Which subscription wants which story."""

import pytest

from services.notifier.route import refusal
from tests.factories import article, entry, story, subscription

STORY = story(
    topic="dprk-kursk",
    severity="high",
    tier="related",
    score=6.0,
    articles=(article(entry(language="uk")), article(entry(language="en", title="Other"))),
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
