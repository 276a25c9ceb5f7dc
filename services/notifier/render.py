"""The messages (pure): of a story a full snapshot, thin enough to be read on a phone."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from services.notifier.plan import Send
from shared.models.endpoint import EndpointState
from shared.models.story import Article, KnownClaim, Story
from shared.models.subscription import Delivery, MessageType

SCHEMA = 1
MAX_BODY_BYTES = 16 * 1024
# Of a digest, after a receiver found one too large.
THIN_BODY_BYTES = 4 * 1024
MAX_URL_BYTES = 2000
URL_FIELDS = ("url", "article")
MAX_MERGED = 50

Payload = dict[str, object]


@dataclass(frozen=True, slots=True)
class Size:
    """How many articles and claims are told, and the most characters of each text."""

    articles: int
    claims: int
    text: int


# The last fits whatever stands in a story, even if each of its characters must be escaped.
SIZES = (Size(5, 12, 600), Size(2, 4, 300), Size(0, 0, 100))
# In a digest, where a story is one of many.
BRIEF = Size(1, 3, 200)


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom it is written. `languages`: the first is the dearest. `base_url`: where the gateway is."""

    languages: Sequence[str] = ()
    base_url: str | None = None


def webhook_id(subscription_id: str, subject: str, revision: int, *, again: int = 0, thin: bool = False) -> str:
    """Derived, so that a delivery that runs twice cannot mint a second id; other bytes have another id."""
    parts = [subscription_id, subject, str(revision), *([f"again {again}"] if again else []), *(["thin"] * thin)]
    return "msg_" + sha256("|".join(parts).encode()).hexdigest()[:26]


def story_payload(story: Story, delivery: Delivery, send: Send, now: datetime, reader: Reader = Reader()) -> Payload:
    """The fullest snapshot that fits; after a receiver found it too large, the thinnest."""
    return _fullest(MessageType(f"story.alert.{send.type.value}"), story, delivery, send, now, reader)


def digest_payload(
    digest: Delivery,
    parts: Sequence[tuple[Story, Delivery, Send]],
    now: datetime,
    reader: Reader = Reader(),
) -> tuple[Payload, int]:
    """What fits into one message of at least one of `parts`; and how many of them, from the first, that are."""
    size, most = (SIZES[-1], THIN_BODY_BYTES) if digest.thin else (BRIEF, MAX_BODY_BYTES)
    told, payload = 0, _digest(digest, [], now, truncated=True)
    snapshots: list[object] = []
    for story, delivery, send in parts:
        snapshots.append(_clipped(_snapshot(story, delivery, send, size, reader), size.text))
        longer = _digest(digest, snapshots, now, truncated=told + 1 < len(parts))
        if told and not fits(longer, most):
            break
        told, payload = told + 1, longer
    return payload, told


def gravest_first(parts: Iterable[tuple[Story, Delivery, Send]]) -> list[tuple[Story, Delivery, Send]]:
    return sorted(parts, key=lambda part: (-part[0].severity.rank, -part[0].score, part[0].id))


def sample_payload(story: Story, delivery: Delivery, now: datetime, reader: Reader = Reader()) -> Payload:
    """As a story's own, but for the type and a mark."""
    revision = story.revisions[-1]
    send = Send(revision.type, revision.reason, revision.detail)
    payload = _fullest(MessageType.TEST, story, delivery, send, now, reader)
    return {**payload, "data": {**_mapping(payload["data"]), "test": True}}


def endpoint_payload(
    subscription_id: str,
    type_: MessageType,
    state: EndpointState,
    waiting: int,
    now: datetime,
) -> Payload:
    """How another endpoint is doing; never where it is."""
    data: Payload = {
        "schema": SCHEMA,
        "endpoint": subscription_id,
        "status": state.status.value,
        "reason": state.reason,
        "detail": _clipped(state.last_detail, SIZES[-1].text),
        "since": _iso(state.down_since),
        "failures": state.failures,
        "waiting": waiting,
        "last_outcome": state.last_outcome,
    }
    return _message(type_, now, data)


def fits(payload: Mapping[str, object], most: int = MAX_BODY_BYTES) -> bool:
    return len(_json(payload).encode()) <= most


def _fullest(
    type_: MessageType, story: Story, delivery: Delivery, send: Send, now: datetime, reader: Reader
) -> Payload:
    for size in SIZES[-1:] if delivery.thin else SIZES:
        data = _clipped(_snapshot(story, delivery, send, size, reader), size.text)
        payload = _message(type_, now, data)
        if fits(payload):
            break
    return payload


def _digest(digest: Delivery, snapshots: Sequence[object], now: datetime, *, truncated: bool) -> Payload:
    data: Payload = {
        "schema": SCHEMA,
        "subscription": digest.subscription_id,
        "since": _iso(digest.sent_at),
        "stories": list(snapshots),
        "stories_truncated": truncated,
    }
    return _message(MessageType.DIGEST, now, data)


def _message(type_: MessageType, now: datetime, data: object) -> Payload:
    return {"type": type_.value, "timestamp": now.isoformat(), "data": data}


def _mapping(value: object) -> Payload:
    return value if isinstance(value, dict) else {}


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


def _snapshot(story: Story, delivery: Delivery, send: Send, size: Size, reader: Reader) -> Payload:
    best = story.told_in(reader.languages)
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
        "reason_detail": send.detail,
        "title": best.title,
        "summary": best.summary,
        "language": best.language,
        "relevance": {
            "score": story.score,
            "threshold": story.threshold,
            "topic_version": story.topic_version,
            "evidence": list(dict.fromkeys(found.text for found in best.evidence)),
        },
        "event_type": story.event_type,
        "claims": [_claim(claim, story) for claim in story.said[: size.claims]],
        "counts": _counts(story, delivery.sent_articles),
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
        "links": _links(story, reader.base_url),
    }


def _links(story: Story, base_url: str | None) -> dict[str, str]:
    """Paths only, if nobody has told where the gateway is."""
    return {"story": f"{base_url or ''}/stories/{story.id}", "api": f"{base_url or ''}/v1/stories/{story.id}"}


def _counts(story: Story, told_before: int) -> dict[str, int]:
    many = articles_of(story)
    return {
        "articles": many,
        "new_articles": max(0, many - told_before),
        "sources": len(story.sources),
        "independent_sources": story.independent_sources,
        "languages": len(story.languages),
        "suppressed_duplicates": len(story.articles) - len(story.standing) + story.unlisted,
    }


def articles_of(story: Story) -> int:
    return len(story.articles) + story.unlisted


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
