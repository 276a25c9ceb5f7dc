"""Articles with claims for the tests of stories, and the classifier's way through them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from services.classifier.alerting import Ring, Silent, decide
from services.classifier.cluster import assign
from services.classifier.fingerprint import fingerprint
from services.classifier.likeness import Corpus
from services.classifier.story import extend, open_story, revise
from shared.models.entry import Entry
from shared.models.story import Story
from shared.models.topic import Claim, TopicMatch
from tests.factories import NOON, claim, entry, make_id

Telling = tuple[Entry, TopicMatch]


def told_by(outlet: str, title: str, summary: str = "", **over: object) -> Entry:
    feed_id = make_id(outlet, digits=12)
    identity = make_id(outlet, title, summary)
    address = f"https://{outlet}.example/{identity}"
    fields: dict[str, object] = {"id": identity, "guid": identity, "url": address, "feed_id": feed_id}
    return entry(title=title, summary=summary, source=outlet, feed_name=outlet, **fields | over)


def says(told: Entry, words: str, **over: object) -> Claim:
    """A claim read from `words` in the entry's text."""
    start = told.whole.index(words)
    plain = {"role": None, "value": None, "qualifier": None, "start": start, "end": start + len(words)}
    return claim(**plain | over)


def figure(told: Entry, words: str, role: str, value: float, **over: object) -> Claim:
    kind = "deployment" if role in ("deployed", "to_be_sent") else "casualties"
    return says(told, words, **{"kind": kind, "role": role, "value": value} | over)


def take(told: Telling, stories: Sequence[Story], now: datetime) -> tuple[Story, Ring | Silent]:
    """What the shell does with one relevant entry: the story as it is to be stored, and the decision."""
    printed = fingerprint(*told)
    assignment = assign(told[0], printed, stories, Corpus(len(stories)), now)
    before = next((story for story in stories if story.id == assignment.story_id), None)
    after = extend(before, *told, printed, assignment, now) if before else open_story(*told, printed, assignment, now)
    decision = decide(before, after, told[0].id, now)
    return (revise(after, decision, now) if isinstance(decision, Ring) else after), decision


def follow(
    tellings: Iterable[Telling], apart: timedelta = timedelta(milliseconds=50), start: datetime = NOON
) -> tuple[dict[str, Story], list[Ring | Silent]]:
    """All of them, one after the other."""
    stories: dict[str, Story] = {}
    decisions = []
    for place, told in enumerate(tellings):
        story, decision = take(told, list(stories.values()), start + place * apart)
        stories[story.id] = story
        decisions.append(decision)
    return stories, decisions


def opened(told: Entry, verdict: TopicMatch) -> Story:
    return take((told, verdict), (), NOON)[0]
