"""How long an alert took, part by part (pure). Only what nobody held on purpose says whether the system is late."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notifier.calendar import Period
from shared.models.story import Stage, Story
from shared.models.subscription import Delivery, MessageType, Subscription

_MEASURED = frozenset({MessageType.CREATED, MessageType.UPDATED})


@dataclass(frozen=True, slots=True)
class Way:
    """When what a revision tells was published, found by a poll, taken up by a classifier, and written."""

    published: datetime | None
    seen_at: datetime
    taken_at: datetime
    written_at: datetime


def way(story: Story, revision: int) -> Way | None:
    """None for a revision that came another way than from a feed: a page read later, a person's doing."""
    made = next((each for each in story.revisions if each.number == revision), None)
    article = story.article(made.entry_id) if made and made.entry_id else None
    if made is None or made.taken_at is None or article is None:
        return None
    return Way(article.published, article.seen_at, made.taken_at, made.at)


def is_measured(
    subscription: Subscription,
    delivery: Delivery,
    of: Way,
    acknowledged: datetime,
    held: Iterable[Period],
    update_interval: float,
) -> bool:
    """Whether nothing held the message on purpose since its revision was written.

    `delivery`: as it was before, with the message. `held`: quiet hours and outages.
    """
    if subscription.digest or delivery.envelope is None or delivery.envelope.type not in _MEASURED:
        return False
    if any(start < acknowledged and of.written_at < end for start, end in held):
        return False
    pause = timedelta(seconds=update_interval)
    return delivery.sent_at is None or of.written_at >= delivery.sent_at + pause


def stages(of: Way, acknowledged: datetime) -> Mapping[Stage, float]:
    """In seconds. Clocks of several machines differ a little: less than nothing is nothing."""
    ends = {
        Stage.LISTING: (of.published, of.seen_at),
        Stage.QUEUE: (of.seen_at, of.taken_at),
        Stage.CLASSIFY: (of.taken_at, of.written_at),
        Stage.DELIVERY: (of.written_at, acknowledged),
        Stage.TOTAL: (of.seen_at, acknowledged),
    }
    return {stage: max(0.0, (end - start).total_seconds()) for stage, (start, end) in ends.items() if start}
