"""What the board is for, beside the running demo: four services, invented outlets, nothing put into a store."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.browser.chromium import CHROMIUM, DESKTOP, PHONE
from tests.browser.conftest import Board, Look
from tests.browser.screenshots import running_demo

STORY_MILLISECONDS = 90_000
# Nobody listens there, and nothing is sent anywhere else.
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def demo() -> AsyncIterator[Board]:
    if not CHROMIUM:
        pytest.skip("no Chromium: install one, or name it in CHROMIUM")
    running = running_demo()
    url = await asyncio.to_thread(running.__enter__)
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM)
            board = Board(url.rstrip("/"), browser)
            yield board
            await board.close()
            await browser.close()
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)
    assert board.complaints == []


async def story_arrives(page: Page) -> None:
    await expect(page.locator("article.card").first).to_be_visible(timeout=STORY_MILLISECONDS)
    assert await page.evaluate("window.same")


@pytest.mark.timeout(240)
async def test_the_story_of_the_demo_arrives_is_opened_and_what_one_may_add_is_added(demo: Board) -> None:
    desk, hand = await demo.open(), await demo.open(look=Look(PHONE, "dark"))
    for page in (desk, hand):
        assert await page.locator("article.card").count() == 0
        await page.evaluate("window.same = true")
    await asyncio.gather(story_arrives(desk), story_arrives(hand))
    for page in (desk, hand):
        await page.locator("article.card h2 a").first.click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Kursk")
        await expect(page.locator("mark.evidence").first).to_be_visible()
    await headline_is_judged(await demo.open("/test", Look(PHONE, "dark")))
    await feed_is_added(await demo.open("/feeds", Look(DESKTOP, "dark")))
    await webhook_is_added(await demo.open("/subscriptions", Look(PHONE)))


async def headline_is_judged(page: Page) -> None:
    await page.get_by_label("Headline").fill("North Korean troops withdrawn from the front in Kursk, Ukraine says")
    await page.get_by_role("button", name="Test").click()
    await expect(page.get_by_text("relevant").first).to_be_visible(timeout=STORY_MILLISECONDS)


async def feed_is_added(page: Page) -> None:
    await page.get_by_label("Address of the feed").fill(f"{NOWHERE}/rss")
    await page.get_by_label("Name as the publisher").fill("Example Courier")
    await page.get_by_role("button", name="Add the feed").click()
    await expect(page.get_by_role("rowheader", name="Example Courier")).to_be_visible()


async def webhook_is_added(page: Page) -> None:
    await page.get_by_label("Name").fill("desk")
    await page.get_by_label("Address").fill(f"{NOWHERE}/alerts")
    await page.get_by_role("button", name="Add the webhook").click()
    await expect(page.locator("#secret")).to_contain_text("whsec_")
