"""What receivers answer, and what follows for the message and for whoever else waits there."""

from itertools import pairwise

import pytest

from shared.models.subscription import DeliveryStatus
from tests.acceptance.stage import Stage
from tests.acceptance.wants import DAY, HOUR, MINUTE, about, at, between, created, torn, updated
from tests.answers import (
    ABORT,
    BABBLES,
    CLOSES,
    CUTS,
    CUTS_BY_RESET,
    DISABLE,
    DRIPS,
    DRIPS_HEADERS,
    GONE,
    HANGS,
    OK,
    POURS,
    RESETS,
    RESETS_HALFWAY,
    TOO_LARGE,
    Answer,
    Chosen,
    RetryAfter,
    Status,
    redirects,
)
from tests.receivers import Receiver
from tests.servers import connections, self_signed

GAPS = (5, 30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR)


def refuses(story_id: str) -> Answer:
    """With a 500, whatever is about this story."""
    return Chosen(lambda request: Status(500) if story_id.encode() in request.body else OK)


async def test_a_message_that_is_refused_climbs_the_whole_ladder_while_others_arrive(stage: Stage) -> None:
    kursk = stage.tale("kursk")
    others = [stage.tale(f"other {number}") for number in range(6)]
    desk = stage.desk(refuses(kursk.id))
    stage.at(0, kursk.breaks())
    for other, seconds in zip(others, (100, 400, 1500, 5000, 18_000, 45_000), strict=True):
        stage.at(seconds, other.breaks())
        desk.wants(at(seconds + 15), created(other))
    for climbed in range(len(GAPS) + 1):
        desk.wants(about(15, *GAPS[:climbed]), created(kursk))
    desk.logs(*["server_error"] * 9, of=kursk)
    await stage.plays(until=2 * DAY)
    moments = [each.at for each in desk.received if each.about == kursk.id]
    for (earlier, later), gap in zip(pairwise(moments), GAPS, strict=True):
        assert 0.8 * gap <= later - earlier <= 1.2 * gap
    assert (await desk.delivery(kursk)).status is DeliveryStatus.GAVE_UP


async def test_a_message_that_nobody_can_read_delays_others_once_and_is_given_up(stage: Stage) -> None:
    """Alone with it, the endpoint seems to be down."""
    kursk = stage.tale("kursk")
    others = [stage.tale(f"other {number}") for number in range(12)]
    desk = stage.desk(refuses(kursk.id))
    stage.at(0, kursk.breaks())
    for number, other in enumerate(others, 1):
        late = 40 * MINUTE if number == 1 else 0
        stage.at(number * 3 * HOUR, other.breaks())
        desk.wants(between(number * 3 * HOUR + 15, number * 3 * HOUR + 15 + late), created(other))
    desk.takes(created(kursk))
    await stage.plays(until=7 * DAY)
    assert max(each.at for each in desk.received if each.about == kursk.id) < 2 * DAY
    assert (await desk.delivery(kursk)).status is DeliveryStatus.GAVE_UP


async def test_the_next_revision_of_a_story_that_was_given_up_begins_anew(stage: Stage) -> None:
    kursk = stage.tale("kursk")
    desk = stage.desk(Status(400, ABORT), OK)
    stage.at(0, kursk.breaks())
    stage.at(HOUR, kursk.changes())
    desk.wants(at(15), created(kursk, 1))
    desk.wants(at(HOUR), created(kursk, 2))
    await stage.plays(until=DAY)


@pytest.mark.parametrize("answer", [RetryAfter(600), RetryAfter(600, 503), RetryAfter(600, as_date=True)])
async def test_who_asks_for_a_pause_gets_it_for_all_its_stories_and_no_attempt_is_spent(
    stage: Stage, answer: Answer
) -> None:
    desk, kursk, front = stage.desk(answer, OK), stage.tale("kursk"), stage.tale("front")
    stage.at(0, kursk.breaks())
    stage.at(MINUTE, front.breaks())
    pause = between(15 + 599, 15 + 600) if answer.__dict__["as_date"] else at(15 + 600)
    desk.wants(at(15), created(kursk))
    desk.wants(pause, created(kursk))
    desk.wants(pause, created(front))
    desk.stays_as_it_is()
    await stage.plays(until=DAY)
    assert (await desk.attempts())[0].outcome in ("throttled", "server_error")


async def test_attempts_that_were_throttled_do_not_count(stage: Stage) -> None:
    desk, kursk = stage.desk(*[RetryAfter(60)] * 20, Status(500), OK), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    for number in range(21):
        desk.wants(at(15 + 60 * number), created(kursk))
    desk.wants(about(15 + 20 * 60, 5), created(kursk))
    await stage.plays(until=DAY)


async def test_a_pause_is_never_longer_than_an_hour(stage: Stage) -> None:
    desk, kursk = stage.desk(RetryAfter(86_400), OK), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.wants(at(15), created(kursk))
    desk.wants(at(15 + HOUR), created(kursk))
    await stage.plays(until=DAY)


async def test_410_disables_at_once_and_keeps_everything(stage: Stage) -> None:
    desk, kursk, front = stage.desk(GONE), stage.tale("kursk"), stage.tale("front")
    stage.at(0, kursk.breaks())
    stage.at(HOUR, front.breaks())
    desk.wants(at(15), created(kursk))
    desk.becomes(at(15), "disabled", "gone")
    await stage.plays(until=30 * DAY)
    assert await desk.waiting() == 2


@pytest.mark.parametrize("code", [204, 400])
async def test_the_receivers_word_disables_it_whatever_the_status(stage: Stage, code: int) -> None:
    desk, kursk, front = stage.desk(Status(code, DISABLE)), stage.tale("kursk"), stage.tale("front")
    stage.at(0, kursk.breaks())
    stage.at(HOUR, front.breaks())
    desk.wants(at(15), created(kursk))
    desk.becomes(at(15), "disabled", "disabled_by_receiver")
    await stage.plays(until=30 * DAY)


async def test_who_aborts_a_message_gets_it_never_again_and_all_others(stage: Stage) -> None:
    desk, kursk, front = stage.desk(Status(400, ABORT), OK), stage.tale("kursk"), stage.tale("front")
    stage.at(0, kursk.breaks())
    stage.at(MINUTE, front.breaks())
    desk.wants(at(15), created(kursk))
    desk.wants(at(MINUTE + 15), created(front))
    desk.logs("aborted", of=kursk)
    desk.stays_as_it_is()
    await stage.plays(until=30 * DAY)


async def test_what_is_too_large_goes_out_short_at_once_under_an_id_of_its_own(stage: Stage) -> None:
    desk, kursk = stage.desk(TOO_LARGE, OK), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.wants(at(15), created(kursk, articles_truncated=False))
    desk.wants(at(15), created(kursk, articles_truncated=True, articles=[]))
    desk.logs("too_large", "delivered")
    desk.stays_as_it_is()
    await stage.plays(until=DAY)
    first, second = desk.received
    assert first.id != second.id


async def test_what_is_too_large_even_so_is_given_up(stage: Stage) -> None:
    desk, kursk = stage.desk(TOO_LARGE), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.wants(at(15), created(kursk), created(kursk))
    desk.logs("too_large", "too_large")
    desk.stays_as_it_is()
    await stage.plays(until=DAY)
    assert (await desk.delivery(kursk)).status is DeliveryStatus.GAVE_UP


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_into_the_house_is_not_followed_but_tried_again(stage: Stage, code: int) -> None:
    inside, kursk = stage.desk(name="inside", enabled=False), stage.tale("kursk")
    desk = stage.desk(redirects(inside.receiver.url, code), OK)
    stage.at(0, kursk.breaks())
    desk.wants(at(15), created(kursk))
    desk.wants(about(15, 5), created(kursk))
    desk.logs("redirect", "delivered")
    inside.wants_nothing()
    await stage.plays()


@pytest.mark.parametrize("answer", [HANGS, DRIPS_HEADERS, RESETS, RESETS_HALFWAY, CLOSES, BABBLES])
async def test_who_leaves_us_in_the_dark_gets_the_same_bytes_again(stage: Stage, answer: Answer) -> None:
    desk, kursk = stage.desk(answer, OK), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(16, kursk.changes())
    desk.wants(about(15, 5), created(kursk, 1))
    desk.wants(about(15 + 10 * MINUTE, 5), updated(kursk, 2))
    desk.wants(at(15), torn() if answer is RESETS_HALFWAY else created(kursk, 1))
    await stage.plays()
    assert [each.outcome for each in await desk.attempts()][1:] == ["delivered", "delivered"]


@pytest.mark.parametrize("answer", [DRIPS, POURS, CUTS, CUTS_BY_RESET])
async def test_a_2xx_is_an_arrival_however_its_body_ends(stage: Stage, answer: Answer) -> None:
    desk, kursk = stage.desk(answer), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.wants(at(15), created(kursk))
    desk.logs("delivered")
    await stage.plays(until=DAY)


async def test_nobody_listens_for_a_while(stage: Stage) -> None:
    desk, kursk = stage.desk(), stage.tale("kursk")
    stage.at(0, desk.goes_down(), kursk.breaks())
    stage.at(25, desk.comes_up())
    desk.wants(about(15, 5, 30), created(kursk))
    desk.becomes(at(15), "failing", "failed")
    desk.becomes(about(15, 5, 30), "active", "recovered")
    desk.logs("connect_error", "connect_error", "delivered")
    await stage.plays()


async def test_a_certificate_that_nobody_vouches_for_is_not_talked_to(stage: Stage) -> None:
    desk, kursk = stage.desk(tls=self_signed()), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.wants_nothing()
    desk.logs("tls_error", "tls_error")
    await stage.plays(until=30)


async def test_a_receiver_without_tls_is_told_nothing_that_was_meant_for_one_with(stage: Stage) -> None:
    def with_tls(receiver: Receiver) -> str:
        return receiver.url.replace("http:", "https:")

    desk, kursk = stage.desk(url=with_tls), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.wants_nothing()
    desk.logs("tls_error", "tls_error")
    await stage.plays(until=30)


async def test_a_name_that_turns_to_a_private_address_is_not_connected_to(stage: Stage) -> None:
    stage.resolves(["127.0.0.1"], ["10.0.0.1"], ["127.0.0.1"])
    desk, kursk = stage.desk(CLOSES, OK, url=named), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.wants(at(15), created(kursk))
    desk.wants(about(15, 5, 30), created(kursk))
    with connections() as made:
        await stage.plays()
    assert {*made} == {"127.0.0.1"}
    first, second, third = await desk.attempts()
    assert (second.outcome, third.outcome) == ("address_denied", "delivered")
    assert first.outcome != "delivered"


async def test_a_name_that_does_not_exist_is_asked_for_again(stage: Stage) -> None:
    stage.resolves(OSError("no such name"), ["127.0.0.1"])
    desk, kursk = stage.desk(url=named), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.wants(about(15, 5), created(kursk))
    desk.logs("dns_error", "delivered")
    await stage.plays()


def named(receiver: Receiver) -> str:
    return f"http://news.test:{receiver.port}/hook"
