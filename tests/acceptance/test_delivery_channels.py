"""Other channels take the same way: held, frozen, tried again, paused."""

import json
from pathlib import Path

from shared.models.subscription import DiscordChannel, JournalChannel, SlackChannel
from tests.acceptance.stage import Stage
from tests.acceptance.tales import Event
from tests.acceptance.wants import DAY, HOUR, at, says
from tests.answers import OK, RetryAfter, Status
from tests.receivers import Receiver


def slack(receiver: Receiver) -> SlackChannel:
    return SlackChannel.model_validate({"url": receiver.url})


def discord(receiver: Receiver) -> DiscordChannel:
    return DiscordChannel.model_validate({"url": receiver.url})


async def test_slack_is_told_in_blocks_waits_as_it_asks_and_is_off_when_its_channel_is_archived(stage: Stage) -> None:
    archived = Status(404, body=b"channel_is_archived")
    desk = stage.desk(Status(200, body=b"ok"), RetryAfter(30), Status(200, body=b"ok"), archived, channel=slack)
    kursk, front, late = stage.tale("kursk & front"), stage.tale("front"), stage.tale("late")
    stage.at(0, kursk.breaks())
    stage.at(HOUR, front.breaks())
    stage.at(2 * HOUR, late.breaks())
    desk.wants(at(15), says('"blocks"', "kursk &amp; front"))
    desk.wants(at(HOUR + 15), says('"blocks"', "front"))
    desk.wants(at(HOUR + 45), says('"blocks"', "front"))
    desk.wants(at(2 * HOUR + 15), says('"blocks"', "late"))
    desk.logs("delivered", "throttled", "delivered", "client_error")
    desk.becomes(at(2 * HOUR + 15), "disabled", "gone")
    await stage.plays(until=DAY)


async def test_discord_is_told_in_an_embed_and_its_fraction_of_a_second_is_waited_for(stage: Stage) -> None:
    limited = Status(429, {"Retry-After": "3", "Content-Type": "application/json"}, b'{"retry_after": 2.75}')
    desk, kursk = stage.desk(limited, OK, channel=discord), stage.tale("kursk_front")
    stage.at(0, kursk.breaks())
    for moment in (15, 17.75):
        desk.wants(at(moment), says('"embeds"', "kursk\\\\_front", '"allowed_mentions":{"parse":[]}'))
    desk.logs("throttled", "delivered")
    desk.stays_as_it_is()
    await stage.plays(until=DAY)


async def test_what_discord_cannot_read_is_not_sent_again(stage: Stage) -> None:
    desk, kursk = stage.desk(Status(400, body=b'{"code": 50006}'), channel=discord), stage.tale("kursk")
    stage.at(0, kursk.breaks())
    desk.wants(at(15), says('"embeds"'))
    desk.stays_as_it_is()
    await stage.plays(until=DAY)


async def test_the_journal_has_one_line_for_each_alert_in_order(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    desk = stage.desk(channel=lambda _: JournalChannel(path=str(path)))
    kursk, front = stage.tale("kursk"), stage.tale("front")
    stage.at(0, kursk.breaks())
    stage.at(1, front.breaks())
    stage.at(HOUR, kursk.changes())
    stage.at(2 * HOUR, stage.kills())
    stage.at(2 * HOUR + 1, stage.joins("n2"))
    desk.logs("delivered", "delivered", "delivered")
    await stage.plays(until=DAY)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["type"], line["data"]["story_id"], line["data"]["revision"]) for line in lines] == [
        ("story.alert.created", kursk.id, 1),
        ("story.alert.created", front.id, 1),
        ("story.alert.updated", kursk.id, 2),
    ]
    assert all(line["webhook_id"] for line in lines)


async def test_a_journal_that_cannot_be_written_is_tried_again(stage: Stage, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a directory is needed")
    desk = stage.desk(channel=lambda _: JournalChannel(path=str(blocked / "alerts.jsonl")))
    kursk = stage.tale("kursk")
    stage.at(0, kursk.breaks())
    stage.at(25, Event("the way is free", blocked.unlink))
    desk.logs("file_error", "file_error", "delivered")
    await stage.plays(until=DAY)
    assert len((blocked / "alerts.jsonl").read_text().splitlines()) == 1
