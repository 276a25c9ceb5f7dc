"""What an entry does to the stories of a topic: the decisions of the ladder, the story and the alerts, put together.

Pure: what is known goes in, the change that is to be stored comes out.
"""

from dataclasses import replace
from datetime import datetime

from services.classifier.alerting import Ring, Silent, decide
from services.classifier.cluster import assign, identities, index_sets, index_terms
from services.classifier.fingerprint import fingerprint
from services.classifier.likeness import Corpus
from services.classifier.story import extend, open_story, reread, revise
from shared.models.change import Background, Change, Marks
from shared.models.entry import Entry
from shared.models.story import Alert, Decision, Fingerprint, Story, figure_key
from shared.models.topic import TopicMatch


def marks_of(entry: Entry, fingerprint: Fingerprint) -> Marks:
    """By what the entry is found by others, and finds them."""
    figures = (figure_key(role, value) for role, values in fingerprint.figures.items() for value in values)
    terms, sets = index_terms(fingerprint), index_sets(fingerprint)
    return Marks(identities(entry, fingerprint), terms, tuple(figures), sets)


def place(entry: Entry, match: TopicMatch, background: Background, now: datetime) -> Change:
    """Choose the entry's story among those that it may belong to, or open one, and decide whether that rings."""
    print_ = fingerprint(entry, match)
    corpus = Corpus(background.live, background.holding, background.figures)
    assignment = assign(entry, print_, background.stories, corpus, now)
    before = next((story for story in background.stories if story.id == assignment.story_id), None)
    if before:
        after = extend(before, entry, match, print_, assignment, now)
    else:
        after = open_story(entry, match, print_, assignment, now)
    marks = marks_of(entry, print_)
    found_by = marks if assignment.derived_from is None else Marks(marks.identities)
    change = decided(before, after, entry.id, background, now)
    return replace(change, marks=found_by, wants_text=wants_text(entry, assignment.decision))


def put(entry: Entry, match: TopicMatch, held: Story, background: Background, now: datetime) -> Change:
    """Put the entry, now with its text, in the place where the story holds it, and decide whether that rings."""
    after = reread(held, entry, match, fingerprint(entry, match), now)
    return decided(held, after, entry.id, background, now)


def decided(before: Story | None, after: Story, entry_id: str, background: Background, now: datetime) -> Change:
    beside = next((story for story in background.stories if story.id == after.related_to), None)
    rung = {figure for figure, story_id in background.figures.items() if story_id != after.id}
    return ringing(before, after, decide(before, after, entry_id, now, beside=beside, rung=rung), now)


def ringing(before: Story | None, after: Story, verdict: Ring | Silent, now: datetime) -> Change:
    """The change with its revision and its alert, or with one of the last revision if others may want the story now."""
    if isinstance(verdict, Ring):
        after = revise(after, verdict, now)
        told = (figure_key(claim.role, claim.value) for claim in after.claims if claim.value is not None)
        return Change(after, announcement(after), rung=tuple(dict.fromkeys(told)))
    wider = before is not None and before.revision and before.audience != after.audience
    return Change(after, announcement(after, again=True) if wider else None)


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
