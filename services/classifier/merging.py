"""Two stories that are one, and one that is two: what becomes of their articles and claims, and how that is undone.

Pure: stories go in, new ones come out. No article is lost, and none stands in two live stories.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from services.classifier.cluster import identities, index_sets, index_terms
from services.classifier.story import slim, told_anew, with_claim
from shared.models.change import Change, Marks
from shared.models.story import Article, Decision, KnownClaim, Story, figure_key
from shared.models.topic import Tier

N = TypeVar("N")


def elder_first(one: Story, other: Story) -> tuple[Story, Story]:
    """The one that keeps its articles when they are merged, and the other. What never rang gives way to what did."""
    first, second = sorted((one, other), key=lambda story: (not story.revisions, story.first_seen_at, story.id))
    return first, second


def merged(story: Story, other: Story, why: str, now: datetime) -> tuple[Story, Story]:
    """The story with all of the other's articles and claims, and the other, which keeps them for the undoing."""
    held = {article.entry_id for article in story.articles}
    taken = [_come_over(article, why) for article in other.articles if article.entry_id not in held]
    rest = sorted((*story.articles[1:], *taken), key=lambda article: article.seen_at)
    claims = story.claims
    for claim in other.claims:
        claims = with_claim(claims, claim)
    update: dict[str, object] = {
        "articles": slim((story.articles[0], *rest)),
        "claims": claims,
        "severity": max(story.severity, other.severity, key=lambda severity: severity.rank),
        "tier": Tier.CORE if Tier.CORE in (story.tier, other.tier) else Tier.RELATED,
        "score": max(story.score, other.score),
        "unlisted": story.unlisted + other.unlisted,
        "related_to": None if story.related_to == other.id else story.related_to,
        "merged_from": _with(story.merged_from, other.id),
        "apart": _but((*story.apart, *other.apart), story.id, other.id),
        "updated_at": now,
    }
    left = {"merged_into": story.id, "split_from": None, "apart": _but(other.apart, story.id), "updated_at": now}
    return told_anew(story.model_copy(update=update)), other.model_copy(update=left)


def parted(story: Story, other: Story, now: datetime) -> tuple[Story, Story]:
    """Their merge undone: the other has again what it brought, as it is by now; what came later stays where it is."""
    here = {article.entry_id: article for article in story.articles}
    back = [_as_it_came(here[was.entry_id], was) for was in other.articles if was.entry_id in here]
    ids = {article.entry_id for article in back}
    rest = without(story, ids, now).model_copy(
        update={
            "merged_from": _but(story.merged_from, other.id),
            "apart": _with(story.apart, other.id),
            "unlisted": max(0, story.unlisted - other.unlisted),
        }
    )
    claims = _said_in(other, back)
    for claim in story.claims:
        claims = with_claim(claims, claim) if claim.entry_id in ids else claims
    own = other.model_copy(update={"merged_into": None, "apart": _with(other.apart, story.id)})
    return rest, _made_of(own, back, claims, now)


def split(story: Story, entry_ids: Collection[str], now: datetime, held: Story | None = None) -> tuple[Story, Story]:
    """What is left of the story without these articles, and the story of its own that they are from now on.

    `held`: the latter, if the same has been done and undone before: its revisions go on.
    """
    leaving = [article for article in story.articles if article.entry_id in entry_ids]
    update: dict[str, object] = {
        "id": part_id(story, entry_ids),
        "revisions": held.revisions if held else (),
        "unlisted": 0,
        "related_to": story.id,
        "split_from": story.id,
        "merged_from": (),
        "apart": _with(story.apart, story.id),
        "first_seen_at": leaving[0].seen_at,
    }
    blank = story.model_copy(update=update)
    moved = [_come_over(article, f"split from {story.id}", all_own=True) for article in leaving]
    own = _made_of(blank, moved, _said_in(story, leaving), now)
    rest = without(story, entry_ids, now)
    kept = {"merged_from": _but(story.merged_from, own.id), "apart": _with(story.apart, own.id)}
    return rest.model_copy(update=kept), own


def rejoined(story: Story, part: Story, now: datetime) -> tuple[Story, Story]:
    """A split undone: a merge that says so, and remembers that the part was one."""
    back = [_come_over(article, f"back from {part.id}", all_own=True) for article in part.articles]
    whole, left = merged(story, part.model_copy(update={"articles": tuple(back)}), "", now)
    return whole, left.model_copy(update={"articles": part.articles, "split_from": part.split_from})


def part_id(story: Story, entry_ids: Iterable[str]) -> str:
    """Derived from what is split, so that the same split twice is the same story; and never an id that is in use."""
    return "st_" + sha256(f"{story.topic}\n{story.id}\n{' '.join(sorted(entry_ids))}".encode()).hexdigest()[:16]


def without(story: Story, entry_ids: Collection[str], now: datetime) -> Story:
    """The story without these articles, and without what only they said."""
    articles = [article for article in story.articles if article.entry_id not in entry_ids]
    return _made_of(story, articles, _said_in(story, articles), now)


def handed_over(taker: Change, giver: Change, before: Story, articles: Sequence[Article]) -> tuple[Change, Change]:
    """The changes of two stories with what the index must know: by what the one is found from now on, and the other no
    more. `before`: the giver."""
    marks = _marks(articles)
    left = () if giver.story.merged_into else giver.story.articles
    told = () if giver.story.merged_into else giver.story.claims
    moved = tuple(article.entry_id for article in articles)
    kept = _marks(left)
    lost = Marks(terms=_but(marks.terms, *kept.terms), sets=_but(marks.sets, *kept.sets))
    untold = _but(_figures(before.claims), *_figures(told))
    return replace(taker, marks=taker.marks.and_of(marks), moved=moved), replace(giver, lost=lost, untold=untold)


def _marks(articles: Iterable[Article]) -> Marks:
    """By what these are found. What derives from another is found by its identities alone."""
    found = [(article, article.fingerprint) for article in articles]
    same = (identity for article, printed in found for identity in identities(article, printed))
    terms = (term for _, printed in found for term in index_terms(printed))
    sets = (together for _, printed in found for together in index_sets(printed))
    return Marks(tuple(dict.fromkeys(same)), tuple(dict.fromkeys(terms)), sets=tuple(dict.fromkeys(sets)))


def _figures(claims: Iterable[KnownClaim]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(figure_key(claim.role, claim.value) for claim in claims if claim.value is not None))


def _come_over(article: Article, why: str, *, all_own: bool = False) -> Article:
    """What opened its story has joined another; of a split, all that does not repeat another's words."""
    moved = article.decision.opens or (all_own and article.derived_from is None)
    return article.model_copy(update={"decision": Decision.MOVED, "reason": why}) if moved else article


def _as_it_came(now: Article, then: Article) -> Article:
    """The article as it is by now, read anew perhaps, or withdrawn; but for how it came into its story."""
    compared = now.fingerprint if now.fingerprint.terms or now.fingerprint.words else then.fingerprint
    came = {"decision": then.decision, "similarity": then.similarity, "reason": then.reason, "fingerprint": compared}
    return now.model_copy(update=came)


def _said_in(story: Story, articles: Sequence[Article]) -> tuple[KnownClaim, ...]:
    """The claims of the story that these of its articles make. Where the one that said it first is not among them, an
    outlet that said so, too, must have nothing elsewhere: then it was said here, though not known in which words."""
    here = {article.entry_id for article in articles}
    elsewhere = {article.source for article in story.articles if article.entry_id not in here}
    firsts = {article.source: article for article in reversed(articles)}
    said = []
    for claim in story.claims:
        sources = tuple(source for source in claim.sources if source in firsts)
        sure = next((source for source in sources if source not in elsewhere), None)
        if claim.entry_id in here:
            said.append(claim.model_copy(update={"sources": sources}))
        elif sure:
            there = {"entry_id": firsts[sure].entry_id, "start": 0, "end": 0}
            said.append(claim.model_copy(update={"sources": sources, **there}))
    return tuple(said)


def _made_of(story: Story, articles: Sequence[Article], claims: tuple[KnownClaim, ...], now: datetime) -> Story:
    """The story as these articles make it. Its score and its tier stay: nobody knows which of them they were of."""
    first = articles[0]
    same = first.entry_id == story.articles[0].entry_id
    update: dict[str, object] = {
        "articles": tuple(articles),
        "claims": claims,
        "event_type": story.event_type if same else first.event_type or story.event_type,
        "severity": max((article.severity for article in articles), key=lambda severity: severity.rank),
        "updated_at": now,
    }
    return told_anew(story.model_copy(update=update))


def _with(names: Sequence[str], *more: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*names, *more)))


def _but(names: Sequence[N], *gone: N) -> tuple[N, ...]:
    return tuple(dict.fromkeys(name for name in names if name not in gone))
