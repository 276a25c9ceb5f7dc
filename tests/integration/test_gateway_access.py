"""Who gets in at the gateway, and to what: each scope at each route, and where it listens."""

import asyncio
import inspect
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import httpx
import pytest
from redis.asyncio import Redis
from starlette.responses import StreamingResponse
from starlette.routing import BaseRoute
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from services.gateway.guard.authentication import Authentication
from services.gateway.guard.rates import Rates
from services.gateway.guard.rules import needs_no_token
from shared.models.access import Scope
from shared.runtime.serving import served
from shared.store.tokens import Presented, TokenStore
from tests.factories import NOON
from tests.gateways import PROBLEM, House, bearer, guarded, inner, status_of, token_of
from tests.integration.test_gateway import next_event, process

R, F, S, A = Scope.READ, Scope.FEEDS, Scope.SUBSCRIPTIONS, Scope.ADMIN

# What each route of the API asks for. A route that is new fails the test below until it has its row.
ROUTES: dict[tuple[str, str], Scope] = {
    ("GET", "/v1/feeds"): R,
    ("POST", "/v1/feeds"): F,
    ("GET", "/v1/feeds.opml"): R,
    ("GET", "/v1/feeds/{feed_id}"): R,
    ("PATCH", "/v1/feeds/{feed_id}"): F,
    ("DELETE", "/v1/feeds/{feed_id}"): F,
    ("GET", "/v1/feeds/{feed_id}/polls"): R,
    ("POST", "/v1/feeds/{feed_id}/poll"): F,
    ("GET", "/v1/topics"): R,
    ("GET", "/v1/topics/{name}"): R,
    ("GET", "/v1/backtests/{backtest_id}"): R,
    ("POST", "/v1/topics/test"): R,
    ("POST", "/v1/topics/{name}/backtests"): R,
    ("GET", "/v1/stories"): R,
    ("GET", "/v1/stories/{story_id}"): R,
    ("GET", "/v1/stories/{story_id}/articles"): R,
    ("GET", "/v1/stories/{story_id}/timeline"): R,
    ("GET", "/v1/alerts"): R,
    ("GET", "/v1/alerts/stream"): R,
    ("GET", "/v1/alerts.atom"): R,
    ("GET", "/v1/alerts.rss"): R,
    ("GET", "/v1/alerts.json"): R,
    ("GET", "/v1/subscriptions"): R,
    ("POST", "/v1/subscriptions"): S,
    ("GET", "/v1/subscriptions/{subscription_id}"): R,
    ("PATCH", "/v1/subscriptions/{subscription_id}"): S,
    ("DELETE", "/v1/subscriptions/{subscription_id}"): S,
    ("GET", "/v1/subscriptions/{subscription_id}/deliveries"): R,
    ("POST", "/v1/subscriptions/dry-run"): R,
    ("POST", "/v1/subscriptions/{subscription_id}/dry-run"): R,
    ("POST", "/v1/subscriptions/{subscription_id}/rotate"): S,
    ("POST", "/v1/subscriptions/{subscription_id}/test"): S,
    ("POST", "/v1/subscriptions/{subscription_id}/redeliver"): S,
    ("POST", "/v1/subscriptions/{subscription_id}/recover"): S,
    ("POST", "/v1/subscriptions/{subscription_id}/enable"): S,
    ("POST", "/v1/subscriptions/{subscription_id}/disable"): S,
    ("GET", "/v1/dead-letters"): R,
    ("POST", "/v1/dead-letters/{entry_id}/retry"): A,
    ("DELETE", "/v1/dead-letters/{entry_id}"): A,
    ("GET", "/v1/status"): R,
    ("GET", "/v1/tokens"): A,
    ("POST", "/v1/tokens"): A,
    ("GET", "/v1/tokens/{token_id}"): A,
    ("DELETE", "/v1/tokens/{token_id}"): A,
    ("GET", "/v1/audit"): A,
}


@pytest.fixture
async def house(redis_url: str, redis: Redis) -> AsyncIterator[House]:
    async with guarded(redis_url) as built:
        yield built


async def test_the_table_names_every_route_of_the_api_with_the_scope_that_the_description_tells(house: House) -> None:
    described = (await house.client.get("/openapi.json")).json()
    assert described["openapi"].startswith("3.1.")
    told = {
        (method.upper(), path): operation["security"]
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    }
    assert {route: [{"token": [scope.value]}] for route, scope in ROUTES.items()} == told


def every_route(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Also those of the routers in routers: the pages, which no description names."""
    for route in routes:
        inside = getattr(route, "original_router", None)
        yield from every_route(inside.routes) if inside else ()
        yield from ((method, getattr(route, "path", "")) for method in getattr(route, "methods", None) or ())


@pytest.mark.parametrize(("route", "scope"), list(product(ROUTES, Scope)), ids=str)
async def test_a_route_lets_in_who_has_its_scope_and_nobody_else(
    route: tuple[str, str], scope: Scope, house: House, redis: Redis
) -> None:
    _, text = await token_of(redis, scope)
    method, path = route[0], re.sub(r"\{\w+\}", "none", route[1])
    status = await status_of(house.app, method, path, list(bearer(text).items()))
    if scope.allows(ROUTES[route]):
        assert status not in (401, 403, 405, 429, 500)
    else:
        assert status == 403


async def test_nothing_is_shown_to_who_has_no_token_but_what_needs_none(house: House, redis: Redis) -> None:
    await token_of(redis)
    asked = list(ROUTES)
    asked += every_route(inner(house.app).routes)
    assert ("GET", "/openapi.json") in asked
    assert ("GET", "/") in asked
    for method, path in asked:
        status = await status_of(house.app, method, re.sub(r"\{\w+(:path)?\}", "none", path), [])
        assert status == (200 if path == "/healthz" else 401) or needs_no_token(path), (method, path)


async def test_a_token_is_taken_as_bearer_as_password_and_as_cookie(house: House, redis: Redis) -> None:
    _, text = await token_of(redis)
    asked = [
        await house.client.get("/v1/feeds", headers=bearer(text)),
        await house.client.get("/v1/feeds", auth=("anybody", text)),
        await house.client.get("/v1/feeds", headers={"Cookie": f"tocsin_token={text}"}),
    ]
    assert [answer.status_code for answer in asked] == [200, 200, 200]


async def test_a_token_that_is_wrong_has_expired_or_was_revoked_is_refused_with_the_reason(
    house: House, redis: Redis
) -> None:
    token, text = await token_of(redis)
    _, old = await token_of(redis, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    forged = text[:-1] + ("A" if text[-1] != "A" else "B")
    other = text.replace(token.id, "0" * 10)
    for wrong, reason in ((forged, "no such token"), (other, "no such token"), ("x", "no such"), (old, "has expired")):
        answer = await house.client.get("/v1/feeds", headers=bearer(wrong))
        assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)
        assert answer.headers["www-authenticate"] == 'Bearer realm="Tocsin", error="invalid_token"'
        assert reason in answer.json()["detail"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await house.client.get("/v1/feeds", headers=bearer(text))).status_code == 200
    assert await house.gateway.access.revoke(token.id)
    assert (await house.client.get("/v1/feeds", headers=bearer(text))).status_code == 401


async def test_tokens_that_have_all_expired_open_nothing(house: House, redis: Redis) -> None:
    await token_of(redis, expires_at=NOON)
    assert (await house.client.get("/v1/feeds")).status_code == 401


async def test_a_feed_reader_is_asked_for_a_password_and_a_person_led_to_the_login(house: House, redis: Redis) -> None:
    await token_of(redis)
    reader = await house.client.get("/v1/alerts.atom")
    assert (reader.status_code, 'Basic realm="Tocsin"' in reader.headers["www-authenticate"]) == (401, True)
    person = await house.client.get("/stories/x?page=2", headers={"Accept": "text/html,*/*"})
    assert (person.status_code, person.headers["location"]) == (303, "/login?next=/stories/x%3Fpage%3D2")
    assert (await house.client.get("/v1/feeds", headers={"Accept": "text/html"})).status_code == 401


async def test_while_there_is_no_token_this_machine_may_do_everything_and_a_page_that_rebinds_nothing(
    house: House,
) -> None:
    assert (await house.client.get("/v1/tokens")).status_code == 200
    answer = await house.client.get("/v1/status", headers={"Host": "evil.example"})
    assert (answer.status_code, "only this machine" in answer.json()["detail"]) == (403, True)


async def test_left_open_it_serves_by_address_and_by_its_public_name(redis_url: str, redis: Redis) -> None:
    over = {"gateway_open": True, "public_url": "https://tocsin.example"}
    async with guarded(redis_url, base_url="http://192.0.2.1", **over) as house:
        assert (await house.client.get("/v1/tokens")).status_code == 200
        for host, status in (("tocsin.example", 200), ("evil.example", 403)):
            assert (await house.client.get("/v1/status", headers={"Host": host})).status_code == status
        await token_of(redis)
        assert (await house.client.get("/v1/status")).status_code == 401


class Endless:
    """An application whose answer goes on until its client has gone."""

    def __init__(self) -> None:
        self.words = asyncio.Queue[bytes]()

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        async def told() -> AsyncIterator[bytes]:
            while True:
                yield await self.words.get()

        await StreamingResponse(told(), media_type="text/event-stream")(scope, receive, send)


async def test_a_stream_ends_when_its_token_is_revoked(house: House, redis: Redis) -> None:
    (token, text), _ = await token_of(redis), await token_of(redis, name="who stays")
    app = Endless()
    door = Authentication(app, house.gateway.access, Rates(1000, 1000, 20), (), look_again_seconds=0)
    async with (
        served(door, "127.0.0.1", 0) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
        client.stream("GET", "/v1/alerts/stream", headers=bearer(text)) as answer,
    ):
        heard = answer.aiter_bytes()
        app.words.put_nowait(b"one")
        assert await anext(heard) == b"one"
        await TokenStore(redis).revoke(token.id)
        app.words.put_nowait(b"two")
        assert [piece async for piece in heard] == []


# Tokens through the API.


async def test_a_token_is_shown_once_listed_without_its_text_and_revoked(house: House) -> None:
    made = await house.client.post("/v1/tokens", json={"name": "desk", "scopes": ["admin"], "expires_days": 1})
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    told = made.json()
    mine = bearer(told.pop("token"))
    assert (await house.client.get(made.headers["location"], headers=mine)).json() == told
    assert (await house.client.get("/v1/tokens", headers=mine)).json()["items"] == [told]
    assert "digest" not in told
    assert (await house.client.delete(made.headers["location"], headers=mine)).status_code == 204
    assert (await house.client.delete(made.headers["location"])).status_code == 404


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "a\nb"}, {"name": "a", "scopes": []}, {"name": "a", "scopes": ["root"]},
             {"name": "a", "expires_days": 0}, {"name": "a", "digest": "0"}]
)  # fmt: skip
async def test_a_token_without_sense_is_not_made(house: House, body: dict[str, object]) -> None:
    assert (await house.client.post("/v1/tokens", json=body)).status_code == 422
    assert (await house.client.get("/v1/tokens")).json()["items"] == []


def test_a_secret_is_compared_in_constant_time_and_not_shown_by_what_holds_it() -> None:
    assert "hmac.compare_digest(" in inspect.getsource(Presented.is_of)
    assert "hunter2" not in repr(Presented("0123456789", "hunter2"))


async def held(redis: Redis, key: bytes | str) -> object:
    match await redis.type(key):
        case b"stream":
            return key, await redis.xrange(key)
        case b"hash":
            return key, await redis.hgetall(key)
        case _:
            return key, await redis.get(key)


async def test_no_secret_is_in_redis_or_in_a_log_line(
    house: House, redis: Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    keyed = {"Idempotency-Key": "once"}
    made = await house.client.post("/v1/tokens", json={"name": "desk", "scopes": ["admin"]}, headers=keyed)
    text = made.json()["token"]
    secret = text.removeprefix(f"toc_{made.json()['id']}_")
    await house.client.post("/v1/tokens", json={"name": "desk"}, headers=bearer(text))
    await house.client.post(f"/v1/{text}", headers=bearer(text))
    await house.client.post("/v1/tokens", json={}, headers={"Cookie": f"tocsin_token={text}x"})
    await house.client.post(f"/{text}?token={text}", auth=("x", text[:-1]))
    dumped = str([await held(redis, key) for key in await redis.keys()])
    assert made.json()["id"] in dumped
    assert secret not in dumped
    logged = capsys.readouterr()
    assert "gateway.audit" in logged.out
    assert secret not in logged.out + logged.err


# The process.


async def test_the_first_token_opens_the_gateway_and_the_last_one_closes_it(redis_url: str, redis: Redis) -> None:
    # A spelling of 127.0.0.1 that is not recognised as such: this test listens nowhere else.
    async with process(redis_url, TOCSIN_GATEWAY_HOST="127.1") as running:
        event = await next_event(running)
        assert (event["event"], event["host"], event["served"]) == ("gateway.listening", "127.0.0.1", "this_machine")
        told = await next_event(running)
        assert (told["level"], told["event"]) == ("warning", "gateway.this_machine_only")
        assert "tocsin tokens create" in str(told["meaning"])
        token, text = await token_of(redis)
        event = await next_event(running)
        assert (event["event"], event["host"], event["served"]) == ("gateway.listening", "127.1", "tokens")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{event['port']}", trust_env=False) as client:
            assert (await client.get("/v1/status")).status_code == 401
            assert (await client.get("/v1/status", headers=bearer(text))).status_code == 200
        await TokenStore(redis).revoke(token.id)
        assert (await next_event(running))["host"] == "127.0.0.1"
