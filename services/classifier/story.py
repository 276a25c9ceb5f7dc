"""Making a story, extending it, reading an entry of it anew, and giving it a revision.

Pure: a story goes in, a new one comes out.
"""

from datetime import datetime
from hashlib import sha256

from services.classifier.alerting import Ring
from services.classifier.cluster import Assignment, position
from shared.models.entry import Entry
from shared.models.story import Article, Fingerprint, KnownClaim, Relation, Revision, Story, same_figure
from shared.models.topic import Claim, Tier, TopicMatch


def story_id(topic: str, entry_id: str) -> str:
    """Derived from what opened it, so that a job run twice mints the same story."""
    return "st_" + sha256(f"{topic}\n{entry_id}".encode()).hexdigest()[:16]


def open_story(entry: Entry, match: TopicMatch, fingerprint: Fingerprint, now: datetime) -> Story:
    """A story of one article that has not rung yet."""
    first = Assignment(None, Relation.FIRST, 1.0, "opened the story")
    article = _article(entry, match, fingerprint, first)
    return Story(
        id=story_id(match.topic, entry.id),
        topic=match.topic,
        topic_version=match.version,
        title=entry.title,
        summary=entry.summary,
        language=article.language,
        event_type=match.event_type,
        severity=match.severity,
        tier=match.tier,
        score=match.score,
        threshold=match.threshold,
        claims=_merge((), entry, match, article),
        articles=(article,),
        first_seen_at=now,
        updated_at=now,
    )


def extend(
    story: Story, entry: Entry, match: TopicMatch, fingerprint: Fingerprint, assignment: Assignment, now: datetime
) -> Story:
    """The story with one article more; the same story when it has this entry already."""
    if story.has_entry(entry.id):
        return story
    article = _article(entry, match, fingerprint, assignment)
    return story.model_copy(
        update={
            "topic_version": match.version,
            "title": story.title or entry.title,
            "summary": story.summary or entry.summary,
            "event_type": story.event_type or match.event_type,
            "severity": max(story.severity, match.severity, key=lambda severity: severity.rank),
            "tier": Tier.CORE if Tier.CORE in (story.tier, match.tier) else Tier.RELATED,
            "score": max(story.score, match.score),
            "threshold": match.threshold,
            "claims": _merge(story.claims, entry, match, article),
            "articles": (*story.articles, article),
            "updated_at": now,
        }
    )


def reread(story: Story, entry: Entry, match: TopicMatch, fingerprint: Fingerprint, now: datetime) -> Story:
    """The story with the entry read anew, in the place where it stands; how it came there stays as it was."""
    before = story.article(entry.id)
    if before is None:
        return story
    article = _article(entry, match, fingerprint, Assignment(None, before.relation, before.similarity, before.reason))
    articles = tuple(article if each is before else each for each in story.articles)
    return story.model_copy(
        update={
            "topic_version": match.version,
            "event_type": match.event_type if articles[0] is article else story.event_type,
            "severity": max((each.severity for each in articles), key=lambda severity: severity.rank),
            "tier": Tier.CORE if Tier.CORE in (story.tier, match.tier) else Tier.RELATED,
            "score": max(story.score, match.score),
            "threshold": match.threshold,
            "claims": _reread_claims(story.claims, entry, match, article),
            "articles": articles,
            "updated_at": now,
        }
    )


def _reread_claims(
    known: tuple[KnownClaim, ...], entry: Entry, match: TopicMatch, article: Article
) -> tuple[KnownClaim, ...]:
    """What only this entry said makes way for what it says now; but no figure and no place is forgotten by that: it
    may have rung, and must not again."""
    own = [claim for claim in known if claim.only_by(entry.id)]
    merged = _merge(tuple(claim for claim in known if claim not in own), entry, match, article)
    return (*merged, *(claim for claim in own if not _remembered(claim, merged)))


def _remembered(claim: KnownClaim, claims: tuple[KnownClaim, ...]) -> bool:
    figure = claim.value is None or any(same_figure(claim.value, held.value) for held in claims)
    return figure and (claim.region is None or any(claim.region == held.region for held in claims))


def revise(story: Story, ring: Ring, now: datetime) -> Story:
    """The story with the next revision, which the ring announces."""
    revision = Revision(number=story.revision + 1, type=ring.type, reason=ring.reason.value, detail=ring.detail, at=now)
    return story.model_copy(update={"revisions": (*story.revisions, revision), "updated_at": now})


def _article(entry: Entry, match: TopicMatch, fingerprint: Fingerprint, assignment: Assignment) -> Article:
    derived = assignment.relation in (Relation.DUPLICATE, Relation.COPY)
    return Article(
        entry_id=entry.id,
        source=entry.source,
        feed_name=entry.feed_name,
        tier=entry.tier,
        title=entry.title,
        url=entry.url,
        guid=entry.guid,
        language=entry.language or match.language,
        published=entry.published,
        seen_at=entry.seen_at,
        event_type=match.event_type,
        severity=match.severity,
        relation=assignment.relation,
        similarity=assignment.similarity,
        reason=assignment.reason,
        # What it derives from is compared already; a story of a thousand copies stays small.
        fingerprint=Fingerprint(text_hash=fingerprint.text_hash) if derived else fingerprint,
    )


def _merge(known: tuple[KnownClaim, ...], entry: Entry, match: TopicMatch, article: Article) -> tuple[KnownClaim, ...]:
    """Each statement once, with all its sources. Nothing is forgotten: that is the memory of known figures."""
    merged = list(known)
    for claim in match.claims:
        at = next((index for index, held in enumerate(merged) if held.restates(claim)), None)
        if at is None:
            merged.append(_first_said(claim, entry, article))
        else:
            merged[at] = _said_again(merged[at], article)
    return tuple(merged)


def _first_said(claim: Claim, entry: Entry, article: Article) -> KnownClaim:
    return KnownClaim(
        **claim.model_dump(),
        entry_id=entry.id,
        sources=(article.source,),
        position=position(entry, claim.start),
        said_at=article.moment,
    )


def _said_again(held: KnownClaim, article: Article) -> KnownClaim:
    sources = held.sources if article.source in held.sources else (*held.sources, article.source)
    return held.model_copy(update={"sources": sources, "said_at": max(held.said_at, article.moment)})
