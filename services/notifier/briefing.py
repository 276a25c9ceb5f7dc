"""What the desk must know before it can write is fetched, for many subjects at once."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from pydantic import ValidationError

from services.notifier.subjects import DIGEST, ENDPOINT, TEST, Later, Prepared
from services.notifier.tenure import Tenure
from shared.logs import get_logger
from shared.models.story import Story

DIGEST_BATCH = 500
# What a newer version wrote is left for it.
UNREADABLE_AGAIN = timedelta(minutes=1)
log = get_logger()


async def prepare(tenure: Tenure, subjects: Collection[str], now: datetime) -> dict[str, Prepared]:
    """Subject → what is to be said of it. Of a digest also when to look again at stories that are not in it."""
    stories = [each for each in subjects if is_story(each)]
    prepared = {each: await _prepare_other(tenure, each, now) for each in subjects if ":" in each}
    if tenure.endpoint.subscription.digest and (stories or DIGEST in subjects):
        return prepared | await _prepare_digest(tenure, stories, now)
    if DIGEST in subjects:
        prepared |= await _prepare_digest(tenure, [], now)
    return prepared | await _prepare_stories(tenure, stories, now)


def is_story(subject: str) -> bool:
    return ":" not in subject and subject != DIGEST


async def _prepare_stories(tenure: Tenure, ids: Sequence[str], now: datetime) -> dict[str, Prepared]:
    stories = await readable_stories(tenure, ids)
    deliveries = await tenure.stores.deliveries.load_many(tenure.id, ids)
    found: dict[str, Prepared] = _unreadable(ids, stories, now)
    for delivery in deliveries:
        subject = delivery.subject
        if subject in stories:
            story = stories[subject]
            known = story is not None and delivery.sent_revision == 0 and await _heard_of_merged(tenure, story)
            found[subject] = tenure.desk.story(delivery, story, known, tenure.orders.get(subject), now)
    return found


async def _prepare_digest(tenure: Tenure, ids: Sequence[str], now: datetime) -> dict[str, Prepared]:
    stories = await readable_stories(tenure, ids)
    digest, *deliveries = await tenure.stores.deliveries.load_many(tenure.id, [DIGEST, *ids])
    parts = {each.subject: (stories[each.subject], each) for each in deliveries if each.subject in stories}
    return _unreadable(ids, stories, now) | tenure.desk.digest(digest, parts, tenure.orders, now)


async def _prepare_other(tenure: Tenure, subject: str, now: datetime) -> Prepared:
    delivery = await tenure.stores.deliveries.load(tenure.id, subject)
    if subject.startswith(TEST):
        return tenure.desk.test(delivery, now)
    name = subject.removeprefix(ENDPOINT)
    other = await tenure.stores.endpoints.load(name)
    (waiting,) = await tenure.stores.endpoints.waiting([name])
    return tenure.desk.notice(delivery, other, waiting, now)


async def _heard_of_merged(tenure: Tenure, story: Story) -> bool:
    """Whether the subscription was told of a story that this one has taken over."""
    told = await tenure.stores.deliveries.load_many(tenure.id, story.merged_from)
    return any(delivery.sent_revision for delivery in told)


async def readable_stories(tenure: Tenure, ids: Sequence[str]) -> dict[str, Story | None]:
    """Id → story, or None if there is none; without those that cannot be read, which must not hold up the others."""
    try:
        return dict(zip(ids, await tenure.stores.stories.load_many(ids), strict=True))
    except ValidationError:
        if len(ids) > 1:
            half = len(ids) // 2
            return await readable_stories(tenure, ids[:half]) | await readable_stories(tenure, ids[half:])
        log.exception("story.unreadable", subscription=tenure.id, story_id=ids[0])
        return {}


def _unreadable(ids: Sequence[str], readable: Collection[str], now: datetime) -> dict[str, Prepared]:
    return {each: Later(now + UNREADABLE_AGAIN, "unreadable") for each in ids if each not in readable}
