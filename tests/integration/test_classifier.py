"""The classifier's shell over real Redis."""

from collections.abc import Sequence
from datetime import UTC, datetime

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from services.classifier.canary import PACK
from services.classifier.classifier import Classifier
from services.classifier.grammars import Grammars
from services.classifier.match import compile_topics
from shared import keys
from shared.models import canary
from shared.models.entry import Entry
from shared.store.alerts import AlertStream, Record
from shared.store.entries import EntryStore
from shared.store.stories import StoryReader, StoryStore
from tests.factories import entry
from tests.packs import installed

RUSSIAN = "Киев: северокорейских военных три недели не видно на курском фронте"
ENGLISH = "North Korean troops not seen on Kursk front for three weeks, Ukraine says"


def told(letter: str, title: str, language: str) -> Entry:
    """An entry of just now, by a source of its own."""
    now, url = datetime.now(UTC), f"https://{letter}.example/1"
    return entry(
        id=letter * 16, title=title, summary="", language=language, source=letter, guid=url, url=url,
        published=now, seen_at=now,
    )  # fmt: skip


def classify(redis: Redis, entries: Sequence[Entry]) -> None:
    store = EntryStore(redis, retention_seconds=3600)
    for each in entries:
        redis.set(keys.entry(each.id), each.model_dump_json())
        stories = StoryStore(redis, window_seconds=3600, retention_seconds=3600)
        Classifier(installed(), store, stories).classify([each.id])


async def test_a_story_that_gains_a_language_is_announced_again_without_ringing(
    sync_redis: Redis, redis: AsyncRedis
) -> None:
    classify(sync_redis, [told("a", RUSSIAN, "ru"), told("b", ENGLISH, "en")])
    (story,) = await StoryReader(redis).newest(10)
    assert story.languages == {"ru", "en"}
    assert story.revision == 1
    stream = AlertStream(redis)
    assert [record.alert.revision for record in await stream.newest(10)] == [1]
    await stream.join()
    taken = await stream.take("one", 10, 10)
    alerts = [record.alert for record in taken if isinstance(record, Record)]
    assert [(alert.revision, alert.again) for alert in alerts] == [(1, False), (1, True)]


async def test_an_entry_that_is_classified_twice_changes_nothing(sync_redis: Redis, redis: AsyncRedis) -> None:
    once = told("a", ENGLISH, "en")
    classify(sync_redis, [once])
    before = await StoryReader(redis).newest(10)
    classify(sync_redis, [once])
    assert await StoryReader(redis).newest(10) == before
    assert len(await AlertStream(redis).newest(10)) == 1


async def test_only_the_canary_is_about_the_canary_and_about_nothing_else(sync_redis: Redis, redis: AsyncRedis) -> None:
    matcher = compile_topics([*(topic.pack for topic in installed().topics), PACK], Grammars())
    both = f"Tocsin canary sings in the coal mine; {ENGLISH}"
    assert {match.topic for match in matcher.match(both, "en") if match.relevant} == {"dprk-kursk", canary.NAME}
    its = told("c", both, "en").model_copy(update={"feed_id": canary.FEED_ID})
    for each in (told("a", both, "en"), its):
        sync_redis.set(keys.entry(each.id), each.model_dump_json())
    stories = StoryStore(sync_redis, window_seconds=3600, retention_seconds=3600)
    classifier = Classifier(matcher, EntryStore(sync_redis, retention_seconds=3600), stories)
    classifier.classify(["a" * 16, "c" * 16])
    reader = StoryReader(redis, with_canary=True)
    found = {topic: await reader.newest(9, topic=topic) for topic in matcher.versions}
    told_by = {topic: [article.entry_id for story in found[topic] for article in story.articles] for topic in found}
    assert told_by == {"dprk-kursk": ["a" * 16], "undersea-cables": [], canary.NAME: ["c" * 16]}
