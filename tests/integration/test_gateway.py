"""The gateway over a real Redis: what it shows, how it refuses, and what the process does."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from services.gateway.app import create_app
from services.gateway.guard.rules import is_loopback
from services.gateway.wiring import listening, opened
from shared import keys
from shared.errors import ConfigError
from shared.models.change import Change, Marks
from shared.models.feed import FeedHealth
from shared.models.story import Decision, Story
from shared.queue import DeadLetter, JobQueue
from shared.store.deliveries import DUE_ENDPOINTS
from shared.store.due import DueSet
from shared.store.feeds import DUE_FEEDS, FeedStore
from shared.store.stories import StoryStore
from tests.factories import NOON, after, alert, article, entry, feed, feed_state, story
from tests.gateways import PROBLEM, SETTINGS, gateway_on, items
from tests.stores import enqueue, run

SUBSCRIPTION_ROUTES = "deliveries test rotate redeliver recover enable disable dry-run"


@pytest.fixture
async def gateway(redis_url: str, redis: Redis) -> AsyncIterator[httpx.AsyncClient]:
    """On an empty Redis."""
    async with gateway_on(redis_url) as client:
        yield client


def store(redis: SyncRedis, told: Story) -> None:
    stories = StoryStore(redis, window_seconds=1e6, retention_seconds=3600)
    change = Change(told, alert(told) if told.revisions else None)
    assert stories.assign(told.topic, told.articles[0].entry_id, Marks(), told.updated_at, lambda _: change)


def story_at(seconds: float, **over: object) -> Story:
    first = article(entry(title=f"told after {seconds} s"))
    return story(id=f"s{seconds:.0f}", articles=(first,), updated_at=after(seconds), **over)


async def test_feeds_are_shown_with_their_state_and_without_the_validators(
    gateway: httpx.AsyncClient, redis: Redis
) -> None:
    good, bad, off = (
        feed(url=f"https://{name.lower()}.example/rss", name=name, enabled=name != "Cold")
        for name in ("A", "B", "Cold")
    )
    feeds = FeedStore(redis, DueSet(redis, DUE_FEEDS))
    await feeds.configure([good, bad, off], now=0.0, spread_seconds=1.0)
    state = feed_state(etag='"v1"', health=FeedHealth.FAILING, failures=3, outcome="timeout", polled_at=NOON)
    await run(redis, feeds.state_commands(bad.id, state, b"seen"))
    shown = await items(gateway, "/v1/feeds")
    assert [(each["name"], each["state"], each["outcome"]) for each in shown] == [
        ("A", "healthy", None),
        ("B", "failing", "timeout"),
        ("Cold", "disabled", None),
    ]
    assert shown[1]["failures"] == 3
    assert shown[1]["polled_at"] == "2025-02-03T12:00:00Z"
    assert not {"etag", "last_modified", "body_hash", "seeded"} & shown[1].keys()


async def test_stories_come_newest_first_as_many_as_asked_for(
    gateway: httpx.AsyncClient, sync_redis: SyncRedis
) -> None:
    for seconds in (0, 20, 10):
        store(sync_redis, story_at(seconds))
    assert [each["id"] for each in await items(gateway, "/v1/stories")] == ["s20", "s10", "s0"]
    assert [each["id"] for each in await items(gateway, "/v1/stories?limit=2")] == ["s20", "s10"]


async def test_a_limit_counts_the_stories_of_the_topic_only(gateway: httpx.AsyncClient, sync_redis: SyncRedis) -> None:
    for seconds in range(3):
        store(sync_redis, story_at(seconds))
        store(sync_redis, story_at(seconds + 100, topic="other"))
    assert [each["id"] for each in await items(gateway, "/v1/stories?topic=dprk-kursk&limit=2")] == ["s2", "s1"]
    assert await items(gateway, "/v1/stories?topic=unheard-of") == []


async def test_a_story_is_shown_in_full_but_for_its_fingerprints(
    gateway: httpx.AsyncClient, sync_redis: SyncRedis
) -> None:
    told = story(articles=(article(), article(entry(title="again"), decision=Decision.COPY, reason="same wording")))
    store(sync_redis, told)
    shown = (await gateway.get(f"/v1/stories/{told.id}")).json()
    assert shown["revision"] == 1
    assert shown["sources"] == ["Example News"]
    assert [(each["decision"], each["reason"]) for each in shown["articles"]] == [
        ("new", "opened"),
        ("copy", "same wording"),
    ]
    assert not any("fingerprint" in each for each in shown["articles"])


async def test_a_merged_story_is_not_listed_and_tells_where_it_went(
    gateway: httpx.AsyncClient, sync_redis: SyncRedis
) -> None:
    store(sync_redis, story_at(10, merged_from=("s20",), apart=("s30",)))
    store(sync_redis, story_at(20, merged_into="s10"))
    assert [each["id"] for each in await items(gateway, "/v1/stories")] == ["s10"]
    shown = (await gateway.get("/v1/stories/s20")).json()
    assert (shown["id"], shown["merged_into"], len(shown["articles"])) == ("s20", "s10", 1)
    into = (await gateway.get("/v1/stories/s10")).json()
    assert (into["merged_from"], into["split_from"], into["apart"]) == (["s20"], None, ["s30"])


async def test_alerts_come_newest_first_with_their_place_in_the_stream(
    gateway: httpx.AsyncClient, sync_redis: SyncRedis
) -> None:
    for seconds in (0, 10):
        store(sync_redis, story_at(seconds))
    store(sync_redis, story_at(20, revisions=()))
    shown = await items(gateway, "/v1/alerts")
    assert [each["story_id"] for each in shown] == ["s10", "s0"]
    assert all(re.fullmatch(r"\d+-\d+", str(each["id"])) for each in shown)
    assert len(await items(gateway, "/v1/alerts?limit=1")) == 1


async def test_dead_letters_and_the_status_count_what_there_is(
    gateway: httpx.AsyncClient, redis: Redis, sync_redis: SyncRedis
) -> None:
    enqueue(JobQueue(sync_redis, batch_size=1), ["a", "b"])
    buried = DeadLetter(entry_id="c", reason="it crashed", tries=3, at=NOON)
    sync_redis.hset(keys.dead_letters(), "c", buried.model_dump_json())
    await FeedStore(redis, DueSet(redis, DUE_FEEDS)).configure([feed()], now=0.0, spread_seconds=1.0)
    await DueSet(redis, DUE_ENDPOINTS).schedule({"desk": 0.0, "other": 4e9})
    (letter,) = await items(gateway, "/v1/dead-letters")
    assert (letter["entry_id"], letter["reason"]) == ("c", "it crashed")
    status = (await gateway.get("/v1/status")).json()
    assert status.pop("version")
    assert status == {"feeds": {"healthy": 1}, "queue_depth": 2, "due_endpoints": 1, "dead_letters": 1}


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/v1/stories/none", 404, "there is no story none"),
        ("/v1/nothing", 404, "Not Found"),
        ("/v1/stories?limit=0", 422, "limit: Input should be greater than or equal to 1"),
        ("/v1/alerts?limit=many", 422, "limit: Input should be a valid integer"),
    ],
)
async def test_a_refusal_is_a_problem_in_words(gateway: httpx.AsyncClient, path: str, status: int, detail: str) -> None:
    answer = await gateway.get(path)
    told = answer.json()
    assert answer.headers["content-type"] == PROBLEM
    assert answer.status_code == told["status"] == status
    assert told["detail"].startswith(detail)
    assert told["instance"] == path.partition("?")[0]


async def test_what_cannot_be_done_with_an_address_is_refused_in_words(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.post("/v1/stories", json={})
    assert (answer.status_code, answer.headers["content-type"]) == (405, PROBLEM)


@pytest.mark.parametrize("path", ["/", "/v1/stories", "/v1/stories/none", "/healthz", "/openapi.json"])
async def test_every_answer_carries_the_security_headers(gateway: httpx.AsyncClient, path: str) -> None:
    headers = (await gateway.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none';")


async def test_a_story_that_cannot_be_read_is_a_problem_too_and_tells_nothing_of_its_inside(
    gateway: httpx.AsyncClient, redis: Redis
) -> None:
    await redis.set(keys.story("torn"), '{"secret": 1}')
    answer = await gateway.get("/v1/stories/torn")
    assert (answer.status_code, answer.headers["content-type"]) == (500, PROBLEM)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret" not in answer.text


async def test_without_redis_it_lives_and_answers_503_in_words(tmp_path: Path) -> None:
    async with gateway_on(f"unix://{tmp_path}/gone.sock") as gateway:
        for path in (
            "/",
            "/v1/feeds",
            "/v1/stories/x",
            "/v1/alerts",
            "/v1/dead-letters",
            "/v1/status",
            "/v1/subscriptions",
        ):
            answer = await gateway.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM), path
            assert answer.json()["detail"] == "Redis does not answer"
        assert (await gateway.get("/healthz")).text == "alive\n"


async def test_the_description_names_every_route_and_its_problems(gateway: httpx.AsyncClient) -> None:
    described = (await gateway.get("/openapi.json")).json()
    assert set(described["paths"]) >= {
        "/v1/feeds",
        "/v1/feeds.opml",
        "/v1/feeds/{feed_id}",
        "/v1/feeds/{feed_id}/poll",
        "/v1/feeds/{feed_id}/polls",
        "/v1/stories",
        "/v1/stories/{story_id}",
        "/v1/stories/{story_id}/articles",
        "/v1/stories/{story_id}/timeline",
        "/v1/alerts",
        "/v1/alerts/stream",
        "/v1/alerts.atom",
        "/v1/alerts.rss",
        "/v1/alerts.json",
        "/v1/dead-letters",
        "/v1/status",
        "/v1/tokens",
        "/v1/tokens/{token_id}",
        "/v1/audit",
        "/v1/subscriptions",
        "/v1/subscriptions/dry-run",
        "/v1/subscriptions/{subscription_id}",
        *(f"/v1/subscriptions/{{subscription_id}}/{what}" for what in SUBSCRIPTION_ROUTES.split()),
    }
    answers = described["paths"]["/v1/stories/{story_id}"]["get"]["responses"]
    assert set(answers) == {"200", "304", "401", "403", "404", "422", "429", "503"}
    assert set(answers["404"]["content"]) == {PROBLEM}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.example"])
def test_everything_else_is_held_for_open(host: str) -> None:
    assert not is_loopback(host)


async def test_a_port_in_use_is_told_in_words(redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        async with opened(SETTINGS, redis_url) as gateway:
            with pytest.raises(ConfigError, match=rf"TOCSIN_GATEWAY_PORT: cannot listen on 127.0.0.1:{port}: .*in use"):
                async with listening(create_app(gateway), "127.0.0.1", port):
                    pytest.fail("the port was free")


@asynccontextmanager
async def process(redis_url: str, **over: str) -> AsyncIterator[Process]:
    env = os.environ | {"TOCSIN_REDIS_URL": redis_url, "TOCSIN_METRICS_PORT": "0", "TOCSIN_GATEWAY_PORT": "0"} | over
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.gateway", env=env, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def next_event(running: Process) -> dict[str, object]:
    assert running.stderr
    told: dict[str, object] = json.loads(await running.stderr.readline())
    return told


async def test_the_process_serves_and_stops_in_good_order_when_told(redis_url: str) -> None:
    async with process(redis_url) as running:
        event = await next_event(running)
        assert event["event"] == "gateway.listening"
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{event['port']}", trust_env=False) as client:
            assert (await client.get("/v1/status")).status_code == 200
            running.send_signal(signal.SIGTERM)
            assert await running.wait() == 0
    assert running.stderr
    assert await running.stderr.read() == b""


async def test_the_process_warns_once_when_more_than_this_machine_can_reach_it(redis_url: str, redis: Redis) -> None:
    # A spelling of 127.0.0.1 that is not recognised as such: this test listens nowhere else.
    async with process(redis_url, TOCSIN_GATEWAY_HOST="127.1", TOCSIN_GATEWAY_OPEN="true") as running:
        assert (await next_event(running))["event"] == "gateway.listening"
        warning = await next_event(running)
        assert (warning["level"], warning["event"]) == ("warning", "gateway.open")


async def test_the_process_ends_with_2_and_no_traceback_when_its_port_is_taken(redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        async with process(redis_url, TOCSIN_GATEWAY_PORT=str(other.getsockname()[1])) as running:
            assert running.stderr
            told = (await running.stderr.read()).decode()
            assert await running.wait() == 2
    assert told.startswith("tocsin: TOCSIN_GATEWAY_PORT: cannot listen on 127.0.0.1:")
    assert told.count("\n") == 1
