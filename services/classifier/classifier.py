"""The classifier's shell: each entry of a batch gets its verdict, and a relevant one its story."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from services.classifier.fingerprint import fingerprint
from services.classifier.match import Matcher
from services.classifier.ports import Entries, Stories
from services.classifier.telling import marks_of, place, put
from shared import metrics
from shared.logs import get_logger
from shared.models.change import Background, Change
from shared.models.entry import Entry
from shared.models.story import Story
from shared.models.topic import TopicMatch

log = get_logger()


@dataclass(frozen=True, slots=True)
class Told:
    """What an entry came to in a topic. `change` is None when it is not relevant, or was told before; `again`: it is
    read anew, with its text."""

    match: TopicMatch
    change: Change | None = None
    again: bool = False


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
            for told in self.tell(entry, datetime.now(UTC)):
                _note(entry, told)
        metrics.JOB_SECONDS.observe(time.perf_counter() - started)

    def tell(self, entry: Entry, now: datetime) -> Iterator[Told]:
        """Give the entry its place, topic by topic, in what is told at that time; neither counted nor logged."""
        for match in self.matcher.classify(entry, now).matches:
            yield self._tell(entry, match, now) if match.relevant else Told(match)

    def _tell(self, entry: Entry, match: TopicMatch, now: datetime) -> Told:
        change = self._assign(entry, match, now)
        if change is None and entry.edition:
            return Told(match, self._reread(entry, match, now), again=True)
        return Told(match, change)

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


def _note(entry: Entry, told: Told) -> None:
    match, change = told.match, told.change
    metrics.CLASSIFICATIONS.labels(topic=match.topic, verdict=match.reason).inc()
    if not match.relevant:
        return
    article = change.story.article(entry.id) if change else None
    if change is None or article is None:
        metrics.STORY_DECISIONS.labels(decision="assigned_before").inc()
        return
    metrics.STORY_DECISIONS.labels(decision="read_again" if told.again else article.decision.value).inc()
    if change.rings:
        metrics.ALERTS.labels(type=change.rings.type.value, reason=change.rings.reason).inc()
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
        rings=change.rings.reason if change.rings else None,
        merged=[each.story.id for each in change.also] or None,
    )
