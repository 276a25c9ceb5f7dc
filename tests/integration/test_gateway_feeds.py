"""Feeds through the API: what a poller makes of them is what counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from lxml import etree
from redis.asyncio import Redis

from services.gateway.api.etags import etag_of
from services.poller.feeds_file import FeedsFile
from shared import keys
from shared.models import canary
from shared.models.feed import Feed, FeedHealth, PollRecord
from shared.store.due import DueSet
from shared.store.feeds import DUE_FEEDS, FeedStore
from tests.factories import NOON, feed, feed_state
from tests.gateways import detail_of, gateway_on, items
from tests.servers import until
from tests.stores import configured_feeds, run

NEW = {"url": "https://new.example/rss", "name": "New Courier", "language": "uk", "country": "UA", "tier": 1}
ID = Feed.model_validate(NEW).id
PATCH = {"Content-Type": "application/merge-patch+json"}


@pytest.fixture
async def gateway(redis_url: str, redis: Redis) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_on(redis_url) as client:
        yield client


@pytest.fixture
def feeds(redis: Redis) -> FeedStore:
    return FeedStore(redis, DueSet(redis, DUE_FEEDS))


@asynccontextmanager
async def poller_follows(feeds: FeedStore, path: Path) -> AsyncIterator[None]:
    """What a poller does with feeds, but for polling them."""
    file, stop = FeedsFile(path, feeds, 300, canary.canary_feed(600), look_every_seconds=0.01), asyncio.Event()
    await file.configure(stop)
    running = asyncio.create_task(file.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def test_a_feed_that_is_added_is_shown_at_once_and_polled_soon(
    gateway: httpx.AsyncClient, feeds: FeedStore, tmp_path: Path
) -> None:
    (tmp_path / "feeds.yaml").write_text("feeds: []")
    async with poller_follows(feeds, tmp_path / "feeds.yaml"):
        added = await gateway.post("/v1/feeds", json=NEW)
        assert (added.status_code, added.headers["location"]) == (201, f"/v1/feeds/{ID}")
        assert added.json() == (await gateway.get(added.headers["location"])).json()
        assert (added.json()["origin"], added.json()["state"], added.json()["kind"]) == ("api", "healthy", "online")

        async def is_due() -> bool:
            return ID in await feeds.due.members()

        await until(is_due)
        assert await configured_feeds(feeds) == [Feed.model_validate(NEW)]
        assert (await gateway.delete(f"/v1/feeds/{ID}")).status_code == 204
        assert detail_of(await gateway.get(f"/v1/feeds/{ID}"), 404) == f"there is no feed {ID}"

        async def is_gone() -> bool:
            return ID not in await feeds.due.members()

        await until(is_gone)


async def test_feeds_of_the_file_can_be_seen_and_polled_but_are_changed_in_the_file(
    gateway: httpx.AsyncClient, feeds: FeedStore
) -> None:
    news = feed()
    await feeds.configure([news], now=4e9, spread_seconds=0)
    assert [each["origin"] for each in await items(gateway, "/v1/feeds")] == ["file"]
    changed = await gateway.patch(f"/v1/feeds/{news.id}", json={"tier": 1}, headers=PATCH)
    assert detail_of(changed, 409) == "Example News stands in seeds/feeds.yaml, and is changed there"
    assert "changed there" in detail_of(await gateway.delete(f"/v1/feeds/{news.id}"), 409)
    again = await gateway.post("/v1/feeds", json={"url": news.url, "name": "Again"})
    assert detail_of(again, 409) == f"the address {news.url} is there already: seeds/feeds.yaml"
    assert (await gateway.post(f"/v1/feeds/{news.id}/poll")).status_code == 202
    assert (await feeds.due.claim(1, 60))[0].member == news.id


async def test_an_address_is_added_once(gateway: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(gateway.post("/v1/feeds", json=NEW | {"name": str(n)}) for n in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert len(await items(gateway, "/v1/feeds")) == 1


async def test_a_patch_changes_what_it_names_and_null_takes_away(gateway: httpx.AsyncClient, feeds: FeedStore) -> None:
    await gateway.post("/v1/feeds", json=NEW | {"owner": "House", "interval_seconds": 60})
    patch = {"name": "Newer", "language": None, "tier": None, "owner": None, "interval_seconds": None}
    answer = await gateway.patch(f"/v1/feeds/{ID}", json=patch, headers=PATCH)
    assert answer.status_code == 200
    assert await feeds.added.all() == [Feed(url=str(NEW["url"]), name="Newer", country="UA")]
    before = await feeds.added.version()
    assert (await gateway.patch(f"/v1/feeds/{ID}", json={}, headers=PATCH)).json() == answer.json()
    assert await feeds.added.version() == before
    assert (await gateway.patch("/v1/feeds/none", json={}, headers=PATCH)).status_code == 404


async def test_changes_that_cross_are_all_kept(gateway: httpx.AsyncClient, feeds: FeedStore) -> None:
    await gateway.post("/v1/feeds", json=NEW)
    patches: list[dict[str, object]] = [{"tier": 3}, {"owner": "House"}, {"kind": "osint"}, {"enabled": False}]
    await asyncio.gather(*(gateway.patch(f"/v1/feeds/{ID}", json=patch, headers=PATCH) for patch in patches))
    (stored,) = await feeds.added.all()
    assert (stored.tier, stored.owner, stored.kind, stored.enabled) == (3, "House", "osint", False)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"url": "ftp://new.example/rss"}, "url"),
        ({"url": "https://user:secret@new.example/rss"}, "url"),
        ({"url": "/etc/passwd"}, "url"),
        ({"url": canary.URL}, "url"),
        ({"name": ""}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"tier": 4}, "tier"),
        ({"tier": True}, "tier"),
        ({"interval_seconds": 0.1}, "interval_seconds"),
        ({"enabled": "yes"}, "enabled"),
        ({"language": "Ukrainian"}, "language"),
        ({"title": "?"}, "title"),
    ],
)
async def test_what_is_wrong_with_a_new_feed_is_told_by_field(
    gateway: httpx.AsyncClient, wrong: dict[str, object], field: str
) -> None:
    assert detail_of(await gateway.post("/v1/feeds", json=NEW | wrong), 422).startswith(f"{field}: ")
    assert await items(gateway, "/v1/feeds") == []


@pytest.mark.parametrize("patch", [{"name": None}, {"url": "https://other.example/"}, {"kind": "rumour"}, [], None])
async def test_a_patch_that_no_feed_can_bear_changes_nothing(
    gateway: httpx.AsyncClient, feeds: FeedStore, patch: object
) -> None:
    await gateway.post("/v1/feeds", json=NEW)
    assert detail_of(await gateway.patch(f"/v1/feeds/{ID}", json=patch, headers=PATCH), 422)
    assert await feeds.added.all() == [Feed.model_validate(NEW)]


async def test_feeds_are_filtered_by_what_they_are_and_how_they_do(
    gateway: httpx.AsyncClient, redis: Redis, feeds: FeedStore
) -> None:
    bad = feed(url="https://b.example/", name="B", language="uk", country="UA", kind="ministry", owner="House B")
    await feeds.configure([feed(url="https://a.example/", name="A"), bad], now=0, spread_seconds=0)
    await run(redis, feeds.state_commands(bad.id, feed_state(health=FeedHealth.FAILING), None))
    for query in ("state=failing", "language=uk", "country=UA", "kind=ministry", "q=house", "q=B.EXAMPLE"):
        assert [each["name"] for each in await items(gateway, f"/v1/feeds?{query}")] == ["B"], query
    assert await items(gateway, "/v1/feeds?state=failing&language=en") == []
    assert (await gateway.get("/v1/feeds?kind=rumour")).status_code == 422


async def test_pages_follow_on_each_other_whatever_comes_and_goes(gateway: httpx.AsyncClient) -> None:
    for name in "bdfh":
        await gateway.post("/v1/feeds", json={"url": f"https://{name}.example/", "name": name})
    first = await gateway.get("/v1/feeds?limit=2")
    assert [each["name"] for each in first.json()["items"]] == ["b", "d"]
    await gateway.post("/v1/feeds", json={"url": "https://a.example/", "name": "a"})
    await gateway.post("/v1/feeds", json={"url": "https://e.example/", "name": "e"})
    second = await gateway.get(first.url.join(first.links["next"]["url"]))
    assert [each["name"] for each in second.json()["items"]] == ["e", "f"]
    last = await gateway.get(f"/v1/feeds?limit=2&cursor={second.json()['next']}")
    assert ([each["name"] for each in last.json()["items"]], last.json()["next"]) == (["h"], None)
    assert "link" not in last.headers
    assert (await gateway.get("/v1/feeds?cursor=made~up")).status_code == 422


async def test_a_feed_that_no_poller_knows_yet_or_that_is_switched_off_is_not_pushed(
    gateway: httpx.AsyncClient, feeds: FeedStore
) -> None:
    """A poller that finds nothing of it would let it go for good."""
    await gateway.post("/v1/feeds", json=NEW)
    assert (await gateway.post(f"/v1/feeds/{ID}/poll")).status_code == 202
    assert await feeds.due.members() == set()
    await gateway.patch(f"/v1/feeds/{ID}", json={"enabled": False}, headers=PATCH)
    assert "switched off" in detail_of(await gateway.post(f"/v1/feeds/{ID}/poll"), 409)
    assert (await gateway.post("/v1/feeds/none/poll")).status_code == 404


async def test_the_last_polls_are_told_newest_first(gateway: httpx.AsyncClient, redis: Redis, feeds: FeedStore) -> None:
    await feeds.configure([feed()], now=0, spread_seconds=0)
    for outcome in ("timeout", "new"):
        record = PollRecord(at=NOON, outcome=outcome, seconds=0.5, next_after=60, next_reason="rhythm")
        await run(redis, feeds.state_commands(feed().id, feed_state(), None, record))
    assert [each["outcome"] for each in await items(gateway, f"/v1/feeds/{feed().id}/polls")] == ["new", "timeout"]
    assert (await gateway.get("/v1/feeds/none/polls")).status_code == 404


async def test_all_feeds_go_out_as_opml_and_the_canary_is_nowhere(gateway: httpx.AsyncClient, feeds: FeedStore) -> None:
    own = canary.canary_feed(600)
    await feeds.configure([feed(), own], now=0, spread_seconds=0)
    await gateway.post("/v1/feeds", json=NEW)
    answer = await gateway.get("/v1/feeds.opml")
    assert answer.headers["content-type"] == "text/x-opml; charset=utf-8"
    urls = etree.fromstring(answer.content).xpath("//outline/@xmlUrl")
    assert urls == [feed().url, NEW["url"]]
    assert len(await items(gateway, "/v1/feeds")) == 2
    for path in (f"/v1/feeds/{own.id}", f"/v1/feeds/{own.id}/polls"):
        assert (await gateway.get(path)).status_code == 404
    assert (await gateway.post(f"/v1/feeds/{own.id}/poll")).status_code == 404


async def test_a_feed_that_a_newer_version_wrote_hides_no_other(
    gateway: httpx.AsyncClient, redis: Redis, feeds: FeedStore
) -> None:
    await gateway.post("/v1/feeds", json=NEW)
    await redis.hset(keys.feeds_added(), "future", '{"colour": "blue"}')
    assert len(await items(gateway, "/v1/feeds")) == 1
    assert len(await feeds.added.all()) == 1
    assert await feeds.added.change("future", lambda known: known) is None


async def test_who_says_what_he_read_changes_only_that(gateway: httpx.AsyncClient) -> None:
    read = await gateway.post("/v1/feeds", json=NEW)
    mine, stale = {"If-Match": etag_of(read.content)}, {"If-Match": etag_of(b"another")}
    assert detail_of(await gateway.patch(f"/v1/feeds/{ID}", json={"tier": 2}, headers=PATCH | stale), 412)
    assert detail_of(await gateway.delete(f"/v1/feeds/{ID}", headers=stale), 412)
    assert (await gateway.patch(f"/v1/feeds/{ID}", json={"tier": 2}, headers=PATCH | mine)).status_code == 200
    assert detail_of(await gateway.delete(f"/v1/feeds/{ID}", headers=mine), 412)
    assert (await gateway.delete(f"/v1/feeds/{ID}")).status_code == 204
