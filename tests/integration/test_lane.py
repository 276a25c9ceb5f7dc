"""A lane at work: real Redis, a clock that the test turns, and a channel whose answers come when the test says so."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from structlog.testing import capture_logs

from services.notifier.channels.base import Payload, Sent
from services.notifier.channels.posting import compact
from services.notifier.notifier import Notifier
from services.notifier.subjects import DIGEST, HANDSHAKE
from shared import keys
from shared.models.endpoint import EndpointState, EndpointStatus, Order
from shared.models.story import AlertType, Story
from shared.models.subscription import Attempt, Delivery, DeliveryStatus, Envelope, MessageType, Subscription
from shared.store.deliveries import DeliveryStore
from shared.store.endpoints import ITSELF, EndpointStore
from tests.factories import NOON, after, article, delivery, entry, envelope, make_id, revision, story, subscription
from tests.notifying import TICK_SECONDS, House, house_of, running
from tests.servers import until
from tests.stores import run

HOUR = 3600.0
OK = Sent("delivered", ok=True)
FAILS = Sent("server_error", ok=False)
GONE = Sent("gone", ok=False, gone=True)
ABORTED = Sent("aborted", ok=False, final=True)
TOO_LARGE = Sent("too_large", ok=False, too_large=True)
PAUSE = Sent("throttled", ok=False, retry_after=60)


class Post:
    """A channel. Each answer is given in turn, the last one for ever; None is one that the test gives later."""

    def __init__(self, *answers: Sent | None) -> None:
        self.answers = list(answers)
        self.sent: list[Envelope] = []
        self.open: list[asyncio.Future[Sent]] = []

    def write(self, payload: Payload) -> str:
        return compact(payload)

    async def send(self, envelope: Envelope, secrets: Sequence[str]) -> Sent:
        self.sent.append(envelope)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            return answer
        self.open.append(asyncio.get_running_loop().create_future())
        return await self.open[-1]

    def told(self) -> list[tuple[str, object]]:
        """Type and revision, or the stories of a digest."""
        return [told(each) for each in self.sent]


def told(envelope: Envelope) -> tuple[str, object]:
    data = json.loads(envelope.body)["data"]
    stories = [each["story_id"] for each in data["stories"]] if "stories" in data else None
    return envelope.type.rpartition(".")[2], stories or data.get("revision")


class Hands:
    """Of a clock."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return after(self.seconds).timestamp()


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
async def house(redis: Redis, sync_redis: SyncRedis, tmp_path: Path, hands: Hands) -> AsyncIterator[House]:
    async with house_of(redis, sync_redis, tmp_path, hands) as built:
        yield built


@asynccontextmanager
async def delivering(
    house: House, post: Post, desk: Subscription | None = None, **over: object
) -> AsyncIterator[Notifier]:
    chosen = desk or subscription(per_minute=6000)
    paces = {"delivery_retry_scale": 1.0, "delivery_lease_seconds": 1e9} | over
    notifier = house.notifier(chosen, name="n1", senders=lambda _: post, **paces)
    async with running(notifier):
        yield notifier


def broken(house: House, name: str = "story", **over: object) -> Story:
    """A story that breaks now."""
    fields = {"id": make_id(name), "title": name, "revisions": (revision(at=house.now),), "updated_at": house.now}
    return house.tell(story(**fields | over))


def revised(house: House, of: Story, **over: object) -> Story:
    fields = {"number": of.revision + 1, "type": AlertType.UPDATED, "reason": "figure_changed", "at": house.now}
    newest = revision(**fields | over)
    return house.tell(of.model_copy(update={"revisions": (*of.revisions, newest), "updated_at": house.now}))


async def order(house: House, subject: str, what: Order) -> None:
    """As the command line does it."""
    await house.endpoints.order("desk", {subject: what})
    if subject != ITSELF:
        await house.endpoints.add({"desk": {subject: house.now.timestamp()}})
    await house.due.schedule({"desk": house.now.timestamp()})


async def turned_to_next(house: House, hands: Hands) -> float:
    """The clock, to when the endpoint is looked at next; how many seconds that is after noon."""
    await until(house.is_idle)
    at = await house.due.next_at()
    assert at is not None
    hands.seconds = max(hands.seconds, at - NOON.timestamp())
    return hands.seconds


async def ticks(many: int = 10) -> None:
    """Lets a lane look for more so many times."""
    await asyncio.sleep(many * TICK_SECONDS)


# One subject at a time


async def test_news_of_a_message_in_flight_wait_for_its_end(house: House) -> None:
    post = Post(None, OK)
    async with delivering(house, post):
        first = broken(house)
        await until(lambda: post.open)
        revised(house, first)
        await ticks()
        assert post.told() == [("created", 1)]
        post.open[0].set_result(OK)
        await until(lambda: len(post.sent) == 2)
        await until(house.is_idle)
    assert post.told() == [("created", 1), ("updated", 2)]
    assert (await house.delivery(first)).sent_revision == 2


async def test_no_more_than_four_are_in_flight_and_all_are_told(house: House) -> None:
    post = Post(None)
    async with delivering(house, post):
        for number in range(9):
            broken(house, f"story {number}")
        for done in range(9):
            await until(lambda done=done: len(post.open) == min(9, done + 4))  # type: ignore[misc]
            await ticks(2)
            assert len(post.open) == min(9, done + 4)
            post.open[done].set_result(OK)
        await until(house.is_idle)
    assert len({each.webhook_id for each in post.sent}) == 9


async def test_the_allowance_of_a_minute_is_kept_and_the_rest_follows(house: House, hands: Hands) -> None:
    post = Post(OK)
    async with delivering(house, post, subscription(per_minute=6)):
        for number in range(6):
            broken(house, f"story {number}")
        await until(lambda: len(post.sent) == 4)
        assert await turned_to_next(house, hands) == pytest.approx(10, abs=0.01)
        await until(lambda: len(post.sent) == 5)
        assert await turned_to_next(house, hands) == pytest.approx(20, abs=0.01)
        await until(lambda: len(post.sent) == 6)


async def test_what_is_under_way_when_a_notifier_stops_is_due_at_once(house: House) -> None:
    post, stop = Post(None), asyncio.Event()
    task = asyncio.create_task(house.notifier(subscription(), senders=lambda _: post).run(stop))
    broken(house)
    await until(lambda: post.open)
    stop.set()
    await task
    assert await house.due.next_at() == house.now.timestamp()
    again = Post(OK)
    async with delivering(house, again):
        await until(lambda: again.sent)
    assert again.sent == post.sent


async def test_a_story_that_cannot_be_read_holds_up_no_other(house: House, hands: Hands) -> None:
    post = Post(OK)
    bad = story(id="bad", title="bad")
    await house.redis.set(keys.story(bad.id), '{"written": "by a newer version"}')
    good = broken(house, "good")
    await house.endpoints.add({"desk": dict.fromkeys((bad.id, good.id), 0.0)})
    with capture_logs() as logs:
        async with delivering(house, post):
            await until(lambda: post.sent)
            await house.redis.set(keys.story(bad.id), bad.model_dump_json())
            assert await turned_to_next(house, hands) == pytest.approx(60)
            await until(lambda: len(post.sent) == 2)
    assert [json.loads(each.body)["data"]["story_id"] for each in post.sent] == [good.id, bad.id]
    assert [each["story_id"] for each in logs if each["event"] == "story.unreadable"] == [bad.id]


# The state of the endpoint


async def begins_pending(house: House) -> None:
    await run(house.redis, [house.endpoints.save_command("desk", EndpointState(status=EndpointStatus.PENDING))])


async def test_a_handshake_is_tried_again_until_it_succeeds_and_then_all_that_waited_is_told(
    house: House, hands: Hands
) -> None:
    post = Post(FAILS, FAILS, OK)
    await begins_pending(house)
    await house.endpoints.add({"desk": {HANDSHAKE: 0.0}})
    async with delivering(house, post):
        broken(house)
        await until(lambda: len(post.sent) == 1)
        assert 4 <= await turned_to_next(house, hands) <= 6
        await until(lambda: len(post.sent) == 2)
        assert 4 + 24 <= await turned_to_next(house, hands) <= 6 + 36
        await until(lambda: len(post.sent) == 4)
        await until(house.is_idle)
    assert [kind for kind, _ in post.told()] == ["test", "test", "test", "created"]
    assert (await house.state()).status is EndpointStatus.ACTIVE


async def test_a_handshake_with_a_subscription_made_anew_is_a_new_one(house: House) -> None:
    post = Post(OK)
    await house.endpoints.add({"desk": {HANDSHAKE: 0.0}})
    async with delivering(house, post):
        await until(lambda: post.sent)
        await until_quiet(house)
        await run(house.redis, [house.endpoints.remove_command("desk")])
        await begins_pending(house)
        await house.wake(HANDSHAKE)
        await until(lambda: is_active(house))
    assert len({each.webhook_id for each in post.sent}) == 2


async def until_quiet(house: House) -> None:
    async def quiet() -> bool:
        counts = await house.due.counts()
        return not counts.due and not counts.leased

    await until(quiet)


async def is_active(house: House) -> bool:
    return (await house.state()).reason == "handshake"


@pytest.mark.parametrize("answer", [ABORTED, TOO_LARGE])
async def test_an_open_endpoint_that_never_wants_a_message_gets_it_once_and_the_next_is_the_probe(
    house: House, hands: Hands, answer: Sent
) -> None:
    post = Post(answer, answer, OK) if answer is TOO_LARGE else Post(answer, OK)
    opened = EndpointState(status=EndpointStatus.OPEN, failures=5, down_since=NOON, resume_at=NOON)
    await run(house.redis, [house.endpoints.save_command("desk", opened)])
    async with delivering(house, post):
        one = broken(house, "one")
        await until(house.is_idle)
        assert (await house.delivery(one)).status is DeliveryStatus.GAVE_UP
        other = broken(house, "other")
        await until(house.is_idle)
        assert (await house.delivery(other)).status is DeliveryStatus.DELIVERED
    assert len(post.sent) == 1 + (2 if answer is TOO_LARGE else 1)
    assert (await house.state()).status is EndpointStatus.ACTIVE


class Slow(EndpointStore):
    """Who asks first for what waits there must wait."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def later(self, subscription_id: str, now: float) -> list[str]:
        if not self.asked.is_set():
            self.asked.set()
            await self.go.wait()
        return await super().later(subscription_id, now)


async def test_the_receivers_last_word_stands_whatever_ends_meanwhile(house: House) -> None:
    post, slow = Post(None), Slow(house.redis)
    failing = EndpointState(status=EndpointStatus.FAILING, failures=1, down_since=NOON, failing_since=NOON)
    await run(house.redis, [house.endpoints.save_command("desk", failing)])
    broken(house, "one")
    broken(house, "other")
    notifier = house.notifier(subscription(), name="n1", senders=lambda _: post, delivery_lease_seconds=1e9)
    async with running(replace(notifier, stores=replace(notifier.stores, endpoints=slow))):
        await until(lambda: len(post.open) == 2)
        post.open[0].set_result(OK)
        await slow.asked.wait()
        post.open[1].set_result(GONE)
        await until(lambda: is_gone(house))
        slow.go.set()
        await until(house.is_idle)
    assert await is_gone(house)
    assert len(await house.endpoints.log("desk", 9)) == 2


async def is_gone(house: House) -> bool:
    return (await house.state()).reason == "gone"


async def test_an_endpoint_that_was_closed_and_is_well_gets_at_once_what_waits_for_its_next_try(house: House) -> None:
    post = Post(OK)
    opened = EndpointState(status=EndpointStatus.OPEN, failures=5, down_since=after(-9), resume_at=NOON)
    held = broken(house, "held")
    tried = Attempt(at=after(-9), revision=1, outcome="timeout")
    late = delivery(subject=held.id, envelope=envelope(), failures=5, retry_at=after(HOUR), attempts=(tried,))
    await run(house.redis, [house.endpoints.save_command("desk", opened)])
    await run(house.redis, DeliveryStore(house.redis, retention_seconds=3600).save_commands(late))
    async with delivering(house, post):
        await until(house.is_idle)
        assert post.sent == []
        broken(house, "probe")
        await until(house.is_idle)
    assert len(post.sent) == 2
    assert post.sent[1] == late.envelope


# What people have asked for


async def test_an_endpoint_that_a_person_disables_while_it_is_at_work_gets_nothing_more_until_it_is_enabled(
    house: House,
) -> None:
    post = Post(None, OK)
    async with delivering(house, post):
        broken(house, "one")
        await until(lambda: post.open)
        await order(house, ITSELF, Order.DISABLE)
        broken(house, "other")
        await ticks()
        post.open[0].set_result(OK)
        await until(house.is_idle)
        assert len(post.sent) == 1
        assert (await house.state()).reason == "by_hand"
        await order(house, ITSELF, Order.ENABLE)
        await until(lambda: len(post.sent) == 2)
        await until(house.is_idle)
        assert (await house.state()).status is EndpointStatus.ACTIVE
    assert await house.endpoints.orders("desk") == {}


async def test_what_is_redelivered_has_an_id_of_its_own(house: House) -> None:
    post = Post(OK)
    async with delivering(house, post):
        told = broken(house)
        await until(house.is_idle)
        for many in (2, 3):
            await order(house, told.id, Order.REDELIVER)
            await until(lambda many=many: len(post.sent) == many)  # type: ignore[misc]
            await until(house.is_idle)
    assert post.told() == [("created", 1)] * 3
    assert len({each.webhook_id for each in post.sent}) == 3
    assert await house.endpoints.orders("desk") == {}


async def test_what_was_given_up_is_recovered_under_an_id_of_its_own(house: House) -> None:
    post = Post(ABORTED, OK)
    async with delivering(house, post):
        told = broken(house)
        await until(house.is_idle)
        await house.wake(told.id)
        await until_quiet(house)
        assert len(post.sent) == 1
        await order(house, told.id, Order.RECOVER)
        await until(lambda: len(post.sent) == 2)
        await until(house.is_idle)
    assert len({each.webhook_id for each in post.sent}) == 2
    assert (await house.delivery(told)).sent_revision == 1


async def test_an_order_that_must_wait_is_obeyed_when_its_time_has_come(house: House, hands: Hands) -> None:
    """Noon is 14:00 in Kyiv."""
    quiet = {"start": "13:00", "end": "15:00"}
    post = Post(ABORTED, OK)
    async with delivering(house, post, subscription(quiet=quiet, timezone="Europe/Kyiv")):
        hands.seconds = -2 * HOUR
        told = broken(house)
        await until(house.is_idle)
        hands.seconds = 0
        await order(house, told.id, Order.RECOVER)
        assert await turned_to_next(house, hands) == HOUR
        await until(lambda: len(post.sent) == 2)
        await until(house.is_idle)
    assert await house.endpoints.orders("desk") == {}


# Digests


def daily(**over: object) -> Subscription:
    """At one o'clock in the afternoon."""
    return subscription(digest={"at": ["13:00"]}, per_minute=6000, **over)


async def test_a_digest_tells_at_its_time_what_has_come_together_and_each_story_once(
    house: House, hands: Hands
) -> None:
    post = Post(OK)
    async with delivering(house, post, daily()):
        one, other = broken(house, "one"), broken(house, "other", severity="high")
        revised(house, one)
        assert await turned_to_next(house, hands) == HOUR
        await until(lambda: post.sent)
        await until(house.is_idle)
        assert [each.sent_revision for each in (await house.delivery(one), await house.delivery(other))] == [2, 1]
        assert await house.endpoints.waiting(["desk"]) == [0]
        revised(house, other)
        assert await turned_to_next(house, hands) == 25 * HOUR
        await until(lambda: len(post.sent) == 2)
    assert post.told() == [("digest", [other.id, one.id]), ("digest", [other.id])]


async def test_a_digest_without_news_is_not_sent(house: House, hands: Hands) -> None:
    post = Post(OK)
    async with delivering(house, post, daily()):
        told = broken(house)
        await until(house.is_idle)
        hands.seconds = 30 * HOUR
        await house.redis.set(keys.story(told.id), told.model_copy(update={"merged_into": "st"}).model_dump_json())
        await house.wake(told.id)
        await until_quiet(house)
    assert post.sent == []
    assert await house.endpoints.waiting(["desk"]) == [0]


async def test_what_does_not_fit_into_a_digest_follows_in_the_next_message_one_at_a_time(
    house: House, hands: Hands
) -> None:
    post = Post(None)
    async with delivering(house, post, daily()):
        stories = [broken(house, f"{number:03} {'long ' * 60}") for number in range(40)]
        await turned_to_next(house, hands)
        answered = 0
        while answered < 1 or await house.endpoints.waiting(["desk"]) != [0] or len(post.open) > answered:
            await until(lambda answered=answered: len(post.open) > answered)  # type: ignore[misc]
            await ticks(3)
            assert len(post.open) == answered + 1
            post.open[answered].set_result(OK)
            answered += 1
            await ticks(5)
        await until(house.is_idle)
    assert answered > 1
    assert len({each.webhook_id for each in post.sent}) == answered
    found = [story_id for _, ids in post.told() for story_id in ids]  # type: ignore[attr-defined]
    assert sorted(found) == sorted(each.id for each in stories)


async def test_a_digest_that_fails_is_sent_again_unchanged_and_a_recovery_sends_no_other(
    house: House, hands: Hands
) -> None:
    post = Post(FAILS, OK)
    async with delivering(house, post, daily()):
        one = broken(house, "one")
        await turned_to_next(house, hands)
        await until(lambda: post.sent)
        revised(house, one)
        other = broken(house, "other")
        at = await turned_to_next(house, hands)
        assert HOUR + 4 <= at <= HOUR + 6
        await until(lambda: len(post.sent) == 2)
        await until(house.is_idle)
        assert post.sent[0] == post.sent[1]
        assert await turned_to_next(house, hands) == 25 * HOUR
        await until(lambda: len(post.sent) == 3)
    assert sorted(post.told()[2][1]) == sorted([one.id, other.id])  # type: ignore[call-overload]


async def test_what_was_to_go_into_a_digest_that_is_still_under_way_follows_it_at_once(
    house: House, hands: Hands
) -> None:
    post = Post(FAILS, OK)
    async with delivering(house, post, daily(), delivery_retry_scale=24 * HOUR / 5):
        one = broken(house, "one")
        await turned_to_next(house, hands)
        await until(lambda: post.sent)
        other = broken(house, "other")
        await until(house.is_idle)
        hands.seconds = 40 * HOUR
        await house.due.schedule({"desk": 0.0})
        await until(lambda: len(post.sent) == 3)
    assert post.told() == [("digest", [one.id]), ("digest", [one.id]), ("digest", [other.id])]
    assert await house.endpoints.waiting(["desk"]) == [0]


async def test_a_digest_that_was_given_up_has_the_next_number_and_loses_no_story(house: House, hands: Hands) -> None:
    post = Post(ABORTED, OK)
    async with delivering(house, post, daily()):
        told = broken(house)
        await turned_to_next(house, hands)
        await until(lambda: post.sent)
        assert await turned_to_next(house, hands) == 25 * HOUR
        await until(lambda: len(post.sent) == 2)
        await until(house.is_idle)
    assert post.told() == [("digest", [told.id])] * 2
    assert post.sent[0].webhook_id != post.sent[1].webhook_id


async def test_a_digest_that_is_too_large_comes_story_by_story(house: House, hands: Hands) -> None:
    post = Post(TOO_LARGE, OK)
    async with delivering(house, post, daily()):
        stories = [broken(house, f"{number:03} {'long ' * 60}") for number in range(4)]
        await turned_to_next(house, hands)
        await until(house.is_idle)
    whole, *thin = post.sent
    assert not whole.thin
    assert thin[0].thin
    assert len(thin[0].body) < len(whole.body) / 3
    found = [story_id for _, ids in post.told()[1:] for story_id in ids]  # type: ignore[attr-defined]
    assert sorted(found) == sorted(each.id for each in stories)


async def test_a_digest_counts_the_articles_that_came_since_the_last_one(house: House, hands: Hands) -> None:
    post = Post(OK)
    async with delivering(house, post, daily()):
        told = broken(house)
        await turned_to_next(house, hands)
        await until(lambda: post.sent)
        await until(house.is_idle)
        more = (*told.articles, article(entry(title="two"), decision="same_story"))
        revised(house, told.model_copy(update={"articles": more}))
        await turned_to_next(house, hands)
        await until(lambda: len(post.sent) == 2)
    counts = [json.loads(each.body)["data"]["stories"][0]["counts"] for each in post.sent]
    assert [(each["articles"], each["new_articles"]) for each in counts] == [(1, 1), (2, 1)]


async def test_what_was_under_way_by_itself_goes_into_the_digest(house: House, hands: Hands) -> None:
    post = Post(FAILS, OK)
    async with delivering(house, post):
        told = broken(house)
        await until(lambda: post.sent)
        await until(house.is_idle)
    async with delivering(house, post, daily()):
        await turned_to_next(house, hands)
        await until(lambda: len(post.sent) == 2)
        await until(house.is_idle)
    assert post.told() == [("created", 1), ("digest", [told.id])]
    assert (await house.delivery(told)).envelope is None


async def test_a_digest_under_way_is_sent_also_when_there_are_to_be_none_any_more(house: House, hands: Hands) -> None:
    post = Post(FAILS, OK)
    async with delivering(house, post, daily()):
        told = broken(house)
        await turned_to_next(house, hands)
        await until(lambda: post.sent)
        await until(house.is_idle)
    async with delivering(house, post):
        await turned_to_next(house, hands)
        await until(lambda: post.sent[0] in post.sent[1:])
        await until(house.is_idle)
    assert (await house.delivery(told)).sent_revision == 1


# Other subjects


async def test_a_subscription_hears_of_another_endpoint_what_is_true_when_it_is_told(
    house: House, hands: Hands
) -> None:
    post = Post(OK)
    quiet = {"start": "11:00", "end": "13:00"}
    ill = EndpointState(status=EndpointStatus.DISABLED, reason="gone", notice=1, notice_type="endpoint.disabled")
    await run(house.redis, [house.endpoints.save_command("ill", ill)])
    await house.endpoints.add({"desk": {"endpoint:ill": 0.0}})
    async with delivering(house, post, subscription(endpoints=True, quiet=quiet)):
        await until(lambda: comes_back_at(house, HOUR))
        assert post.sent == []
        recovered = ill.model_copy(update={"notice": 2, "notice_type": MessageType.RECOVERED})
        await run(house.redis, [house.endpoints.save_command("ill", recovered)])
        hands.seconds = HOUR
        await until(lambda: post.sent)
    assert [each.type for each in post.sent] == ["endpoint.recovered"]


async def comes_back_at(house: House, seconds: float) -> bool:
    return await house.due.next_at() == after(seconds).timestamp()


async def test_a_message_that_was_refused_counts_its_articles_from_the_last_that_arrived(
    house: House, hands: Hands
) -> None:
    post = Post(FAILS, OK)
    async with delivering(house, post):
        first = broken(house)
        await until(lambda: post.sent)
        await until(house.is_idle)
        more = (*first.articles, article(entry(title="two"), decision="same_story"))
        revised(house, first.model_copy(update={"articles": more}))
        await turned_to_next(house, hands)
        await until(lambda: len(post.sent) == 2)
    assert json.loads(post.sent[1].body)["data"]["counts"]["new_articles"] == 2


async def test_a_throttled_endpoint_is_looked_at_when_its_pause_is_over(house: House, hands: Hands) -> None:
    post = Post(PAUSE, OK)
    async with delivering(house, post):
        told = broken(house)
        await until(lambda: post.sent)
        assert await turned_to_next(house, hands) == 60
        await until(lambda: len(post.sent) == 2)
        await until(house.is_idle)
        assert (await house.delivery(told)).failures == 0
    assert post.sent[0] == post.sent[1]


@pytest.mark.parametrize(
    "closed",
    [EndpointState(status=EndpointStatus.DISABLED), EndpointState(throttled_until=after(HOUR))],
    ids=["disabled", "throttled"],
)
async def test_tests_pass_a_closed_endpoint_within_the_allowance_of_a_minute(
    house: House, hands: Hands, closed: EndpointState
) -> None:
    post = Post(OK)
    await run(house.redis, [house.endpoints.save_command("desk", closed)])
    await house.endpoints.add({"desk": {f"test:{number}": 0.0 for number in range(5)}})
    async with delivering(house, post, subscription(per_minute=1)):
        broken(house)
        await until(lambda: len(post.sent) == 4)
        assert await turned_to_next(house, hands) == pytest.approx(60)
        await until(lambda: len(post.sent) == 5)
        await until(house.is_idle)
    assert {each.type for each in post.sent} == {MessageType.TEST}
    assert len({each.webhook_id for each in post.sent}) == 5


async def test_a_crash_over_a_digest_sends_it_again_and_tells_its_stories(house: House, hands: Hands) -> None:
    told = broken(house)
    frozen = envelope(type="story.digest", body='{"data": {"stories": []}}', covers={told.id: 1}, articles={told.id: 1})
    left: Delivery = delivery(subject=DIGEST, envelope=frozen)
    await run(house.redis, DeliveryStore(house.redis, retention_seconds=3600).save_commands(left))
    await run(house.redis, house.endpoints.take_commands("desk", [DIGEST, told.id], 0.0))
    post = Post(OK)
    async with delivering(house, post, daily()):
        await until(house.is_idle)
    assert post.sent == [frozen]
    known = await house.delivery(told)
    assert (known.status, known.sent_revision, known.sent_articles) == (DeliveryStatus.DELIVERED, 1, 1)
    assert known.sent_at == NOON + timedelta(seconds=hands.seconds)
