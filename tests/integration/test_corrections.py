"""What feeds say of items that they told before, over the topic that is delivered and a real Redis."""

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared.models.entry import Entry
from shared.models.story import Status, Story
from shared.store.alerts import AlertStream
from shared.store.stories import StoryReader
from tests.integration.test_classifier import classify, told

FIRST = "Some 4,000 North Korean troops killed or wounded in Kursk, Ukraine says"


def item(title: str, change: int = 0) -> Entry:
    """The n-th wording of one item."""
    letter = "abcd"[change]
    same = {
        "url": "https://a.example/1",
        "guid": "https://a.example/1",
        "source": "a",
        "feed_name": "A",
        "change": change,
    }
    return told(letter, title, "en").model_copy(update=same)


async def heard(redis: AsyncRedis) -> tuple[list[str], Story]:
    """The details of all that rang, oldest first, and the one story."""
    rung = [record.alert for record in reversed(await AlertStream(redis).newest(10)) if not record.alert.again]
    (story,) = await StoryReader(redis).newest(10)
    return [f"{alert.reason}: {alert.detail}" for alert in rung][1:], story


async def test_a_figure_that_a_feed_corrects_rings_once(sync_redis: Redis, redis: AsyncRedis) -> None:
    changed = item("Some 3,000 North Korean troops killed or wounded in Kursk, Ukraine says", 1)
    classify(sync_redis, [item(FIRST), changed, changed])
    rung, story = await heard(redis)
    assert rung == ["corrected: A corrects itself: casualties 4,000 → 3,000"]
    assert [claim.value for claim in story.said if claim.value] == [3_000]
    assert story.title == changed.title


async def test_another_wording_of_the_same_is_silent(sync_redis: Redis, redis: AsyncRedis) -> None:
    classify(sync_redis, [item(FIRST), item(f"Ukraine: {FIRST}", 1)])
    assert (await heard(redis))[0] == []


@pytest.mark.parametrize(
    ("title", "over", "why"),
    [
        ("Council approves its budget", {}, "the publisher changed it: it no longer tells this"),
        ("Retraction: article removed", {}, "taken back by its publisher"),
        ("Retraction: article removed", {"change": 0, "guid": "https://a.example/2"}, "taken back by its publisher"),
        (f"Retraction: {FIRST}", {}, "taken back by its publisher"),
        (f"Retraction: {FIRST}", {"change": 0, "guid": "urn:b", "url": None}, "taken back by its publisher"),
    ],
)
async def test_a_story_whose_only_item_is_taken_back_is_retracted_once(
    sync_redis: Redis, redis: AsyncRedis, title: str, over: dict[str, object], why: str
) -> None:
    changed = item(title, 1).model_copy(update=over)
    classify(sync_redis, [item(FIRST), changed, changed])
    rung, story = await heard(redis)
    assert rung == [f"retracted: nobody stands by it any more: A, {why}"]
    assert story.status is Status.RETRACTED
    assert all(article.withdrawn for article in story.articles)


@pytest.mark.parametrize("over", [{"source": "b", "feed_name": "B"}, {"url": "https://a.example/3", "guid": "urn:c"}])
async def test_other_items_and_other_sources_take_nothing_back(
    sync_redis: Redis, redis: AsyncRedis, over: dict[str, object]
) -> None:
    classify(sync_redis, [item(FIRST), item("Retraction: article removed", 1).model_copy(update=over)])
    rung, story = await heard(redis)
    assert rung == []
    assert story.articles[0].withdrawn is None
