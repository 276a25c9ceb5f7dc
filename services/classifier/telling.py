"""What an entry does to the stories of a topic: the decisions of the ladder, the story and the alerts, put together.

Pure: what is known goes in, the change that is to be stored comes out.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from services.classifier.alerting import Ring, Silent, decide
from services.classifier.cluster import alone, assign, identities, index_sets, index_terms, twin
from services.classifier.corrections import corrected, corrected_text
from services.classifier.fingerprint import fingerprint
from services.classifier.likeness import Corpus
from services.classifier.merging import elder_first, handed_over, merged
from services.classifier.story import extend, open_story, reread, revise
from services.classifier.withdrawals import GONE, disowned, notice_beside, retracts, taken_back, withdrawal
from shared.models.change import Background, Change, Marks
from shared.models.entry import Entry
from shared.models.story import Alert, AlertType, Decision, Fingerprint, Reason, Story, StoryDecision, figure_key
from shared.models.topic import Notice, TopicMatch


def marks_of(entry: Entry, fingerprint: Fingerprint, *, gather: bool = True) -> Marks:
    """By what the entry is found by others, and finds them; without `gather` only by what makes it the same item."""
    if not gather:
        return Marks(identities(entry, Fingerprint()))
    figures = (figure_key(role, value) for role, values in fingerprint.figures.items() for value in values)
    terms, sets = index_terms(fingerprint), index_sets(fingerprint)
    return Marks(identities(entry, fingerprint), terms, tuple(figures), sets)


def place(entry: Entry, match: TopicMatch, background: Background, now: datetime) -> Change:
    """Choose the entry's story among those that it may belong to, or open one, and decide whether that rings.

    Where it belongs to two, these turn out to be one.
    """
    print_ = fingerprint(entry, match)
    corpus = Corpus(background.live, background.holding, background.figures)
    stories = background.stories
    assignment = assign(entry, print_, stories, corpus, now) if match.gather else alone(entry, stories)
    assignment = notice_beside(assignment, entry, match, background.stories)
    before = _named(assignment.story_id, background)
    takes_back = retracts(entry, match, before)
    said = match.model_copy(update={"claims": ()}) if takes_back else match

    def told(story: Story | None) -> Story:
        given = (entry, said, print_, assignment, now)
        return extend(story, *given) if story else open_story(*given)

    found = twin(entry, print_, assignment, background.stories, corpus, now)
    other = _named(found.story_id, background) if found else None
    if takes_back:
        change = ringing(before, *taken_back(before, told(before), entry.source, now), now)
    elif before and found and other:
        why = f"{entry.feed_name} tells both: {assignment.reason}; {found.reason}"
        change = _merging(before, other, why, told, entry.id, background, now)
    else:
        after, ring = corrected(before, told(before), entry, match, now) if before else (told(None), None)
        change = decided(before, after, entry.id, background, now, ring)
    marks = marks_of(entry, print_, gather=match.gather)
    found_by = marks if assignment.derived_from is None else Marks(marks.identities)
    return replace(change, marks=change.marks.and_of(found_by), wants_text=wants_text(entry, assignment.decision))


def _named(story_id: str | None, background: Background) -> Story | None:
    return next((story for story in background.stories if story.id == story_id), None)


def _merging(
    one: Story,
    other: Story,
    why: str,
    told: Callable[[Story], Story],
    entry_id: str,
    background: Background,
    now: datetime,
) -> Change:
    """Both with the entry, in a single revision: what the entry brings is judged against all that either knew."""
    kept, gone = elder_first(one, other)
    together, left = merged(kept, gone, why, now)
    after = told(together)
    verdict = _verdict(together, after, entry_id, background, now)
    if kept.revisions and gone.revisions:
        verdict = merger(gone, verdict)
    takes, gives = handed_over(ringing(kept, after, verdict, now), Change(left), gone, gone.articles)
    return replace(takes, also=(gives,))


def merger(gone: Story, verdict: Ring | Silent) -> Ring:
    """What tells those who heard of both stories, and what else would have rung just now."""
    detail = f"{gone.id} was the same happening"
    more = f"; {verdict.detail}" if isinstance(verdict, Ring) else ""
    return Ring(AlertType.MERGED, Reason.MERGED, detail + more)


def put(entry: Entry, match: TopicMatch, held: Story, background: Background, now: datetime) -> Change:
    """Put the entry, now with its text, in the place where the story holds it, and decide whether that rings."""
    after = reread(held, entry, match, fingerprint(entry, match), now)
    if retracts(entry, match, held):
        return ringing(held, *taken_back(held, after, entry.source, now), now)
    after, ring = corrected_text(held, after, entry, match)
    return decided(held, after, entry.id, background, now, ring)


def take_away(entry: Entry, held: Story, now: datetime) -> Change:
    """The entry's page is gone: nobody stands by its article any more."""
    return ringing(held, *withdrawal(held, held, [*filter(None, [held.article(entry.id)])], GONE, now), now)


def disown(entry: Entry, notice: Notice | None, held: Story, now: datetime) -> Change | None:
    """The entry tells nothing of the topic, but may be what has become of an item that did; None if it is not."""
    told = disowned(held, entry, notice, now)
    return ringing(held, *told, now) if told else None


def decided(
    before: Story | None,
    after: Story,
    entry_id: str,
    background: Background,
    now: datetime,
    ring: Ring | None = None,
) -> Change:
    """`ring`: what is known to ring."""
    return ringing(before, after, ring or _verdict(before, after, entry_id, background, now), now)


def _verdict(before: Story | None, after: Story, entry_id: str, background: Background, now: datetime) -> Ring | Silent:
    rung = {figure for figure, story_id in background.figures.items() if story_id != after.id}
    return decide(before, after, entry_id, now, beside=_named(after.related_to, background), rung=rung)


def ringing(before: Story | None, after: Story, verdict: Ring | Silent, now: datetime) -> Change:
    """The change with its revision and its alert, or with one of the last revision if others may want the story now."""
    if isinstance(verdict, Ring):
        after = revise(after, verdict, now)
        told = (figure_key(claim.role, claim.value) for claim in after.claims if claim.value is not None)
        return Change(after, announcement(after), rung=tuple(dict.fromkeys(told)))
    wider = before is not None and before.revision and before.audience != after.audience
    return Change(after, announcement(after, again=True) if wider else None)


def caused(change: Change, entry_id: str, taken_at: datetime | None = None) -> Change:
    """Its new revision, if there is one, with the entry that made it, and when that was taken up."""
    if not change.rings:
        return change
    *before, newest = change.story.revisions
    newest = newest.model_copy(update={"entry_id": entry_id, "taken_at": taken_at})
    return replace(change, story=change.story.model_copy(update={"revisions": (*before, newest)}))


def counted(change: Change, decision: StoryDecision) -> Change:
    return replace(change, decision=decision)


def wants_text(entry: Entry, decision: Decision) -> bool:
    """What is there already has been read, or will be: its page would be asked for twice."""
    return bool(entry.url) and not entry.text and decision is not Decision.EXACT


def announcement(story: Story, *, again: bool = False) -> Alert:
    """The record of the story's newest revision."""
    revision = story.revisions[-1]
    return Alert(
        story_id=story.id,
        topic=story.topic,
        revision=revision.number,
        type=revision.type,
        reason=revision.reason,
        detail=revision.detail,
        title=story.title,
        at=revision.at,
        again=again,
    )
