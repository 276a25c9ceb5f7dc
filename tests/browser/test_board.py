"""The board in a real browser: what people do there, with scripts and without."""

from playwright.async_api import Page, expect
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from shared.store.subscriptions import SubscriptionStore
from tests.browser.chromium import PHONE
from tests.browser.conftest import Board, Look
from tests.browser.tales import another, put

WITHOUT_SCRIPTS = Look(scripts=False)


async def top_of(page: Page, selector: str) -> float:
    box = await page.locator(selector).bounding_box()
    assert box
    return box["y"]


async def test_a_story_arrives_without_reload_and_is_announced(board: Board, sync_redis: SyncRedis) -> None:
    page = await board.open()
    await expect(page.locator("article.card")).to_have_count(1)
    await page.evaluate("window.same = true")
    put(sync_redis, another(1))
    await expect(page.get_by_role("heading", name="Story number 1 breaks")).to_be_visible()
    await expect(page.get_by_role("status")).to_contain_text("Story number 1 breaks")
    assert await page.evaluate("window.same")


async def test_what_somebody_reads_does_not_move_when_a_story_arrives(board: Board, sync_redis: SyncRedis) -> None:
    for number in range(8):
        put(sync_redis, another(number))
    page = await board.open()
    read = "#story-another-3"
    await page.locator(read).scroll_into_view_if_needed()
    await page.evaluate("window.scrollTo(0, document.querySelector('#story-another-3').offsetTop - 40)")
    before = await top_of(page, read)
    put(sync_redis, another(9))
    await expect(page.locator("#story-another-9")).to_be_attached()
    await page.wait_for_function("document.querySelector('.fresh') !== null")
    assert abs(await top_of(page, read) - before) < 2


async def test_a_story_is_opened_and_its_evidence_is_marked_in_every_script(board: Board) -> None:
    page = await board.open()
    await page.get_by_role("link", name="North Korean troops not seen on Kursk front").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("North Korean troops not seen on Kursk front")
    marked = await page.locator("h3 mark.evidence").all_text_contents()
    assert marked == ["Kursk", "курському", "쿠르스크", "كورسك", "库尔斯克"]
    await expect(page.locator("[lang=ar] mark")).to_have_count(1)
    await expect(page.get_by_role("img", name="casualties: 4,000 → 5,000")).to_be_visible()
    await expect(page.get_by_role("img", name="Named: Sudzha")).to_be_visible()
    await expect(page.get_by_text("a copy of Eastern Ledger")).to_be_visible()


async def test_an_open_story_follows_its_own_alerts(board: Board, sync_redis: SyncRedis) -> None:
    put(sync_redis, another(1))
    page = await board.open("/stories/another-1")
    told = another(1)
    newer = told.revisions[0].model_copy(update={"number": 2, "detail": "one more place"})
    put(sync_redis, told.model_copy(update={"revisions": (*told.revisions, newer)}))
    await expect(page.get_by_role("status")).to_contain_text("one more place")


async def test_a_feed_is_added(board: Board) -> None:
    page = await board.open("/feeds")
    await add_feed(page)
    await expect(page.get_by_role("status")).to_contain_text("Example Courier was added")
    await expect(page.get_by_role("rowheader", name="Example Courier")).to_be_visible()


async def add_feed(page: Page, url: str = "https://news.example/rss") -> None:
    await page.get_by_label("Address of the feed").fill(url)
    await page.get_by_label("Name as the publisher").fill("Example Courier")
    await page.get_by_label("Language that").select_option("uk")
    await page.get_by_role("button", name="Add the feed").click()


async def test_a_feed_that_is_there_already_is_refused_in_words_and_the_form_keeps_what_was_written(
    board: Board,
) -> None:
    page = await board.open("/feeds", WITHOUT_SCRIPTS)
    await add_feed(page)
    await add_feed(page)
    await expect(page.get_by_role("alert")).to_contain_text("is there already")
    await expect(page.get_by_label("Address of the feed")).to_have_value("https://news.example/rss")
    await expect(page.get_by_label("Language that")).to_have_value("uk")


async def test_a_webhook_is_added_and_its_secret_is_shown_once(board: Board, redis: Redis) -> None:
    page = await board.open("/subscriptions", Look(PHONE, "dark"))
    await page.get_by_label("Name").fill("desk")
    await page.get_by_label("Address").fill("https://newsroom.example/alerts")
    await page.get_by_label("Severity").select_option("high")
    await page.get_by_role("button", name="Add the webhook").click()
    secret = await page.locator("#secret").text_content()
    assert secret
    assert secret.startswith("whsec_")
    assert [each.id for each in await SubscriptionStore(redis).all()] == ["desk"]
    await page.goto(board.url + "/subscriptions")
    await expect(page.locator("#subscription-desk .state")).to_have_text("pending")
    assert secret not in await page.content()


async def test_a_headline_is_tested_and_what_decided_is_marked(board: Board, classifier: None) -> None:
    page = await board.open("/test")
    await page.get_by_label("Headline").fill("Військові КНДР залишили позиції в Курській області")
    await page.get_by_role("button", name="Test").click()
    verdict = page.get_by_role("region", name="North Korean troops in Russia's war against Ukraine")
    await expect(verdict).to_contain_text("relevant")
    await expect(verdict).to_contain_text("withdrawal")
    assert "КНДР" in await verdict.locator("mark").all_text_contents()
    await expect(page.get_by_label("Headline")).to_have_value("Військові КНДР залишили позиції в Курській області")


async def test_a_headline_waits_for_nobody_while_no_classifier_runs(board: Board) -> None:
    page = await board.open("/test", WITHOUT_SCRIPTS)
    await page.get_by_label("Headline").fill("Anything")
    await page.get_by_role("button", name="Test").click()
    await expect(page.get_by_role("alert")).to_contain_text("no classifier is running")


async def test_without_scripts_everything_is_there(board: Board) -> None:
    page = await board.open(look=WITHOUT_SCRIPTS)
    await page.get_by_role("link", name="North Korean troops").click()
    await expect(page.locator("ol.articles > li")).to_have_count(5)
    for name in ("Alerts", "Feeds", "Subscriptions"):
        await page.get_by_role("navigation").get_by_role("link", name=name).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(name)


async def test_colours_are_chosen_without_scripts_and_stay_chosen(board: Board) -> None:
    page = await board.open(look=WITHOUT_SCRIPTS)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(paper)
    await page.get_by_role("button", name="Dark").click()
    await expect(page.get_by_role("button", name="Dark", pressed=True)).to_be_visible()
    dark = await page.evaluate(paper)
    await page.goto(board.url + "/feeds")
    assert light != dark == await page.evaluate(paper)
    await page.get_by_role("button", name="Auto").click()
    await expect(page.get_by_role("button", name="Auto", pressed=True)).to_be_visible()
    assert await page.evaluate(paper) == light
    assert page.url == board.url + "/feeds"


async def test_the_keyboard_reaches_the_content_first(board: Board) -> None:
    page = await board.open()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    first = page.get_by_label("Severity, at least")
    await expect(first).to_be_focused()
    outline = await first.evaluate("field => getComputedStyle(field).outlineStyle")
    assert outline == "solid"


async def test_no_page_is_wider_than_a_phone(board: Board) -> None:
    for path in ("/", "/stories/kursk", "/alerts", "/feeds", "/subscriptions", "/test", "/login"):
        page = await board.open(path, Look(PHONE))
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
