"""What a publisher takes back of what it has told. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from services.classifier.alerting import Ring, Silent, decide
from services.classifier.cluster import Assignment, same_item
from services.classifier.fingerprint import fingerprint
from services.classifier.story import withdraw
from shared.models.entry import Entry
from shared.models.story import Article, Decision, Reason, Story
from shared.models.topic import Notice, TopicMatch

GONE = "its page is gone"
TAKEN_BACK = "taken back by its publisher"
CHANGED = "the publisher changed it: it no longer tells this"
# Of the words of the shorter title: with less in common, one is no new wording of the other.
RECOGNISED = 0.25

Told = tuple[Story, Ring | Silent]


def wordings(story: Story, entry: Entry) -> list[Article]:
    """Those that the story has of the same item by the same source, in the order of their coming."""
    return [each for each in story.articles if each.source == entry.source and same_item(entry, each)]


def notice_beside(assignment: Assignment, entry: Entry, match: TopicMatch, stories: Iterable[Story]) -> Assignment:
    """A notice has few words: it belongs to the story beside which it would stand, if its source is in there."""
    beside = next((story for story in stories if story.id == assignment.beside), None)
    if match.notice is None or beside is None or entry.source not in beside.sources:
        return assignment
    return replace(assignment, story_id=beside.id, beside=None, decision=Decision.SAME_STORY)


def retracts(entry: Entry, match: TopicMatch, story: Story | None) -> bool:
    """Whether it takes back articles of its own source. A headline may tell that somebody else has taken one back."""
    if match.notice is not Notice.RETRACTION or match.notice_at is None:
        return False
    title = entry.title.casefold()
    opens = not any(map(str.isalnum, title[: match.notice_at]))
    names_itself = any(name.casefold() in title for name in (entry.source, entry.feed_name))
    rewords = entry.change > 0 and story is not None and bool(wordings(story, entry))
    return match.notice_at > len(entry.title) or opens or names_itself or rewords


def taken_back(before: Story | None, after: Story, source: str, now: datetime) -> Told:
    """All that the source has told in the story, the notice itself too."""
    return withdrawal(before, after, [each for each in after.articles if each.source == source], TAKEN_BACK, now)


def disowned(story: Story, entry: Entry, notice: Notice | None, now: datetime) -> Told | None:
    """By an entry that tells nothing of the topic, but may be the new wording of an item that did."""
    own = wordings(story, entry)
    if all(article.withdrawn for article in own):
        return None
    if notice is Notice.RETRACTION:
        return taken_back(story, story, entry.source, now)
    if not entry.change or story.has_entry(entry.id) or not (notice or _beyond_recognition(own[-1].title, entry)):
        return None
    return withdrawal(story, story, own, CHANGED, now)


def withdrawal(before: Story | None, after: Story, articles: Iterable[Article], why: str, now: datetime) -> Told:
    """The story without its publisher's word for these, and the gravest that follows."""
    standing = [article.entry_id for article in articles if article.withdrawn is None]
    for entry_id in standing:
        after = withdraw(after, entry_id, why, now)
    verdicts = [decide(before, after, entry_id, now) for entry_id in standing]
    rings = (verdict for verdict in verdicts if isinstance(verdict, Ring))
    return after, next(rings, verdicts[0] if verdicts else Silent(Reason.WITHDRAWN, why))


def _beyond_recognition(title: str, entry: Entry) -> bool:
    was, now = _words(title, entry), _words(entry.title, entry)
    return bool(was and now) and len(was & now) < RECOGNISED * min(len(was), len(now))


def _words(title: str, entry: Entry) -> set[str]:
    return {*fingerprint(entry.model_copy(update={"title": title, "summary": ""})).words}
