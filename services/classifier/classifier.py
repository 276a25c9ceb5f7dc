"""The classifier's shell: each entry of a batch gets its verdict, and a relevant one its story."""

import time
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from services.classifier.cluster import identities
from services.classifier.fingerprint import fingerprint
from services.classifier.match import Matcher
from services.classifier.notices import notice_of, opens_with_notice
from services.classifier.ports import Entries, Stories
from services.classifier.telling import caused, counted, disown, marks_of, place, put, take_away
from shared import metrics
from shared.logs import get_logger
from shared.models import canary
from shared.models.change import Background, Change
from shared.models.entry import Entry
from shared.models.story import Story, StoryDecision
from shared.models.topic import WEIGHED, TopicMatch

log = get_logger()


@dataclass(frozen=True, slots=True)
class Told:
    """What an entry came to in a topic. `match` is None when its publisher took away what it told before; `change` is
    None when it is not relevant, or was told before."""

    topic: str
    match: TopicMatch | None
    change: Change | None = None


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
        started, taken_at = time.perf_counter(), datetime.now(UTC)
        for entry in self.entries.load(entry_ids):
            for told in self.tell(entry, datetime.now(UTC), taken_at):
                _note(entry, told)
            metrics.ENTRIES_CLASSIFIED.inc()
        metrics.JOB_SECONDS.observe(time.perf_counter() - started)

    def tell(self, entry: Entry, now: datetime, taken_at: datetime | None = None) -> Iterator[Told]:
        """Give the entry its place, topic by topic, in what is told at that time. Only what is written is counted, with
        the writing; `taken_at`: when its batch was taken up."""
        if entry.gone:
            yield from self._take_away(entry, now)
            return
        others = self._topics
        for match in self._matches(entry, now):
            yield self._tell(entry, match, now, taken_at) if match.relevant else Told(match.topic, match)
            if match.relevant:
                others.discard(match.topic)
        if others and (entry.change or entry.text or opens_with_notice(entry, self.matcher.lexicons)):
            yield from self._disown(entry, others, now)

    @property
    def _topics(self) -> set[str]:
        """That publishers' entries may be about."""
        return {*self.matcher.versions} - {canary.NAME}

    def _matches(self, entry: Entry, now: datetime) -> Iterator[TopicMatch]:
        """Whatever the words, only the canary is about the canary, and about nothing else."""
        matches = self.matcher.classify(entry, now).matches
        return (match for match in matches if (match.topic == canary.NAME) is (entry.feed_id == canary.FEED_ID))

    def _tell(self, entry: Entry, match: TopicMatch, now: datetime, taken_at: datetime | None) -> Told:
        change = self._assign(entry, match, now, None if entry.edition else taken_at)
        if change is None and entry.edition:
            return Told(match.topic, match, self._reread(entry, match, now))
        return Told(match.topic, match, change)

    def _take_away(self, entry: Entry, now: datetime) -> Iterator[Told]:
        def decide(held: Story, _: Background) -> Change:
            return counted(caused(take_away(entry, held, now), entry.id), StoryDecision.WITHDRAWN)

        for topic in self._topics:
            if change := self.stories.reread(topic, entry.id, entry.edition, now, decide):
                yield Told(topic, None, change)

    def _disown(self, entry: Entry, topics: Set[str], now: datetime) -> Iterator[Told]:
        notice = notice_of(entry, self.matcher.lexicons)
        named = identities(entry, fingerprint(entry))

        def decide(held: Story) -> Change | None:
            change = disown(entry, notice, held, now)
            return counted(caused(change, entry.id), StoryDecision.WITHDRAWN) if change else None

        for topic in sorted(topics):
            if change := self.stories.amend(topic, named, decide):
                yield Told(topic, None, change)

    def _assign(self, entry: Entry, match: TopicMatch, now: datetime, taken_at: datetime | None) -> Change | None:
        def decide_among(background: Background) -> Change:
            change = caused(place(entry, match, background, now), entry.id, taken_at)
            article = change.story.article(entry.id)
            decision = StoryDecision(article.decision.value) if article else StoryDecision.UNLISTED
            return counted(replace(change, wants_text=change.wants_text and self.full_text), decision)

        marks = marks_of(entry, fingerprint(entry, match), gather=match.gather)
        return self.stories.assign(match.topic, entry.id, marks, now, decide_among, edition=entry.edition)

    def _reread(self, entry: Entry, match: TopicMatch, now: datetime) -> Change | None:
        def put_in(held: Story, background: Background) -> Change:
            change = caused(put(entry, match, held, background, now), entry.id)
            return counted(change, StoryDecision.READ_AGAIN)

        return self.stories.reread(match.topic, entry.id, entry.edition, now, put_in)


def _note(entry: Entry, told: Told) -> None:
    if told.match is not None:
        _count(told.match)
        if not told.match.relevant or told.topic == canary.NAME:
            return
    change = told.change
    if change is None:
        metrics.STORY_DECISIONS.labels(decision=StoryDecision.ASSIGNED_BEFORE).inc()
        return
    rings = change.rings
    article = change.story.article(entry.id)
    log.info(
        "entry.relevant" if told.match else "entry.withdrawn",
        entry_id=entry.id,
        title=entry.title[:120],
        source=entry.source,
        language=told.match.language if told.match else None,
        topic=told.topic,
        story_id=change.story.id,
        decision=change.decision.value if change.decision else None,
        with_text=bool(entry.text),
        reason=article.reason if article else None,
        rings=rings.reason if rings else None,
        merged=[each.story.id for each in change.also] or None,
    )


def _count(match: TopicMatch) -> None:
    metrics.CLASSIFICATIONS.labels(topic=match.topic, verdict=match.reason).inc()
    if match.reason in WEIGHED:
        metrics.CLASSIFICATION_SCORE.labels(topic=match.topic).observe(max(0.0, match.score / match.threshold))
