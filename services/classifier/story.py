"""Making a story, extending it, reading an entry of it anew, and giving it a revision.

Pure: a story goes in, a new one comes out.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from services.classifier.alerting import Ring
from services.classifier.cluster import Assignment
from services.classifier.fingerprint import LEAD, position
from services.classifier.likeness import NO_SIDE
from shared.models.entry import Entry
from shared.models.story import (
    AlertType,
    Article,
    Fingerprint,
    KnownClaim,
    Revision,
    Status,
    Story,
    is_among,
)
from shared.models.topic import Certainty, Claim, Tier, TopicMatch

# What a story is compared by: the first articles say what it is, the last how it is told by now.
FIRST_COMPARED, LAST_COMPARED = 12, 12
# More than this are counted, not listed: a wire story of a thousand copies stays small.
MOST_LISTED = 500
SUMMARY = 400  # characters
SHOWN_EVIDENCE = 8


def story_id(topic: str, entry_id: str) -> str:
    """Derived from what opened it, so that a job run twice mints the same story."""
    return "st_" + sha256(f"{topic}\n{entry_id}".encode()).hexdigest()[:16]


def open_story(
    entry: Entry, match: TopicMatch, fingerprint: Fingerprint, assignment: Assignment, now: datetime
) -> Story:
    """A story of one article that has not rung yet."""
    article = _article(entry, match, fingerprint, assignment)
    return Story(
        id=story_id(match.topic, entry.id),
        topic=match.topic,
        topic_version=match.version,
        title=entry.title,
        summary=article.summary,
        language=article.language,
        event_type=match.event_type,
        severity=match.severity,
        tier=match.tier,
        score=match.score,
        threshold=match.threshold,
        claims=_merge((), entry, match, article),
        articles=(article,),
        related_to=assignment.beside,
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
    listed = len(story.articles) < MOST_LISTED or article.counts
    update: dict[str, object] = {
        "topic_version": match.version,
        "event_type": story.event_type or match.event_type,
        "severity": max(story.severity, match.severity, key=lambda severity: severity.rank),
        "tier": Tier.CORE if Tier.CORE in (story.tier, match.tier) else Tier.RELATED,
        "score": max(story.score, match.score),
        "threshold": match.threshold,
        "claims": _merge(story.claims, entry, match, article),
        "articles": slim((*story.articles, article)) if listed else story.articles,
        "unlisted": story.unlisted + (not listed),
        "updated_at": now,
    }
    return told_anew(story.model_copy(update=update))


def reread(story: Story, entry: Entry, match: TopicMatch, fingerprint: Fingerprint, now: datetime) -> Story:
    """The story with the entry read anew, in the place where it stands; how it came there stays as it was."""
    before = story.article(entry.id)
    if before is None:
        return story
    came = Assignment(None, before.decision, before.similarity, before.reason, before.derived_from)
    article = _article(entry, match, fingerprint, came)
    articles = tuple(article if each is before else each for each in story.articles)
    update: dict[str, object] = {
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
    return told_anew(story.model_copy(update=update))


def withdraw(story: Story, entry_id: str, why: str, now: datetime) -> Story:
    """The story without the publisher's word for this article; what it was derived to stands no firmer.

    The article stays listed, and its claims are remembered: they have rung.
    """
    gone = story.article(entry_id)
    if gone is None or gone.withdrawn:
        return story
    articles = tuple(each.model_copy(update={"withdrawn": why}) if each is gone else each for each in story.articles)
    return told_anew(story.model_copy(update={"articles": articles, "updated_at": now}))


def reworded(story: Story, article: Article, entry: Entry, now: datetime) -> Story:
    """The story in which the article reads as its publisher has it now. What it is compared by stays: others copied
    that."""
    summary = entry.summary[:SUMMARY] if article.summary else ""
    reads = article.model_copy(update={"title": entry.title or article.title, "summary": summary})
    articles = tuple(reads if each.entry_id == article.entry_id else each for each in story.articles)
    return told_anew(story.model_copy(update={"articles": articles, "updated_at": now}))


def revise(story: Story, ring: Ring, now: datetime) -> Story:
    """The story with the next revision, which the ring announces."""
    revision = Revision(number=story.revision + 1, type=ring.type, reason=ring.reason.value, detail=ring.detail, at=now)
    revised = story.model_copy(update={"revisions": (*story.revisions, revision), "updated_at": now})
    return revised.model_copy(update={"status": status_of(revised)})


def status_of(story: Story) -> Status:
    """From the most to the least certain that can be said."""
    if not _has_standing(story) or (story.revisions and story.revisions[-1].type is AlertType.RETRACTED):
        return Status.RETRACTED
    if verdict := _verdict(story):
        return verdict
    developing = story.independent_sources > 1 or story.revision > 1
    return Status.DEVELOPING if developing else Status.BREAKING


def _has_standing(story: Story) -> bool:
    """Whether anybody stands by it: an outlet that copied what its author took back still does."""
    gone = {article.url for article in story.articles if article.withdrawn}
    return any(
        article.withdrawn is None and (article.url is None or article.url not in gone) for article in story.articles
    )


def _verdict(story: Story) -> Status | None:
    """The last word of an official on the story's own event."""
    verdicts = {Certainty.CONFIRMED: Status.CONFIRMED, Certainty.DENIED: Status.DENIED}
    said = [
        claim
        for claim in story.claims
        if claim.kind == story.event_type
        and claim.certainty in verdicts
        and claim.position <= LEAD
        and claim.attribution_class not in {None, *NO_SIDE}
    ]
    return verdicts[max(said, key=lambda claim: claim.said_at).certainty] if said else None


def told_anew(story: Story) -> Story:
    """With the title and the summary of the article that tells it best by now, and how it stands."""
    best = story.told_in()
    told = {"title": best.title, "summary": best.summary, "language": best.language}
    return story.model_copy(update={**told, "status": status_of(story)})


def slim(articles: Sequence[Article]) -> tuple[Article, ...]:
    """Only some are compared with what comes: the cost of that must not grow with the story."""
    compared = [article for article in articles if article.fingerprint.terms or article.fingerprint.words]
    spared = {article.entry_id for article in compared[FIRST_COMPARED:-LAST_COMPARED]}
    return tuple(
        article.model_copy(update={"fingerprint": _bare(article.fingerprint)})
        if article.entry_id in spared
        else article
        for article in articles
    )


def _bare(fingerprint: Fingerprint) -> Fingerprint:
    """What the article is known again by, and what a correction of it is held against."""
    return Fingerprint(text_hash=fingerprint.text_hash, figures=fingerprint.figures)


def _reread_claims(
    known: tuple[KnownClaim, ...], entry: Entry, match: TopicMatch, article: Article
) -> tuple[KnownClaim, ...]:
    """What only this entry said makes way for what it says now; but no figure and no place is forgotten by that: it
    may have rung, and must not again."""
    own = [claim for claim in known if claim.only_by(entry.id)]
    merged = _merge(tuple(claim for claim in known if claim not in own), entry, match, article)
    return (*merged, *(claim for claim in own if not _remembered(claim, merged)))


def _remembered(claim: KnownClaim, claims: tuple[KnownClaim, ...]) -> bool:
    figure = claim.value is None or is_among(claim.value, (held.value for held in claims))
    return figure and (claim.region is None or any(claim.region == held.region for held in claims))


def _article(entry: Entry, match: TopicMatch, fingerprint: Fingerprint, assignment: Assignment) -> Article:
    derived = assignment.derived_from is not None
    return Article(
        entry_id=entry.id,
        source=entry.source,
        feed_name=entry.feed_name,
        tier=entry.tier,
        title=entry.title,
        summary="" if derived else entry.summary[:SUMMARY],
        url=entry.url,
        guid=entry.guid,
        language=entry.language or match.language,
        published=entry.published,
        seen_at=entry.seen_at,
        event_type=match.event_type,
        events=match.events,
        voices=fingerprint.classes,
        evidence=match.evidence[:SHOWN_EVIDENCE],
        reply=match.reply,
        severity=match.severity,
        decision=assignment.decision,
        similarity=assignment.similarity,
        reason=assignment.reason,
        derived_from=assignment.derived_from,
        # What it derives from is compared already; a story of a thousand copies stays small.
        fingerprint=_bare(fingerprint) if derived else fingerprint,
    )


def _merge(known: tuple[KnownClaim, ...], entry: Entry, match: TopicMatch, article: Article) -> tuple[KnownClaim, ...]:
    """Each statement once, with all its sources. Nothing is forgotten: that is the memory of known figures."""
    for claim in match.claims:
        known = with_claim(known, _first_said(claim, entry, article))
    return known


def with_claim(known: tuple[KnownClaim, ...], claim: KnownClaim) -> tuple[KnownClaim, ...]:
    held = next((held for held in known if held.restates(claim)), None)
    if held is None:
        return (*known, claim)
    sources = tuple(dict.fromkeys((*held.sources, *claim.sources)))
    voices = tuple(dict.fromkeys((*held.voices, *claim.voices)))
    said_at = max(held.said_at, claim.said_at)
    again = held.model_copy(update={"sources": sources, "voices": voices, "said_at": said_at})
    return tuple(again if each is held else each for each in known)


def _first_said(claim: Claim, entry: Entry, article: Article) -> KnownClaim:
    return KnownClaim(
        **claim.model_dump(),
        entry_id=entry.id,
        sources=(article.source,),
        voices=(claim.attribution,) if claim.attribution else (),
        position=position(entry, claim.start),
        said_at=article.moment,
    )
