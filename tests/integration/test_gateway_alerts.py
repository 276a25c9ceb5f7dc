"""`/v1/alerts` over a real Redis: from either end, from an alert on, from a time on."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from shared import keys
from shared.models import canary
from shared.models.endpoint import EndpointNotice
from shared.models.story import AlertType
from shared.store.alerts import notice_command
from tests.factories import NOON, alert, revision, story
from tests.integration.ringing import Pages, gateway_on, put, told
from tests.stores import run_sync


@pytest.fixture
async def gateway(redis_url: str, redis: Redis) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_on(redis_url) as client:
        yield client


@pytest.fixture
def pages(gateway: httpx.AsyncClient) -> Pages:
    return Pages(gateway)


def noise(redis: SyncRedis) -> None:
    """What stands in the stream and is no news to people."""
    silent = told("noise")
    run_sync(redis, [notice_command(EndpointNotice(endpoint="desk", notice=1, at=NOON))])
    redis.xadd(keys.alerts(), {"alert": alert(silent, again=True).model_dump_json()})
    redis.xadd(keys.alerts(), {"alert": alert(told("c", topic=canary.NAME)).model_dump_json()})
    redis.xadd(keys.alerts(), {"alert": '{"from": "the future"}'})


async def test_alerts_are_read_from_either_end_page_by_page(pages: Pages, sync_redis: SyncRedis) -> None:
    rung = list[str]()
    for number in range(9):
        noise(sync_redis)
        rung.append(put(sync_redis, told(f"s{number}", number)))
    noise(sync_redis)
    for limit in (1, 2, 8, 9, 10):
        assert await pages.ids(f"/v1/alerts?limit={limit}") == rung[::-1]
        assert await pages.ids(f"/v1/alerts?limit={limit}&order=oldest") == rung
        assert await pages.ids(f"/v1/alerts?limit={limit}&after={rung[3]}") == rung[4:]
        assert await pages.ids(f"/v1/alerts?limit={limit}&after={rung[3]}&order=newest") == rung[:3:-1]
    assert await pages.ids("/v1/alerts?after=0") == rung
    assert await pages.ids(f"/v1/alerts?after={rung[-1]}") == []


async def test_what_rang_at_a_time_or_later_is_found_by_it(pages: Pages, redis: Redis, sync_redis: SyncRedis) -> None:
    body = alert(told("s")).model_dump_json()
    for record_id in ("1738584000000-0", "1738584000999-7", "1738584001000-0", "1738584001000-1"):
        await redis.xadd(keys.alerts(), {"alert": body}, id=record_id)
    later = ["1738584001000-0", "1738584001000-1"]
    assert await pages.ids("/v1/alerts?since=2025-02-03T12:00:01Z&order=oldest") == later
    assert await pages.ids("/v1/alerts?since=2025-02-03T12:00:01Z") == later[::-1]
    assert len(await pages.ids("/v1/alerts?since=1969-12-31T00:00:00Z")) == 4
    assert await pages.ids("/v1/alerts?since=2025-02-03T12:00:01Z&after=1738584001000-0") == later[1:]


async def test_an_alert_says_how_severe_its_story_is_and_where_it_is_read(
    gateway: httpx.AsyncClient, redis_url: str, sync_redis: SyncRedis
) -> None:
    record_id = put(sync_redis, told("s", severity="high", language="uk"))
    (shown,) = (await gateway.get("/v1/alerts")).json()["items"]
    assert (shown["id"], shown["severity"], shown["language"]) == (record_id, "high", "uk")
    assert (shown["title"], shown["url"]) == ("Title of s", "/stories/s")
    async with gateway_on(redis_url, home="https://tocsin.example/news") as public:
        (shown,) = (await public.get("/v1/alerts")).json()["items"]
    assert shown["url"] == "https://tocsin.example/news/stories/s"


async def test_filters_leave_what_meets_them_and_a_story_that_is_gone_is_of_no_severity(
    pages: Pages, redis: Redis, sync_redis: SyncRedis
) -> None:
    put(sync_redis, told("low", 0))
    put(sync_redis, story(id="high", severity="high", revisions=(revision(type=AlertType.RETRACTED),)))
    put(sync_redis, told("cable", 2, topic="undersea-cables", severity="critical"))
    put(sync_redis, told("gone", 3, severity="critical"))
    await redis.delete(keys.story("gone"))
    for query, names in {
        "severity=low": ["cable", "high", "low"],
        "severity=high": ["cable", "high"],
        "topic=undersea-cables": ["cable"],
        "type=retracted": ["high"],
        "type=created&topic=dprk-kursk": ["gone", "low"],
        "": ["gone", "cable", "high", "low"],
    }.items():
        assert await pages.ids(f"/v1/alerts?{query}", "story_id") == names, query


async def test_a_rare_alert_is_found_behind_many_page_by_page(
    gateway: httpx.AsyncClient, pages: Pages, sync_redis: SyncRedis
) -> None:
    rare = put(sync_redis, told("rare", topic="rare"))
    with sync_redis.pipeline() as pipe:
        for _ in range(1100):
            pipe.xadd(keys.alerts(), {"alert": alert(told("s")).model_dump_json()})
        pipe.execute()
    first = (await gateway.get("/v1/alerts?topic=rare")).json()
    assert (first["items"], bool(first["next"])) == ([], True)
    assert await pages.ids("/v1/alerts?topic=rare") == [rare]


@pytest.mark.parametrize("query", ["after=x", "after=1-2-3", "since=soon", "order=up", "cursor=1", "cursor=é"])
async def test_what_cannot_be_understood_is_refused(gateway: httpx.AsyncClient, query: str) -> None:
    answer = await gateway.get(f"/v1/alerts?{query}")
    assert answer.status_code == 422
    assert re.match(query.partition("=")[0], answer.json()["detail"])
