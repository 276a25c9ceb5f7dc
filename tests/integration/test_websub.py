"""WebSub from end to end: the subscriber, a real hub, the gateway's callbacks, and pushes in the commit of a poll."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from redis.asyncio import Redis

from services.gateway.api.websub import MAX_BYTES
from services.gateway.app import create_app
from services.gateway.wiring import opened, wired
from services.poller.subscriber import Subscriber
from services.poller.websub import slowed
from shared import keys, metrics
from shared.errors import LeaseLost
from shared.http import GuardedClient
from shared.models.feed import Feed
from shared.models.websub import PushOffer, PushRequest, PushState, PushSubscription
from shared.runtime.serving import served
from shared.settings import Settings, load_settings
from shared.store.due import DueSet
from shared.store.feeds import DUE_FEEDS, FeedStore
from shared.store.websub import DUE_WEBSUB, MAX_WAITING, PUSH_SECONDS, PushStore
from tests.factories import feed
from tests.hub import Hub, running_hub
from tests.servers import loopback_client, until
from tests.stores import run, stand

FEED = feed()
BODY = b"<rss><channel><item><title>pushed</title></item></channel></rss>"
FAR = 4e9


@dataclass(frozen=True)
class House:
    """A feed that polling does not reach for long, a hub, a gateway with callbacks, and a subscriber to run."""

    redis: Redis
    pushes: PushStore
    hub: Hub
    gateway: httpx.AsyncClient
    http: GuardedClient
    callback_url: str

    @property
    def offer(self) -> PushOffer:
        return PushOffer(hub=self.hub.url, topic=FEED.url)

    async def tell(self, offer: PushOffer | None) -> None:
        """As a poller's commit does."""
        await run(self.redis, self.pushes.offer_commands(FEED.id, offer))

    async def configure(self, *feeds: Feed) -> None:
        due = DueSet(self.redis, DUE_FEEDS)
        await FeedStore(self.redis, due).configure(feeds, now=0.0, spread_seconds=1.0)
        for each in feeds:
            await stand(self.redis, DUE_FEEDS, each.id, FAR)

    async def subscription(self) -> PushSubscription | None:
        return await self.pushes.load(FEED.id)

    async def state(self) -> PushState | None:
        found = await self.subscription()
        return found.state(datetime.now(UTC)) if found else None

    async def subscribed(self) -> dict[str, str]:
        """The form with which the hub was asked, after it has verified it."""
        await self.tell(self.offer)
        async with self.subscribing():
            await self.settled(1)
        return self.hub.asked[-1]

    async def settled(self, asks: int) -> None:
        """So many were sent, and their outcome is stored."""
        await until(lambda: len(self.hub.asked) >= asks)
        await until(self._none_in_hand)

    async def _none_in_hand(self) -> bool:
        counts = await DueSet(self.redis, DUE_WEBSUB).counts()
        return not counts.leased and not counts.due

    @asynccontextmanager
    async def subscribing(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        due = DueSet(self.redis, DUE_WEBSUB)
        task = asyncio.create_task(Subscriber(self.http, due, self.pushes, self.callback_url).run(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    async def shift(self, seconds: float) -> None:
        """Let the subscription be so much older, and look at it now."""
        found = await self.subscription()
        assert found
        request, grant, by = found.request, found.grant, timedelta(seconds=seconds)
        older = {"asked_at": request.asked_at - by, "retry_at": request.retry_at - by}
        await run(self.redis, self.pushes.save_commands(request.model_copy(update=older)))
        if grant.verified_at and grant.lease_expires_at:
            await self.pushes.verified(request, grant.verified_at - by, grant.lease_expires_at - by)
        await self.look()

    async def look(self) -> None:
        await DueSet(self.redis, DUE_WEBSUB).schedule({FEED.id: 0.0})

    async def feed_is_due(self) -> bool:
        return bool((await DueSet(self.redis, DUE_FEEDS).counts()).due)


@pytest.fixture
async def house(redis: Redis, redis_url: str) -> AsyncIterator[House]:
    async with (
        running_hub() as hub,
        opened(load_settings({}), redis_url) as gateway,
        served(create_app(gateway, PushStore(redis)), "127.0.0.1", 0) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
        loopback_client() as http,
    ):
        made = House(redis, PushStore(redis), hub, client, http, f"http://127.0.0.1:{port}")
        await made.configure(FEED)
        yield made


# Subscribing


async def test_a_feed_that_names_a_hub_is_subscribed_though_the_hub_verifies_before_it_answers(house: House) -> None:
    form = await house.subscribed()
    assert form["hub.mode"] == "subscribe"
    assert form["hub.topic"] == FEED.url
    assert form["hub.callback"].startswith(f"{house.callback_url}/websub/{FEED.id}.")
    found = await house.subscription()
    assert found is not None
    assert (found.request.outcome, found.request.reason) == ("accepted", "new")
    assert await house.state() is PushState.ACTIVE
    assert found.grant.verified_at
    assert found.grant.lease_expires_at == found.grant.verified_at + timedelta(days=10)


async def test_the_challenge_is_never_answered_as_a_page(house: House) -> None:
    await house.subscribed()
    (answer,) = house.hub.answers
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_hub_that_verifies_later_is_waited_for_without_asking_it_again(house: House) -> None:
    house.hub.verifies = False
    form = await house.subscribed()
    assert await house.state() is PushState.PENDING
    async with house.subscribing():
        await house.look()
        await house.settled(1)
    assert len(house.hub.asked) == 1
    assert (await house.hub.verify(form)).status_code == 200
    assert await house.state() is PushState.ACTIVE


async def test_a_hub_that_fails_is_asked_again_with_a_growing_gap(house: House) -> None:
    house.hub.answer = 500
    await house.subscribed()
    gaps = []
    for asks in (2, 3):
        found = await house.subscription()
        assert found is not None
        assert found.request.outcome == "http_500"
        gaps.append(found.request.retry_at - found.request.asked_at)
        async with house.subscribing():
            await house.shift(gaps[-1].total_seconds())
            await house.settled(asks)
    assert gaps[1] > gaps[0] * 1.2
    assert len({form["hub.callback"] for form in house.hub.asked}) == 1


async def test_a_hub_that_cannot_be_reached_is_one_counted_outcome(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = PushOffer(hub=f"http://127.0.0.1:{closed.getsockname()[1]}/", topic=FEED.url)
    await house.tell(gone)
    async with house.subscribing():
        await until(house.subscription)
        await until(house._none_in_hand)
    found = await house.subscription()
    assert found is not None
    assert found.request.outcome == "connect_error"


async def test_a_hub_at_a_private_address_is_not_asked(house: House) -> None:
    async with GuardedClient(user_agent="Tocsin/test") as guarded:
        strict = House(house.redis, house.pushes, house.hub, house.gateway, guarded, house.callback_url)
        await strict.tell(house.offer)
        async with strict.subscribing():
            await until(strict.subscription)
            await until(strict._none_in_hand)
    found = await house.subscription()
    assert found is not None
    assert found.request.outcome == "address_denied"
    assert house.hub.asked == []


async def test_a_hub_that_names_another_by_307_is_followed(house: House) -> None:
    async with running_hub() as old:
        old.answer, old.location = 307, house.hub.url
        await house.tell(PushOffer(hub=old.url, topic=FEED.url))
        async with house.subscribing():
            await house.settled(1)
    assert old.asked == house.hub.asked
    assert await house.state() is PushState.ACTIVE


async def test_hubs_that_name_each_other_for_ever_are_left_alone(house: House) -> None:
    house.hub.answer, house.hub.location = 308, house.hub.url
    await house.subscribed()
    found = await house.subscription()
    assert found is not None
    assert found.request.outcome == "http_308"
    assert len(house.hub.asked) == 4


async def test_a_lease_is_renewed_in_time_under_the_same_callback_while_it_stays_active(house: House) -> None:
    house.hub.lease_seconds = 3600
    first = await house.subscribed()
    async with house.subscribing():
        await house.shift(3600 * 0.75)
        await house.settled(1)
        assert len(house.hub.asked) == 1
        assert await house.state() is PushState.ACTIVE
        await house.shift(3600 * 0.1)
        await house.settled(2)
    assert len(house.hub.asked) == 2
    assert house.hub.asked[1]["hub.callback"] == first["hub.callback"]
    found = await house.subscription()
    assert found is not None
    assert (found.request.reason, found.request.ask) == ("renewal", 2)
    assert found.grant.lease_expires_at
    assert found.grant.lease_expires_at > datetime.now(UTC) + timedelta(minutes=59)


async def test_a_renewal_that_the_hub_refuses_leaves_the_lease_that_runs(house: House) -> None:
    await house.subscribed()
    house.hub.answer = 503
    async with house.subscribing():
        await house.shift(8.5 * 86_400)
        await house.settled(2)
    assert await house.state() is PushState.ACTIVE


async def test_a_denial_is_stored_and_ends_what_the_hub_had_granted(house: House) -> None:
    form = await house.subscribed()
    assert (await house.hub.deny(form, "too busy")).status_code == 200
    found = await house.subscription()
    assert found is not None
    assert await house.state() is PushState.DENIED
    assert found.grant.denied_reason == "too busy"
    assert (await house.hub.verify(form)).status_code == 404
    async with house.subscribing():
        await house.look()
        await house.settled(1)
        assert len(house.hub.asked) == 1
        house.hub.verifies = False
        await house.shift(86_400)
        await house.settled(2)
    assert await house.state() is PushState.PENDING


async def test_a_feed_that_moves_to_another_hub_gets_another_callback_and_the_old_one_is_gone(house: House) -> None:
    form = await house.subscribed()
    async with running_hub() as other:
        await house.tell(PushOffer(hub=other.url, topic=FEED.url))
        async with house.subscribing():
            await house.shift(7200)
            await until(lambda: other.asked)
            await until(house._none_in_hand)
        assert other.asked[0]["hub.callback"] != form["hub.callback"]
        assert other.asked[0]["hub.secret"] != form["hub.secret"]
    assert (await house.hub.push(form, BODY)).status_code == 410
    assert await house.redis.exists(keys.websub_grant(form["hub.callback"].rpartition("/")[2])) == 0


@pytest.mark.parametrize("how", ["it names no hub", "it is removed", "it is disabled"])
async def test_a_feed_that_leaves_is_forgotten(house: House, how: str) -> None:
    form = await house.subscribed()
    if how == "it names no hub":
        await house.tell(None)
    else:
        await house.configure(*([] if how == "it is removed" else [feed(enabled=False)]))
        await house.look()
    async with house.subscribing():
        await until(lambda: _is_none(house))
    assert await DueSet(house.redis, DUE_WEBSUB).members() == set()
    assert (await house.hub.push(form, BODY)).status_code == 410
    assert (await house.hub.verify(form)).status_code == 404


async def _is_none(house: House) -> bool:
    return await house.subscription() is None and not await DueSet(house.redis, DUE_WEBSUB).members()


async def test_two_subscribers_ask_a_hub_once(house: House) -> None:
    await house.tell(house.offer)
    async with house.subscribing(), house.subscribing():
        await house.settled(1)
    assert len(house.hub.asked) == 1


async def test_a_change_told_while_another_is_worked_on_is_not_lost(house: House) -> None:
    await house.tell(house.offer)
    assert await house.pushes.schedule_changes(0.0) == 1
    due = DueSet(house.redis, DUE_WEBSUB)
    (lease,) = await due.claim(1, 60)
    await house.tell(None)
    assert await house.pushes.schedule_changes(0.0) == 1
    assert await house.pushes.schedule_changes(0.0) == 0
    await due.commit(lease, next_at=FAR)
    assert [each.member for each in await due.claim(1, 60)] == [FEED.id]


# What arrives at the callback


@pytest.mark.parametrize(
    "over",
    [
        {"hub.topic": "https://else.example/"},
        {"hub.mode": "unsubscribe"},
        {"hub.challenge": "<b>"},
    ],
    ids=["topic", "mode", "challenge"],
)
async def test_what_we_did_not_ask_for_is_answered_404(house: House, over: dict[str, str]) -> None:
    house.hub.verifies = False
    form = await house.subscribed()
    assert (await house.hub.verify(form, **over)).status_code == 404
    assert await house.state() is PushState.PENDING


@pytest.mark.parametrize("wrong", ["", "x", "%2e", "ü", ":request"])
async def test_a_callback_that_is_guessed_is_none(house: House, wrong: str) -> None:
    await house.subscribed()
    for callback_id in (f"{FEED.id}.{wrong}", wrong or FEED.id):
        path = f"/websub/{callback_id}"
        answer = await house.gateway.get(path, params={"hub.mode": "subscribe", "hub.topic": FEED.url})
        assert answer.status_code == 404
    assert (await house.gateway.post(f"/websub/{FEED.id}.{wrong}x", content=BODY)).status_code == 410


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
async def test_a_signed_push_is_stored_and_its_feed_is_due_at_once(house: House, method: str) -> None:
    form = await house.subscribed()
    assert not await house.feed_is_due()
    answer = await house.hub.push(form, BODY, method=method)
    assert (answer.status_code, answer.content) == (202, b"")
    assert await house.feed_is_due()
    push = await house.pushes.take(FEED.id)
    assert push is not None
    assert (push.body, push.content_type, push.url, push.more) == (BODY, "application/rss+xml", FEED.url, False)
    assert slowed(300, await house.subscription(), None, datetime.now(UTC)).reason == "pushed"


async def test_a_forged_push_is_answered_like_a_good_one_and_changes_nothing(house: House) -> None:
    form = await house.subscribed()
    counted = metrics.WEBSUB_PUSHES.labels(result="wrong_signature")._value
    before = counted.get()
    assert (await house.hub.push(form, BODY, secret="guessed")).status_code == 202
    assert counted.get() == before + 1
    assert (await house.hub.send(form, BODY, {})).status_code == 202
    assert (await house.hub.send(form, BODY, {"X-Hub-Signature": "md5=00"})).status_code == 202
    assert await house.pushes.take(FEED.id) is None
    assert not await house.feed_is_due()
    found = await house.subscription()
    assert found is not None
    assert found.grant.last_push_at is None


async def test_a_push_that_is_too_large_is_refused_whether_or_not_it_says_so(house: House) -> None:
    form = await house.subscribed()
    large = b"x" * (MAX_BYTES + 1)

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(large), 1 << 20):
            yield large[at : at + (1 << 20)]

    assert (await house.hub.push(form, large)).status_code == 413
    async with house.hub.http.stream("POST", form["hub.callback"], content=pieces()) as answer:
        assert answer.status_code == 413
    assert await house.pushes.take(FEED.id) is None


async def test_pushes_wait_in_order_and_a_hub_that_sends_too_many_is_told_to_come_back(house: House) -> None:
    form = await house.subscribed()
    for number in range(MAX_WAITING):
        assert (await house.hub.push(form, b"%d" % number)).status_code == 202
    answer = await house.hub.push(form, b"one too many")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    for number in range(MAX_WAITING):
        push = await house.pushes.take(FEED.id)
        assert push is not None
        assert (push.body, push.more) == (b"%d" % number, number + 1 < MAX_WAITING)
        await run(house.redis, house.pushes.done_commands(push))
    assert (await house.hub.push(form, BODY)).status_code == 202


async def test_a_push_that_nobody_reads_goes_and_its_feed_stays_due(house: House) -> None:
    form = await house.subscribed()
    await house.hub.push(form, BODY)
    assert 0 < await house.redis.ttl(keys.websub_pushes(FEED.id)) <= PUSH_SECONDS
    await house.redis.delete(keys.websub_pushes(FEED.id))
    assert await house.feed_is_due()
    assert await house.pushes.take(FEED.id) is None


async def test_a_push_outlives_the_poller_that_took_it_and_one_that_came_meanwhile_is_read_next(house: House) -> None:
    form, clock = await house.subscribed(), [time.time() + 1]
    due = DueSet(house.redis, DUE_FEEDS, clock=lambda: clock[0])
    await house.hub.push(form, b"first")
    (dead,) = await due.claim(1, 10)
    assert await house.pushes.take(FEED.id)
    clock[0] += 11
    (lease,) = await due.claim(1, 10)
    first = await house.pushes.take(FEED.id)
    assert first is not None
    await house.hub.push(form, b"second")
    with pytest.raises(LeaseLost):
        await due.commit(dead, next_at=FAR, commands=house.pushes.done_commands(first))
    assert await house.pushes.take(FEED.id) == replace(first, more=True)
    await due.commit(lease, next_at=FAR, commands=house.pushes.done_commands(first))
    assert [each.member for each in await due.claim(1, 10)] == [FEED.id]
    second = await house.pushes.take(FEED.id)
    assert second is not None
    assert second.body == b"second"


async def test_without_the_setting_nobody_listens_to_hubs(redis_url: str) -> None:
    for url, status in ((None, 404), ("https://tocsin.example", 410)):
        settings = Settings(metrics_port=0, websub_callback_url=url)
        async with wired(settings, redis_url) as parts:
            transport = httpx.ASGITransport(parts.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                assert (await client.post("/websub/any.thing", content=BODY)).status_code == status
                assert "/websub" not in (await client.get("/openapi.json")).text


def test_the_secret_of_a_request_survives_being_stored() -> None:
    request = PushRequest(
        feed_id="f",
        offer=PushOffer(hub="https://hub.example/", topic="https://news.example/"),
        callback_id="f.x",
        secret="s",
        lease_seconds=1,
        ask=1,
        tries=1,
        asked_at=datetime.now(UTC),
        retry_at=datetime.now(UTC),
        reason="new",
    )
    assert PushRequest.model_validate_json(request.model_dump_json()) == request
