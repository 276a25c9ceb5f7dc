"""What the gateway does for every route: rates, repetitions, entity tags, audit log, origins, bounds, headers."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from redis.asyncio import Redis
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from services.gateway.api.etags import WithETags, check_match, etag_of
from services.gateway.guard.bodies import MAX_BYTES
from services.gateway.guard.guard import Guard
from services.gateway.guard.idempotency import Idempotency
from services.gateway.views.access import TokenView
from shared import keys
from shared.models.access import Audited, Scope
from shared.settings import Settings
from shared.store.audit import KEPT, STRANGERS, AuditLog
from shared.store.idempotency import IdempotencyStore
from tests.factories import NOON, after
from tests.gateways import PROBLEM, House, bearer, guarded, token_of
from tests.servers import until

DESK = {"name": "desk"}


@pytest.fixture
async def house(redis_url: str, redis: Redis) -> AsyncIterator[House]:
    async with guarded(redis_url) as built:
        yield built


# Rates.


async def asked(house: House, times: int, headers: dict[str, str] | None = None, **request: object) -> list[int]:
    how = {"method": "GET", "url": "/v1/tokens/none"} | request
    return [(await house.client.request(**how, headers=headers)).status_code for _ in range(times)]  # type: ignore[arg-type]


async def test_who_asks_too_often_is_told_when_to_come_back_and_the_others_are_served(
    redis_url: str, redis: Redis
) -> None:
    async with guarded(redis_url, gateway_rate_per_minute=3) as house:
        (_, one), (_, other) = await token_of(redis), await token_of(redis)
        # Where one minute ends and the next begins, one more may get through.
        statuses = await asked(house, 5, bearer(one), url="/v1/status")
        assert (statuses[:3], statuses[-1]) == ([200] * 3, 429)
        answer = await house.client.get("/v1/status", headers=bearer(one))
        assert (answer.status_code, answer.headers["content-type"]) == (429, PROBLEM)
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert await asked(house, 1, bearer(other), url="/v1/status") == [200]
        assert await asked(house, 1, url="/healthz") == [200]


async def test_changes_have_a_bound_of_their_own(redis_url: str, redis: Redis) -> None:
    async with guarded(redis_url, gateway_writes_per_minute=2) as house:
        statuses = await asked(house, 4, method="DELETE")
        assert (statuses[:2], statuses[-1]) == ([404] * 2, 429)
        assert await asked(house, 5) == [404] * 5


async def test_wrong_tokens_are_limited_by_address_and_right_ones_still_let_in(redis_url: str, redis: Redis) -> None:
    async with guarded(redis_url, gateway_failures_per_minute=3) as house:
        _, text = await token_of(redis, Scope.ADMIN)
        statuses = await asked(house, 5, bearer("toc_wrong"))
        assert (statuses[:3], statuses[-1]) == ([401] * 3, 429)
        assert await asked(house, 1, bearer(text)) == [404]


# Idempotency keys.


async def made(house: House, key: str, body: object = DESK, headers: dict[str, str] | None = None) -> httpx.Response:
    return await house.client.post("/v1/tokens", json=body, headers={"Idempotency-Key": key} | (headers or {}))


class Counting:
    """An application that says how often it was called, with what it was sent, as the test has it."""

    def __init__(self, status: int = 201, headers: dict[str, str] | None = None) -> None:
        self.calls = 0
        self.status = status
        self.headers = headers or {"Location": "/v1/things/1"}
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        self.calls += 1
        body = await Request(scope, receive).body()
        await self.may_end.wait()
        answer = JSONResponse({"call": self.calls, "sent": body.decode()}, self.status, self.headers)
        await answer(scope, receive, send)


def keyed(app: ASGIApp, store: IdempotencyStore) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(Idempotency(app, store)), base_url="http://localhost")


async def post(client: httpx.AsyncClient, key: str = "k", body: str = "body", path: str = "/v1/x") -> httpx.Response:
    # What the middleware raises, the guard tells as a problem; here it has nobody around it.
    return await client.post(path, content=body, headers={"Idempotency-Key": key})


async def test_a_repetition_does_nothing_and_gets_the_same_answer(redis: Redis) -> None:
    app = Counting()
    async with keyed(app, IdempotencyStore(redis)) as client:
        first, again = await post(client), await post(client)
        other = await post(client, "other")
    assert app.calls == 2
    assert again.headers.pop("idempotency-replayed") == "true"
    assert (
        (again.status_code, again.content) == (first.status_code, first.content) == (201, b'{"call":1,"sent":"body"}')
    )
    assert dict(again.headers) == dict(first.headers)
    assert "idempotency-replayed" not in other.headers


async def test_the_keys_of_two_callers_never_meet(house: House, redis: Redis) -> None:
    (_, one), (_, other) = await token_of(redis, Scope.ADMIN), await token_of(redis, Scope.ADMIN)
    assert (await made(house, "k", headers=bearer(one))).status_code == 201
    assert (await made(house, "k", headers=bearer(other))).status_code == 201


@pytest.mark.parametrize("other", [{"body": "another"}, {"path": "/v1/y"}, {"path": "/v1/x?a=1"}])
async def test_the_same_key_with_another_request_is_422(house: House, redis: Redis, other: dict[str, str]) -> None:
    app = Counting()
    guarded_app = guard_of(house, redis).around(app)
    transport = httpx.ASGITransport(guarded_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        await post(client)
        answer = await post(client, **other)
    assert (answer.status_code, answer.headers["content-type"], app.calls) == (422, PROBLEM, 1)


async def test_while_the_first_is_worked_on_the_second_is_told_so(house: House, redis: Redis) -> None:
    app = Counting()
    app.may_end.clear()
    transport = httpx.ASGITransport(guard_of(house, redis).around(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        first = asyncio.create_task(post(client))
        await until(lambda: app.calls)
        second = await post(client)
        assert (second.status_code, second.headers["retry-after"], app.calls) == (409, "1", 1)
        app.may_end.set()
        assert (await first).status_code == 201
        assert (await post(client)).headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("status", [404, 422, 503])
async def test_what_was_refused_or_failed_may_be_tried_again(redis: Redis, status: int) -> None:
    app = Counting(status)
    async with keyed(app, IdempotencyStore(redis)) as client:
        assert (await post(client)).status_code == status
        app.status = 201
        assert (await post(client, body="mended")).status_code == 201
    assert app.calls == 2


async def test_a_gateway_that_dies_in_the_middle_leaves_the_key_to_others_soon(redis: Redis) -> None:
    store = IdempotencyStore(redis, lease_seconds=100)
    mine, is_mine = await store.begin("r", "f")
    assert is_mine
    assert 0 < await redis.ttl(keys.idempotency("r")) <= 100
    await redis.delete(keys.idempotency("r"))  # the lease ran out
    after_it, is_its = await store.begin("r", "f")
    assert is_its
    await store.free("r", mine)
    assert await store.begin("r", "f") == (after_it, False)


async def test_an_answer_is_kept_for_a_day_and_a_secret_not_at_all(redis: Redis) -> None:
    for headers, kept in (({}, True), ({"Cache-Control": "no-store"}, False)):
        await redis.flushall()
        async with keyed(Counting(headers=headers), IdempotencyStore(redis)) as client:
            await post(client)
        (key,) = await redis.keys()
        assert 86_000 < await redis.ttl(key) <= 86_400
        assert (b"sent" in (await redis.get(key) or b"")) == kept


async def test_a_token_is_not_made_twice_and_its_text_not_shown_twice(house: House, redis: Redis) -> None:
    first = await made(house, "k", {"name": "desk", "scopes": ["admin"]})
    (token,) = await house.gateway.access.every()
    # The first was made by whoever was at this machine, and so is the second, once there is no token any more.
    await house.gateway.access.revoke(token.id)
    again = await made(house, "k", {"name": "desk", "scopes": ["admin"]})
    assert (first.status_code, again.status_code) == (201, 409)
    assert "only once" in again.json()["detail"]
    assert await house.gateway.access.every() == []


async def test_a_key_that_is_none_is_refused(house: House) -> None:
    for key in ("", "a b", "x" * 256):
        assert (await made(house, key)).status_code == 400


def guard_of(house: House, redis: Redis) -> Guard:
    settings = Settings(gateway_rate_per_minute=1000, gateway_writes_per_minute=1000)
    return Guard.of(settings, house.gateway.access, IdempotencyStore(redis))


# Entity tags.


async def test_what_has_not_changed_is_not_sent_again(house: House, redis: Redis) -> None:
    first = await house.client.get("/v1/status")
    tag = first.headers["etag"]
    assert (tag, first.headers["cache-control"]) == (etag_of(first.content), "private, no-cache")
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await house.client.get("/v1/status", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert "content-length" not in again.headers
        assert again.headers["x-content-type-options"] == "nosniff"
    await redis.hset(keys.dead_letters(), "x", '{"entry_id":"x","reason":"r","tries":1,"at":"2025-01-01T00:00:00Z"}')
    changed = await house.client.get("/v1/status", headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()["dead_letters"]) == (200, 1)


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({}, headers={"Cache-Control": "no-store"}),
        JSONResponse({}, 404),
        JSONResponse({}, headers={"ETag": '"own"'}),
        Response("data: 1\n\n", media_type="text/event-stream"),
        Response("<p>", media_type="text/html"),
    ],
)
async def test_secrets_errors_streams_and_pages_are_not_tagged(answer: Response) -> None:
    transport = httpx.ASGITransport(WithETags(answer))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        got = await client.get("/", headers={"If-None-Match": "*"})
    assert (got.status_code, got.content) == (answer.status_code, answer.body)
    assert got.headers.get("etag") in (None, '"own"')


async def test_what_has_changed_since_it_was_read_is_not_overwritten(house: House) -> None:
    place = (await made(house, "k", {"name": "Тривога", "scopes": ["admin"]})).headers["location"]
    await house.gateway.access.tokens.revoke(place.rpartition("/")[2])
    text = (await made(house, "l", {"name": "Тривога", "scopes": ["admin"], "expires_days": 3})).json()
    mine, place = bearer(text["token"]), f"/v1/tokens/{text['id']}"
    tag = (await house.client.get(place, headers=mine)).headers["etag"]
    for wrong in ('"other"', f"W/{tag}"):
        refused = await house.client.delete(place, headers=mine | {"If-Match": wrong})
        assert (refused.status_code, refused.headers["content-type"]) == (412, PROBLEM)
    done = await house.client.delete(place, headers=mine | {"If-Match": f'"other", {tag}'})
    assert done.status_code == 204


def test_without_a_condition_or_with_any_anything_may_be_changed() -> None:
    view = TokenView(id="x", name="x", scopes=(), created_at=NOON, expires_at=None, expired=False)
    for headers in ([], [(b"if-match", b"*")]):
        check_match(Request({"type": "http", "headers": headers}), view)


# The audit log.


async def test_every_change_is_noted_with_who_when_what_and_what_came_of_it(house: House, redis: Redis) -> None:
    token, text = await token_of(redis, Scope.ADMIN, name="Desk")
    _, reader = await token_of(redis, name="Reader")
    await house.client.post("/v1/tokens", json={"name": "made"}, headers=bearer(text))
    await house.client.delete("/v1/tokens/none?x=hunter2", headers=bearer(text))
    await house.client.delete(f"/v1/tokens/{token.id}", headers=bearer(reader))
    await house.client.post("/v1/tokens", json={"name": "hunter2"}, headers=bearer("wrong"))
    await house.client.get("/v1/tokens", headers=bearer(text))
    answer = await house.client.get("/v1/audit", headers=bearer(text))
    told = [[each[name] for name in ("who", "method", "route", "target", "status")] for each in answer.json()["items"]]
    assert told == [
        [None, "POST", "/v1/tokens", "", 401],
        ["Reader", "DELETE", "/v1/tokens/{token_id}", token.id, 403],
        ["Desk", "DELETE", "/v1/tokens/{token_id}", "none", 404],
        ["Desk", "POST", "/v1/tokens", "", 201],
    ]
    assert (answer.json()["items"][3]["token_id"], answer.json()["items"][3]["address"]) == (token.id, "127.0.0.1")
    assert "hunter2" not in answer.text


async def test_what_was_refused_before_a_route_was_chosen_is_noted_too(house: House) -> None:
    await house.client.post("/v1/tokens", json=DESK, headers={"Origin": "https://evil.example"})
    await house.client.post("/v1/tokens", content=b"x" * (MAX_BYTES + 1))
    await house.client.post("/v1/nothing")
    told = await house.gateway.access.audited(10, None)
    assert [(each.who, each.route, each.status) for each in told] == [
        ("local", "/v1/nothing", 404),
        ("local", "/v1/tokens", 413),
        (None, "/v1/tokens", 403),
    ]


async def test_the_log_is_read_in_pages_newest_first(house: House) -> None:
    for number in range(5):
        await house.client.delete(f"/v1/tokens/{number}")
    seen, path = list[str](), "/v1/audit?limit=2"
    while path:
        answer = await house.client.get(path)
        seen += [each["target"] for each in answer.json()["items"]]
        assert ("next" in answer.links) == (answer.json()["next"] is not None)
        path = urljoin(path, answer.links["next"]["url"]) if answer.links else ""
    assert seen == ["4", "3", "2", "1", "0"]
    for wrong in ("x", "1", "1-x"):
        assert (await house.client.get(f"/v1/audit?cursor={wrong}")).status_code == 422


async def test_strangers_who_knock_often_displace_nothing_of_what_was_done(redis: Redis) -> None:
    log = AuditLog(redis)
    done = Audited(at=NOON, who="Desk", method="POST", route="/v1/tokens", status=201)
    await log.note(done)
    for number in range(KEPT[STRANGERS] * 2):
        await log.note(done.model_copy(update={"who": None, "at": after(number)}))
    assert await redis.xlen(keys.audit(STRANGERS)) < KEPT[STRANGERS] * 1.2
    assert (await log.newest(KEPT[STRANGERS] * 2))[-1].audited == done


async def test_without_redis_nothing_is_let_in_and_it_is_told_in_words(tmp_path: Path) -> None:
    async with guarded(f"unix://{tmp_path}/gone.sock") as house:
        for method in ("GET", "POST"):
            answer = await house.client.request(method, "/v1/tokens")
            assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
            assert answer.headers["retry-after"]
        assert (await house.client.get("/healthz")).status_code == 200


# Origins, bounds, headers.


async def test_a_page_elsewhere_changes_nothing_even_with_the_cookie(house: House, redis: Redis) -> None:
    token, text = await token_of(redis, Scope.ADMIN)
    cookie = {"Cookie": f"tocsin_token={text}"}
    for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        answer = await house.client.delete(f"/v1/tokens/{token.id}", headers=cookie | foreign)
        assert (answer.status_code, answer.headers["content-type"]) == (403, PROBLEM)
    own = cookie | {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert (await house.client.delete(f"/v1/tokens/{token.id}", headers=own)).status_code == 204


async def test_other_origins_read_nothing_unless_they_are_configured(redis_url: str, redis: Redis) -> None:
    origin = {"Origin": "https://desk.example"}
    asking = origin | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    _, text = await token_of(redis, Scope.ADMIN)
    async with guarded(redis_url) as house:
        assert (await house.client.options("/v1/tokens", headers=asking)).status_code == 401
        answer = await house.client.get("/v1/status", headers=origin | bearer(text))
        assert "access-control-allow-origin" not in answer.headers
    async with guarded(redis_url, gateway_cors_origins="https://desk.example") as house:
        allowed = await house.client.options("/v1/tokens", headers=asking)
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, origin["Origin"])
        assert "access-control-allow-credentials" not in allowed.headers
        done = await house.client.post("/v1/tokens", json=DESK, headers=origin | bearer(text))
        assert (done.status_code, done.headers["access-control-allow-origin"]) == (201, origin["Origin"])
        other = await house.client.get("/v1/status", headers={"Origin": "https://evil.example"} | bearer(text))
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("origins", ["*", "desk.example", "https://desk.example/board", "https://a@desk.example"])
def test_what_is_no_origin_is_no_setting(origins: str) -> None:
    with pytest.raises(ValueError, match="gateway_cors_origins"):
        Settings.model_validate({"gateway_cors_origins": origins})


async def pieces(number: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield b"x" * 65_536


async def test_a_body_is_bounded_whether_or_not_its_length_is_told(house: House) -> None:
    for content in (b"x" * (MAX_BYTES + 1), pieces(17)):
        answer = await house.client.post("/v1/tokens", content=content)
        assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)
    large = {"name": "desk", "scopes": ["read"], "expires_days": None}
    padded = json.dumps(large).ljust(MAX_BYTES).encode()
    headers = {"Content-Type": "application/json"}
    assert (await house.client.post("/v1/tokens", content=padded, headers=headers)).status_code == 201


async def test_the_headers_let_the_board_use_what_is_its_own_and_nothing_else(redis_url: str, redis: Redis) -> None:
    for url, sure in ((None, False), ("http://tocsin.example", False), ("https://tocsin.example", True)):
        async with guarded(redis_url, public_url=url) as house:
            headers = (await house.client.get("/")).headers
        assert ("strict-transport-security" in headers) == sure
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
        assert policy["img-src"] == "'self' data:"
        assert not any(word in headers["content-security-policy"] for word in ("unsafe", "*", "http"))
        assert "camera=()" in headers["permissions-policy"]
        assert headers["cache-control"] == "no-store"
