"""`/v1/alerts/stream`: each alert once, as it rings, whatever happens to the connection."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import islice
from pathlib import Path

import aiohttp
import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from services.gateway.areas.alerts import AlertArea
from services.gateway.choice import AlertChoice
from services.gateway.live import Live, Opened, Still, Told
from shared import keys
from shared.metrics import Exposed, Service
from shared.models import canary
from shared.store.alerts import AlertStream
from shared.store.connection import connect
from shared.store.stories import StoryReader
from tests.exposition import samples, value
from tests.factories import alert
from tests.integration.ringing import gateway_at, put, told
from tests.integration.test_gateway import next_event, process
from tests.servers import until
from tests.sse import Event, Follower, session

STREAM = "/v1/alerts/stream"


@pytest.fixture
async def at(redis_url: str, redis: Redis) -> AsyncIterator[str]:
    """A gateway's address, on an empty Redis."""
    async with gateway_at(redis_url) as address:
        yield address


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with session() as opened:
        yield opened


async def take(events: AsyncIterator[Event], many: int) -> list[Event]:
    async with asyncio.timeout(20):
        return [await anext(events) for _ in range(many)]


async def opened(follower: Follower) -> None:
    """Until it is told where it stands: what rings from now on is told to it."""

    async def knows() -> bool:
        return bool(follower.last_event_id)

    await until(knows)


def ring(redis: SyncRedis, *names: str, **over: object) -> list[str]:
    return [put(redis, told(name, **over)) for name in names]  # type: ignore[arg-type]  # `over` names fields


async def test_an_alert_comes_as_it_rings_as_the_list_has_it(
    at: str, http: aiohttp.ClientSession, sync_redis: SyncRedis
) -> None:
    ring(sync_redis, "before")
    follower = Follower(at + STREAM)
    async with follower.following(http) as events:
        first = asyncio.create_task(take(events, 1))
        await opened(follower)
        (record_id,) = ring(sync_redis, "s", severity="high")
        (event,) = await first
    async with http.get(f"{at}/v1/alerts?limit=1") as answer:
        (listed,) = (await answer.json())["items"]
    assert (event.id, event.type, json.loads(event.data)) == (record_id, "created", listed)
    assert (listed["title"], listed["severity"], listed["url"]) == ("Title of s", "high", "/stories/s")
    assert follower.retry == 3000
    assert follower.headers["cache-control"] == "no-store"
    assert follower.headers["x-content-type-options"] == "nosniff"


async def test_whoever_comes_again_is_told_what_rang_meanwhile_and_then_what_rings(
    at: str, http: aiohttp.ClientSession, sync_redis: SyncRedis
) -> None:
    follower, met = Follower(f"{at}{STREAM}?last_event_id=0"), list[str]()
    rung = ring(sync_redis, "a", "b")
    for name in "cdef":
        async with follower.following(http) as events:
            met += [event.id for event in await take(events, len(rung) - len(met))]
            rung += ring(sync_redis, name)
            met += [event.id for event in await take(events, 1)]
        rung += ring(sync_redis, f"after {name}")
    assert met == rung[:-1]


async def test_whoever_is_cut_off_before_the_first_alert_misses_none(
    at: str, http: aiohttp.ClientSession, sync_redis: SyncRedis
) -> None:
    ring(sync_redis, "before")
    follower = Follower(at + STREAM)
    async with follower.following(http) as events:
        waiting = asyncio.create_task(take(events, 1))
        await opened(follower)
        waiting.cancel()
    rung = ring(sync_redis, "a")
    async with follower.following(http) as events:
        assert [event.id for event in await take(events, 1)] == rung


async def test_only_what_is_asked_for_is_told(at: str, http: aiohttp.ClientSession, sync_redis: SyncRedis) -> None:
    url = f"{at}{STREAM}?last_event_id=0&topic=dprk-kursk&severity=high&type=created"
    ring(sync_redis, "low")
    wanted = ring(sync_redis, "high", severity="high")
    async with Follower(url).following(http) as events:
        met = await take(events, 1)
        ring(sync_redis, "cable", severity="high", topic="undersea-cables")
        ring(sync_redis, "canary", severity="high", topic=canary.NAME)
        sync_redis.xadd(keys.alerts(), {"alert": alert(told("high"), again=True).model_dump_json()})
        wanted += ring(sync_redis, "critical", severity="critical")
        met += await take(events, 1)
    assert [event.id for event in met] == wanted


async def test_what_is_no_longer_kept_is_said_to_be_lost(
    at: str, http: aiohttp.ClientSession, sync_redis: SyncRedis
) -> None:
    gone, *_ = ring(sync_redis, "a", "b", "c")
    sync_redis.xtrim(keys.alerts(), maxlen=1, approximate=False)
    follower = Follower(at + STREAM, last_event_id=gone)
    async with follower.following(http) as events:
        (reset,) = await take(events, 1)
        rung = ring(sync_redis, "d")
        assert [event.id for event in await take(events, 1)] == rung
    assert reset.type == "reset"
    assert "/v1/stories" in json.loads(reset.data)["detail"]


async def test_a_place_is_free_again_once_somebody_leaves(redis_url: str, http: aiohttp.ClientSession) -> None:
    async with gateway_at(redis_url, streams=2) as at:

        async def status() -> int:
            async with http.get(at + STREAM) as answer:
                return answer.status

        one, other = Follower(at + STREAM), Follower(at + STREAM)
        async with one.following(http), other.following(http), http.get(at + STREAM) as answer:
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")
            assert (await answer.json())["detail"] == "so many follow already that no more are taken"

        async def is_free() -> bool:
            return await status() == 200

        await until(is_free)


@pytest.mark.parametrize("query", ["last_event_id=x", "severity=grave", "colour=red"])
async def test_what_cannot_be_understood_is_refused(at: str, http: aiohttp.ClientSession, query: str) -> None:
    async with http.get(f"{at}{STREAM}?{query}") as answer:
        assert answer.status == 422
    async with http.get(at + STREAM, headers={"Last-Event-ID": "x"}) as answer:
        assert answer.status == 422


async def test_without_redis_nobody_is_left_waiting(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    async with gateway_at(f"unix://{tmp_path}/gone.sock") as at, http.get(at + STREAM) as answer:
        assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")


async def test_a_gateway_that_is_told_to_stop_lets_go_of_whoever_follows(
    redis_url: str, redis: Redis, http: aiohttp.ClientSession
) -> None:
    async with process(redis_url) as running:
        port = (await next_event(running))["port"]
        followers = [Follower(f"http://127.0.0.1:{port}{STREAM}") for _ in range(3)]
        ends = [asyncio.create_task(followed(follower, http)) for follower in followers]
        for follower in followers:
            await opened(follower)
        running.send_signal(signal.SIGTERM)
        assert await running.wait() == 0
        assert await asyncio.gather(*ends) == [[], [], []]
    assert running.stderr
    assert await running.stderr.read() == b""


async def followed(follower: Follower, http: aiohttp.ClientSession) -> list[Event]:
    """All until the gateway ends the answer in good order."""
    async with follower.following(http) as events:
        return [event async for event in events]


# Without a connection.


@asynccontextmanager
async def live_on(url: str, *, buffer: int = 1000, still_seconds: float = 60) -> AsyncIterator[Live]:
    async with connect(url) as redis:
        area = AlertArea(AlertStream(redis), StoryReader(redis))
        live = Live(area, most=10, buffer=buffer, still_seconds=still_seconds)
        async with live.running():
            await live.ready()
            yield live


def ids(each: Sequence[Opened | Told | Still]) -> list[str]:
    return [told.alert.id for told in each if isinstance(told, Told)]


async def test_a_listener_that_is_too_slow_is_cut_and_finds_the_rest_when_it_comes_again(
    redis_url: str, sync_redis: SyncRedis
) -> None:
    async with live_on(redis_url, buffer=3) as live:
        slow, fast = (aiter(live.follow(AlertChoice().wants)) for _ in range(2))
        heard = [await anext(slow), await anext(fast)]
        both = [asyncio.ensure_future(anext(following)) for following in (slow, fast)]
        await asyncio.sleep(0.1)  # until both have joined
        rung = ring(sync_redis, "first")
        heard = [*await asyncio.gather(*both)]
        assert ids(heard) == rung * 2
        for number in range(6):
            rung += ring(sync_redis, f"s{number}")
            heard.append(await anext(fast))
        assert ids(heard[1:]) == rung
        assert [each async for each in slow] == []
        async with aclosing(live.follow(AlertChoice().wants, rung[0])) as again:
            assert ids([await anext(again) for _ in range(7)]) == rung[1:]


async def test_nothing_is_lost_or_repeated_where_the_stream_ends_and_the_present_begins(
    redis_url: str, sync_redis: SyncRedis
) -> None:
    """Alerts ring while each of many listeners catches up with more than it reads at once."""
    async with live_on(redis_url) as live:
        rung = ring(sync_redis, *(f"s{number}" for number in range(450)))

        async def listen(after: str, many: int) -> list[str]:
            async with aclosing(live.follow(AlertChoice().wants, after)) as following:
                return ids([await anext(following) for _ in range(many + 1)])

        starts = list(islice(enumerate(["0-0", *rung]), 0, 450, 37))
        listening = [asyncio.create_task(listen(after, 550 - skipped)) for skipped, after in starts]
        for number in range(100):
            rung += ring(sync_redis, f"t{number}")
            await asyncio.sleep(0)
        async with asyncio.timeout(60):
            heard = await asyncio.gather(*listening)
    assert heard == [rung[skipped:] for skipped, _ in starts]


async def test_while_nothing_rings_that_is_wanted_it_is_told_from_where_to_come_again(
    redis_url: str, sync_redis: SyncRedis
) -> None:
    async with (
        live_on(redis_url, still_seconds=0.01) as live,
        aclosing(live.follow(AlertChoice(topic="other").wants)) as following,
    ):
        assert await anext(following) == Opened("0-0")
        assert await anext(following) == Still("0-0")
        (unwanted,) = ring(sync_redis, "s")
        async with asyncio.timeout(20):
            while await anext(following) != Still(unwanted):
                pass


async def test_an_alert_is_rendered_once_for_all(redis_url: str, sync_redis: SyncRedis) -> None:
    async with live_on(redis_url) as live:
        followings = [aiter(live.follow(AlertChoice().wants)) for _ in range(3)]
        for following in followings:
            await anext(following)
        waiting = [asyncio.ensure_future(anext(following)) for following in followings]
        await asyncio.sleep(0.05)
        ring(sync_redis, "s")
        one, *others = await asyncio.gather(*waiting)
        assert isinstance(one, Told)
        assert all(other is one for other in others)


def counted(area: str, status: str) -> float:
    said = samples(Exposed(Service.GATEWAY))
    return value(said, "tocsin_gateway_requests_total", area=area, status=status)


@pytest.mark.parametrize(
    ("path", "area", "status"),
    [
        ("/", "board", "2xx"),
        ("/healthz", "board", "2xx"),
        ("/nothing", "board", "4xx"),
        ("/v1/stories/none", "stories", "4xx"),
        ("/v1/alerts", "alerts", "2xx"),
        ("/v1/status", "system", "2xx"),
        ("/v1/nothing", "system", "4xx"),
        ("/v1/backtests/none", "topics", "4xx"),
        ("/websub/none", "hubs", "4xx"),
    ],
)
async def test_a_request_is_counted_by_what_it_asks_for_and_how_it_ended(
    at: str, http: aiohttp.ClientSession, path: str, area: str, status: str
) -> None:
    before = counted(area, status)
    async with http.get(at + path):
        assert counted(area, status) == before + 1


async def test_those_who_follow_are_counted(at: str, http: aiohttp.ClientSession) -> None:
    def following() -> float:
        return value(samples(Exposed(Service.GATEWAY)), "tocsin_gateway_streams")

    async def nobody() -> bool:
        return following() == 0

    async with Follower(at + STREAM).following(http), Follower(at + STREAM).following(http):
        assert following() == 2
    await until(nobody)
