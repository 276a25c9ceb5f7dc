"""The classifier's shell: each entry of a batch gets its verdict, and a relevant one its story."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.classifier.alerting import Ring, decide
from services.classifier.cluster import assign, fingerprint
from services.classifier.match import Matcher
from services.classifier.ports import Entries, Stories
from services.classifier.story import extend, open_story, revise
from shared import metrics
from shared.logs import get_logger
from shared.models.entry import Entry
from shared.models.story import Alert, Story
from shared.models.topic import TopicMatch
from shared.store.stories import Change

log = get_logger()


@dataclass(frozen=True, slots=True)
class Classifier:
    """Idempotent by entry: a batch that is repeated changes nothing and rings nothing."""

    matcher: Matcher
    entries: Entries
    stories: Stories

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
        change = self.stories.assign(match.topic, entry.id, now, lambda live: place(entry, match, live, now))
        if change is None:
            metrics.STORY_DECISIONS.labels(decision="assigned_before").inc()
            return
        article = change.story.articles[-1]
        metrics.STORY_DECISIONS.labels(decision=article.relation.value).inc()
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
            reason=article.reason,
            rings=change.alert.reason if change.alert and rings else None,
        )


def place(entry: Entry, match: TopicMatch, live: Sequence[Story], now: datetime) -> Change:
    """Choose the entry's story among the live ones, or open one, and decide whether that rings."""
    marks = fingerprint(entry, match)
    assignment = assign(entry, marks, live, now)
    before = next((story for story in live if story.id == assignment.story_id), None)
    after = extend(before, entry, match, marks, assignment, now) if before else open_story(entry, match, marks, now)
    verdict = decide(before, after, now)
    if isinstance(verdict, Ring):
        after = revise(after, verdict, now)
        return Change(after, announcement(after))
    wider = before is not None and before.revision and before.audience != after.audience
    return Change(after, announcement(after, again=True) if wider else None)


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
