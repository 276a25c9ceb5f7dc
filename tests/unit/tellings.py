"""Articles with claims for the tests of stories, and the classifier's way through them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from services.classifier.alerting import FOLLOWS, HOLD, Ring, Silent, decide
from services.classifier.cluster import Assignment, assign
from services.classifier.fingerprint import fingerprint
from services.classifier.likeness import Corpus
from services.classifier.story import extend, open_story, revise
from shared.models.entry import Entry
from shared.models.story import Decision, Story
from shared.models.topic import Claim, TopicMatch
from tests.factories import NOON, claim, entry, make_id, match

Telling = tuple[Entry, TopicMatch]
MINUTE = timedelta(minutes=1)
AT_ONCE, SETTLED, DAYS_LATER = NOON + MINUTE, NOON + HOLD + MINUTE, NOON + FOLLOWS + MINUTE


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


def known(*claims: tuple[str, str, float]) -> Story:
    """A story that rang at noon with these figures in its lead."""
    told = told_by("herald", "Kim's soldiers vanish", f"Told were {', '.join(words for words, _, _ in claims)}.")
    return opened(told, match(claims=tuple(figure(told, *claim) for claim in claims)))


def count(words: str, role: str, value: float, published: datetime = NOON) -> tuple[Entry, Claim]:
    """An article whose title gives a figure."""
    told = told_by("courier", f"Now {words}", published=published)
    return told, figure(told, words, role, value)


def joined(
    story: Story,
    told: Entry,
    verdict: TopicMatch,
    now: datetime = SETTLED,
    decision: Decision = Decision.SAME_STORY,
    rung: Collection[str] = (),
) -> tuple[Story, Ring | Silent]:
    """The story with the article, which belongs to it, and whether that rings."""
    derived_from = story.articles[0].source if decision in (Decision.EXACT, Decision.COPY) else None
    assignment = Assignment(story.id, decision, 0.5, "told again", derived_from)
    after = extend(story, told, verdict, fingerprint(told, verdict), assignment, now)
    verdict_ = decide(story, after, told.id, now, rung=rung)
    return (revise(after, verdict_, now) if isinstance(verdict_, Ring) else after), verdict_


def decided(
    story: Story, told: Entry, *claims: Claim, now: datetime = SETTLED, rung: Collection[str] = ()
) -> Ring | Silent:
    return joined(story, told, match(claims=claims), now, rung=rung)[1]
