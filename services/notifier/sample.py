"""The story that a `webhook.test` tells (pure): invented, and says so."""

from datetime import datetime
from hashlib import sha256

from shared.models.story import AlertType, Article, Decision, KnownClaim, Revision, Status, Story
from shared.models.topic import Certainty, Evidence, Severity, Tier

TITLE = "This is a test: 1,000 paper cranes leave for the coast"
SUMMARY = "Nothing has happened. Tocsin sends this so that you can see what an alert looks like, and that it arrives."
_SOURCES = ("The Example Gazette", "Приклад", "예시일보")


def sample_story(now: datetime) -> Story:
    """With a figure, three outlets in three languages, and one revision."""
    articles = tuple(_article(source, number, now) for number, source in enumerate(_SOURCES))
    claim = KnownClaim(
        kind="test",
        role="cranes",
        value=1000,
        qualifier="about",
        place="coast",
        attribution="The Example Gazette",
        certainty=Certainty.CLAIMED,
        start=16,
        end=34,
        entry_id=articles[0].entry_id,
        sources=_SOURCES[:2],
        position=0,
        said_at=now,
    )
    return Story(
        id=_id("story"),
        topic="test",
        topic_version="test",
        title=TITLE,
        summary=SUMMARY,
        language="en",
        event_type="test",
        severity=Severity.LOW,
        tier=Tier.CORE,
        status=Status.DEVELOPING,
        score=1.0,
        threshold=1.0,
        claims=(claim,),
        articles=articles,
        revisions=(Revision(number=1, type=AlertType.CREATED, reason="test", detail="a test message", at=now),),
        first_seen_at=now,
        updated_at=now,
    )


def _article(source: str, number: int, now: datetime) -> Article:
    language = ("en", "uk", "ko")[number]
    return Article(
        entry_id=_id(source),
        source=source,
        feed_name=source,
        title=TITLE,
        summary=SUMMARY,
        url=f"https://news.example/test/{number + 1}",
        language=language,
        published=now,
        seen_at=now,
        event_type="test",
        evidence=(Evidence(concept="test", text="test", start=10, end=14),),
        decision=Decision.NEW if number == 0 else Decision.SAME_STORY,
        reason="a test message",
    )


def _id(name: str) -> str:
    return sha256(f"test|{name}".encode()).hexdigest()[:16]
