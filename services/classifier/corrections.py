"""What a publisher says otherwise than it did before. Pure.

What it said stays remembered, for others repeat it for days; but it is no longer named for it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from services.classifier.alerting import Ring
from services.classifier.cluster import same_item
from services.classifier.fingerprint import LEAD, POSITION_WEIGHTS, fingerprint, position
from services.classifier.story import reworded
from services.classifier.withdrawals import wordings
from shared.models.entry import Entry
from shared.models.story import AlertType, Article, Fingerprint, KnownClaim, Reason, Story, is_among, same_figure
from shared.models.topic import Notice, TopicMatch

_CLAIMED = 3  # the last sentence of which claims are read

Figures = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Correction:
    """A figure, of which `role` is what it counts; or a place."""

    role: str
    old: float | str
    new: float | str

    def __str__(self) -> str:
        return f"{(self.role or 'figure').replace('_', ' ')} {_shown(self.old)} → {_shown(self.new)}"

    def held_in(self, claims: Iterable[KnownClaim], value: float | str) -> list[KnownClaim]:
        """The claims that say this value."""
        if isinstance(value, str):
            return [claim for claim in claims if claim.region == value]
        return [claim for claim in claims if (claim.role or "") == self.role and same_figure(claim.value, value)]


def corrected(before: Story, after: Story, entry: Entry, match: TopicMatch, now: datetime) -> tuple[Story, Ring | None]:
    """`after` has the entry. If that is the new wording of an item, or names itself a correction, its source is not
    named any more for what it says otherwise now."""
    last = _corrects(before, entry, match)
    if last is None:
        return after, None
    if same_item(entry, last):
        after = reworded(after, last, entry, now)
    found = [*_figures(last.fingerprint.figures, entry, match), *_place(last.fingerprint, entry, match)]
    return _told(before, after, entry, found)


def corrected_text(before: Story, after: Story, entry: Entry, match: TopicMatch) -> tuple[Story, Ring | None]:
    """`after` has the entry with another text of its page. The first takes nothing back of what the feed said."""
    old: dict[str, list[float]] = {}
    for claim in before.claims:
        if claim.entry_id == entry.id and entry.source in claim.sources and claim.value is not None:
            old.setdefault(claim.role or "", []).append(claim.value)
    return _told(before, after, entry, list(_figures(old, entry, match, within=_CLAIMED)))


def _corrects(story: Story, entry: Entry, match: TopicMatch) -> Article | None:
    if entry.change:
        return next(reversed(wordings(story, entry)), None)
    own = (each for each in reversed(story.articles) if each.source == entry.source)
    return next(own, None) if _names_itself_one(entry, match) else None


def _names_itself_one(entry: Entry, match: TopicMatch) -> bool:
    return match.notice is Notice.CORRECTION and (match.notice_at or 0) < len(entry.title)


def _figures(old: Figures, entry: Entry, match: TopicMatch, within: int = LEAD) -> Iterator[Correction]:
    """Only "correction: 3,000, not 4,000" says the old one, too."""
    takes_back = _names_itself_one(entry, match)
    for role, values in old.items():
        said = [claim for claim in match.claims if (claim.role or "") == role and claim.value is not None]
        new = [claim.value for claim in said if position(entry, claim.start) <= within]
        fresh = [value for value in new if value is not None and not is_among(value, values)]
        kept = [claim.value for claim in said]
        dropped = [value for value in values if takes_back or not (is_among(value, kept) or _written(value, entry))]
        if fresh and dropped:
            was, now = min(product(dropped, fresh), key=lambda pair: abs(pair[0] - pair[1]))
            yield Correction(role, was, now)


def _place(old: Fingerprint, entry: Entry, match: TopicMatch) -> Iterator[Correction]:
    """Where it stood in the title or the lead."""
    was, now = _regions(old), _regions(fingerprint(entry, match))
    if was and now and was.isdisjoint({*now, *(claim.region for claim in match.claims)}):
        yield Correction("place", min(was), min(now))


def _told(before: Story, after: Story, entry: Entry, found: Sequence[Correction]) -> tuple[Story, Ring | None]:
    """It rings where it is new to the story, or where nobody says the old any more."""
    unsaid = [claim for each in found for claim in each.held_in(after.claims, each.old)]
    claims = tuple(_without(claim, entry.source) if claim in unsaid else claim for claim in after.claims)
    after = after.model_copy(update={"claims": claims})
    matters = [
        each
        for each in found
        if not each.held_in(before.claims, each.new) or not any(c.sources for c in each.held_in(claims, each.old))
    ]
    if not matters or not before.revisions:
        return after, None
    detail = f"{entry.feed_name} corrects itself: {', '.join(map(str, matters))}"
    return after, Ring(AlertType.UPDATED, Reason.CORRECTED, detail)


def _without(claim: KnownClaim, source: str) -> KnownClaim:
    return claim.model_copy(update={"sources": tuple(each for each in claim.sources if each != source)})


def _regions(print_: Fingerprint) -> set[str]:
    kinds = ((*term.partition(":"), weight) for term, weight in print_.terms.items())
    return {name for kind, _, name, weight in kinds if kind == "region" and weight >= POSITION_WEIGHTS[LEAD]}


def _written(value: float, entry: Entry) -> bool:
    """In digits, somewhere: it has only moved to where no claims are read."""
    digits = r"[\s.,'’]?".join(f"{value:,.0f}".split(","))
    return re.search(rf"(?<!\d){digits}(?!\d)", entry.whole) is not None


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.0f}"
