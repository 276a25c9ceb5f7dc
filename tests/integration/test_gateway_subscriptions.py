"""`/v1/subscriptions` on a real Redis, with a real notifier and receivers on loopback."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from standardwebhooks import Webhook

from services.gateway.api.etags import etag_of
from services.gateway.app import create_app
from services.gateway.wiring import opened
from services.operations.subscriptions.secrets import new_secret
from shared.models.story import AlertType, Story
from shared.models.subscription import DiscordChannel, EmailChannel, JournalChannel, SlackChannel
from shared.store.subscriptions import SubscriptionStore
from tests.answers import HANGS, OK, Status
from tests.commands import ROOT
from tests.factories import SECRET, make_id, revision, story, subscription, webhook
from tests.notifying import House, house_of, running, settings
from tests.receivers import Receiver
from tests.servers import LOOPBACK, until

PROBLEM = "application/problem+json"
FAILS, GONE = Status(500), Status(410)
PATH = "/v1/subscriptions"
NO_NOTIFIER = "no notifier takes it up: is one running? It is done as soon as one is"
Body = dict[str, Any]


@pytest.fixture
async def house(redis: Redis, sync_redis: SyncRedis, tmp_path: Path) -> AsyncIterator[House]:
    async with house_of(redis, sync_redis, tmp_path) as built:
        built.write()
        yield built


@asynccontextmanager
async def gateway_of(house: House, url: str, **over: object) -> AsyncIterator[httpx.AsyncClient]:
    chosen = settings(
        **{
            "subscriptions_file": house.home / "subscriptions.yaml",
            "topics_dir": ROOT / "seeds/topics",
            "allow_networks": LOOPBACK,
        }
        | over
    )
    async with opened(chosen, url) as gateway:
        transport = httpx.ASGITransport(create_app(gateway), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway", timeout=30) as client:
            yield client


@pytest.fixture
async def gateway(house: House, redis_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_of(house, redis_url) as client:
        yield client


def fresh(name: str = "story", *, ago: float = 0, **over: object) -> Story:
    at = datetime.now(UTC) - timedelta(seconds=ago)
    fields = {"id": make_id(name), "revisions": (revision(at=at),), "first_seen_at": at, "updated_at": at}
    return story(**fields | over)


def to(url: str, name: str = "desk", **over: object) -> Body:
    return {"id": name, "channel": {"type": "webhook", "url": url}, **over}


def told(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def refused(answer: httpx.Response, status: int) -> str:
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    detail: str = answer.json()["detail"]
    return detail


async def active(gateway: httpx.AsyncClient, body: Body) -> Body:
    """Made, and its handshake answered."""
    made: Body = told(await gateway.post(PATH, json=body), 201)
    await until(lambda: is_now(gateway, "active", body["id"]))
    return made


async def is_now(gateway: httpx.AsyncClient, state: str, name: str = "desk") -> bool:
    return bool(told(await gateway.get(f"{PATH}/{name}"))["state"] == state)


def bodies(receiver: Receiver) -> list[Body]:
    return [json.loads(request.body) for request in receiver.requests]


def has(receiver: Receiver, requests: int) -> bool:
    return len(receiver.requests) == requests


def kinds(receiver: Receiver) -> list[str]:
    return [body["type"] for body in bodies(receiver)]


# Made.


async def test_a_webhook_is_pending_until_its_test_is_answered_and_its_secret_is_shown_once(
    house: House, gateway: httpx.AsyncClient
) -> None:
    async with Receiver() as receiver:
        answer = await gateway.post(PATH, json=to(f"{receiver.url}?token=hunter2", topics=["dprk-kursk"]))
        made = told(answer, 201)
        assert (answer.headers["location"], answer.headers["cache-control"]) == (f"{PATH}/desk", "no-store")
        assert (made["state"], made["managed_by"], made["waiting"], made["attempts"]) == ("pending", "store", 1, [])
        assert made["channel"] == {"type": "webhook", "where": f"127.0.0.1:{receiver.port}", "to": []}
        assert not receiver.requests
        async with running(house.notifier()):
            await until(lambda: is_now(gateway, "active"))
            story = house.tell(fresh())
            await until(lambda: len(receiver.requests) == 2)
            await until(house.is_idle)
        for request in receiver.requests:
            assert Webhook(made["secret"]).verify(request.body, dict(request.headers))
        shown = await gateway.get(f"{PATH}/desk")
        second, first = told(shown)["attempts"]
        assert (first["type"], first["outcome"], first["title"]) == ("webhook.test", "delivered", None)
        assert (second["type"], second["subject"], second["title"]) == ("story.alert.created", story.id, story.title)
        texts = [shown.text, (await gateway.get(PATH)).text, (await gateway.get(f"{PATH}/desk/deliveries")).text]
        assert not any(secret in text for text in texts for secret in (made["secret"], "hunter2", "whsec_"))


async def test_one_that_refuses_its_test_is_told_nothing_and_nobody_can_skip_that(
    house: House, gateway: httpx.AsyncClient
) -> None:
    async with Receiver(FAILS) as receiver, running(house.notifier(delivery_retry_scale=0.05)):
        told(await gateway.post(PATH, json=to(receiver.url)), 201)
        await until(lambda: len(receiver.requests) == 2)
        house.tell(fresh())
        await until(house.is_idle)
        shown = told(await gateway.get(f"{PATH}/desk"))
        assert (shown["state"], shown["attempts"][0]["outcome"]) == ("pending", "server_error")
        for way in ("enable", "disable"):
            assert "is pending" in refused(await gateway.post(f"{PATH}/desk/{way}"), 409)
        assert set(kinds(receiver)) == {"webhook.test"}
        receiver.answers(OK)
        assert told(await gateway.post(f"{PATH}/desk/test"))["outcome"] == "delivered"
        await until(lambda: kinds(receiver)[-1] == "story.alert.created")


async def test_a_secret_that_is_given_signs_and_is_not_shown(house: House, gateway: httpx.AsyncClient) -> None:
    async with Receiver(secrets=[SECRET]) as receiver, running(house.notifier()):
        answer = await gateway.post(
            PATH, json={"id": "desk", "channel": {"type": "webhook", "url": receiver.url, "secret": SECRET}}
        )
        assert (told(answer, 201)["secret"], SECRET in answer.text) == (None, False)
        await until(lambda: is_now(gateway, "active"))
        assert not receiver.refusals


@pytest.mark.parametrize("kind", ["slack", "discord"])
async def test_an_address_of_slack_or_discord_is_used_and_never_shown(
    house: House, gateway: httpx.AsyncClient, kind: str
) -> None:
    async with Receiver() as receiver, running(house.notifier()):
        url = f"http://127.0.0.1:{receiver.port}/services/hunter2"
        answer = await gateway.post(PATH, json={"id": "chat", "channel": {"type": kind, "url": url}})
        assert told(answer, 201)["channel"]["where"] == f"127.0.0.1:{receiver.port}"
        await until(lambda: is_now(gateway, "active", "chat"))
        assert receiver.requests[0].path == "/services/hunter2"
        shown = [answer.text, (await gateway.get(f"{PATH}/chat")).text, (await gateway.get(PATH)).text]
        assert not any("hunter2" in text or "services" in text for text in shown)
        assert "only webhooks are signed" in refused(await gateway.post(f"{PATH}/chat/rotate"), 409)


async def test_all_that_is_wished_for_stands_in_the_subscription(house: House, gateway: httpx.AsyncClient) -> None:
    wishes: Body = {
        "topics": ["dprk-kursk"], "event_types": ["withdrawal"], "languages": ["en", "uk"], "sources": ["Reuters"],
        "min_severity": "high", "min_score": 3.0, "min_independent_sources": 2, "tiers": ["core"],
        "digest": {"at": ["08:00", "18:00"], "days": ["mon"]},
        "quiet": {"start": "22:00", "end": "07:00", "days": ["sat"], "unless": "critical"},
        "timezone": "Europe/Kyiv", "endpoints": True, "per_minute": 6,
    }  # fmt: skip
    made = told(await gateway.post(PATH, json=to("https://receiver.example/", **wishes)), 201)
    assert {name: made[name] for name in wishes} == wishes
    stored = await SubscriptionStore(house.redis).find("desk")
    assert stored == subscription(**wishes, channel=webhook("https://receiver.example/", made["secret"]))


@pytest.mark.parametrize(
    ("channel", "problem"),
    [
        ({"type": "webhook", "url": "http://[::ffff:10.0.0.7]/"}, "channel.webhook.url: an http:// or"),
        ({"type": "webhook", "url": "https://приклад.example/"}, "channel.webhook.url: an http:// or"),
        ({"type": "webhook", "url": "http://0x7f.1/"}, "channel.webhook.url: an http:// or"),
        ({"type": "webhook", "url": "https://a:hunter2@b.example/"}, "channel.webhook.url: an http:// or"),
        ({"type": "webhook", "url": "file:/etc/passwd"}, "channel.webhook.url: names a place"),
        (
            {"type": "webhook", "url": "https://a.example/", "secret": "env:HOME"},
            "channel.webhook.secret: names a place",
        ),
        (
            {"type": "webhook", "url": "https://a.example/", "secret": "file:/etc/passwd"},
            "channel.webhook.secret: names",
        ),
        (
            {"type": "webhook", "url": "https://a.example/", "secret": "hunter2"},
            "channel.webhook.secret: is no webhook secret",
        ),
        ({"type": "slack", "url": "env:SLACK"}, "channel.slack.url: names a place on the server"),
        (
            {"type": "slack", "url": "file:/run/secrets/slack"},
            "channel.slack.url: names a place on the server",
        ),
        ({"type": "discord", "url": "hunter2"}, "channel.discord.url: "),
        ({"type": "journal", "path": "/etc/passwd"}, "channel: Input tag 'journal'"),
        ({"type": "email", "host": "mail.example", "sender": "a@b.c", "to": ["a@b.c"]}, "channel: Input tag 'email'"),
        ({"type": "apprise", "url": "file:///etc/hunter2"}, "channel: Input tag 'apprise'"),
    ],
)
async def test_where_nothing_may_be_sent_is_refused_and_no_secret_repeated(
    house: House, gateway: httpx.AsyncClient, channel: Body, problem: str
) -> None:
    answer = await gateway.post(PATH, json={"id": "desk", "channel": channel})
    assert refused(answer, 422).startswith(problem)
    assert "hunter2" not in answer.text
    assert await SubscriptionStore(house.redis).all() == []


@pytest.mark.parametrize(
    ("kind", "host"), [("webhook", "10.0.0.7"), ("webhook", "169.254.169.254"), ("slack", "192.168.1.1")]
)
async def test_what_is_not_public_is_refused_where_nobody_has_allowed_it(
    house: House, gateway: httpx.AsyncClient, kind: str, host: str
) -> None:
    answer = await gateway.post(PATH, json={"id": "desk", "channel": {"type": kind, "url": f"http://{host}/hunter2"}})
    assert refused(answer, 409).startswith(f"channel.url: {host} is not a public address")
    assert "hunter2" not in answer.text
    assert await SubscriptionStore(house.redis).all() == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "LOCALHOST", "a.localhost"])
async def test_this_machine_is_reached_only_where_that_is_allowed(house: House, redis_url: str, host: str) -> None:
    async with gateway_of(house, redis_url, allow_networks=()) as gateway:
        answer = await gateway.post(PATH, json=to(f"http://{host}:8080/"))
        assert refused(answer, 409).startswith("channel.url: ")


@pytest.mark.parametrize(
    ("wishes", "status", "problem"),
    [
        ({"topics": ["kursk"]}, 409, "topics: no topic `kursk`"),
        ({"timezone": "Kyiv"}, 409, "timezone: 'Kyiv' is not known, did you mean `Europe/Kyiv`?"),
        ({"timezone": "the bunker's"}, 422, "timezone: "),
        ({"min_severity": "dire"}, 422, "min_severity: "),
        ({"min_score": "3"}, 422, "min_score: "),
        ({"endpoints": 1}, 422, "endpoints: "),
        ({"enabled": False}, 422, "enabled: "),
        ({"id": "canary"}, 422, "id: "),
        ({"id": "Desk!"}, 422, "id: "),
    ],
)
async def test_what_cannot_be_wished_for_is_refused_by_its_field(
    house: House, gateway: httpx.AsyncClient, wishes: Body, status: int, problem: str
) -> None:
    answer = await gateway.post(PATH, json=to("https://receiver.example/") | wishes)
    assert refused(answer, status).startswith(problem)
    assert await SubscriptionStore(house.redis).all() == []


async def test_an_id_that_is_taken_is_refused(house: House, gateway: httpx.AsyncClient) -> None:
    path = house.write(subscription(id="written"))
    answer = await gateway.post(PATH, json=to("https://receiver.example/", "written"))
    assert refused(answer, 409) == f"{path}:1: written stands in this file; change it there"
    made = await asyncio.gather(*(gateway.post(PATH, json=to(f"https://{n}.example/")) for n in range(5)))
    assert sorted(each.status_code for each in made) == [201, 409, 409, 409, 409]
    (won,) = [each.json() for each in made if each.status_code == 201]
    assert told(await gateway.get(f"{PATH}/desk"))["channel"] == won["channel"]


# Shown.


async def test_those_of_file_and_store_are_listed_by_id_in_pages(house: House, gateway: httpx.AsyncClient) -> None:
    mail = EmailChannel(
        host="mail.example", sender="tocsin@news.example", to=("desk@news.example",), password=SecretStr("hunter2")
    )
    house.write(
        subscription(id="e", enabled=False),
        subscription(id="a", channel=JournalChannel(path="alerts.jsonl")),
        subscription(id="c", channel=mail),
        subscription(id="d", channel=SlackChannel(url=SecretStr("env:SLACK"))),
    )
    chat = DiscordChannel(url=SecretStr("https://discord.com/api/webhooks/hunter2"))
    await SubscriptionStore(house.redis).put(subscription(id="b", channel=chat))
    await SubscriptionStore(house.redis).put(subscription(id="c"))
    found, path = [], f"{PATH}?limit=2"
    while path:
        answer = await gateway.get(path)
        found += told(answer)["items"]
        assert "hunter2" not in answer.text
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("link", ""))
        path = str(answer.url.join(link[1])) if link else ""
    assert [(each["id"], each["managed_by"], each["channel"]["where"], each["state"]) for each in found] == [
        ("a", "file", "alerts.jsonl", "active"),
        ("b", "store", "discord.com", "active"),
        ("c", "file", "mail.example", "active"),
        ("d", "file", "env:SLACK", "active"),
        ("e", "file", "receiver.example", "disabled"),
    ]
    assert found[2]["channel"]["to"] == ["desk@news.example"]
    assert found[4]["reason"] == "by its line in the file"


async def test_what_is_not_there_is_told_with_what_is(house: House, gateway: httpx.AsyncClient) -> None:
    house.write(subscription())
    answers = [await gateway.get(f"{PATH}/dsek"), await gateway.get(f"{PATH}/dsek/deliveries")]
    answers += [await gateway.delete(f"{PATH}/dsek"), await gateway.patch(f"{PATH}/dsek", json={})]
    answers += [await gateway.post(f"{PATH}/dsek/{what}") for what in ("test", "rotate", "enable", "disable")]
    answers += [await gateway.post(f"{PATH}/dsek/dry-run", json={})]
    answers += [await gateway.post(f"{PATH}/dsek/redeliver", json={"story_id": "x"})]
    answers += [await gateway.post(f"{PATH}/dsek/recover", json={"since": "2025-02-03T12:00:00Z"})]
    for answer in answers:
        assert refused(answer, 404) == "no subscription 'dsek', did you mean desk?; there are: desk"
    for path in (f"{PATH}/canary", f"{PATH}/canary/deliveries"):
        assert refused(await gateway.get(path), 404).startswith("no subscription 'canary'")


async def test_the_file_is_followed_and_while_it_is_wrong_that_is_said(
    house: House, gateway: httpx.AsyncClient
) -> None:
    house.write(subscription())
    assert [each["id"] for each in told(await gateway.get(PATH))["items"]] == ["desk"]
    path = house.write(subscription(id="other"))
    assert [each["id"] for each in told(await gateway.get(PATH))["items"]] == ["other"]
    path.write_text("subscriptions: 7\n")
    for answer in (await gateway.get(PATH), await gateway.post(PATH, json=to("https://receiver.example/"))):
        assert refused(answer, 503).startswith(f"{path}:1: ")


async def test_every_attempt_is_shown_newest_first_in_pages_also_of_one_that_is_gone(
    house: House, gateway: httpx.AsyncClient
) -> None:
    async with Receiver(OK, FAILS, OK) as receiver, running(house.notifier()):
        await active(gateway, to(receiver.url))
        for number in range(3):
            house.tell(fresh(str(number), title=f"story {number}"))
            await until(partial(has, receiver, 3 + number))
            await until(house.is_idle)
        told(await gateway.get(f"{PATH}/desk/deliveries"))
        assert (await gateway.delete(f"{PATH}/desk")).status_code == 204
    pages, path = list[object](), f"{PATH}/desk/deliveries?limit=2"
    for _ in range(3):
        page = told(await gateway.get(path))
        pages.append([(each["title"], each["outcome"]) for each in page["items"]])
        path = f"{PATH}/desk/deliveries?limit=2&cursor={page['next']}"
    assert page["next"] is None
    assert pages == [
        [("story 2", "delivered"), ("story 1", "delivered")],
        [("story 0", "delivered"), ("story 0", "server_error")],
        [(None, "delivered")],
    ]
    (failed,) = told(await gateway.get(f"{PATH}/desk/deliveries?failed=true"))["items"]
    assert (failed["outcome"], failed["detail"], failed["next_at"] is None) == ("server_error", "HTTP 500", False)
    for cursor in ("x", "-", "1"):
        assert refused(await gateway.get(f"{PATH}/desk/deliveries?cursor={cursor}"), 422).startswith("cursor: ")


# Changed.


async def test_what_is_changed_holds_within_seconds_and_needs_no_test(house: House, gateway: httpx.AsyncClient) -> None:
    notifier = house.notifier()
    async with Receiver() as receiver, running(notifier):
        await active(gateway, to(receiver.url, languages=["ko"], min_score=1.0))
        changed = told(
            await gateway.patch(
                f"{PATH}/desk",
                content=json.dumps({"languages": ["en"], "min_score": None, "digest": None}),
                headers={"content-type": "application/merge-patch+json"},
            )
        )
        assert (changed["languages"], changed["min_score"], changed["state"]) == (["en"], 0.0, "active")
        await until(lambda: notifier.book.endpoints["desk"].subscription.languages == ("en",))
        story = house.tell(fresh())
        await until(lambda: len(receiver.requests) == 2)
        assert bodies(receiver)[1]["data"]["story_id"] == story.id


async def test_another_address_is_told_nothing_before_it_has_answered_a_test(
    house: House, gateway: httpx.AsyncClient
) -> None:
    async with Receiver() as old, Receiver(FAILS) as new, running(house.notifier(delivery_retry_scale=0.05)):
        secret = (await active(gateway, to(old.url)))["secret"]
        changed = told(await gateway.patch(f"{PATH}/desk", json={"channel": {"url": new.url}}))
        assert (changed["state"], changed["channel"]["where"]) == ("pending", f"127.0.0.1:{new.port}")
        house.tell(fresh())
        await until(lambda: len(new.requests) == 2)
        new.answers(OK)
        await until(lambda: "story.alert.created" in kinds(new))
        assert kinds(old) == ["webhook.test"]
        assert [kind for kind in kinds(new) if kind != "webhook.test"] == ["story.alert.created"]
        assert all(Webhook(secret).verify(each.body, dict(each.headers)) for each in new.requests)


async def test_an_address_that_hangs_is_left_at_once_and_what_was_on_its_way_goes_to_the_new_one(
    house: House, gateway: httpx.AsyncClient
) -> None:
    async with Receiver(OK, HANGS) as old, Receiver() as new, running(house.notifier()):
        await active(gateway, to(old.url))
        story = house.tell(fresh())
        await until(lambda: len(old.requests) == 2)
        told(await gateway.patch(f"{PATH}/desk", json={"channel": {"url": new.url}}))
        await until(lambda: kinds(new) == ["webhook.test", "story.alert.created"])
        await old.down()
        await until(house.is_idle)
        assert bodies(new)[1]["data"]["story_id"] == story.id
        assert await is_now(gateway, "active")
        assert len(old.requests) == 2


@pytest.mark.parametrize(
    ("patch", "status", "problem"),
    [
        ({"channel": {"url": "http://10.0.0.7/hunter2"}}, 409, "channel.url: 10.0.0.7 is not a public address"),
        ({"channel": {"url": "file:/etc/hunter2"}}, 422, "channel.url: names a place"),
        ({"channel": {"type": "slack", "url": "https://hooks.slack.com/hunter2"}}, 422, "channel.type: "),
        ({"channel": {"url": "https://a.example/", "secret": SECRET}}, 422, "channel.secret: "),
        ({"topics": ["kursk"]}, 409, "topics: no topic `kursk`"),
        ({"timezone": "Kyiv"}, 409, "timezone: 'Kyiv' is not known"),
        ({"digest": {"days": ["mon"]}}, 409, "digest.at: is missing"),
        ({"id": "other"}, 422, "id: "),
        ({"managed_by": "file"}, 422, "managed_by: "),
        ([], 422, "Input should be"),
    ],
)
async def test_a_change_that_cannot_be_is_refused_by_its_field_and_changes_nothing(
    house: House, gateway: httpx.AsyncClient, patch: object, status: int, problem: str
) -> None:
    before = subscription()
    await SubscriptionStore(house.redis).put(before)
    answer = await gateway.patch(f"{PATH}/desk", json=patch)
    assert problem in refused(answer, status)
    assert "hunter2" not in answer.text
    assert await SubscriptionStore(house.redis).find("desk") == before


async def test_of_many_changes_at_once_none_is_lost(house: House, gateway: httpx.AsyncClient) -> None:
    await SubscriptionStore(house.redis).put(subscription())
    patches: list[Body] = [{"languages": ["en"]}, {"min_score": 2.0}, {"per_minute": 7}, {"endpoints": True}]
    answers = await asyncio.gather(*(gateway.patch(f"{PATH}/desk", json=patch) for patch in patches))
    assert {each.status_code for each in answers} == {200}
    wanted = {name: value for patch in patches for name, value in patch.items()}
    shown = told(await gateway.get(f"{PATH}/desk"))
    assert {name: shown[name] for name in wanted} == wanted


async def test_whoever_has_seen_another_state_changes_nothing(house: House, gateway: httpx.AsyncClient) -> None:
    await SubscriptionStore(house.redis).put(subscription())
    seen = etag_of((await gateway.get(f"{PATH}/desk")).content)
    url, old = f"{PATH}/desk", {"if-match": '"old"'}
    assert told(await gateway.patch(url, json={"per_minute": 7}, headers={"if-match": f'"a", {seen}'}))
    for stale in (old, {"if-match": seen}):
        assert refused(await gateway.patch(url, json={"per_minute": 8}, headers=stale), 412)
        assert refused(await gateway.delete(url, headers=stale), 412)
        assert refused(await gateway.post(f"{url}/rotate", headers=stale), 412)
    assert told(await gateway.get(url))["per_minute"] == 7
    assert (await gateway.delete(url, headers={"if-match": "*"})).status_code == 204


async def test_one_of_the_file_can_be_asked_for_anything_and_is_changed_only_there(
    house: House, gateway: httpx.AsyncClient
) -> None:
    async with Receiver() as receiver, running(house.notifier(subscription(channel=webhook(receiver.url)))):
        place = f"{house.home / 'subscriptions.yaml'}:1: desk stands in this file; "
        answer = await gateway.patch(f"{PATH}/desk", json={"per_minute": 7})
        assert refused(answer, 409) == f"{place}change it there"
        assert refused(await gateway.delete(f"{PATH}/desk"), 409) == f"{place}take it out there"
        answer = await gateway.post(f"{PATH}/desk/rotate")
        assert refused(answer, 409).startswith(f"{place}on its machine `tocsin subscriptions rotate desk`")
        assert told(await gateway.post(f"{PATH}/desk/test"))["outcome"] == "delivered"
        assert told(await gateway.post(f"{PATH}/desk/disable"))["state"] == "disabled"
        story = house.tell(fresh())
        await until(house.is_idle)
        waits = told(await gateway.post(f"{PATH}/desk/redeliver", json={"story_id": story.id}), 202)
        assert waits == {
            "asked": "redeliver",
            "subscription_id": "desk",
            "detail": "it is disabled; this is sent as soon as it is enabled",
        }
        assert told(await gateway.post(f"{PATH}/desk/enable"))["state"] == "active"
        await until(lambda: kinds(receiver) == ["webhook.test", "story.alert.created"])
    house.write(subscription(enabled=False))
    for what in ("test", "enable", "disable"):
        assert refused(await gateway.post(f"{PATH}/desk/{what}"), 409).startswith("desk is disabled by its line")


async def test_one_that_is_taken_out_is_told_no_more_and_its_name_is_free(
    house: House, gateway: httpx.AsyncClient
) -> None:
    async with Receiver() as old, Receiver() as new, running(house.notifier()):
        await active(gateway, to(old.url))
        assert (await gateway.delete(f"{PATH}/desk")).status_code == 204
        assert refused(await gateway.get(f"{PATH}/desk"), 404)
        house.tell(fresh("unheard"))
        await active(gateway, to(new.url))
        house.tell(fresh("heard"))
        await until(lambda: len(new.requests) == 2)
        assert (kinds(old), kinds(new)) == (["webhook.test"], ["webhook.test", "story.alert.created"])


async def test_a_new_secret_signs_beside_the_old_one_and_is_shown_once(
    house: House, gateway: httpx.AsyncClient
) -> None:
    async with Receiver() as receiver, running(house.notifier()):
        old = (await active(gateway, to(receiver.url)))["secret"]
        answer = await gateway.post(f"{PATH}/desk/rotate")
        new = told(answer)["secret"]
        assert (answer.headers["cache-control"], new != old) == ("no-store", True)
        told(await gateway.post(f"{PATH}/desk/test"))
        for secret in (old, new):
            assert Webhook(secret).verify(receiver.requests[-1].body, dict(receiver.requests[-1].headers))
        shown = await gateway.get(f"{PATH}/desk")
        assert (told(shown)["signing_secrets"], new in shown.text) == (2, False)
        given = new_secret()
        answer = await gateway.post(f"{PATH}/desk/rotate", json={"secret": given})
        assert (told(answer)["secret"], given in answer.text) == (None, False)
        told(await gateway.post(f"{PATH}/desk/test"))
        assert Webhook(given).verify(receiver.requests[-1].body, dict(receiver.requests[-1].headers))
        answer = await gateway.post(f"{PATH}/desk/rotate", json={"secret": "hunter2"})
        assert refused(answer, 422) == "secret: is no webhook secret; allowed: `whsec_` and 24 to 64 bytes in base64"
        for wrong in ("env:HOME", "file:/etc/passwd"):
            answer = await gateway.post(f"{PATH}/desk/rotate", json={"secret": wrong})
            assert refused(answer, 422).startswith("secret: names a place on the server")


# Asked of the notifier.


async def test_a_test_and_a_story_once_more_are_answered_with_their_attempt(
    house: House, gateway: httpx.AsyncClient
) -> None:
    async with Receiver() as receiver, running(house.notifier()):
        await active(gateway, to(receiver.url, languages=["en"]))
        story = house.tell(fresh())
        await until(lambda: len(receiver.requests) == 2)
        await until(house.is_idle)
        again = told(await gateway.post(f"{PATH}/desk/redeliver", json={"story_id": story.id}))
        assert (again["outcome"], again["title"], again["revision"]) == ("delivered", story.title, 1)
        ids = [request.headers["webhook-id"] for request in receiver.requests]
        assert (ids[-1], len(set(ids))) == (again["webhook_id"], 3)
        receiver.answers(FAILS)
        failed = told(await gateway.post(f"{PATH}/desk/test"))
        assert (failed["outcome"], failed["detail"], failed["next_at"]) == ("server_error", "HTTP 500", None)
        unwanted = house.tell(fresh("korean", articles=()))
        answer = await gateway.post(f"{PATH}/desk/redeliver", json={"story_id": unwanted.id})
        assert refused(answer, 409) == f"{unwanted.id} is not told to desk: language"
        answer = await gateway.post(f"{PATH}/desk/redeliver", json={"story_id": "nowhere"})
        assert refused(answer, 404).startswith("no story nowhere")


async def test_what_was_missed_is_told_after_all(house: House, gateway: httpx.AsyncClient) -> None:
    abort = Status(400, {"webhook-delivery": "abort-message"})
    async with Receiver(OK, abort, OK) as receiver, running(house.notifier()):
        await active(gateway, to(receiver.url, topics=["dprk-kursk"]))
        given_up = house.tell(fresh("given up"))
        await until(lambda: len(receiver.requests) == 2)
        house.tell(fresh("unwanted", topic="weather"))
        await until(house.is_idle)
        since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        found = told(await gateway.post(f"{PATH}/desk/recover", json={"since": since}))
        assert found["stories"] == [{"id": given_up.id, "title": given_up.title, "why": "given_up"}]
        assert (found["others"], found["detail"]) == ({"topic": 1}, None)
        await until(lambda: len(receiver.requests) == 3)
        assert bodies(receiver)[2]["data"]["story_id"] == given_up.id
        for wrong, status in (("2999-01-01T00:00:00Z", 409), ("soon", 422), (0, 422), ("2025-02-03", 422)):
            answer = await gateway.post(f"{PATH}/desk/recover", json={"since": wrong})
            assert refused(answer, status).startswith("since: ")


async def test_what_no_notifier_takes_up_is_asked_for_and_done_when_one_runs(
    house: House, gateway: httpx.AsyncClient
) -> None:
    async with Receiver() as receiver:
        desk = subscription(channel=webhook(receiver.url))
        house.write(desk, subscription(id="off", channel=webhook(receiver.url)))
        story = house.tell(fresh())
        since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        test, again, missed, off = await asyncio.gather(
            gateway.post(f"{PATH}/desk/test"),
            gateway.post(f"{PATH}/desk/redeliver", json={"story_id": story.id}),
            gateway.post(f"{PATH}/off/recover", json={"since": since}),
            gateway.post(f"{PATH}/off/disable"),
        )
        assert told(test, 202) == {"asked": "test", "subscription_id": "desk", "detail": NO_NOTIFIER}
        assert told(again, 202) == {"asked": "redeliver", "subscription_id": "desk", "detail": NO_NOTIFIER}
        assert told(off, 202) == {"asked": "disable", "subscription_id": "off", "detail": NO_NOTIFIER}
        assert (told(missed, 202)["detail"], len(missed.json()["stories"])) == (NO_NOTIFIER, 1)
        async with running(house.notifier(desk, subscription(id="off", channel=webhook(receiver.url)))):
            await until(lambda: sorted(kinds(receiver)) == ["story.alert.created", "webhook.test"])
            await until(lambda: is_now(gateway, "disabled", "off"))


async def test_one_that_fails_shows_why_it_is_disabled_and_is_enabled_again(
    house: House, gateway: httpx.AsyncClient
) -> None:
    async with Receiver(OK, GONE) as receiver, running(house.notifier()):
        await active(gateway, to(receiver.url))
        house.tell(fresh())
        await until(lambda: is_now(gateway, "disabled"))
        shown = told(await gateway.get(f"{PATH}/desk"))
        assert (shown["reason"], shown["waiting"], shown["endpoint"]["last_detail"]) == ("gone", 1, "HTTP 410")
        receiver.answers(OK)
        assert told(await gateway.post(f"{PATH}/desk/enable"))["state"] == "active"
        await until(lambda: kinds(receiver).count("story.alert.created") == 2)


# What it would have been told.


async def test_it_is_rehearsed_what_one_or_a_draft_would_have_been_told(
    house: House, gateway: httpx.AsyncClient
) -> None:
    first = fresh("first", ago=3 * 86_400, title="A first report")
    house.tell(first)
    newest = revision(number=2, type=AlertType.UPDATED, reason="figure_changed", at=datetime.now(UTC))
    house.tell(first.model_copy(update={"revisions": (*first.revisions, newest), "updated_at": newest.at}))
    house.tell(fresh("minor", ago=3600, topic="weather"))
    house.write(subscription(topics=("dprk-kursk",)))
    played = told(await gateway.post(f"{PATH}/desk/dry-run", json={}))
    assert [(each["type"], each["stories"]) for each in played["messages"]] == [
        ("story.alert.created", [first.id]),
        ("story.alert.updated", [first.id]),
    ]
    assert [(each["reason"], each["later"]) for each in played["untold"]] == [("topic", False)]
    assert (played["messages_in_all"], played["untold_in_all"]) == (2, 1)
    played = told(await gateway.post(f"{PATH}/desk/dry-run", json={"days": 1}))
    assert [each["type"] for each in played["messages"]] == ["story.alert.updated"]
    for draft in ({"topics": ["dprk-kursk"]}, to("http://10.0.0.7/", topics=["dprk-kursk"])):
        played = told(await gateway.post(f"{PATH}/dry-run", json={"subscription": draft}))
        assert [each["title"] for each in played["messages"]] == ["A first report"] * 2
    answer = await gateway.post(f"{PATH}/dry-run", json={"subscription": {"topics": ["kursk"]}})
    assert refused(answer, 409).startswith("topics: no topic `kursk`")
    assert refused(await gateway.post(f"{PATH}/desk/dry-run", json={"days": 181}), 422).startswith("days: ")
    assert await SubscriptionStore(house.redis).all() == []


# The processes.


async def test_a_notifier_in_a_process_of_its_own_shakes_hands_and_keeps_the_guard(
    house: House, gateway: httpx.AsyncClient, redis_url: str
) -> None:
    over = {"REDIS_URL": redis_url, "METRICS_PORT": "0", "CANARY_SECONDS": "0", "ALLOW_NETWORKS": "127.0.0.1/32"}
    over["SUBSCRIPTIONS_FILE"] = str(house.home / "subscriptions.yaml")
    env = os.environ | {f"TOCSIN_{name}": value for name, value in over.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.notifier", env=env, cwd=ROOT, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with Receiver() as receiver:
            made = await active(gateway, to(receiver.url))
            assert Webhook(made["secret"]).verify(receiver.requests[0].body, dict(receiver.requests[0].headers))
            assert told(await gateway.post(f"{PATH}/desk/test"))["outcome"] == "delivered"
            # The gateway of this test lets it pass, the guard of that notifier does not.
            told(await gateway.post(PATH, json=to("http://127.0.0.2:9/", "inside")), 201)
            told(await gateway.post(f"{PATH}/inside/test"))
            shown = told(await gateway.get(f"{PATH}/inside"))
            assert {each["outcome"] for each in shown["attempts"]} == {"address_denied"}
            assert shown["state"] == "pending"
    finally:
        process.terminate()
        await process.wait()
