"""The classifier's shell: each entry of a batch gets its verdict, and a relevant one its story."""

import time
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from services.classifier.cluster import identities
from services.classifier.fingerprint import fingerprint
from services.classifier.match import Matcher
from services.classifier.notices import notice_of, opens_with_notice
from services.classifier.ports import Entries, Stories
from services.classifier.telling import disown, marks_of, place, put, take_away
from shared import metrics
from shared.logs import get_logger
from shared.models.change import Background, Change
from shared.models.entry import Entry
from shared.models.story import Story
from shared.models.topic import TopicMatch

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
        if entry.gone:
            self._take_away(entry, now)
            return
        others = {*self.matcher.versions}
        for match in self.matcher.classify(entry, now).matches:
            metrics.CLASSIFICATIONS.labels(topic=match.topic, verdict=match.reason).inc()
            if match.relevant:
                self._tell(entry, match, now)
                others.discard(match.topic)
        if others and (entry.change or entry.text or opens_with_notice(entry, self.matcher.lexicons)):
            self._disown(entry, others, now)

    def _tell(self, entry: Entry, match: TopicMatch, now: datetime) -> None:
        change, decision = self._assign(entry, match, now), ""
        if change is None and entry.edition:
            change, decision = self._reread(entry, match, now), "read_again"
        article = change.story.article(entry.id) if change else None
        if change is None or article is None:
            metrics.STORY_DECISIONS.labels(decision="assigned_before").inc()
            return
        metrics.STORY_DECISIONS.labels(decision=decision or article.decision.value).inc()
        log.info(
            "entry.relevant",
            entry_id=entry.id,
            title=entry.title[:120],
            source=entry.source,
            language=match.language,
            topic=match.topic,
            story_id=change.story.id,
            decision=article.decision.value,
            with_text=bool(entry.text),
            reason=article.reason,
            rings=_counted(change),
        )

    def _take_away(self, entry: Entry, now: datetime) -> None:
        def decide(held: Story, _: Background) -> Change:
            return take_away(entry, held, now)

        for topic in self.matcher.versions:
            self._withdrawn(entry, self.stories.reread(topic, entry.id, entry.edition, now, decide))

    def _disown(self, entry: Entry, topics: Set[str], now: datetime) -> None:
        notice = notice_of(entry, self.matcher.lexicons)
        named = identities(entry, fingerprint(entry))
        for topic in sorted(topics):
            self._withdrawn(entry, self.stories.amend(topic, named, lambda held: disown(entry, notice, held, now)))

    @staticmethod
    def _withdrawn(entry: Entry, change: Change | None) -> None:
        if change is None:
            return
        metrics.STORY_DECISIONS.labels(decision="withdrawn").inc()
        log.info(
            "entry.withdrawn",
            entry_id=entry.id,
            title=entry.title[:120],
            source=entry.source,
            topic=change.story.topic,
            story_id=change.story.id,
            rings=_counted(change),
        )

    def _assign(self, entry: Entry, match: TopicMatch, now: datetime) -> Change | None:
        def decide_among(background: Background) -> Change:
            change = place(entry, match, background, now)
            return change if self.full_text else replace(change, wants_text=False)

        marks = marks_of(entry, fingerprint(entry, match))
        return self.stories.assign(match.topic, entry.id, marks, now, decide_among, edition=entry.edition)

    def _reread(self, entry: Entry, match: TopicMatch, now: datetime) -> Change | None:
        def put_in(held: Story, background: Background) -> Change:
            return put(entry, match, held, background, now)

        return self.stories.reread(match.topic, entry.id, entry.edition, now, put_in)


def _counted(change: Change) -> str | None:
    """The reason for which it rings, once that is counted; None if it does not."""
    alert = change.alert
    if alert is None or alert.again:
        return None
    metrics.ALERTS.labels(type=alert.type.value, reason=alert.reason).inc()
    return alert.reason
