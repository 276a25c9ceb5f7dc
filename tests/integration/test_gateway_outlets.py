"""Alerts as feeds, over a real Redis: who asks again, what filters leave, and our own poller as a reader."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from io import BytesIO

import feedparser
import httpx
import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from shared import keys
from shared.models import canary
from shared.models.story import AlertType, Story
from tests.factories import feed, revision
from tests.integration.polling import housed
from tests.integration.ringing import gateway_at, gateway_on, put, told

FORMATS = {
    "atom": "application/atom+xml; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
}
each_format = pytest.mark.parametrize("name", FORMATS)


@pytest.fixture
async def gateway(redis_url: str, redis: Redis) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_on(redis_url) as client:
        yield client


async def names(gateway: httpx.AsyncClient, query: str = "") -> list[str]:
    items = (await gateway.get(f"/v1/alerts.json{query}")).json()["items"]
    return [item["id"].removeprefix("urn:tocsin:story:") for item in items]


@each_format
async def test_a_feed_comes_as_what_it_is_and_names_itself_as_it_was_asked_for(
    gateway: httpx.AsyncClient, sync_redis: SyncRedis, name: str
) -> None:
    put(sync_redis, told("s", severity="high"))
    path = f"/v1/alerts.{name}?severity=high&topic=dprk-kursk"
    answer = await gateway.get(path)
    assert answer.headers["content-type"] == FORMATS[name]
    assert answer.headers["cache-control"] == "private, max-age=60"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert f"http://gateway{path}".replace("&", "&amp;" if name != "json" else "&") in answer.text
    assert "http://gateway/stories/s" in answer.text
    if name != "json":
        read = feedparser.parse(BytesIO(answer.content), response_headers=dict(answer.headers))
        assert (read.bozo, read.version, len(read.entries)) == (0, {"atom": "atom10", "rss": "rss20"}[name], 1)


async def test_addresses_are_the_public_ones_where_they_are_known(redis_url: str, sync_redis: SyncRedis) -> None:
    put(sync_redis, told("s"))
    async with gateway_on(redis_url, home="https://tocsin.example/news") as gateway:
        shown = (await gateway.get("/v1/alerts.json", headers={"Host": "elsewhere.example"})).json()
    assert shown["feed_url"] == "https://tocsin.example/news/v1/alerts.json"
    assert shown["items"][0]["url"] == "https://tocsin.example/news/stories/s"


async def test_a_host_that_is_none_is_not_repeated(gateway: httpx.AsyncClient) -> None:
    assert (await gateway.get("/v1/alerts.atom", headers={"Host": "a<b>"})).status_code == 400


@each_format
async def test_whoever_has_it_is_not_sent_it_again(
    gateway: httpx.AsyncClient, sync_redis: SyncRedis, name: str
) -> None:
    path = f"/v1/alerts.{name}"
    put(sync_redis, told("s", 0))
    first = await gateway.get(path)
    etag, modified = first.headers["etag"], first.headers["last-modified"]
    for headers in ({"If-None-Match": etag}, {"If-None-Match": f'"x", W/{etag}'}, {"If-Modified-Since": modified}):
        answer = await gateway.get(path, headers=headers)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    for headers in ({"If-None-Match": '"x"', "If-Modified-Since": modified}, {"If-Modified-Since": "soon"}):
        assert (await gateway.get(path, headers=headers)).status_code == 200
    put(sync_redis, told("s", 60, revisions=2))
    for headers in ({"If-None-Match": etag}, {"If-Modified-Since": modified}):
        answer = await gateway.get(path, headers=headers)
        assert (answer.status_code, answer.headers["etag"] != etag) == (200, True)


async def test_each_story_stands_once_the_last_that_rang_first(
    gateway: httpx.AsyncClient, redis: Redis, sync_redis: SyncRedis
) -> None:
    for number in range(130):
        put(sync_redis, told(f"s{number % 65}", number, revisions=1 + number // 65))
    put(sync_redis, told("quiet", 200, revisions=0))
    put(sync_redis, told("canary", 200, topic=canary.NAME))
    await redis.delete(keys.story("s63"))
    assert await names(gateway) == [f"s{number}" for number in (64, *range(62, 13, -1))]


async def test_filters_leave_what_meets_them(gateway: httpx.AsyncClient, sync_redis: SyncRedis) -> None:
    put(sync_redis, told("low", 0))
    put(sync_redis, told("high", 1, severity="high"))
    gone = (revision(), revision(number=2, type=AlertType.RETRACTED))
    put(sync_redis, told("gone", 2).model_copy(update={"revisions": gone}))
    put(sync_redis, told("cable", 3, topic="undersea-cables"))
    assert await names(gateway, "?severity=high") == ["high"]
    assert await names(gateway, "?type=retracted") == ["gone"]
    assert await names(gateway, "?topic=dprk-kursk") == ["gone", "high", "low"]
    assert (await gateway.get("/v1/alerts.atom?colour=red")).status_code == 422


def now_told(name: str, revisions: int = 1) -> Story:
    now = datetime.now(UTC)
    numbered = tuple(revision(number=each, at=now) for each in range(1, revisions + 1))
    return told(name).model_copy(update={"revisions": numbered, "updated_at": now})


@each_format
async def test_our_own_poller_reads_what_another_tocsin_tells(
    redis_url: str, redis: Redis, sync_redis: SyncRedis, name: str
) -> None:
    put(sync_redis, now_told("first"))
    async with gateway_at(redis_url) as at, housed(redis, sync_redis) as house:
        followed = feed(url=f"{at}/v1/alerts.{name}?topic=dprk-kursk")
        await house.configure(followed)
        poller = house.poller()
        assert (await house.poll(poller, followed)).outcome == "seeded"
        assert house.titles() == ["Title of first"]
        assert (await house.poll(poller, followed)).outcome == "unchanged"
        put(sync_redis, now_told("second"))
        assert (await house.poll(poller, followed)).outcome == "new"
        assert house.titles() == ["Title of first", "Title of second"]
        read = house.entries()[-1]
    assert read.url == f"{at}/stories/second"
    assert read.guid == "urn:tocsin:story:second"
