"""The board's pages over a real Redis, as text: what they tell, to whom, and what never becomes markup."""

from collections.abc import AsyncIterator

import httpx
import pytest
from lxml import html
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from shared import keys
from shared.models.access import Scope
from shared.models.story import KnownClaim
from shared.store.due import DueSet
from shared.store.feeds import DUE_FEEDS, FeedStore
from tests.browser.tales import announce, another, entries, put, the_story
from tests.factories import after, article, entry, feed, story
from tests.gateways import gateway_on, guarded, token_of

PERSON = {"Accept": "text/html"}
PAGES = ("/", "/stories/kursk", "/alerts", "/feeds", "/subscriptions", "/test")


@pytest.fixture
async def board(redis_url: str, redis: Redis, sync_redis: SyncRedis) -> AsyncIterator[httpx.AsyncClient]:
    announce(sync_redis)
    put(sync_redis, *the_story())
    async with gateway_on(redis_url) as client:
        client.headers.update(PERSON)
        yield client


async def page_of(board: httpx.AsyncClient, path: str, **headers: str) -> html.HtmlElement:
    answer = await board.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return html.fromstring(answer.text)


def text_of(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_its_landmarks_and_every_link_of_ours_leads_somewhere(
    board: httpx.AsyncClient, path: str
) -> None:
    page = await page_of(board, path)
    for landmark in ("header", "nav", "main", "footer", "h1"):
        assert len(page.xpath(f"//{landmark}[not(ancestor::article) or self::h1]")) == 1, landmark
    for link in set(page.xpath("//@href[starts-with(., '/')] | //@src")):
        assert (await board.get(link)).status_code == 200, link


async def test_a_claim_is_told_as_people_say_it(board: httpx.AsyncClient) -> None:
    (card,) = (await page_of(board, "/")).xpath("//article")
    claims = [text_of(claim) for claim in card.xpath(".//ul[@class='claims']/li")]
    assert claims == [
        "~5,000 casualties Sudzha, per Ukraine, unconfirmed · 1 source",
        "before: ~4,000 casualties Sudzha, per Ukraine, unconfirmed · 1 source",
    ]
    assert "Changed: casualties 4,000 → 5,000" in text_of(card)
    assert "English 1" in text_of(card)


async def test_a_story_that_never_rang_is_not_on_the_board(board: httpx.AsyncClient, sync_redis: SyncRedis) -> None:
    put(sync_redis, another(1).model_copy(update={"revisions": ()}))
    assert len((await page_of(board, "/")).xpath("//article")) == 1


async def test_stories_are_chosen_and_the_older_ones_follow(board: httpx.AsyncClient, sync_redis: SyncRedis) -> None:
    for number in range(40):
        put(sync_redis, another(number))
        put(sync_redis, another(number + 100).model_copy(update={"revisions": ()}))
    page = await page_of(board, "/")
    shown = page.xpath("//article/@id")
    (older,) = page.xpath("//a[.='Older stories']/@href")
    shown += (await page_of(board, older)).xpath("//article/@id")
    assert shown == [*(f"story-another-{number}" for number in reversed(range(40))), "story-kursk"]
    for wanted in ("/?severity=high", "/?severity=&q=kursk+korean"):
        assert (await page_of(board, wanted)).xpath("//article/@id") == ["story-kursk"], wanted
    assert "None of these stories is so" in (await page_of(board, "/?q=unheard-of")).text_content()


async def test_a_story_is_told_in_the_readers_language_if_an_article_is(board: httpx.AsyncClient) -> None:
    for wanted, language in (("ko-KR,en;q=0.5", "ko"), ("fr, uk;q=0.3", "uk"), ("fr", "en"), ("", "en")):
        page = await page_of(board, "/", **{"Accept-Language": wanted})
        assert page.xpath("//h2/a/@lang") == [language], wanted


async def test_the_countries_of_sources_are_those_of_their_feeds(board: httpx.AsyncClient, redis: Redis) -> None:
    known = feed(name="Eastern Ledger", country="US")
    await FeedStore(redis, DueSet(redis, DUE_FEEDS)).configure([known], now=0.0, spread_seconds=1.0)
    (card,) = (await page_of(board, "/")).xpath("//article")
    assert [text_of(told) for told in card.xpath(".//dt[.='Countries']/following-sibling::dd")] == ["United States 1"]


async def test_an_article_says_why_it_stands_there_and_quotes_nothing_that_is_not_kept(
    board: httpx.AsyncClient, sync_redis: SyncRedis
) -> None:
    page = await page_of(board, "/stories/kursk")
    whys = [text_of(why) for why in page.xpath("//p[@class='why']")]
    assert whys[0] == "opened the story opened"
    assert whys[-1] == "a copy of Eastern Ledger 90% of the wording"
    sync_redis.delete(*(keys.entry(each.id) for each in entries()))
    page = await page_of(board, "/stories/kursk")
    assert len(page.xpath("//ol[@class='articles']/li")) == 5
    assert page.xpath("//li//mark") == []


async def test_what_feeds_say_is_shown_as_text_never_as_markup(board: httpx.AsyncClient, sync_redis: SyncRedis) -> None:
    evil = "</a><script>alert(1)</script>\"' &amp;"
    by = entry(title=evil, summary=evil, url="javascript:alert(1)", source=evil, feed_name=evil)
    hostile = article(by, reason=evil)
    said = {"sources": (evil,), "position": 0, "said_at": after(0), "start": 0, "end": 4}
    claimed = KnownClaim.model_validate({"kind": evil, "attribution": evil, "entry_id": by.id, **said})
    put(sync_redis, story(id="evil", title=evil, articles=(hostile,), claims=(claimed,), updated_at=after(9)), [by])
    for path in ("/", "/stories/evil", "/alerts", f"/test?title={evil}"):
        page = html.fromstring((await board.get(path)).text)
        assert all(src.startswith("/static/") for src in page.xpath("//script/@src")), path
        assert page.xpath("//script[not(@src)] | //a[contains(@href, 'javascript')]") == [], path
    (heading,) = (await page_of(board, "/stories/evil")).xpath("//h1")
    assert text_of(heading) == evil


async def test_what_is_missing_or_wrong_is_a_page_for_people_and_a_problem_for_programs(
    redis_url: str, redis: Redis
) -> None:
    async with guarded(redis_url) as house:
        person = await house.client.get("/stories/none", headers=PERSON)
        assert (person.status_code, person.headers["content-type"]) == (404, "text/html; charset=utf-8")
        foreign = {"Origin": "https://elsewhere.example", **PERSON}
        refused = await house.client.post("/feeds", headers=foreign)
        assert (refused.status_code, refused.headers["content-type"]) == (403, "text/html; charset=utf-8")
        assert "a page elsewhere asked for this change" in refused.text
        program = await house.client.get("/nowhere")
        assert program.headers["content-type"] == "application/problem+json"


async def test_files_are_kept_for_ever_by_who_asked_for_them_by_what_is_in_them(board: httpx.AsyncClient) -> None:
    (style,) = (await page_of(board, "/")).xpath("//link[@rel='stylesheet']/@href")
    assert "immutable" in (await board.get(style)).headers["cache-control"]
    assert (await board.get("/static/board.css")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", [*PAGES, "/live"])
async def test_once_there_is_a_token_a_page_leads_to_the_login(redis_url: str, redis: Redis, path: str) -> None:
    await token_of(redis)
    async with guarded(redis_url) as house:
        answer = await house.client.get(path, headers=PERSON)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")


async def test_a_token_logs_in_until_one_logs_out(redis_url: str, redis: Redis) -> None:
    _, text = await token_of(redis, Scope.READ, name="night desk")
    async with guarded(redis_url) as house:
        client = house.client
        client.headers.update(PERSON)
        wrong = await client.post("/login", data={"token": "toc_wrong", "next": "/feeds"})
        assert wrong.status_code == 401
        assert "There is no such token" in wrong.text
        right = await client.post("/login", data={"token": text, "next": "/feeds"})
        assert (right.status_code, right.headers["location"]) == (303, "/feeds")
        assert "httponly" in right.headers["set-cookie"].lower()
        feeds = await client.get("/feeds")
        assert feeds.status_code == 200
        assert "night desk" in feeds.text
        assert "Add a feed" not in feeds.text
        assert (await client.post("/feeds", data={"url": "https://a.example/rss", "name": "A"})).status_code == 403
        assert (await client.post("/logout")).status_code == 303
        assert (await client.get("/feeds")).status_code == 303


@pytest.mark.parametrize("back", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere", "x"])
async def test_no_form_leads_elsewhere(board: httpx.AsyncClient, back: str) -> None:
    answer = await board.get("/theme", params={"to": "dark", "back": back})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
