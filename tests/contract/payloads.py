"""Payloads of every type, as the notifier renders them."""

from shared.models.subscription import MessageType

Data = dict[str, object]

TITLE = "Війська КНДР залишили фронт · 북한군 사라져 · قوات كوريا 🚨"
WHY = "deployed 10,000 → 12,000"


def article(**over: object) -> Data:
    fields: Data = {
        "title": "They have left",
        "url": "https://news.example/1",
        "source": "Example News",
        "language": "en",
        "published": "2025-02-03T11:58:00+00:00",
        "decision": "new",
        "relation": "independent",
        "derived_from": None,
        "withdrawn": None,
        "reason": "opened",
    }
    return fields | over


def snapshot(**over: object) -> Data:
    """A story as it is told in an alert."""
    fields: Data = {
        "schema": 1,
        "topic": "dprk-kursk",
        "story_id": "st_1",
        "revision": 2,
        "since_revision": 1,
        "status": "confirmed",
        "severity": "high",
        "tier": "core",
        "reason": "figure_changed",
        "reason_detail": WHY,
        "title": TITLE,
        "summary": "Nobody has seen them for three weeks.",
        "language": "uk",
        "relevance": {"score": 8.0, "threshold": 5.0, "topic_version": "v1", "evidence": ["North Korean", "Kursk"]},
        "event_type": "withdrawal",
        "claims": [{"text": "deployed: about 12,000 people, Kursk (Ukraine, claimed)"}],
        "counts": {
            "articles": 4,
            "new_articles": 3,
            "sources": 3,
            "independent_sources": 2,
            "languages": 2,
            "suppressed_duplicates": 1,
        },
        "times": {
            "first_published": "2025-02-03T11:58:00+00:00",
            "first_seen": "2025-02-03T12:00:00+00:00",
            "last_published": "2025-02-03T12:00:00+00:00",
            "updated": "2025-02-03T12:01:00+00:00",
        },
        "lead_article": article(),
        "articles": [article()],
        "articles_truncated": False,
        "merged_story_ids": [],
        "links": {"story": "https://tocsin.example/stories/st_1", "api": "https://tocsin.example/v1/stories/st_1"},
    }
    return fields | over


def payload(kind: MessageType = MessageType.UPDATED, **over: object) -> Data:
    """`over`: fields of a story's snapshot, or of the data of another kind."""
    endpoint: Data = {
        "schema": 1,
        "endpoint": "newsroom",
        "status": "failing",
        "reason": "timeout",
        "detail": "no complete answer within 15 s",
        "since": "2025-02-02T12:00:00+00:00",
        "failures": 12,
        "waiting": 3,
        "last_outcome": "timeout",
    }
    digest: Data = {
        "schema": 1,
        "stories": [snapshot(), snapshot(story_id="st_2", title="Another happening", severity="low")],
        "stories_truncated": False,
        "since": "2025-02-02T12:00:00+00:00",
        "subscription": "desk",
    }
    data = digest if kind is MessageType.DIGEST else endpoint if kind.startswith("endpoint.") else snapshot()
    tested = {"test": True} if kind is MessageType.TEST else {}
    return {"type": kind.value, "timestamp": "2025-02-03T12:02:00+00:00", "data": data | tested | over}
