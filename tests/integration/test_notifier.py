"""The whole notifier: real Redis, real sockets, a receiver that verifies every signature with another library."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from standardwebhooks import Webhook

from services.classifier import by_hand
from services.cli.demo.receiver import Receiver
from services.notifier.channels.base import ChannelSender, Payload, Sent
from services.notifier.notifier import Notifier
from services.notifier.wiring import senders
from shared import keys
from shared.models.endpoint import EndpointStatus
from shared.models.story import AlertType, Story
from shared.models.subscription import DeliveryStatus, Digest, Envelope, JournalChannel, Subscription
from shared.store.alerts import GROUP
from tests.factories import SECRET, alert, article, entry, make_id, revision, story, subscription, webhook
from tests.notifying import House, house_of, running, settings
from tests.servers import HANG, Answer, Request, loopback_client, serving, until

OK, FAILS = Answer(204), Answer(500)
_UPDATES_WAIT = {"alert_update_interval_seconds": 0.4}


def to(url: str, name: str = "desk", **over: object) -> Subscription:
    return subscription(id=name, channel=webhook(url), **over)


@pytest.fixture
async def house(redis: Redis, sync_redis: SyncRedis, tmp_path: Path) -> AsyncIterator[House]:
    async with house_of(redis, sync_redis, tmp_path) as built:
        yield built


def fresh(name: str = "story", *, ago: float = 0, **over: object) -> Story:
    """A story that rang `ago` seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=ago)
    fields = {"id": make_id(name), "revisions": (revision(at=at),), "first_seen_at": at, "updated_at": at}
    return story(**fields | over)


def revised(told: Story, **over: object) -> Story:
    at = datetime.now(UTC)
    fields = {"number": told.revision + 1, "type": AlertType.UPDATED, "reason": "figure_changed", "at": at}
    return told.model_copy(update={"revisions": (*told.revisions, revision(**fields | over)), "updated_at": at})


def data(request: Request) -> dict[str, object]:
    assert isinstance(Webhook(SECRET).verify(request.body, dict(request.headers)), dict)
    found = json.loads(request.body)["data"]
    assert isinstance(found, dict)
    return found


def ids(requests: Sequence[Request]) -> list[str]:
    return [request.headers["webhook-id"] for request in requests]


def kinds(requests: Sequence[Request]) -> list[tuple[str, object]]:
    return [(json.loads(request.body)["type"].rpartition(".")[2], data(request)["revision"]) for request in requests]


async def test_a_story_is_told_once_and_the_receiver_can_verify_it(house: House) -> None:
    async with Receiver(SECRET) as receiver, running(house.notifier(to(receiver.url))):
        told = house.tell(fresh())
        (message,) = await receiver.wait_for(1, 10)
        await until(house.is_idle)
        assert (message.type, message.data["story_id"]) == ("story.alert.created", told.id)
        assert message.data["since_revision"] == 0
        delivery = await house.delivery(told)
        assert (delivery.status, delivery.sent_revision, delivery.envelope) == (DeliveryStatus.DELIVERED, 1, None)
        assert [attempt.outcome for attempt in delivery.attempts] == ["delivered"]
        assert len(receiver.messages) == 1


async def test_first_reports_are_held_back_and_told_as_one(house: House) -> None:
    async with Receiver(SECRET) as receiver, running(house.notifier(to(receiver.url), alert_hold_seconds=0.3)):
        told = house.tell(fresh())
        house.tell(revised(told))
        (message,) = await receiver.wait_for(1, 10)
        await until(house.is_idle)
        assert (message.type, message.data["revision"]) == ("story.alert.created", 2)
        sent = datetime.fromisoformat(str(message.payload["timestamp"]))
        assert sent - told.revisions[0].at >= timedelta(seconds=0.3)
        assert len(receiver.messages) == 1


async def test_updates_within_the_quiet_time_are_told_as_one(house: House) -> None:
    async with (
        Receiver(SECRET) as receiver,
        running(house.notifier(to(receiver.url), alert_update_interval_seconds=0.4)),
    ):
        told = house.tell(fresh())
        await receiver.wait_for(1, 10)
        second = house.tell(revised(told))
        house.tell(revised(second))
        message = (await receiver.wait_for(2, 10))[1]
        await until(house.is_idle)
        assert (message.type, message.data["revision"]) == ("story.alert.updated", 3)
        assert message.data["since_revision"] == 1
        assert len(receiver.messages) == 2


@pytest.mark.parametrize(
    "urgent", [{"reason": "severity_raised"}, {"type": AlertType.RETRACTED}, {"type": AlertType.MERGED}]
)
async def test_what_is_urgent_waits_neither_for_the_hold_nor_for_the_quiet_time(
    house: House, urgent: dict[str, object]
) -> None:
    async with (
        Receiver(SECRET) as receiver,
        running(house.notifier(to(receiver.url), alert_hold_seconds=3600.0, alert_update_interval_seconds=3600.0)),
    ):
        told = house.tell(fresh(ago=7200))
        await receiver.wait_for(1, 10)
        house.tell(revised(told, **urgent))
        assert (await receiver.wait_for(2, 10))[1].data["revision"] == 2


def merged(house: House, one: Story, other: Story) -> Story:
    """As `tocsin stories merge` does it; the survivor."""
    ids, now = (one.id, other.id), datetime.now(UTC)
    change = house.stories.change(one.topic, ids, lambda found: by_hand.merge(ids, found, now))
    assert change is not None
    return change.story


async def test_a_merge_is_told_at_once_and_the_story_that_is_gone_no_more(house: House) -> None:
    notifier = house.notifier
    async with Receiver(SECRET) as receiver, running(notifier(to(receiver.url), alert_update_interval_seconds=3600)):
        one, other = house.tell(fresh("one", ago=60)), house.tell(fresh("other"))
        await receiver.wait_for(2, 10)
        house.tell(revised(other))  # which waits for the quiet time to pass
        merged(house, one, other)
        message = (await receiver.wait_for(3, 10))[2]
        assert (message.type, message.data["story_id"], message.data["revision"]) == (
            "story.alert.merged", one.id, 2,
        )  # fmt: skip
        assert message.data["merged_story_ids"] == [other.id]
        assert message.data["reason_detail"] == f"{other.id} was the same happening"
        await house.wake(other.id)
        await until(house.is_idle)
        assert len(receiver.messages) == 3


async def test_who_heard_only_of_the_story_that_is_gone_is_told_of_the_other_as_merged(house: House) -> None:
    async with Receiver(SECRET) as receiver:
        one = house.tell(fresh("one", ago=60, articles=(article(entry(language="ko")),)))
        other = house.tell(fresh("other", articles=(article(entry(title="Other", language="en")),)))
        async with running(house.notifier(to(receiver.url, languages=("en",)))):
            (first,) = await receiver.wait_for(1, 10)
            merged(house, one, other)
            second = (await receiver.wait_for(2, 10))[1]
        assert (first.type, first.data["story_id"]) == ("story.alert.created", other.id)
        assert (second.type, second.data["story_id"]) == ("story.alert.merged", one.id)
        assert (second.data["language"], second.data["since_revision"]) == ("en", 0)


async def test_what_was_merged_before_it_was_told_is_told_by_the_survivor_alone(house: House) -> None:
    async with Receiver(SECRET) as receiver, running(house.notifier(to(receiver.url), alert_hold_seconds=0.3)):
        one, other = house.tell(fresh("one", ago=60)), house.tell(fresh("other"))
        await receiver.wait_for(1, 10)
        merged(house, one, other)
        await receiver.wait_for(2, 10)
        await asyncio.sleep(0.3)
        await until(house.is_idle)
        assert [(message.type, message.data["story_id"]) for message in receiver.messages] == [
            ("story.alert.created", one.id),
            ("story.alert.merged", one.id),
        ]


async def test_a_story_is_told_to_those_only_who_want_it(house: House) -> None:
    async with Receiver(SECRET) as wants, Receiver(SECRET) as not_this:
        subscriptions = to(wants.url), to(not_this.url, "other", topics=("weather",))
        async with running(house.notifier(*subscriptions)):
            house.tell(fresh())
            await wants.wait_for(1, 10)
            await until(house.is_idle)
            assert not not_this.messages


async def test_a_failed_attempt_is_repeated_byte_for_byte_under_a_fresh_time(house: House) -> None:
    scale = 0.25  # 1 s and more, for the standard's time is in whole seconds
    async with serving() as server, running(house.notifier(to(server.url()), delivery_retry_scale=scale)):
        server.answers(FAILS, OK)
        told = house.tell(fresh())
        await until(lambda: len(server.requests) == 2)
        await until(house.is_idle)
        first, second = server.requests
        assert (first.body, ids([first])) == (second.body, ids([second]))
        assert int(first.headers["webhook-timestamp"]) < int(second.headers["webhook-timestamp"])
        assert data(second)["story_id"] == told.id
        delivery = await house.delivery(told)
        assert [attempt.outcome for attempt in delivery.attempts] == ["server_error", "delivered"]
        assert (delivery.status, delivery.failures) == (DeliveryStatus.DELIVERED, 0)


async def test_articles_that_join_without_a_revision_do_not_change_a_message_under_way(house: House) -> None:
    async with (
        serving() as server,
        running(house.notifier(to(server.url()), delivery_retry_scale=0.05)),
    ):
        server.answers(FAILS, OK)
        told = house.tell(fresh())
        await until(lambda: len(server.requests) == 1)
        await house.redis.set(keys.story(told.id), told.model_copy(update={"title": "Other"}).model_dump_json())
        await until(lambda: len(server.requests) == 2)
        assert server.requests[0].body == server.requests[1].body


async def test_a_message_whose_fate_is_unknown_goes_first_and_the_news_follow(house: House) -> None:
    async with serving() as server, loopback_client(total_seconds=0.2, max_redirects=0) as http:
        server.answers(HANG, OK)
        async with running(house.notifier(to(server.url()), senders=senders(settings(), http))):
            told = house.tell(fresh())
            await until(lambda: len(server.requests) == 1)
            house.tell(revised(told))
            await until(lambda: len(server.requests) == 3)
            await until(house.is_idle)
            first, second, third = server.requests
            assert (first.body, ids([first])) == (second.body, ids([second]))
            assert kinds([second, third]) == [("created", 1), ("updated", 2)]
            assert data(third)["since_revision"] == 1


async def test_a_message_that_was_refused_makes_way_for_news(house: House) -> None:
    async with (
        serving() as server,
        running(house.notifier(to(server.url()), delivery_retry_scale=0.05)),
    ):
        server.answers(FAILS, OK)
        told = house.tell(fresh())
        await until(lambda: len(server.requests) == 1)
        house.tell(revised(told))
        await until(lambda: len(server.requests) == 2)
        await until(house.is_idle)
        assert kinds(server.requests) == [("created", 1), ("created", 2)]
        assert len(set(ids(server.requests))) == 2


async def test_after_an_outage_the_latest_revision_is_told(house: House) -> None:
    with socket.socket() as vacant:
        vacant.bind(("127.0.0.1", 0))
        port = vacant.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    async with running(house.notifier(to(url), delivery_retry_scale=0.02)):
        told = house.tell(fresh())

        async def failed_once() -> bool:
            return (await house.delivery(told)).failures > 0

        await until(failed_once)
        house.tell(revised(told))
        async with serving(port) as server:
            server.answers(OK)
            await until(lambda: server.requests)
            await until(house.is_idle)
            assert kinds(server.requests) == [("created", 2)]


async def test_news_do_not_shorten_the_wait_after_a_failure(house: House) -> None:
    async with serving() as server, running(house.notifier(to(server.url()), delivery_retry_scale=100)):
        server.answers(FAILS)
        told = house.tell(fresh())
        await until(lambda: server.requests)
        await until(house.is_idle)
        for _ in range(3):
            told = house.tell(revised(told, reason="severity_raised"))
            await until(house.is_idle)
        assert len(server.requests) == 1
        assert (await house.delivery(told)).failures == 1


async def test_an_endpoint_that_asks_for_a_pause_gets_it(house: House) -> None:
    async with serving() as server, running(house.notifier(to(server.url()))):
        server.answers(Answer(429, headers={"Retry-After": "600"}), OK)
        told = house.tell(fresh())
        await until(lambda: server.requests)
        await until(house.is_idle)
        delivery, state = await house.delivery(told), await house.state()
        assert delivery.attempts[-1].outcome == "throttled"
        assert (delivery.failures, state.status) == (0, EndpointStatus.ACTIVE)
        assert state.throttled_until is not None
        assert state.throttled_until - delivery.attempts[-1].at == timedelta(seconds=600)
        assert await house.due.next_at() == pytest.approx(state.throttled_until.timestamp(), abs=0.001)


@dataclass(frozen=True)
class DiesAfterSending:
    """A sender whose process is gone before it could say how it went."""

    sender: ChannelSender

    def write(self, payload: Payload) -> str:
        return self.sender.write(payload)

    async def send(self, envelope: Envelope, secrets: Sequence[str]) -> Sent:
        await self.sender.send(envelope, secrets)
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes it")


@dataclass(frozen=True, slots=True)
class Counts:
    """Messages by who has sent them."""

    sender: ChannelSender
    sent: dict[str, int]
    name: str

    def write(self, payload: Payload) -> str:
        return self.sender.write(payload)

    async def send(self, envelope: Envelope, secrets: Sequence[str]) -> Sent:
        self.sent[self.name] = self.sent.get(self.name, 0) + 1
        return await self.sender.send(envelope, secrets)


async def test_a_crash_between_sending_and_logging_repeats_the_message_unchanged(house: House) -> None:
    async with serving() as server:
        server.answers(OK)
        well = senders(settings(), house.http)
        dying = house.notifier(
            to(server.url()), delivery_lease_seconds=0.2, senders=lambda each: DiesAfterSending(well(each))
        )
        async with running(dying):
            told = house.tell(fresh())
            await until(lambda: server.requests)
        house.tell(revised(told))
        async with running(house.notifier(to(server.url()), delivery_lease_seconds=0.2, name="n2")):
            await until(lambda: len(server.requests) == 3)
            await until(house.is_idle)
        first, second, third = server.requests
        assert (first.body, ids([first])) == (second.body, ids([second]))
        assert kinds([third]) == [("updated", 2)]


async def test_news_that_came_before_a_digest_was_sent_again_are_told_in_the_next_one(house: House) -> None:
    async with serving() as server:
        daily = to(server.url(), digest=Digest(at=(f"{datetime.now(UTC) + timedelta(hours=12):%H:%M}",)))
        well = senders(settings(), house.http)
        dying = house.notifier(daily, delivery_lease_seconds=0.2, senders=lambda each: DiesAfterSending(well(each)))
        told = house.tell(fresh())
        async with running(dying):
            await until(house.is_idle)
            await house.wake(told.id)
            await until(lambda: server.requests)
        house.tell(revised(told))
        async with running(house.notifier(daily, delivery_lease_seconds=0.2, name="n2")):
            await until(lambda: len(server.requests) >= 2)
            await until(house.is_idle)
            assert await house.endpoints.waiting(["desk"]) == [1]
            await house.wake(told.id)
            await until(lambda: len(server.requests) == 3)
        first, second, third = server.requests
        assert (first.body, ids([first])) == (second.body, ids([second]))
        assert [each["revision"] for each in data(third)["stories"]] == [2]  # type: ignore[attr-defined]


async def test_two_notifiers_share_an_endpoint_that_is_never_out_of_work(house: House) -> None:
    async with serving() as server:
        sent = dict[str, int]()
        well = senders(settings(), house.http)

        def one(name: str) -> Notifier:
            counted = lambda each: Counts(well(each), sent, name)  # noqa: E731
            made = house.notifier(to(server.url(), per_minute=60_000), name=name, senders=counted)
            return replace(made, pacing=replace(made.pacing, turn_seconds=0.02))

        for number in range(300):
            house.tell(fresh(f"story {number}"))
        async with running(one("n1"), one("n2")):
            await until(lambda: len(server.requests) == 300)
            await until(house.is_idle)
        assert len({*ids(server.requests)}) == 300
        assert {*sent} == {"n1", "n2"}


async def test_a_message_is_not_sent_by_one_who_has_lost_the_lease(house: House) -> None:
    """It waits for nothing between its claim and its attempt but for Redis, and that may be long."""
    async with serving() as server:
        late = house.notifier(to(server.url()), delivery_lease_seconds=0.001)
        await late.book.configure(asyncio.Event())
        told = house.tell(fresh())
        await house.wake(told.id)
        (lost,) = await house.due.claim(1, 0.001)
        await asyncio.sleep(0.01)
        assert len(await house.due.claim(1, 30)) == 1
        await late._bring_up_to_date(lost, asyncio.Event())
        assert not server.requests


async def test_a_receiver_that_is_gone_is_asked_no_more_and_everything_is_kept(house: House) -> None:
    async with serving() as server, running(house.notifier(to(server.url()))):
        server.answers(Answer(410))
        told = house.tell(fresh())
        await until(lambda: server.requests)
        house.tell(fresh("other"))
        await until(house.is_idle)
        state = await house.state()
        assert (state.status, state.reason) == (EndpointStatus.DISABLED, "gone")
        assert (await house.delivery(told)).status is DeliveryStatus.PENDING
        assert await house.endpoints.waiting(["desk"]) == [2]
        assert len(server.requests) == 1
        assert await house.due.next_at() is None


async def test_a_message_that_its_receiver_never_wants_is_given_up_and_the_next_is_sent(house: House) -> None:
    async with serving() as server, running(house.notifier(to(server.url()))):
        server.answers(Answer(400, headers={"webhook-delivery": "abort-message"}), OK)
        told = house.tell(fresh())
        await until(lambda: server.requests)
        await until(house.is_idle)
        delivery = await house.delivery(told)
        assert (delivery.status, delivery.envelope) == (DeliveryStatus.GAVE_UP, None)
        assert len(server.requests) == 1
        house.tell(revised(told))
        await until(lambda: len(server.requests) == 2)
        assert kinds(server.requests[1:]) == [("created", 2)]


async def test_a_redirect_is_not_followed(house: House) -> None:
    async with serving() as server, running(house.notifier(to(server.url("/hook")))):
        server.answers(Answer(307, headers={"Location": server.url("/elsewhere")}), OK, path="/hook")
        told = house.tell(fresh())
        await until(lambda: len(server.asked("/hook")) == 2)
        await until(house.is_idle)
        assert not server.asked("/elsewhere")
        assert [a.outcome for a in (await house.delivery(told)).attempts] == ["redirect", "delivered"]


async def test_a_hung_endpoint_does_not_hold_up_another(house: House) -> None:
    async with serving() as hung, Receiver(SECRET) as receiver:
        hung.answers(HANG)
        subscriptions = to(hung.url(), "hung"), to(receiver.url, "well", per_minute=6000)
        for number in range(30):
            house.tell(fresh(f"story {number}"))
        async with running(house.notifier(*subscriptions)):
            messages = await receiver.wait_for(30, 15)
            assert len({message.data["story_id"] for message in messages}) == 30
            assert len(hung.requests) == 4


async def test_two_notifiers_share_the_work_and_repeat_nothing(house: House) -> None:
    async with Receiver(SECRET) as receiver:
        desk = to(receiver.url, per_minute=6000)
        async with running(house.notifier(desk), house.notifier(desk, name="n2")):
            for number in range(20):
                house.tell(fresh(f"story {number}"))
            await receiver.wait_for(20, 15)
            await until(house.is_idle)
            assert len(receiver.messages) == len({message.webhook_id for message in receiver.messages}) == 20


async def test_alerts_from_before_the_first_start_are_told(house: House) -> None:
    house.tell(fresh())
    async with Receiver(SECRET) as receiver, running(house.notifier(to(receiver.url))):
        await receiver.wait_for(1, 10)


@pytest.mark.parametrize(("name", "enabled"), [("other", True), ("desk", False)])
async def test_what_waits_for_a_subscription_that_is_gone_is_kept_and_nobody_is_asked(
    house: House, name: str, enabled: bool
) -> None:
    async with serving() as server:
        told = house.tell(fresh())
        await house.wake(told.id)
        async with running(house.notifier(to(server.url(), name, enabled=enabled, topics=("weather",)))):
            await until(house.is_idle)
        assert not server.requests
        assert await house.endpoints.waiting(["desk"]) == [1]
        async with running(house.notifier(to(server.url()))):
            await until(lambda: server.requests)


async def test_a_record_that_cannot_be_read_does_not_keep_back_the_others(house: House, redis: Redis) -> None:
    await redis.xadd(keys.alerts(), {"alert": '{"written": "by a newer version"}'})
    await redis.xadd(keys.alerts(), {"unknown": "?"})
    await redis.set(keys.story("broken"), '{"written": "by a newer version"}')
    broken = alert(fresh()).model_copy(update={"story_id": "broken"})
    await redis.xadd(keys.alerts(), {"alert": broken.model_dump_json()})
    async with Receiver(SECRET) as receiver, running(house.notifier(to(receiver.url))):
        house.tell(fresh())
        await receiver.wait_for(1, 10)

        async def three_are_pending() -> bool:
            return bool((await redis.xpending(keys.alerts(), GROUP))["pending"] == 3)

        await until(three_are_pending)


async def test_a_message_on_its_way_is_finished_when_the_notifier_stops(house: House) -> None:
    async with serving() as server:
        server.answers(HANG)
        stop = asyncio.Event()
        task = asyncio.create_task(house.notifier(to(server.url())).run(stop))
        told = house.tell(fresh())
        await until(lambda: server.requests)
        stop.set()
        server.close()
        await task
        assert (await house.delivery(told)).status is DeliveryStatus.DELIVERED


async def test_the_journal_has_each_alert_once_and_keeps_torn_lines_apart(house: House, tmp_path: Path) -> None:
    path = tmp_path / "new" / "alerts.jsonl"
    path.parent.mkdir()
    path.write_bytes(b'{"torn')
    desk = subscription(channel=JournalChannel(path=str(path)))
    async with running(house.notifier(desk)):
        told = house.tell(fresh())
        await until(lambda: path.read_bytes().endswith(b"}\n"))
        await until(house.is_idle)
        await house.redis.delete(keys.delivery("desk", told.id))
        house.tell(told)

        async def told_again() -> bool:
            return (await house.delivery(told)).sent_revision == 1

        await until(told_again)
    torn, line = path.read_text().splitlines()
    assert torn == '{"torn'
    assert json.loads(line)["data"]["story_id"] == told.id
