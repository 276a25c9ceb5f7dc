"""The classifier's shell: each entry of a batch gets its verdict, and a relevant one its story."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from services.classifier.alerting import Ring, decide
from services.classifier.cluster import assign, fingerprint
from services.classifier.match import Matcher
from services.classifier.ports import Entries, Stories
from services.classifier.story import extend, open_story, reread, revise
from shared import metrics
from shared.logs import get_logger
from shared.models.entry import Entry
from shared.models.story import Alert, Relation, Story
from shared.models.topic import TopicMatch
from shared.store.stories import Change

log = get_logger()


@dataclass(frozen=True, slots=True)
class Classifier:
    """Idempotent by entry and its text: a batch that is repeated changes nothing and rings nothing.

    `full_text`: relevant entries are named to the poller, for it to read their pages.
    """

    matcher: Matcher
    entries: Entries
    stories: Stories
    full_text: bool = False

    def classify(self, entry_ids: Sequence[str]) -> None:
        """One batch. It dies as a whole (`shared.queue` halves it then) and may be repeated as a whole."""
        started = time.perf_counter()
        for entry in self.entries.load(entry_ids):
            self._classify_one(entry, datetime.now(UTC))
        metrics.JOB_SECONDS.observe(time.perf_counter() - started)

    def _classify_one(self, entry: Entry, now: datetime) -> None:
        for match in self.matcher.classify(entry, now).matches:
            metrics.CLASSIFICATIONS.labels(topic=match.topic, verdict=match.reason).inc()
            if match.relevant:
                self._tell(entry, match, now)

    def _tell(self, entry: Entry, match: TopicMatch, now: datetime) -> None:
        change, decision = self._assign(entry, match, now), ""
        if change is None and entry.text:
            change, decision = self._reread(entry, match, now), "read_again"
        article = change.story.article(entry.id) if change else None
        if change is None or article is None:
            metrics.STORY_DECISIONS.labels(decision="assigned_before").inc()
            return
        metrics.STORY_DECISIONS.labels(decision=decision or article.relation.value).inc()
        rings = change.alert is not None and not change.alert.again
        if change.alert and rings:
            metrics.ALERTS.labels(type=change.alert.type.value, reason=change.alert.reason).inc()
        log.info(
            "entry.relevant",
            entry_id=entry.id,
            title=entry.title[:120],
            source=entry.source,
            language=match.language,
            story_id=change.story.id,
            relation=article.relation.value,
            with_text=bool(entry.text),
            reason=article.reason,
            rings=change.alert.reason if change.alert and rings else None,
        )

    def _assign(self, entry: Entry, match: TopicMatch, now: datetime) -> Change | None:
        def decide_among(live: Sequence[Story]) -> Change:
            change = place(entry, match, live, now)
            return change if self.full_text else replace(change, wants_text=False)

        return self.stories.assign(match.topic, entry.id, now, decide_among, edition=entry.edition)

    def _reread(self, entry: Entry, match: TopicMatch, now: datetime) -> Change | None:
        return self.stories.reread(match.topic, entry.id, entry.edition, lambda held: put(entry, match, held, now))


def place(entry: Entry, match: TopicMatch, live: Sequence[Story], now: datetime) -> Change:
    """Choose the entry's story among the live ones, or open one, and decide whether that rings."""
    marks = fingerprint(entry, match)
    assignment = assign(entry, marks, live, now)
    before = next((story for story in live if story.id == assignment.story_id), None)
    after = extend(before, entry, match, marks, assignment, now) if before else open_story(entry, match, marks, now)
    return replace(_change(before, after, now), wants_text=wants_text(entry, assignment.relation))


def put(entry: Entry, match: TopicMatch, held: Story, now: datetime) -> Change:
    """Put the entry, now with its text, in the place where the story holds it, and decide whether that rings."""
    return _change(held, reread(held, entry, match, fingerprint(entry, match), now), now)


def _change(before: Story | None, after: Story, now: datetime) -> Change:
    verdict = decide(before, after, now)
    if isinstance(verdict, Ring):
        after = revise(after, verdict, now)
        return Change(after, announcement(after))
    wider = before is not None and before.revision and before.audience != after.audience
    return Change(after, announcement(after, again=True) if wider else None)


def wants_text(entry: Entry, relation: Relation) -> bool:
    """What is a duplicate has been read, or will be: its page would be asked for twice."""
    return bool(entry.url) and not entry.text and relation is not Relation.DUPLICATE


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
