"""The message (pure): a full snapshot of the story, thin enough to be read on a phone."""

import json
from datetime import datetime
from hashlib import sha256

from services.notifier.plan import Send
from shared.models.story import Article, KnownClaim, Relation, Story
from shared.models.subscription import Delivery, Envelope

SCHEMA = 1
MAX_BODY_BYTES = 16 * 1024
MAX_ARTICLES = 5
MAX_CLAIMS = 12
MAX_SUMMARY = 600


def webhook_id(subscription_id: str, story_id: str, revision: int) -> str:
    """Derived, so that a delivery that runs twice cannot mint a second id."""
    return "msg_" + sha256(f"{subscription_id}|{story_id}|{revision}".encode()).hexdigest()[:26]


def render(story: Story, delivery: Delivery, send: Send, now: datetime) -> Envelope:
    """Freeze the message of this story's current revision for this subscription."""
    return Envelope(
        webhook_id=webhook_id(delivery.subscription_id, story.id, story.revision),
        revision=story.revision,
        type=send.type,
        body=_fitting(story, delivery, send, now),
    )


def _fitting(story: Story, delivery: Delivery, send: Send, now: datetime) -> str:
    """Articles and claims are left out, most first, until the body fits."""
    for articles, claims in ((MAX_ARTICLES, MAX_CLAIMS), (2, 4), (1, 0)):
        data = _snapshot(story, delivery, send, articles, claims)
        payload = {"type": f"story.alert.{send.type.value}", "timestamp": now.isoformat(), "data": data}
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        if len(body.encode()) <= MAX_BODY_BYTES:
            break
    return body


def _snapshot(story: Story, delivery: Delivery, send: Send, articles: int, claims: int) -> dict[str, object]:
    revision = story.revisions[-1]
    return {
        "schema": SCHEMA,
        "topic": story.topic,
        "story_id": story.id,
        "revision": story.revision,
        "since_revision": delivery.sent_revision,
        "severity": story.severity.value,
        "tier": story.tier.value,
        "reason": send.reason,
        "reason_detail": revision.detail,
        "title": story.title,
        "summary": story.summary[:MAX_SUMMARY],
        "language": story.language,
        "relevance": {"score": story.score, "threshold": story.threshold, "topic_version": story.topic_version},
        "event_type": story.event_type,
        "claims": [_claim(claim, story) for claim in story.claims[:claims]],
        "counts": _counts(story),
        "times": {
            "first_published": _iso(min((a.moment for a in story.articles), default=None)),
            "first_seen": _iso(story.first_seen_at),
            "last_published": _iso(max((a.moment for a in story.articles), default=None)),
            "updated": _iso(story.updated_at),
        },
        "lead_article": _article(story.articles[0]),
        "articles": [_article(article) for article in story.articles[:articles]],
        "articles_truncated": len(story.articles) > articles,
        "links": {"story": f"/v1/stories/{story.id}"},
    }


def _counts(story: Story) -> dict[str, int]:
    own_words = (Relation.FIRST, Relation.INDEPENDENT)
    return {
        "articles": len(story.articles),
        "sources": len(story.sources),
        "independent_sources": len({a.source for a in story.articles if a.relation in own_words}),
        "languages": len(story.languages),
        "suppressed_duplicates": len(story.articles) - 1,
    }


def _claim(claim: KnownClaim, story: Story) -> dict[str, object]:
    article = next((a for a in story.articles if a.entry_id == claim.entry_id), None)
    return {
        "kind": claim.kind,
        "role": claim.role,
        "value": claim.value,
        "qualifier": claim.qualifier,
        "unit": claim.unit,
        "place": claim.place,
        "time": claim.time,
        "attribution": claim.attribution,
        "certainty": claim.certainty.value,
        "sources": list(claim.sources),
        "article": article.url if article else None,
    }


def _article(article: Article) -> dict[str, object]:
    return {
        "title": article.title,
        "url": article.url,
        "source": article.source,
        "language": article.language,
        "published": _iso(article.published),
        "relation": article.relation.value,
        "reason": article.reason,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
