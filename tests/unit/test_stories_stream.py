"""Some days of news, from the reading of each text to what it rings."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from json import loads
from pathlib import Path
from typing import NamedTuple

from services.classifier.cluster import index_terms
from services.classifier.telling import place
from shared.models.change import Background, Change
from shared.models.story import Story
from tests.factories import NOON
from tests.unit.readings import matcher
from tests.unit.tellings import told_by

FILE = Path(__file__).parents[1] / "data" / "stories-small.jsonl"


class Item(NamedTuple):
    """`hours` after noon it comes, `age` hours after it was published; `story` and `ring` are what is expected."""

    hours: float
    source: str
    lang: str
    title: str
    summary: str
    story: str | None
    ring: str | None
    age: float = 0


ITEMS = [Item(**loads(line)) for line in FILE.read_text().splitlines()]


class Came(NamedTuple):
    story: str | None = None
    ring: str | None = None


@cache
def followed() -> list[Came]:
    """Where each item came and what it rang. What is known grows as in a store."""
    stories: dict[str, Story] = {}
    figures: dict[str, str] = {}
    came = []
    for item in ITEMS:
        now = NOON + timedelta(hours=item.hours)
        background = Background([*stories.values()], len(stories), _holding(stories.values()), figures)
        change = _told(item, background, now)
        if change:
            stories[change.story.id] = change.story
            figures = dict.fromkeys(change.rung, change.story.id) | figures
        came.append(Came(change.story.id, _ring(change)) if change else Came())
    return came


def _told(item: Item, background: Background, now: datetime) -> Change | None:
    published = now - timedelta(hours=item.age)
    told = told_by(item.source, item.title, item.summary, language=item.lang, published=published, seen_at=now)
    verdict = next((match for match in matcher().classify(told, now).matches if match.relevant), None)
    return place(told, verdict, background, now) if verdict else None


def _holding(stories: Iterable[Story]) -> Counter[str]:
    """How many stories say each term."""
    return Counter(term for story in stories for term in _terms(story))


def _terms(story: Story) -> set[str]:
    return {term for article in story.articles for term in index_terms(article.fingerprint)}


def _ring(change: Change) -> str | None:
    return f"{change.rings.type} {change.rings.reason}" if change.rings else None


def test_each_happening_is_one_story() -> None:
    told = {(item.story, came.story) for item, came in zip(ITEMS, followed(), strict=True)}
    assert len(told) == len({label for label, _ in told}) == len({story for _, story in told})


def test_what_is_new_rings_and_nothing_else_does() -> None:
    assert [came.ring for came in followed()] == [item.ring for item in ITEMS]
