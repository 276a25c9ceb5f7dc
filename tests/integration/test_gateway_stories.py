"""`/v1/stories` over a real Redis: pages that hold while stories change, filters, articles, the timeline."""

from collections.abc import AsyncIterator

import httpx
import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from shared import keys
from shared.models import canary
from shared.models.story import AlertType, Decision, KnownClaim
from shared.models.topic import Certainty
from tests.factories import after, article, entry, revision, story
from tests.integration.ringing import Pages, gateway_on, put, told


@pytest.fixture
async def gateway(redis_url: str, redis: Redis) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_on(redis_url) as client:
        yield client


@pytest.fixture
def pages(gateway: httpx.AsyncClient) -> Pages:
    return Pages(gateway)


async def test_pages_tell_every_story_once_also_where_many_changed_at_the_same_moment(
    pages: Pages, sync_redis: SyncRedis
) -> None:
    names = [f"s{number:03}" for number in range(23)]
    for number, name in enumerate(names):
        put(sync_redis, told(name, seconds=number // 8))
    newest_first = sorted(names, key=lambda name: (int(name[1:]) // 8, name), reverse=True)
    for limit in (1, 3, 7, 22, 23, 24, 500):
        assert await pages.ids(f"/v1/stories?limit={limit}") == newest_first


async def test_the_last_page_says_that_it_is_the_last(gateway: httpx.AsyncClient, sync_redis: SyncRedis) -> None:
    for number in range(4):
        put(sync_redis, told(f"s{number}", number))
    first = (await gateway.get("/v1/stories?limit=2")).json()
    second = (await gateway.get("/v1/stories", params={"limit": 2, "cursor": first["next"]})).json()
    assert [len(first["items"]), len(second["items"]), second["next"]] == [2, 2, None]


async def test_the_link_to_the_next_page_keeps_what_was_asked_for(
    gateway: httpx.AsyncClient, sync_redis: SyncRedis
) -> None:
    for number in range(3):
        put(sync_redis, told(f"s{number}", number))
    first = await gateway.get("/v1/stories?limit=1&topic=dprk-kursk")
    second = await gateway.get(str(httpx.URL("http://gateway/v1/stories").join(first.links["next"]["url"])))
    third = await gateway.get(str(httpx.URL("http://gateway/v1/stories").join(second.links["next"]["url"])))
    assert [each.json()["items"][0]["id"] for each in (first, second, third)] == ["s2", "s1", "s0"]
    assert "next" not in third.links


async def test_stories_that_come_or_change_while_pages_are_read_neither_hide_nor_repeat_others(
    gateway: httpx.AsyncClient, pages: Pages, sync_redis: SyncRedis
) -> None:
    for number in range(9):
        put(sync_redis, told(f"s{number}", number))
    met = list[str]()
    async for page in pages.read("/v1/stories?limit=2"):
        met += [str(each["id"]) for each in page]
        put(sync_redis, told(f"new{len(met)}", 100 + len(met)))
        put(sync_redis, told(met[-1], 200 + len(met), revisions=2))
    assert met == [f"s{number}" for number in reversed(range(9))]


async def test_a_filter_leaves_only_what_meets_it(pages: Pages, sync_redis: SyncRedis) -> None:
    korean = article(entry(title="북한군 병력이 쿠르스크에서 철수", language="ko", source="Solbaram Ilbo"))
    swiss = article(entry(title="STRASSE gesperrt", language="de-CH", source="Zeitung", summary="Straße"))
    put(sync_redis, told("ko", 1, articles=(korean,), title=korean.title, severity="high", status="confirmed"))
    put(sync_redis, told("de", 2, articles=(swiss,), title=swiss.title, event_type="combat", severity="critical"))
    put(sync_redis, told("quiet", 3, revisions=0, tier="core"))
    put(sync_redis, told("other", 4, topic="undersea-cables"))
    for query, names in {
        "topic=dprk-kursk": {"ko", "de", "quiet"},
        "status=confirmed": {"ko"},
        "severity=high": {"ko", "de"},
        "severity=critical": {"de"},
        "event_type=combat": {"de"},
        "language=ko": {"ko"},
        "language=de": {"de"},
        "language=DE-ch": {"de"},
        "language=uk": set(),
        "source=solbaram ilbo": {"ko"},
        "source=Solbaram": set(),
        "tier=core": {"quiet"},
        "rung=true": {"ko", "de", "other"},
        "rung=false": {"quiet"},
        "since=2025-02-03T12:00:03Z": {"quiet", "other"},
        "q=쿠르스크 북한군": {"ko"},
        "q=strasse": {"de"},
        "q=STRAßE": {"de"},
        "q=strasse kursk": set(),
        "topic=dprk-kursk&severity=high&q=gesperrt": {"de"},
    }.items():
        assert set(await pages.ids(f"/v1/stories?{query}")) == names, query


async def test_a_rare_story_is_found_behind_many_page_by_page(
    gateway: httpx.AsyncClient, pages: Pages, sync_redis: SyncRedis
) -> None:
    put(sync_redis, told("rare", 0, severity="critical"))
    for number in range(600):
        put(sync_redis, told(f"s{number}", 1 + number), rings=False)
    first = (await gateway.get("/v1/stories?severity=critical")).json()
    assert first["items"] == []
    assert first["next"]
    assert await pages.ids("/v1/stories?severity=critical") == ["rare"]


async def test_what_another_version_wrote_does_not_hide_the_others(
    pages: Pages, redis: Redis, sync_redis: SyncRedis
) -> None:
    for number in range(3):
        put(sync_redis, told(f"s{number}", number))
    await redis.set(keys.story("s1"), '{"from": "the future"}')
    assert await pages.ids("/v1/stories?limit=1") == ["s2", "s0"]


async def test_the_canary_is_on_no_page(pages: Pages, sync_redis: SyncRedis) -> None:
    put(sync_redis, told("canary", topic=canary.NAME))
    assert await pages.ids("/v1/stories") == []
    assert await pages.ids(f"/v1/stories?topic={canary.NAME}") == []


@pytest.mark.parametrize(
    "query",
    ["cursor=x", "cursor=1~", "cursor=1", "cursor=é", "severity=grave", "since=soon", "colour=red", "limit=501"],
)
async def test_what_cannot_be_understood_is_refused(gateway: httpx.AsyncClient, query: str) -> None:
    answer = await gateway.get(f"/v1/stories?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(query.partition("=")[0])


async def test_the_articles_of_a_story_come_in_their_order_with_why_they_stand_there(
    gateway: httpx.AsyncClient, pages: Pages, sync_redis: SyncRedis
) -> None:
    articles = (
        article(entry(title="first")),
        article(entry(title="again"), decision=Decision.COPY, reason="same wording", derived_from="Example News"),
        article(entry(title="in other words"), decision=Decision.SAME_STORY, reason="same figures"),
    )
    put(sync_redis, told("s", articles=articles))
    for limit in (1, 2, 3):
        path = f"/v1/stories/s/articles?limit={limit}"
        assert await pages.ids(path, "reason") == ["opened", "same wording", "same figures"]
    (page,) = [page async for page in pages.read("/v1/stories/s/articles")]
    assert [each["relation"] for each in page] == ["independent", "derived", "independent"]
    assert (await gateway.get("/v1/stories/none/articles")).status_code == 404
    assert (await gateway.get("/v1/stories/none/timeline")).status_code == 404


def said(by: str, value: float | None, seconds: float, **over: object) -> KnownClaim:
    fields: dict[str, object] = {
        "kind": "casualties",
        "role": "killed",
        "value": value,
        "entry_id": entry(title=by).id,
        "sources": (by,),
        "position": 0,
        "said_at": after(seconds),
        "start": 0,
        "end": 1,
    }
    return KnownClaim.model_validate(fields | over)


async def test_the_timeline_tells_how_each_figure_changed_and_by_whom(
    gateway: httpx.AsyncClient, sync_redis: SyncRedis
) -> None:
    one, other, third = (
        article(entry(title=by, source=by, published=after(seconds), seen_at=after(seconds)))
        for by, seconds in (("one", 0), ("other", 60), ("third", 120))
    )
    claims = (
        said("other", 4000, 60, attribution="Kyiv"),
        said("one", 3000, 0),
        said("third", 4000, 120, certainty=Certainty.CONFIRMED),
        said("one", None, 0, kind="withdrawal", role=None),
        said("other", 11_000, 60, role="deployed", sources=()),
    )
    revisions = (
        revision(entry_id=one.entry_id),
        revision(
            number=2, type=AlertType.UPDATED, detail="killed 3,000 → 4,000", at=after(60), entry_id=other.entry_id
        ),
    )
    put(sync_redis, story(id="s", articles=(one, other, third), claims=claims, revisions=revisions))
    shown = (await gateway.get("/v1/stories/s/timeline")).json()
    assert [(each["number"], each["detail"], each["source"]) for each in shown["revisions"]] == [
        (1, "first report", "one"),
        (2, "killed 3,000 → 4,000", "other"),
    ]
    threads = {(thread["role"], thread["kind"]): thread["statements"] for thread in shown["threads"]}
    assert list(threads) == [("killed", "casualties"), (None, "withdrawal"), ("deployed", "casualties")]
    killed = threads["killed", "casualties"]
    assert [(each["value"], each["source"], each["change"], each["revision"]) for each in killed] == [
        (3000, "one", None, 1),
        (4000, "other", "3,000 → 4,000", 2),
        (4000, "third", "claimed → confirmed", None),
    ]
    assert killed[1]["attribution"] == "Kyiv"
    assert [each["first_said_at"] for each in killed] == [f"2025-02-03T12:0{minute}:00Z" for minute in range(3)]
    assert threads["deployed", "casualties"][0]["sources"] == []
