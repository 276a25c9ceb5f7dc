"""Pages that were read are looked at again: real Redis, sockets and children, and a receiver at the end of the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from services.cli.demo.receiver import Receiver
from shared import keys
from shared.models.story import Status
from shared.store.pages import PageStore, page_command
from tests.factories import NOON, SECRET
from tests.integration.reading import (
    ARTICLE,
    LEAD,
    MORE,
    NO_ROBOTS,
    TITLE,
    Desk,
    checking,
    ends,
    page,
    reading,
    since,
    told,
)
from tests.integration.test_notifier import to
from tests.integration.test_pages import Dying, Pausing
from tests.notifying import house_of, running
from tests.servers import PATIENCE, Answer, Server, serving, until
from tests.stores import run_sync

A = "a" * 16
SOON = (0.05, 0.1, 0.15)
VALIDATORS = {"ETag": '"1"', "Last-Modified": "Mon, 03 Feb 2025 12:00:00 GMT"}
TAGGED = replace(ARTICLE, headers={**ARTICLE.headers, **VALIDATORS})
CORRECTED = page(LEAD.replace("Two ships", "Three ships"), *MORE)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as started:
        started.answers(NO_ROBOTS, path="/robots.txt")
        yield started


async def ends_of(desk: Desk, server: Server, *answers: Answer, seconds: tuple[float, ...] = SOON) -> dict[str, int]:
    """Publish an entry and classify it whenever that is asked for, until its page is left alone; how that ended."""
    server.answers(*answers, path="/1")
    desk.publish(told("a", server.url("/1")))
    before, done = ends(), 0
    async with asyncio.timeout(PATIENCE), reading(desk.pages(checking(*seconds))):
        while await desk.due.members() or len(server.asked("/1")) != sum(since(before).values()):
            if len(desk.queued()) > done:
                done = len(desk.queued())
                desk.classify(A)
            await asyncio.sleep(0.01)
    desk.classify(A)
    return since(before)


async def test_a_page_is_checked_with_conditions_as_often_as_planned_and_then_left(desk: Desk, server: Server) -> None:
    assert await ends_of(desk, server, TAGGED, Answer(304), Answer(304), TAGGED) == {"read": 1, "unchanged": 3}
    first, *checks = server.asked("/1")
    assert "if-none-match" not in first.headers
    asked = [(check.headers["if-none-match"], check.headers["if-modified-since"]) for check in checks]
    assert asked == [tuple(VALIDATORS.values())] * 3
    assert len(server.asked("/robots.txt")) == 1
    assert desk.queued() == [[A]]
    assert await desk.rung() == ["new_story"]
    assert await desk.redis.exists(keys.page(A)) == 0


async def test_a_page_that_is_gone_at_the_first_reading_takes_its_story_back_once(desk: Desk, server: Server) -> None:
    assert await ends_of(desk, server, Answer(410)) == {"gone": 1}
    assert (desk.entry("a").gone, desk.queued()) == (True, [[A]])
    desk.classify(A)
    assert await desk.rung() == ["new_story", "retracted"]
    (story,) = await desk.stories()
    assert (story.status, story.articles[0].withdrawn) == (Status.RETRACTED, "its page is gone")


async def test_a_page_that_is_gone_later_takes_its_story_back(desk: Desk, server: Server) -> None:
    assert await ends_of(desk, server, ARTICLE, Answer(304), Answer(410)) == {"read": 1, "unchanged": 1, "gone": 1}
    assert await desk.rung() == ["new_story", "retracted"]
    assert desk.entry("a").text


async def test_a_page_that_is_not_found_twice_in_a_row_is_gone(desk: Desk, server: Server) -> None:
    missing = Answer(404)
    found = await ends_of(desk, server, ARTICLE, missing, ARTICLE, missing, missing)
    assert found == {"read": 1, "not_found": 2, "unchanged": 1, "gone": 1}
    assert await desk.rung() == ["new_story", "retracted"]


async def test_what_others_tell_as_well_is_not_taken_back(desk: Desk, server: Server) -> None:
    desk.publish(told("b", None, title="Atlantis: its ships are seen, they sail through the Black Strait"))
    assert await ends_of(desk, server, Answer(410)) == {"gone": 1}
    assert "retracted" not in await desk.rung()


async def test_a_text_that_has_changed_is_classified_and_corrects_the_story(desk: Desk, server: Server) -> None:
    found = await ends_of(desk, server, ARTICLE, CORRECTED)
    assert found == {"read": 1, "changed": 1, "unchanged": 2}
    assert desk.queued() == [[A], [A]]
    assert await desk.rung() == ["new_story", "corrected"]
    (story,) = await desk.stories()
    assert story.revisions[-1].detail == "Example News corrects itself: sunk 2 → 3"
    assert [claim.value for claim in story.said if claim.value] == [3]
    assert len(story.articles) == 1


async def test_a_page_that_takes_its_article_back_is_heard(desk: Desk, server: Server) -> None:
    found = await ends_of(desk, server, ARTICLE, page("This article has been withdrawn."))
    assert found == {"read": 1, "changed": 1, "unchanged": 2}
    assert await desk.rung() == ["new_story", "retracted"]


async def test_a_page_behind_a_paywall_is_checked_for_its_removal(desk: Desk, server: Server) -> None:
    assert await ends_of(desk, server, page(LEAD), page(LEAD), Answer(410)) == {"short": 2, "gone": 1}
    assert await desk.rung() == ["new_story", "retracted"]


async def test_a_page_named_again_before_its_check_is_not_asked_for(desk: Desk, server: Server) -> None:
    server.answers(ARTICLE, path="/1")
    desk.publish(told("a", server.url("/1")))
    before = ends()
    async with reading(desk.pages(checking(3600))):
        await until(lambda: since(before))
        due = await desk.due.next_at()
        run_sync(desk.sync_redis, [page_command(A, 0.0)])
        await until(lambda: is_put_back(desk, due))
    assert len(server.asked("/1")) == 1


async def is_put_back(desk: Desk, due: float | None) -> bool:
    counts, at = await desk.due.counts(), await desk.due.next_at()
    return counts.waiting == 1 and at is not None and due is not None and abs(at - due) < 1


async def test_a_poller_killed_in_a_check_loses_nothing_and_nothing_is_done_twice(desk: Desk, server: Server) -> None:
    server.answers(ARTICLE, Answer(410), path="/1")
    desk.publish(told("a", server.url("/1")))
    before, hourly = ends(), checking(3600)
    async with reading(desk.pages(hourly)):
        await until(lambda: since(before).get("read"))
    await let_an_hour_pass(desk)
    reached = asyncio.Event()
    short = replace(hourly, lease_seconds=0.3)
    hasty = replace(desk.pages(short), http=Pausing(desk.http, reached), due=Dying(desk.due))
    task = asyncio.create_task(hasty.run(asyncio.Event()))
    await asyncio.wait_for(reached.wait(), 20)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert (desk.entry("a").gone, len(desk.queued())) == (False, 1)
    async with reading(desk.pages(hourly), desk.pages(hourly)):
        await until(lambda: since(before).get("gone"))
    assert since(before) == {"read": 1, "gone": 1}
    assert desk.queued() == [[A], [A]]


async def let_an_hour_pass(desk: Desk) -> None:
    pages = PageStore(desk.redis, retention_seconds=3600)
    (page,) = await pages.load([A])
    run_sync(desk.sync_redis, pages.state_commands(A, page.state.model_copy(update={"check_at": NOON})))
    await desk.hasten("a")


# The whole way


async def test_a_retraction_rings_at_a_webhook_once(desk: Desk, server: Server, tmp_path: Path) -> None:
    async with Receiver(SECRET) as receiver, house_of(desk.redis, desk.sync_redis, tmp_path) as house:
        async with running(house.notifier(to(receiver.url))):
            server.answers(ARTICLE, Answer(410), path="/1")
            desk.publish(told("a", server.url("/1")))
            await receiver.wait_for(1, 10)
            async with reading(desk.pages(checking(0.05))):
                await until(lambda: len(desk.queued()) == 2)
            for _ in range(2):
                desk.classify(A)
            await receiver.wait_for(2, 10)
            desk.publish(told("b", None, title=f"{TITLE} again, and nobody knows why"))
            await until(house.is_idle)
        assert [message.type for message in receiver.messages] == ["story.alert.created", "story.alert.retracted"]
        told_last = receiver.messages[-1].data
        assert (told_last["status"], told_last["reason"]) == ("retracted", "retracted")
