"""The stores on a real Redis, with several at work at once where that is what they are for."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from shared import keys
from shared.models import canary
from shared.models.change import Background, Change, Marks
from shared.models.endpoint import EndpointNotice
from shared.models.feed import Feed, FeedHealth, PollRecord
from shared.models.story import Story
from shared.models.subscription import DeliveryStatus
from shared.store.alerts import GROUP, AlertStream, AnyRecord, NoticeRecord, Record, notice_command
from shared.store.deliveries import DeliveryStore
from shared.store.due import DueSet
from shared.store.entries import EntryStore
from shared.store.feeds import DUE_FEEDS, FeedStore, StoredFeed
from shared.store.pages import DUE_PAGES
from shared.store.standing import Standing
from shared.store.stories import OF_A_SET, OF_A_TERM, StoryReader, StoryStore
from tests.factories import NOON, after, alert, article, delivery, entries, entry, envelope, feed, feed_state, story
from tests.stores import configured_feeds, run, run_sync, stand

TOPIC = "dprk-kursk"
WINDOW, RETENTION = 3600.0, 7200


@pytest.fixture
def stories(sync_redis: SyncRedis) -> StoryStore:
    return StoryStore(sync_redis, window_seconds=WINDOW, retention_seconds=RETENTION)


def extended(live: Sequence[Story], title: str) -> Change:
    """One story that takes in everything."""
    new = article(entry(title=title))
    if not live:
        return Change(story(articles=(new,)), alert(story()), MARKS)
    return Change(live[0].model_copy(update={"articles": (*live[0].articles, new)}), None, MARKS)


# Stories.

MARKS = Marks(terms=("event:withdrawal",))


def test_two_who_assign_to_one_topic_at_once_lose_no_article(redis_url: str, sync_redis: SyncRedis) -> None:
    start = threading.Barrier(2)

    def assign(prefix: str) -> None:
        with SyncRedis.from_url(redis_url) as redis:
            store = StoryStore(redis, window_seconds=WINDOW, retention_seconds=RETENTION)
            start.wait()
            for number in range(50):
                title = f"{prefix}{number}"
                store.assign(TOPIC, title, MARKS, NOON, lambda known, title=title: extended(known.stories, title))  # type: ignore[misc]

    threads = [threading.Thread(target=assign, args=(prefix,)) for prefix in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = sync_redis.get(keys.story(story().id))
    assert stored is not None
    titles = {told.title for told in Story.model_validate_json(stored).articles}
    assert titles == {f"{prefix}{number}" for prefix in "ab" for number in range(50)}
    assert sync_redis.xlen(keys.alerts()) == 1


def test_decide_is_asked_again_when_another_was_assigned_meanwhile(redis_url: str, stories: StoryStore) -> None:
    asked: list[int] = []

    def decide(known: Background) -> Change:
        asked.append(len(known.stories))
        if len(asked) == 1:
            with SyncRedis.from_url(redis_url) as redis:
                other = StoryStore(redis, window_seconds=WINDOW, retention_seconds=RETENTION)
                other.assign(TOPIC, "other", MARKS, NOON, lambda _: Change(story(), None, MARKS))
        return Change(story(id="mine"), None)

    assert stories.assign(TOPIC, "mine", MARKS, NOON, decide) is not None
    assert asked == [0, 1]


def test_who_was_killed_in_his_turn_holds_the_others_up_until_it_ends(
    stories: StoryStore, sync_redis: SyncRedis
) -> None:
    sync_redis.set(keys.topic_turn(TOPIC), "of somebody dead", px=200)
    assert stories.assign(TOPIC, "e1", MARKS, NOON, lambda _: Change(story(), None)) is not None
    assert not sync_redis.exists(keys.topic_turn(TOPIC))


def test_who_overruns_his_turn_leaves_the_next_one_its_own(stories: StoryStore, sync_redis: SyncRedis) -> None:
    def slow(_: Background) -> Change:
        sync_redis.set(keys.topic_turn(TOPIC), "of the next")
        return Change(story(), None)

    assert stories.assign(TOPIC, "e1", MARKS, NOON, slow) is not None
    assert sync_redis.get(keys.topic_turn(TOPIC)) == b"of the next"


def test_an_entry_is_assigned_to_a_topic_once(stories: StoryStore, sync_redis: SyncRedis) -> None:
    change = Change(story(), alert())
    assert stories.assign(TOPIC, "e1", MARKS, NOON, lambda _: change) == change
    assert stories.assign(TOPIC, "e1", MARKS, NOON, lambda _: pytest.fail("it is decided already")) is None
    assert sync_redis.xlen(keys.alerts()) == 1
    assert stories.assign("other-topic", "e1", MARKS, NOON, lambda _: change) == change


def test_a_story_and_its_alert_are_written_in_one_transaction(stories: StoryStore, sync_redis: SyncRedis) -> None:
    with sync_redis.monitor() as monitor:  # type: ignore[no-untyped-call]  # redis-py has not typed it
        stories.assign(TOPIC, "e1", MARKS, NOON, lambda _: Change(story(), alert()))
        commands: list[str] = []
        while "EXEC" not in commands:
            command = str(monitor.next_command()["command"])
            if keys.topic_turn(TOPIC) not in command:
                commands.append(command.split(maxsplit=1)[0])
    written = commands[commands.index("MULTI") :]
    assert {"SET", "ZADD", "XADD"} <= set(written)
    assert not {"SET", "ZADD", "XADD"} & set(commands[: commands.index("MULTI")])


def test_an_entry_is_read_anew_once_for_each_of_its_texts(stories: StoryStore) -> None:
    held, better = story(), story(title="With its text")
    asked: list[Story] = []

    def decide(told: Story, _: Background) -> Change:
        asked.append(told)
        return Change(better, None)

    assert stories.reread(TOPIC, "e1", "text", NOON, decide) is None
    stories.assign(TOPIC, "e1", MARKS, NOON, lambda _: Change(held, None))
    for edition in ("text", "text", "another", "another"):
        stories.reread(TOPIC, "e1", edition, NOON, decide)
    assert asked == [held, better]


def test_an_entry_that_came_with_its_text_is_not_read_anew_for_that(stories: StoryStore) -> None:
    stories.assign(TOPIC, "e1", MARKS, NOON, lambda _: Change(story(), None), edition="text")
    assert stories.reread(TOPIC, "e1", "text", NOON, lambda *_: pytest.fail("it is read already")) is None


async def test_a_page_is_wanted_in_the_transaction_that_assigns_its_entry(
    stories: StoryStore, redis: Redis, sync_redis: SyncRedis
) -> None:
    pages = DueSet(redis, DUE_PAGES)
    stories.assign(TOPIC, "e1", MARKS, NOON, lambda _: Change(story(), None))
    assert await pages.members() == set()
    stories.assign(TOPIC, "e2", MARKS, NOON, lambda _: Change(story(), None, wants_text=True))
    (lease,) = await pages.claim(9, 30)
    assert (lease.member, lease.due_at) == ("e2", story().updated_at.timestamp())


def test_a_story_is_found_by_a_set_of_terms_that_many_newer_ones_say_singly(
    stories: StoryStore, sync_redis: SyncRedis
) -> None:
    both = ("event:withdrawal", "place:lgov")

    def tell(name: str, marks: Marks, seconds: float) -> None:
        told = story(id=name, updated_at=after(seconds))
        stories.assign(TOPIC, name, marks, after(seconds), lambda _: Change(told, None, marks))

    tell("old", Marks(terms=both, sets=(both,)), 0)
    for number in range(2 * OF_A_TERM):
        tell(f"new-{number}", Marks(terms=(both[number % 2],)), 9)
    found: list[str] = []

    def look(known: Background) -> Change:
        found.extend(each.id for each in known.stories)
        return Change(story(), None)

    stories.assign(TOPIC, "asked", Marks(terms=both, sets=(both[::-1],)), after(10), look)
    assert found[0] == "old"


def test_of_a_set_of_terms_only_the_newest_stories_are_kept(stories: StoryStore, sync_redis: SyncRedis) -> None:
    marks = Marks(sets=(("event:withdrawal", "place:lgov"),))
    for number in range(OF_A_SET + 9):
        told = story(id=f"{number:03}", updated_at=after(number))
        stories.assign(TOPIC, told.id, Marks(), after(number), lambda _, told=told: Change(told, None, marks))  # type: ignore[misc]
    (key,) = sync_redis.keys(keys.topic_term(TOPIC, "set:*"))
    assert sync_redis.zrange(key, 0, -1) == [f"{number:03}".encode() for number in range(9, OF_A_SET + 9)]


def test_a_decision_that_fails_writes_nothing(stories: StoryStore, sync_redis: SyncRedis) -> None:
    def decide(_: object) -> Change:
        raise LookupError("no decision")

    with pytest.raises(LookupError):
        stories.assign(TOPIC, "e1", MARKS, NOON, decide)
    assert sync_redis.keys("*") == []


def test_a_story_takes_in_articles_within_the_window_only(stories: StoryStore) -> None:
    late = Change(story(id="late", updated_at=after(WINDOW)), None, MARKS)

    def live_at(seconds: float) -> list[str]:
        seen: list[str] = []

        def decide(known: Background) -> Change:
            seen.extend(told.id for told in known.stories)
            return late

        stories.assign(TOPIC, f"e{seconds}", MARKS, after(seconds), decide)
        return seen

    stories.assign(TOPIC, "e1", MARKS, NOON, lambda _: Change(story(id="early"), None, MARKS))
    assert live_at(WINDOW) == ["early"]
    assert live_at(WINDOW + 1) == ["late"]


def test_what_is_kept_of_a_story_ends_with_it(stories: StoryStore, sync_redis: SyncRedis) -> None:
    stories.assign(TOPIC, "e1", MARKS, NOON, lambda _: Change(story(id="early"), None))
    assert 0 < sync_redis.ttl(keys.story("early")) <= RETENTION
    assert 0 < sync_redis.ttl(keys.entry_story(TOPIC, "e1")) <= RETENTION
    late = story(id="late", updated_at=after(RETENTION + 1))
    stories.assign(TOPIC, "e2", MARKS, NOON, lambda _: Change(late, None))
    assert sync_redis.zrange(keys.stories(), 0, -1) == [b"late"]
    assert sync_redis.zrange(keys.topic_stories(TOPIC), 0, -1) == [b"late"]


async def test_stories_are_read_newest_first_of_one_topic_or_all(redis: Redis, stories: StoryStore) -> None:
    for number, topic in enumerate(["a", "b", "a"]):
        told = story(id=f"s{number}", topic=topic, updated_at=after(number))
        stories.assign(topic, f"e{number}", MARKS, NOON, lambda _, told=told: Change(told, None))  # type: ignore[misc]
    reader = StoryReader(redis)
    assert [told.id for told in await reader.newest(2)] == ["s2", "s1"]
    assert [told.id for told in await reader.newest(9, topic="a")] == ["s2", "s0"]
    assert await reader.newest(9, topic="none") == []
    assert await reader.load("s1") == story(id="s1", topic="b", updated_at=after(1))
    assert await reader.load("none") is None


async def test_stories_of_the_canary_are_seen_by_the_notifier_alone_and_soon_forgotten(
    stories: StoryStore, sync_redis: SyncRedis, redis: Redis
) -> None:
    its, old = (story(id=name, topic=canary.NAME, updated_at=at) for name, at in (("its", after(3601)), ("old", NOON)))
    for told in (old, story(id="other"), its):
        stories.assign(told.topic, told.id, MARKS, NOON, lambda _, told=told: Change(told, None))  # type: ignore[misc]
    reader, notifier = StoryReader(redis), StoryReader(redis, with_canary=True)
    seen = list[str]()

    def look(found: Sequence[Story]) -> None:
        seen.extend(told.id for told in found)

    assert [told.id for told in await reader.newest(9)] == ["other"]
    assert [told.id for told in await reader.changed_since(NOON)] == ["other"]
    assert await reader.newest(9, topic=canary.NAME) == []
    assert stories.change(TOPIC, ["its", "other"], look) is None
    assert seen == ["other"]
    assert await reader.load_many(["its", "other", "none"]) == [None, story(id="other"), None]
    assert await notifier.load("its") == its
    assert [told.id for told in await notifier.newest(9, topic=canary.NAME)] == ["its"]
    for key in (keys.story("its"), keys.entry_story(canary.NAME, "its")):
        assert 0 < sync_redis.ttl(key) <= canary.KEPT_SECONDS
    assert sync_redis.ttl(keys.story("other")) > canary.KEPT_SECONDS


# The alerts stream.


async def written(redis: Redis, n: int) -> list[int]:
    for number in range(n):
        await redis.xadd(keys.alerts(), {"alert": alert(revision=number).model_dump_json()})
    return list(range(n))


def revisions(records: Sequence[AnyRecord]) -> list[int]:
    return [record.alert.revision for record in records if isinstance(record, Record)]


async def test_each_record_goes_to_one_consumer(redis: Redis) -> None:
    stream = AlertStream(redis)
    sent = await written(redis, 3)
    await stream.join()
    first, second = await stream.take("a", 2, 1), await stream.take("b", 2, 1)
    assert revisions(first) + revisions(second) == sent
    assert await stream.take("a", 2, 1) == []


async def test_what_a_dead_consumer_left_goes_to_another_after_the_claim_time(redis: Redis) -> None:
    stream = AlertStream(redis, claim_after_milliseconds=30)
    await stream.join()
    await written(redis, 3)
    taken = await stream.take("dies", 2, 1)
    await stream.acknowledge(taken[:1])
    assert revisions(await stream.take("lives", 9, 1)) == [2]
    assert revisions(await stream.take("lives", 9, 60)) == []
    found: list[AnyRecord] = []
    while not found:
        found = [record for record in await stream.take("lives", 9, 10) if revisions([record]) == [1]]
    await stream.acknowledge(found)
    assert (await redis.xpending(keys.alerts(), GROUP))["pending"] == 1  # what `lives` itself took first


async def test_what_nobody_can_read_does_not_keep_back_what_is_new(redis: Redis) -> None:
    stream = AlertStream(redis, claim_after_milliseconds=0)
    await stream.join()
    await redis.xadd(keys.alerts(), {"unknown": "?"})
    assert await stream.take("a", 9, 1) == []
    await redis.xadd(keys.alerts(), {"alert": alert(story()).model_dump_json()})
    assert revisions(await stream.take("a", 9, 1)) == [1]


async def test_joining_twice_is_joining(redis: Redis) -> None:
    stream = AlertStream(redis)
    await stream.join()
    await written(redis, 1)
    await stream.join()
    assert revisions(await stream.take("a", 9, 1)) == [0]


async def test_people_read_along_without_taking(redis: Redis) -> None:
    stream = AlertStream(redis)
    await stream.join()
    await written(redis, 3)
    assert revisions(await stream.newest(2)) == [2, 1]
    first, *_ = await stream.since("0", 9)
    assert revisions(await stream.since(first.id, 1)) == [1]
    assert await stream.since("$", 1, wait_milliseconds=1) == []
    assert revisions(await stream.take("a", 9, 1)) == [0, 1, 2]


async def test_notices_of_endpoints_are_for_notifiers_and_not_for_people(redis: Redis) -> None:
    stream = AlertStream(redis)
    await stream.join()
    notice = EndpointNotice(endpoint="ill", notice=2, at=NOON)
    await run(redis, [notice_command(notice)])
    await written(redis, 2)
    await run(redis, [notice_command(notice)])
    assert revisions(await stream.newest(9)) == [1, 0]
    assert revisions(await stream.newest(1)) == [1]
    assert revisions(await stream.since("0", 9)) == [0, 1]
    first, *others = await stream.take("a", 9, 1)
    assert first == NoticeRecord(first.id, notice)
    assert revisions(others) == [0, 1]
    await stream.acknowledge([first, *others])
    assert (await redis.xpending(keys.alerts(), GROUP))["pending"] == 0


async def test_alerts_of_the_canary_are_for_notifiers_alone_and_leave_the_stream(redis: Redis) -> None:
    stream = AlertStream(redis)
    await stream.join()
    await written(redis, 1)
    for _ in range(7):
        await redis.xadd(keys.alerts(), {"alert": alert(topic=canary.NAME, revision=9).model_dump_json()})
    assert revisions(await stream.newest(1)) == [0]
    assert revisions(await stream.since("0", 2)) == [0]
    (last,) = await stream.newest(1)
    assert await stream.since(last.id, 2, wait_milliseconds=1) == []
    await redis.xadd(keys.alerts(), {"alert": alert(revision=1).model_dump_json()})
    assert revisions(await stream.since(last.id, 2)) == [1]
    taken = await stream.take("a", 99, 1)
    assert revisions(taken) == [0, *[9] * 7, 1]
    await stream.acknowledge(taken)
    assert await redis.xlen(keys.alerts()) == 2
    assert await stream.take("a", 99, 1) == []


async def test_what_a_newer_version_wrote_stays_pending_for_it(redis: Redis) -> None:
    stream = AlertStream(redis)
    await stream.join()
    await redis.xadd(keys.alerts(), {"notice": '{"endpoint": "ill", "written": "by a newer version"}'})
    await redis.xadd(keys.alerts(), {"unknown": "?"})
    await written(redis, 1)
    taken = await stream.take("a", 9, 1)
    assert revisions(taken) == [0]
    await stream.acknowledge(taken)
    assert (await redis.xpending(keys.alerts(), GROUP))["pending"] == 2


# Feeds.


@pytest.fixture
def feeds(redis: Redis) -> FeedStore:
    return FeedStore(redis, DueSet(redis, DUE_FEEDS, clock=lambda: 1000.0))


def many(n: int) -> list[Feed]:
    return [feed(url=f"https://news.example/{number}", name=f"N{number:02}") for number in range(n)]


async def test_new_feeds_are_spread_over_the_time_given(feeds: FeedStore, redis: Redis) -> None:
    assert await feeds.configure(many(50), now=1000, spread_seconds=10) == (50, 0)
    times = [float(await redis.zscore(keys.due_times(DUE_FEEDS), of.id) or 0) for of in many(50)]
    assert all(1000 <= at <= 1010 for at in times)
    assert max(times) - min(times) > 5
    assert await configured_feeds(feeds) == many(50)


async def test_known_feeds_keep_their_due_times_and_old_ones_leave(feeds: FeedStore, redis: Redis) -> None:
    await feeds.configure(many(2), now=1000, spread_seconds=0)
    leaves, stays = many(2)
    await stand(redis, DUE_FEEDS, stays.id, 4000)
    assert await feeds.configure([stays, *many(3)[2:]], now=2000, spread_seconds=0) == (1, 1)
    assert await feeds.due.next_at() == 2000
    assert await feeds.due.members() == {stays.id, many(3)[2].id}
    assert (await feeds.load([leaves.id]))[0].feed is None
    assert await feeds.configure([stays], now=3000, spread_seconds=0) == (0, 1)
    assert await feeds.due.next_at() == 4000


async def test_a_feed_that_comes_back_is_remembered(feeds: FeedStore, redis: Redis) -> None:
    (news,) = many(1)
    await feeds.configure([news], now=1000, spread_seconds=0)
    await run(redis, feeds.state_commands(news.id, feed_state(etag='"e"'), b"0123456789"))
    await feeds.configure([], now=1000, spread_seconds=0)
    assert (await configured_feeds(feeds), await feeds.due.members()) == ([], set())
    await feeds.configure([news], now=1000, spread_seconds=0)
    assert await feeds.load([news.id]) == [StoredFeed(news, feed_state(etag='"e"'))]
    assert await feeds.seen(news.id) == b"0123456789"
    assert await feeds.states([news.id, "unknown"]) == [feed_state(etag='"e"'), feed_state()]


def test_validators_are_written_last_and_an_unchanged_window_not_at_all() -> None:
    names = [str(command[1]) for command in FeedStore.state_commands("f", feed_state(etag='"e"'), b"")]
    assert names == [keys.feed_seen("f"), keys.feed_state("f")]
    assert len(FeedStore.state_commands("f", feed_state(), None)) == 1


async def test_a_disabled_feed_is_kept_but_not_due(feeds: FeedStore) -> None:
    news = feed(enabled=False)
    assert await feeds.configure([news], now=1000, spread_seconds=0) == (0, 0)
    assert await configured_feeds(feeds) == [news]
    assert await feeds.due.members() == set()


async def test_the_canary_is_polled_and_counted_nowhere(feeds: FeedStore, redis: Redis, sync_redis: SyncRedis) -> None:
    own, news = canary.canary_feed(600), feed()
    assert await feeds.configure([news, own], now=1000, spread_seconds=0) == (1, 0)
    assert await feeds.due.members() == {news.id, own.id}
    assert await configured_feeds(feeds) == [news]
    for each in (news, own):
        ill = feed_state(health=FeedHealth.FAILING)
        record = PollRecord(at=NOON, outcome="timeout", seconds=1, next_after=1, next_reason="backoff")
        await run(redis, feeds.state_commands(each.id, ill, None, record))
    with sync_redis:
        now = Standing(sync_redis).feeds(1000)
    assert now.states[FeedHealth.FAILING] == 1
    assert sum(now.states.values()) == 1
    assert await feeds.configure([news], now=1000, spread_seconds=0) == (0, 0)
    assert await feeds.due.members() == {news.id}


# Entries and deliveries.


def test_entries_are_loaded_in_the_order_asked_for(sync_redis: SyncRedis) -> None:
    store = EntryStore(sync_redis, retention_seconds=100)
    told = entries(["a", "b", "c"])
    run_sync(sync_redis, store.save_commands(told))
    assert store.load([told[2].id, "gone", told[0].id]) == [told[2], told[0]]
    assert store.load([]) == []
    assert 0 < sync_redis.ttl(keys.entry(told[0].id)) <= 100


def test_what_is_the_canary_s_is_kept_for_an_hour_and_no_entry_of_the_past(sync_redis: SyncRedis, redis: Redis) -> None:
    store, other = EntryStore(sync_redis, retention_seconds=86_400), entry(id="other")
    its = entry(id="its", feed_id=canary.FEED_ID)
    run_sync(sync_redis, store.save_commands([its, other]))
    assert 0 < sync_redis.ttl(keys.entry("its")) <= canary.KEPT_SECONDS < sync_redis.ttl(keys.entry("other"))
    assert store.load(["its"]) == [its]
    assert [*store.since(NOON)] == [other]
    deliveries = DeliveryStore(redis, retention_seconds=86_400)
    for name in (canary.NAME, "desk"):
        run_sync(sync_redis, deliveries.save_commands(delivery(subscription_id=name, subject="s1")))
    assert 0 < sync_redis.ttl(keys.delivery(canary.NAME, "s1")) <= canary.KEPT_SECONDS
    assert sync_redis.ttl(keys.delivery("desk", "s1")) > canary.KEPT_SECONDS


async def test_a_delivery_is_stored_as_it_is(redis: Redis) -> None:
    store = DeliveryStore(redis, retention_seconds=100)
    assert await store.load("desk", "s1") == delivery(subject="s1")
    sent = delivery(
        subject="s1",
        status=DeliveryStatus.PENDING,
        envelope=envelope(body='{"title":"Курск"}', covers={"s2": 3}, articles={"s2": 9}),
        doubtful=True,
        retry_at=datetime.now(UTC) + timedelta(seconds=5),
        again=2,
    )
    await run(redis, store.save_commands(sent))
    assert await store.load("desk", "s1") == sent
    assert await store.load_many("desk", ["s0", "s1"]) == [delivery(subject="s0"), sent]
    assert await store.load_many("desk", []) == []


@pytest.mark.parametrize(("subject", "days"), [("s1", 30), ("digest", 30), ("endpoint:ill", 14), ("test:1", 14)])
async def test_what_is_no_storys_is_forgotten_sooner(redis: Redis, subject: str, days: int) -> None:
    store = DeliveryStore(redis, retention_seconds=30 * 86_400)
    await run(redis, store.save_commands(delivery(subject=subject)))
    assert await redis.ttl(keys.delivery("desk", subject)) == pytest.approx(days * 86_400, abs=9)


async def test_those_that_were_told_of_a_subject_or_tried_are_known(redis: Redis) -> None:
    store = DeliveryStore(redis, retention_seconds=100)
    for name in ("a", "c"):
        await run(redis, store.save_commands(delivery(subscription_id=name, subject="s1")))
    assert await store.told(["a", "b", "c"], "s1") == ["a", "c"]
    assert await store.told(["a", "b", "c"], "s2") == []
    assert await store.told([], "s1") == []
