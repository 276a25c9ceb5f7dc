"""The message (pure): a full snapshot of the story, thin enough to be read on a phone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from services.notifier.plan import Send
from shared.models.story import Article, KnownClaim, Story
from shared.models.subscription import Delivery, Envelope

SCHEMA = 1
MAX_BODY_BYTES = 16 * 1024
MAX_URL_BYTES = 2000
URL_FIELDS = ("url", "article")
MAX_MERGED = 50


@dataclass(frozen=True, slots=True)
class Size:
    """How many articles and claims are told, and the most characters of each text."""

    articles: int
    claims: int
    text: int


# The last fits whatever stands in a story, even if each of its characters must be escaped.
SIZES = (Size(5, 12, 600), Size(2, 4, 300), Size(0, 0, 100))


def webhook_id(subscription_id: str, story_id: str, revision: int) -> str:
    """Derived, so that a delivery that runs twice cannot mint a second id."""
    return "msg_" + sha256(f"{subscription_id}|{story_id}|{revision}".encode()).hexdigest()[:26]


def render(story: Story, delivery: Delivery, send: Send, now: datetime, languages: Sequence[str] = ()) -> Envelope:
    """Freeze the message of this story's current revision for this subscription.

    `languages`: in which it wants to read the story, if it is told in one of them; the first is the dearest.
    """
    return Envelope(
        webhook_id=webhook_id(delivery.subscription_id, story.id, story.revision),
        revision=story.revision,
        type=send.type,
        body=_fitting(story, delivery, send, now, story.told_in(languages)),
    )


def _fitting(story: Story, delivery: Delivery, send: Send, now: datetime, best: Article) -> str:
    """The fullest snapshot that fits."""
    for size in SIZES:
        data = _clipped(_snapshot(story, delivery, send, size, best), size.text)
        payload = {"type": f"story.alert.{send.type.value}", "timestamp": now.isoformat(), "data": data}
        body = _json(payload)
        if len(body.encode()) <= MAX_BODY_BYTES:
            break
    return body


def _clipped(value: object, most: int) -> object:
    """The same with every text cut to `most` characters, but for addresses: half of one leads elsewhere."""
    if isinstance(value, dict):
        return {
            name: (_whole_url(part) if name in URL_FIELDS else _clipped(part, most)) for name, part in value.items()
        }
    if isinstance(value, list):
        return [_clipped(part, most) for part in value]
    return value[:most] if isinstance(value, str) else value


def _whole_url(url: str | None) -> str | None:
    return url if url is None or len(_json(url).encode()) <= MAX_URL_BYTES else None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _snapshot(story: Story, delivery: Delivery, send: Send, size: Size, best: Article) -> dict[str, object]:
    revision = story.revisions[-1]
    return {
        "schema": SCHEMA,
        "topic": story.topic,
        "story_id": story.id,
        "revision": story.revision,
        "since_revision": delivery.sent_revision,
        "status": story.status.value,
        "severity": story.severity.value,
        "tier": story.tier.value,
        "reason": send.reason,
        "reason_detail": revision.detail,
        "title": best.title,
        "summary": best.summary,
        "language": best.language,
        "relevance": {"score": story.score, "threshold": story.threshold, "topic_version": story.topic_version},
        "event_type": story.event_type,
        "claims": [_claim(claim, story) for claim in story.said[: size.claims]],
        "counts": _counts(story),
        "times": {
            "first_published": _iso(min((a.moment for a in story.articles), default=None)),
            "first_seen": _iso(story.first_seen_at),
            "last_published": _iso(max((a.moment for a in story.articles), default=None)),
            "updated": _iso(story.updated_at),
        },
        "lead_article": _article(best),
        "articles": [_article(article) for article in story.articles[: size.articles]],
        "articles_truncated": len(story.articles) > size.articles,
        "merged_story_ids": list(story.merged_from[-MAX_MERGED:]),
        "links": {"story": f"/v1/stories/{story.id}"},
    }


def _counts(story: Story) -> dict[str, int]:
    return {
        "articles": len(story.articles) + story.unlisted,
        "sources": len(story.sources),
        "independent_sources": story.independent_sources,
        "languages": len(story.languages),
        "suppressed_duplicates": len(story.articles) - len(story.standing) + story.unlisted,
    }


def _claim(claim: KnownClaim, story: Story) -> dict[str, object]:
    article = next((a for a in story.articles if a.entry_id == claim.entry_id), None)
    return {
        "text": claim_text(claim),
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


def claim_text(claim: KnownClaim) -> str:
    """In a template's words: `killed: about 600 people, Kursk (South Korea's NIS, claimed)`."""
    what = (claim.role or claim.kind).replace("_", " ")
    figure = None if claim.value is None else f"{claim.value:,.10g}"
    qualifier = claim.qualifier.replace("_", " ") if claim.qualifier and figure else None
    number = " ".join(part for part in (qualifier, figure, claim.unit if figure else None) if part)
    place = claim.place.replace("-", " ").title() if claim.place else ""
    told = ", ".join(part for part in (number, place) if part)
    speaker = ", ".join(part for part in (claim.attribution, claim.certainty.value) if part)
    return f"{': '.join(part for part in (what, told) if part)} ({speaker})"


def _article(article: Article) -> dict[str, object]:
    return {
        "title": article.title,
        "url": article.url,
        "source": article.source,
        "language": article.language,
        "published": _iso(article.published),
        "decision": article.decision.value,
        "relation": article.relation.value,
        "derived_from": article.derived_from,
        "withdrawn": article.withdrawn,
        "reason": article.reason,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
