"""A story as it is told (pure): a full snapshot, cut down to a size."""

import json
from dataclasses import dataclass
from datetime import datetime

from services.notifier.plan import Send
from shared.models.story import Article, KnownClaim, Story

SCHEMA = 1
MAX_URL_BYTES = 2000
URL_FIELDS = ("url", "article")
MAX_MERGED = 50
# Of one claim; how many say so together stands in the counts.
MAX_SOURCES = 10

Payload = dict[str, object]


@dataclass(frozen=True, slots=True)
class Size:
    """How many articles and claims are told, and the most characters of each text."""

    articles: int
    claims: int
    text: int


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom it is written. `languages`: the first is the dearest. `base_url`: where the gateway is."""

    languages: tuple[str, ...] = ()
    base_url: str | None = None


ANYBODY = Reader()


@dataclass(frozen=True, slots=True)
class Since:
    """What the reader was told last: which revision, and of how many articles."""

    revision: int = 0
    articles: int = 0


def snapshot(story: Story, since: Since, send: Send, size: Size, reader: Reader) -> Payload:
    return {name: clipped(part, size.text) for name, part in _whole(story, since, send, size, reader).items()}


def _whole(story: Story, since: Since, send: Send, size: Size, reader: Reader) -> Payload:
    best = story.told_in(reader.languages)
    return {
        "schema": SCHEMA,
        "topic": story.topic,
        "story_id": story.id,
        "revision": story.revision,
        "since_revision": since.revision,
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
        "counts": _counts(story, since.articles),
        "times": {
            "first_published": iso(min((a.moment for a in story.articles), default=None)),
            "first_seen": iso(story.first_seen_at),
            "last_published": iso(max((a.moment for a in story.articles), default=None)),
            "updated": iso(story.updated_at),
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
        "sources": list(claim.sources[:MAX_SOURCES]),
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
        "published": iso(article.published),
        "decision": article.decision.value,
        "relation": article.relation.value,
        "derived_from": article.derived_from,
        "withdrawn": article.withdrawn,
        "reason": article.reason,
    }


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def clipped(value: object, most: int) -> object:
    """The same with every text cut to `most` characters, but for addresses: half of one leads elsewhere."""
    if isinstance(value, dict):
        return {name: (_whole_url(part) if name in URL_FIELDS else clipped(part, most)) for name, part in value.items()}
    if isinstance(value, list):
        return [clipped(part, most) for part in value]
    return value[:most] if isinstance(value, str) else value


def _whole_url(url: str | None) -> str | None:
    return url if url is None or len(compact(url).encode()) <= MAX_URL_BYTES else None


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
