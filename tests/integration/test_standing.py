"""What stands in Redis is said as it is, whoever asks."""

import time
from collections.abc import Callable

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from services.classifier import wiring
from shared import keys
from shared.metrics import Exposed, Service
from shared.models import canary
from shared.models.endpoint import EndpointState, EndpointStatus
from shared.models.feed import Feed, FeedHealth, Outcome, PollRecord
from shared.queue import JobQueue
from shared.store.alerts import AlertStream
from shared.store.deliveries import DUE_ENDPOINTS
from shared.store.due import DueSet
from shared.store.endpoints import EndpointStore
from shared.store.feeds import DUE_FEEDS, FeedStore
from shared.store.subscriptions import SubscriptionStore
from tests.exposition import Samples, named, names, samples, value
from tests.factories import NOON, alert, feed, feed_state
from tests.stores import enqueue, run

Look = Callable[[], Samples]


@pytest.fixture
def look(redis_url: str, sync_redis: SyncRedis) -> Look:
    exposed = Exposed(Service.CLASSIFIER, wiring.observer(redis_url))
    return lambda: samples(exposed)


@pytest.fixture
async def feeds(redis: Redis) -> FeedStore:
    return FeedStore(redis, DueSet(redis, DUE_FEEDS))


def configured(number: int, **over: object) -> Feed:
    return feed(url=f"https://news.example/{number}", name=f"Feed {number}", **over)


async def configure(store: FeedStore, *chosen: Feed, ago: float = 0.0) -> None:
    await store.configure(chosen, now=time.time() - ago, spread_seconds=0)


async def polled(store: FeedStore, of: Feed, outcome: Outcome, ago: float, health: FeedHealth) -> None:
    at = NOON.fromtimestamp(time.time() - ago, NOON.tzinfo)
    record = PollRecord(at=at, outcome=outcome.value, seconds=0.1, next_after=60, next_reason="regular")
    await run(store.redis, store.state_commands(of.id, feed_state(health=health), None, record))


async def test_feeds_are_counted_by_their_states(feeds: FeedStore, look: Look) -> None:
    well, failing, gone, off = (configured(n, enabled=n != 4) for n in range(1, 5))
    await configure(feeds, well, failing, gone, off)
    await polled(feeds, failing, Outcome.TIMEOUT, 0, FeedHealth.FAILING)
    await polled(feeds, gone, Outcome.GONE, 0, FeedHealth.DISABLED)
    states = {dict(labels)["state"]: many for labels, many in named(look(), "tocsin_feeds").items()}
    assert states == {"healthy": 1, "slow": 0, "failing": 1, "disabled": 2, "quarantined": 0}


async def test_a_feed_is_as_old_as_its_last_reading_that_succeeded(feeds: FeedStore, look: Look) -> None:
    read, refused, never, gone = (configured(n) for n in range(1, 5))
    await configure(feeds, read, refused, never, gone, ago=3600)
    await polled(feeds, read, Outcome.UNCHANGED, 60, FeedHealth.HEALTHY)
    await polled(feeds, refused, Outcome.NEW, 1800, FeedHealth.HEALTHY)
    await polled(feeds, refused, Outcome.TIMEOUT, 60, FeedHealth.FAILING)
    await polled(feeds, gone, Outcome.GONE, 60, FeedHealth.DISABLED)
    found = look()
    ages = {dict(labels)["feed"]: age for labels, age in named(found, "tocsin_feed_age_seconds").items()}
    assert ages == {
        "Feed 1": pytest.approx(60, abs=9),
        "Feed 2": pytest.approx(1800, abs=9),
        "Feed 3": pytest.approx(3600, abs=9),
        # Nobody asks it any more, and nobody has said that it may be done without.
        "Feed 4": pytest.approx(3600, abs=9),
    }
    assert value(found, "tocsin_feed_staleness_seconds", quantile="0.5") == pytest.approx(1800, abs=9)
    assert value(found, "tocsin_feed_staleness_seconds", quantile="0.9") == pytest.approx(3600, abs=9)
    assert value(found, "tocsin_feed_staleness_seconds", quantile="1") == pytest.approx(3600, abs=9)


async def test_a_feed_that_is_switched_off_grows_no_older_and_comes_back_as_new(feeds: FeedStore, look: Look) -> None:
    one, other = configured(1), configured(2)
    await configure(feeds, one, other, ago=3600)
    await configure(feeds, other.model_copy(update={"enabled": False}))
    await polled(feeds, one, Outcome.NEW, 0, FeedHealth.HEALTHY)  # a poll that was on its way
    assert named(look(), "tocsin_feed_age_seconds") == {}
    assert value(look(), "tocsin_feed_staleness_seconds", quantile="1") == 0
    await configure(feeds, one, other)
    ages = named(look(), "tocsin_feed_age_seconds")
    assert len(ages) == 2
    assert max(ages.values()) < 60


async def test_only_the_twenty_stalest_feeds_are_named(feeds: FeedStore, look: Look) -> None:
    many = [configured(n) for n in range(25)]
    await configure(feeds, *many, ago=3600)
    for each in many[:5]:
        await polled(feeds, each, Outcome.NEW, 0, FeedHealth.HEALTHY)
    named_feeds = {dict(labels)["feed"] for labels in named(look(), "tocsin_feed_age_seconds")}
    assert named_feeds == {each.name for each in many[5:]}


async def test_two_feeds_of_one_name_are_one_series_of_the_older(feeds: FeedStore, look: Look) -> None:
    one, other = (feed(url=f"https://{host}.example/", name="The News") for host in "ab")
    await configure(feeds, one, other, ago=3600)
    await polled(feeds, one, Outcome.NEW, 0, FeedHealth.HEALTHY)
    assert value(look(), "tocsin_feed_age_seconds", feed="The News") == pytest.approx(3600, abs=9)


def test_the_queue_is_told_with_its_dead(sync_redis: SyncRedis, look: Look) -> None:
    queue = JobQueue(sync_redis)
    enqueue(queue, ["a"])
    time.sleep(0.02)
    queue.bury("b", "it was poison")
    found = look()
    assert value(found, "tocsin_queue_depth", queue="classify") == 1
    assert value(found, "tocsin_queue_oldest_job_age_seconds", queue="classify") >= 0.02
    assert value(found, "tocsin_dead_letters") == 1
    assert value(found, "tocsin_workers", state="busy") == value(found, "tocsin_workers", state="idle") == 0


async def test_endpoints_are_told_by_their_states_and_what_waits(redis: Redis, look: Look) -> None:
    store, endpoints = SubscriptionStore(redis), EndpointStore(redis)
    await store.announce(["desk", "night"])
    failing = EndpointState(status=EndpointStatus.FAILING, reason="failed")
    await run(redis, [endpoints.save_command("night", failing), endpoints.save_command("gone", failing)])
    await endpoints.add({"night": {"s1": time.time(), "s2": time.time() + 9}})
    await DueSet(redis, DUE_ENDPOINTS).schedule({"night": time.time() - 30})
    found = look()
    assert value(found, "tocsin_endpoints", state="active") == value(found, "tocsin_endpoints", state="failing") == 1
    assert value(found, "tocsin_endpoint_state", subscription="night", state="failing") == 1
    assert value(found, "tocsin_endpoint_state", subscription="night", state="active") == 0
    waiting = {dict(labels)["subscription"]: many for labels, many in named(found, "tocsin_endpoint_waiting").items()}
    assert waiting == {"desk": 0, "night": 2}
    assert value(found, "tocsin_delivery_oldest_pending_age_seconds") == pytest.approx(30, abs=9)
    await store.announce([])
    assert named(look(), "tocsin_endpoint_state") == {}


async def test_alerts_that_no_notifier_has_done_with_are_counted(redis: Redis, look: Look) -> None:
    def pending() -> float:
        return value(look(), "tocsin_streams_pending", group="notifiers")

    stream = AlertStream(redis)
    assert pending() == 0
    for _ in range(3):
        await redis.xadd(keys.alerts(), {"alert": alert().model_dump_json()})
    assert pending() == 3
    await stream.join()
    taken = await stream.take("n1", 2, 10)
    assert pending() == 3
    await stream.acknowledge(taken)
    assert pending() == 1
    await stream.acknowledge(await stream.take("n1", 2, 10))
    assert pending() == 0


async def test_of_the_canary_nothing_is_said_where_none_is_sent(feeds: FeedStore, look: Look) -> None:
    assert named(look(), "tocsin_canary_last_success_timestamp_seconds") == {}
    await configure(feeds, canary.canary_feed(600))
    assert value(look(), "tocsin_canary_last_success_timestamp_seconds") == 0
    await configure(feeds)
    assert named(look(), "tocsin_canary_last_success_timestamp_seconds") == {}


async def test_the_canary_and_redis_itself_are_told(redis: Redis, feeds: FeedStore, look: Look) -> None:
    await configure(feeds, canary.canary_feed(600))
    await redis.hset(keys.canary(), mapping={"published_at": "1730000000.5", "delivered_at": "1730000009.25"})
    found = look()
    assert value(found, "tocsin_canary_last_success_timestamp_seconds") == 1730000009.25
    assert value(found, "tocsin_redis_keys") == await redis.dbsize()
    assert (
        value(found, "tocsin_redis_memory_bytes", kind="used")
        > value(found, "tocsin_redis_memory_bytes", kind="max")
        == 0
    )


def test_while_redis_is_away_a_process_says_what_it_knows_itself() -> None:
    exposed = Exposed(Service.CLASSIFIER, wiring.observer("unix:///nowhere/redis.sock"))
    found = names(samples(exposed))
    assert "tocsin_topic_problems" in found
    assert not {"tocsin_queue_depth", "tocsin_alerts_total"} & found
