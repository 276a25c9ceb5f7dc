"""`tocsin subscriptions` as a person or a script runs it: real Redis, a real notifier, receivers on loopback."""

import asyncio
import io
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from standardwebhooks import Webhook

from services.cli.__main__ import main
from shared.models.endpoint import EndpointStatus
from shared.models.story import AlertType, Story
from shared.models.subscription import (
    EmailChannel,
    JournalChannel,
    SlackChannel,
    Subscription,
    WebhookChannel,
)
from shared.store.subscriptions import SigningStore, SubscriptionStore
from tests.answers import OK, Status
from tests.commands import ROOT, Ran
from tests.factories import SECRET, make_id, revision, story, subscription, webhook
from tests.notifying import House, house_of, running
from tests.receivers import Receiver
from tests.servers import until

NO_NOTIFIER = "no notifier takes it up: is one running? It is done as soon as one is"
FAILS, GONE = Status(500), Status(410)
SECRETS = re.compile(r"whsec_[A-Za-z0-9+/=]+")
Run = Callable[..., Awaitable[Ran]]


@pytest.fixture
async def house(redis: Redis, sync_redis: SyncRedis, tmp_path: Path) -> AsyncIterator[House]:
    async with house_of(redis, sync_redis, tmp_path) as built:
        built.write()
        yield built


@pytest.fixture
def run(
    house: House,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    logs_as_before: None,
) -> Run:
    """Runs a command in a thread of its own, for a notifier goes on meanwhile, whose log is not the command's."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(io.StringIO()))
    monkeypatch.setenv("TOCSIN_REDIS_URL", redis_url)
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(house.home / "data"))
    monkeypatch.setenv("TOCSIN_SUBSCRIPTIONS_FILE", str(house.home / "subscriptions.yaml"))
    monkeypatch.setenv("TOCSIN_TOPICS_DIR", str(ROOT / "seeds/topics"))
    monkeypatch.chdir(house.home)

    async def run(*words: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["tocsin", "subscriptions", *words])
        code = await asyncio.to_thread(main)
        return Ran(code, *capsys.readouterr())

    return run


def to(url: str, name: str = "desk", **over: object) -> Subscription:
    return subscription(id=name, channel=webhook(url), **over)


def fresh(name: str = "story", *, ago: float = 0, **over: object) -> Story:
    at = datetime.now(UTC) - timedelta(seconds=ago)
    fields = {"id": make_id(name), "revisions": (revision(at=at),), "first_seen_at": at, "updated_at": at}
    return story(**fields | over)


def revised(told: Story) -> Story:
    at = datetime.now(UTC)
    newest = revision(number=told.revision + 1, type=AlertType.UPDATED, reason="figure_changed", detail="3 → 4", at=at)
    return told.model_copy(update={"revisions": (*told.revisions, newest), "updated_at": at})


def told_as(ran: Ran) -> Any:
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in receiver.requests]


# list and show.


async def test_the_subscriptions_of_file_and_store_are_listed_with_how_they_are_doing(house: House, run: Run) -> None:
    async with Receiver() as receiver:
        host = f"127.0.0.1:{receiver.port}"
        told, journal = to(receiver.url), subscription(id="book", channel=JournalChannel(path="alerts.jsonl"))
        async with running(house.notifier(told, journal)):
            house.tell(fresh())
            await until(house.is_idle)
            await SubscriptionStore(house.redis).put(
                subscription(id="chat", channel=SlackChannel(url=SecretStr("https://hooks.slack.com/services/T/B/x")))
            )
        desk, book, chat = (await run("list")).out.splitlines()[1:]
    assert re.match(rf"desk +webhook +{host} +active +0 +\S+ \S+ +delivered +file +instant$", desk)
    assert re.match(r"book +journal +alerts\.jsonl +active", book)
    assert re.match(r"chat +slack +hooks\.slack\.com +active +0 +store +instant$", chat)
    listed = told_as(await run("list", "--json"))
    assert [(each["id"], each["managed_by"], each["channel"]["where"]) for each in listed] == [
        ("desk", "file", host), ("book", "file", "alerts.jsonl"), ("chat", "store", "hooks.slack.com"),
    ]  # fmt: skip
    assert listed[0]["endpoint"]["last_outcome"] == "delivered"


async def test_without_redis_the_file_is_listed_with_a_remark(
    house: House, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write(to("https://receiver.example/hook", digest={"at": ("08:00",)}, timezone="Europe/Kyiv"))
    monkeypatch.delenv("TOCSIN_REDIS_URL")
    ran = await run("list")
    assert (ran.code, "without states" in ran.err) == (0, True)
    assert ran.out.splitlines()[1].split() == [
        "desk", "webhook", "receiver.example", "file", "digest", "08:00", "Europe/Kyiv",
    ]  # fmt: skip
    (listed,) = told_as(await run("list", "--json"))
    assert (listed["endpoint"], listed["waiting"]) == (None, None)
    assert (await run("show", "desk")).code == 3


async def test_one_is_shown_with_its_filters_its_times_and_how_its_endpoint_is_doing(house: House, run: Run) -> None:
    async with Receiver(FAILS) as receiver:
        desk = to(
            receiver.url,
            languages=("en", "uk"),
            min_severity="medium",
            quiet={"start": "00:00", "end": "00:00", "unless": "high"},
            digest={"at": ("08:00",)},
            timezone="Europe/Kyiv",
        )
        loud = to(receiver.url, "loud")
        async with running(house.notifier(desk, loud, delivery_retry_scale=1.0)):
            told = house.tell(fresh())
            await until(lambda: receiver.requests)
            await until(house.is_idle)
            shown = (await run("show", "loud")).out
            assert re.search(r"state +failing: failed\n", shown)
            assert re.search(r"failures +1 in a row since ", shown)
            assert re.search(r"last outcome +server_error: HTTP 500\n", shown)
            assert re.search(r"waiting +1 message, looked at in ", shown)
            assert re.search(r"signs +one secret\n", shown)
            assert f"created  {told.title}" in re.sub(" {2,}", "  ", shown)
            shown = (await run("show", "desk")).out
    assert re.search(r"severity +medium and above\n", shown)
    assert re.search(r"languages +en, uk\n", shown)
    assert re.search(r"next digest +\S+ \S+, in ", shown)
    assert re.search(r"quiet +00:00 to 00:00 Europe/Kyiv, unless high\n", shown)
    assert re.search(r"quiet now +until ", shown)
    assert shown.endswith("nothing was sent yet\n")


async def test_an_unknown_id_is_told_with_those_that_exist(house: House, run: Run) -> None:
    house.write(to("https://receiver.example/"), to("https://other.example/", "other"))
    for words in (
        *(("show",), ("log",), ("test",), ("remove",), ("rotate",), ("enable",), ("dry-run",)),
        ("recover", "--since", "6h"),
    ):
        ran = await run(*words, "dsek")
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == "tocsin: no subscription 'dsek', did you mean desk?; there are: desk, other\n"


# add and remove.


async def test_a_webhook_is_added_tested_and_active_and_its_secret_signs(house: House, run: Run) -> None:
    async with Receiver() as receiver, running(house.notifier()):
        ran = await run("add", "desk", "--webhook", receiver.url, "--min-severity", "low", "--topic", "dprk-kursk")
        assert (ran.code, ran.err) == (0, "")
        (secret,) = SECRETS.findall(ran.out)
        lines = ran.out.splitlines()
        assert lines[0] == f"added desk: webhook to 127.0.0.1:{receiver.port}, kept in the store"
        assert re.match(r"  delivered  HTTP 20\d  in \d\.\d\d s  msg_", lines[-2])
        assert lines[-1] == "desk is active"
        (request,) = receiver.requests
        assert isinstance(Webhook(secret).verify(request.body, dict(request.headers)), dict)
        told = house.tell(fresh())
        await until(lambda: len(receiver.requests) == 2)
        assert bodies(receiver)[1]["data"]["story_id"] == told.id


async def test_one_that_refuses_the_handshake_is_pending_and_told_nothing_until_a_test_arrives(
    house: House, run: Run
) -> None:
    async with Receiver(FAILS) as receiver, running(house.notifier(delivery_retry_scale=0.05)):
        ran = await run("add", "desk", "--webhook", receiver.url)
        assert ran.code == 1
        assert ran.out.count("server_error  HTTP 500") == 3
        assert "desk is pending" in ran.err
        house.tell(fresh())
        await until(house.is_idle)
        assert {body["type"] for body in bodies(receiver)} == {"webhook.test"}
        receiver.answers(OK)
        assert (await run("test", "desk")).code == 0
        await until(lambda: bodies(receiver)[-1]["type"] == "story.alert.created")


async def test_one_can_be_added_before_a_notifier_runs(house: House, run: Run) -> None:
    async with Receiver() as receiver:
        ran = await run("add", "desk", "--webhook", receiver.url)
        assert ran.code == 1
        assert NO_NOTIFIER in ran.err
        assert len(SECRETS.findall(ran.out)) == 1
        async with running(house.notifier()):
            await until(lambda: receiver.requests)
            await until(house.is_idle)
            assert (await house.state()).status is EndpointStatus.ACTIVE


async def test_ctrl_c_while_waiting_for_the_first_test_loses_nothing(house: House, run: Run) -> None:
    """`run` sets the environment that the process inherits."""
    words = ("add", "desk", "--webhook", "https://a.example/")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "subscriptions", *words),
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    shown = ""
    while "waiting for the answer" not in shown:
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        assert line, shown
        shown += line.decode()
    process.send_signal(signal.SIGINT)
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, len(SECRETS.findall(shown))) == (130, 1)
    assert b"desk is pending" in said
    assert b"Traceback" not in said
    assert (await SubscriptionStore(house.redis).find("desk")) is not None
    assert await house.endpoints.waiting(["desk"]) == [1]


async def test_every_option_ends_in_the_subscription(house: House, run: Run) -> None:
    words = (
        "--topic dprk-kursk --event-type withdrawal --language en --language uk --source Reuters --tier core"
        " --min-severity high --min-score 3 --min-sources 2 --digest 08:00 --digest 18:00 --digest-day mon"
        " --quiet 22:00-07:00 --quiet-day sat --quiet-unless critical --timezone Europe/Kyiv --endpoints"
        " --per-minute 6 --no-wait"
    )  # fmt: skip
    assert (await run("add", "desk", "--webhook", "https://receiver.example/x", *words.split())).code == 0
    added = await SubscriptionStore(house.redis).find("desk")
    assert added is not None
    assert added == subscription(
        channel=added.channel,
        topics=("dprk-kursk",),
        event_types=("withdrawal",),
        languages=("en", "uk"),
        sources=("Reuters",),
        tiers=("core",),
        min_severity="high",
        min_score=3,
        min_independent_sources=2,
        digest={"at": ("08:00", "18:00"), "days": ("mon",)},
        quiet={"start": "22:00", "end": "07:00", "days": ("sat",), "unless": "critical"},
        timezone="Europe/Kyiv",
        endpoints=True,
        per_minute=6,
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("desk", "give one of --webhook, --slack, --discord"),
        ("desk --webhook https://a.example/ --slack env:X", "give one of"),
        ("Desk! --webhook https://a.example/", "ID: has the wrong form"),
        ("desk --webhook receiver", "--webhook: an absolute http:// or https:// address is needed"),
        ("desk --webhook https://a.example/ --topic kursk", "--topic: no topic `kursk`"),
        ("desk --webhook https://a.example/ --min-severity dire", "--min-severity: 'dire' is not allowed"),
        (
            "desk --webhook https://a.example/ --min-sources 7",
            "--min-sources: no such number is announced; allowed: 1, 2, 3, 4, 5, 10, 25",
        ),
        ("desk --webhook https://a.example/ --digest 8", "--digest: has the wrong form"),
        ("desk --webhook https://a.example/ --quiet 22:00", "--quiet: has the wrong form"),
        ("desk --webhook https://a.example/ --digest-day mon", "--digest-day: needs a time"),
        (
            "desk --webhook https://a.example/ --timezone Kyiv",
            "--timezone: 'Kyiv' is not known, did you mean `Europe/Kyiv`?",
        ),
        ("desk --slack env:NO_SLACK", "--slack: the environment variable NO_SLACK is not set"),
        (
            "desk --slack https://hooks.slack.com/services/T/B/hunter2",
            "--slack: whoever has the address can post there",
        ),
        ("desk --slack env:SLACK --secret-file x", "--secret-file: only webhooks are signed"),
        ("desk --webhook https://a.example/ --secret-file none", "--secret-file: none cannot be read"),
    ],
)
async def test_a_wrong_option_is_told_and_nothing_is_added(house: House, run: Run, words: str, told: str) -> None:
    ran = await run("add", *words.split())
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert "hunter2" not in ran.err
    assert await SubscriptionStore(house.redis).all() == []


async def test_an_id_that_is_taken_is_refused(house: House, run: Run) -> None:
    house.write(to("https://receiver.example/"))
    ran = await run("add", "desk", "--webhook", "https://a.example/")
    assert (ran.code, "subscriptions.yaml:1: desk stands in this file" in ran.err) == (2, True)
    assert (await run("remove", "desk")).err.endswith("desk stands in this file; take it out there\n")
    assert (await run("add", "two", "--webhook", "https://a.example/", "--no-wait")).code == 0
    ran = await run("add", "two", "--webhook", "https://a.example/", "--no-wait")
    assert (ran.code, "ID: two is there already" in ran.err) == (2, True)


async def test_an_address_of_slack_is_read_from_the_environment_and_never_shown(
    house: House, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Receiver() as receiver, running(house.notifier()):
        monkeypatch.setenv("SLACK", f"http://127.0.0.1:{receiver.port}/services/hunter2")
        ran = await run("add", "chat", "--slack", "env:SLACK")
        assert (ran.code, SECRETS.findall(ran.out)) == (0, [])
        monkeypatch.delenv("SLACK")
        assert (await run("test", "chat")).code == 0
        shown = [ran.out, *[(await run(*words)).out for words in (("show", "chat"), ("list",), ("log", "chat"))]]
        shown += [(await run(*words)).out for words in (("show", "chat", "--json"), ("list", "--json"))]
    assert not any("hunter2" in text or "services" in text for text in shown)
    assert len(receiver.requests) == 2


async def test_what_waited_for_one_that_is_removed_is_told_and_another_may_take_its_name(
    house: House, run: Run
) -> None:
    async with Receiver() as receiver, running(house.notifier()):
        await run("add", "desk", "--webhook", receiver.url)
        receiver.answers(GONE)
        house.tell(fresh())
        await until(house.is_idle)
        ran = await run("remove", "desk")
        assert ran.out.splitlines()[0] == "removed desk; 1 message waited there, and will not be told"
        assert "delivered" in (await run("log", "desk")).out
        assert (await run("list")).out == ""
        receiver.answers(OK)
        ran = await run("add", "desk", "--webhook", receiver.url)
        assert (ran.code, ran.out.splitlines()[-1]) == (0, "desk is active")
        assert [body["type"] for body in bodies(receiver)] == ["webhook.test", "story.alert.created", "webhook.test"]


# Secrets.


async def test_a_rotated_secret_signs_beside_the_old_one(house: House, run: Run) -> None:
    async with Receiver() as receiver, running(house.notifier()):
        (old,) = SECRETS.findall((await run("add", "desk", "--webhook", receiver.url)).out)
        ran = await run("rotate", "desk")
        (new,) = SECRETS.findall(ran.out)
        assert (ran.code, new == old) == (0, False)
        assert "both secrets sign for 24 hours" in ran.out

        async def signs_with_both() -> bool:
            assert (await run("test", "desk")).code == 0
            return len(receiver.requests[-1].headers["webhook-signature"].split()) == 2

        await until(signs_with_both)
        for secret in (old, new):
            assert Webhook(secret).verify(receiver.requests[-1].body, dict(receiver.requests[-1].headers))
        assert re.search(r"signs +2 secrets; the former until ", (await run("show", "desk")).out)


async def test_two_rotations_while_no_notifier_runs_lose_no_secret(house: House, run: Run) -> None:
    first = SECRETS.findall((await run("add", "desk", "--webhook", "https://a.example/", "--no-wait")).out)
    others = [SECRETS.findall((await run("rotate", "desk")).out)[0] for _ in range(2)]
    signing = await SigningStore(house.redis).find("desk")
    assert signing is not None
    assert signing.at(datetime.now(UTC)) == (others[1], others[0], *first)


async def test_a_secret_in_a_file_is_rewritten_and_the_notifier_follows(house: House, run: Run) -> None:
    path = house.home / "desk.secret"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    async with Receiver() as receiver:
        desk = to(receiver.url).model_copy(
            update={"channel": WebhookChannel(url=receiver.url, secret=SecretStr(f"file:{path}"))}
        )
        async with running(house.notifier(desk)):
            ran = await run("rotate", "desk")
            (new,) = SECRETS.findall(ran.out)
            assert (ran.code, path.read_text(), path.stat().st_mode & 0o777) == (0, f"{new}\n", 0o600)

            async def signs_with_both() -> bool:
                await run("test", "desk")
                return len(receiver.requests[-1].headers["webhook-signature"].split()) == 2

            await until(signs_with_both)
            assert Webhook(new).verify(receiver.requests[-1].body, dict(receiver.requests[-1].headers))


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("env:DESK_SECRET", "set DESK_SECRET to the new one where the notifier is started, and start it again"),
        (SECRET, "write the new one there as `secret`"),
    ],
)
async def test_for_a_secret_that_only_a_person_can_change_it_is_said_how(
    house: House, run: Run, secret: str, told: str
) -> None:
    path = house.write(subscription(channel=webhook(secret=secret)))
    before = path.read_bytes()
    ran = await run("rotate", "desk")
    (new,) = SECRETS.findall(ran.out)
    assert (ran.code, path.read_bytes(), new == secret) == (1, before, False)
    assert told in ran.out
    assert f"({path}:1)" in ran.out


async def test_a_new_secret_may_be_read_from_a_file_and_is_not_shown(house: House, run: Run) -> None:
    path = house.home / "new.secret"
    path.write_text(SECRET)
    ran = await run("add", "desk", "--webhook", "https://a.example/", "--no-wait", "--secret-file", str(path))
    assert (ran.code, SECRETS.findall(ran.out)) == (0, [])
    ran = await run("rotate", "desk", "--secret-file", str(path))
    assert (ran.code, SECRETS.findall(ran.out)) == (0, [])
    path.write_text("hunter2")
    ran = await run("rotate", "desk", "--secret-file", str(path))
    assert (ran.code, "is not a webhook secret" in ran.err, "hunter2" in ran.err) == (2, True, False)


async def test_there_is_no_secret_to_rotate_where_nothing_is_signed(house: House, run: Run) -> None:
    house.write(subscription(channel=JournalChannel(path="alerts.jsonl")))
    ran = await run("rotate", "desk")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "tocsin: desk is journal, and only webhooks are signed: no secret to rotate\n"


async def test_no_command_shows_a_secret_but_a_new_one_once(house: House, run: Run) -> None:
    mail = EmailChannel(
        host="mail.example", sender="tocsin@news.example", to=("desk@news.example",), password=SecretStr("hunter2")
    )
    async with Receiver() as receiver:
        url = f"{receiver.url}?token=hunter2"
        async with running(house.notifier(to(url), subscription(id="mail", channel=mail))):
            added = await run("add", "more", "--webhook", url)
            (new,) = SECRETS.findall(added.out)
            house.tell(fresh())
            await until(house.is_idle)
            commands = [[each, name] for each in ("show", "log", "test", "dry-run") for name in ("desk", "more")]
            commands += [["list"], ["show", "mail"], ["recover", "desk", "--since", "1h"], ["disable", "desk"]]
            commands += [[*words, "--json"] for words in commands if words[0] in ("list", "show", "log", "dry-run")]
            texts = [text for words in commands for ran in [await run(*words)] for text in (ran.out, ran.err)]
    assert all(secret not in text for text in texts for secret in (new, SECRET, "hunter2", "/hook"))
    assert "hunter2" not in added.out + added.err


# test, log.


async def test_a_test_goes_the_way_of_alerts_and_its_end_is_the_exit_code(house: House, run: Run) -> None:
    async with Receiver(OK, FAILS, secrets=[SECRET]) as receiver, running(house.notifier(to(receiver.url))):
        ran = await run("test", "desk")
        (request,) = receiver.requests
        assert (ran.code, ran.err) == (0, "")
        assert re.fullmatch(r"delivered  HTTP 20\d  in \d+\.\d\d s  (msg_\w+)\n", ran.out)
        assert request.headers["webhook-id"] in ran.out
        assert bodies(receiver)[0]["type"] == "webhook.test"
        ran = await run("test", "desk")
        assert (ran.code, ran.out.startswith("server_error  HTTP 500  in ")) == (1, True)
        assert not receiver.refusals


async def test_a_test_that_no_notifier_takes_says_so_and_is_sent_when_one_runs(house: House, run: Run) -> None:
    async with Receiver() as receiver:
        house.write(to(receiver.url))
        ran = await run("test", "desk")
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == f"tocsin: {NO_NOTIFIER}\n"
        async with running(house.notifier(to(receiver.url))):
            await until(lambda: receiver.requests)
        house.write(to(receiver.url, enabled=False))
        assert (
            await run("test", "desk")
        ).err == "tocsin: desk is disabled by its line in the file: nothing is sent there\n"


async def test_the_log_has_every_attempt_with_title_and_reason(house: House, run: Run) -> None:
    async with Receiver(FAILS, OK) as receiver, running(house.notifier(to(receiver.url))):
        told = house.tell(fresh())
        await until(lambda: len(receiver.requests) == 2)
        await until(house.is_idle)
        second, first = told_as(await run("log", "desk", "--json"))
        assert [(each["outcome"], each["title"], each["revision"]) for each in (first, second)] == [
            ("server_error", told.title, 1),
            ("delivered", told.title, 1),
        ]
        assert first["next_at"] is not None
        table = (await run("log", "desk", "-n", "1")).out
        assert "delivered" in table
        assert "server_error" not in table
        failed = (await run("log", "desk", "--failed")).out.splitlines()[1:]
        assert [(told.title in line, "HTTP 500" in line) for line in failed] == [(True, True)]


async def test_where_nothing_was_sent_the_log_says_so(house: House, run: Run) -> None:
    house.write(to("https://receiver.example/"))
    assert (await run("log", "desk")).err == "tocsin: nothing was sent yet\n"
    assert (await run("log", "desk", "--failed")).err == "tocsin: nothing has failed yet\n"


# recover, redeliver, enable, disable.


async def test_what_was_missed_is_recovered_and_what_is_known_is_not_repeated(house: House, run: Run) -> None:
    abort = Status(400, {"webhook-delivery": "abort-message"})
    async with Receiver(OK, abort, OK) as receiver, running(house.notifier(to(receiver.url, topics=("dprk-kursk",)))):
        known = house.tell(fresh("known"))
        await until(lambda: len(receiver.requests) == 1)
        given_up = house.tell(fresh("given up"))
        await until(lambda: len(receiver.requests) == 2)
        house.tell(fresh("unwanted", topic="weather"))
        old = house.tell(fresh("old", ago=2 * 86_400))
        house.tell(fresh("older", ago=9 * 86_400))
        await until(house.is_idle)
        ran = await run("recover", "desk", "--since", "7d")
        assert ran.code == 0
        reasons = dict(re.findall(r"^(\w{16}) +(\S.*?)  ", ran.out, re.MULTILINE))
        assert reasons == {given_up.id: "given up", old.id: "too old"}
        last = ran.out.splitlines()[-1].partition("Z: ")[2]
        assert sorted(last.split("; ")) == ["1 story not: topic", "1 story not: up to date", "2 stories to be told"]
        await until(lambda: len(receiver.requests) == 4)
        await until(house.is_idle)
        assert {body["data"]["story_id"] for body in bodies(receiver)[2:]} == {given_up.id, old.id}
        ran = await run("recover", "desk", "--since", "7d")
        assert "0 stories to be told; 3 stories not: up to date" in ran.out
        assert known.id not in {body["data"]["story_id"] for body in bodies(receiver)[1:]}


@pytest.mark.parametrize("since", ["soon", "7w", "2025-13-01", "2999-01-01"])
async def test_a_time_that_is_none_is_refused(house: House, run: Run, since: str) -> None:
    house.write(to("https://receiver.example/"))
    ran = await run("recover", "desk", "--since", since)
    assert (ran.code, ran.err.startswith("tocsin: --since: ")) == (2, True)


async def test_a_story_is_told_once_more_under_an_id_of_its_own(house: House, run: Run) -> None:
    async with Receiver() as receiver, running(house.notifier(to(receiver.url, languages=("en",)))):
        told = house.tell(fresh())
        await until(lambda: len(receiver.requests) == 1)
        ran = await run("redeliver", "desk", told.id)
        assert (ran.code, ran.out.startswith("delivered  ")) == (0, True)
        first, second = receiver.requests
        assert first.headers["webhook-id"] != second.headers["webhook-id"]
        assert second.headers["webhook-id"] in ran.out
        assert bodies(receiver)[1]["data"]["revision"] == 1
        unwanted = house.tell(fresh("korean", articles=()))
        ran = await run("redeliver", "desk", unwanted.id)
        assert (ran.code, ran.err) == (1, f"tocsin: {unwanted.id} is not told to desk: language\n")
        assert (await run("redeliver", "desk", "nowhere")).code == 1


async def test_whoever_asks_for_a_story_has_it_at_once_with_its_news(house: House, run: Run) -> None:
    async with Receiver() as receiver:
        patient = house.notifier(to(receiver.url), alert_hold_seconds=3600.0, alert_update_interval_seconds=3600.0)
        async with running(patient):
            told = house.tell(fresh())
            await until(house.is_idle)
            assert (await run("redeliver", "desk", told.id)).code == 0
            house.tell(revised(told))
            await until(house.is_idle)
            assert (await run("redeliver", "desk", told.id)).code == 0
            assert [body["type"] for body in bodies(receiver)] == ["story.alert.created", "story.alert.updated"]


async def test_to_a_digest_a_story_is_told_once_more_at_once(house: House, run: Run) -> None:
    async with Receiver() as receiver, running(house.notifier(to(receiver.url, digest={"at": ("08:00",)}))):
        told = house.tell(fresh())
        await until(house.is_idle)
        assert not receiver.requests
        ran = await run("redeliver", "desk", told.id)
        assert ran.code == 0
        (body,) = bodies(receiver)
        assert (body["type"], [each["story_id"] for each in body["data"]["stories"]]) == ("story.digest", [told.id])


async def test_a_disabled_endpoint_keeps_everything_until_it_is_enabled(house: House, run: Run) -> None:
    async with Receiver() as receiver, running(house.notifier(to(receiver.url))):
        assert (await run("disable", "desk")).out == "desk is disabled\n"
        told = house.tell(fresh())
        await until(house.is_idle)
        assert not receiver.requests
        ran = await run("redeliver", "desk", told.id)
        assert (ran.code, ran.err) == (1, "tocsin: it is disabled; this is sent as soon as it is enabled\n")
        assert re.match(r"desk +webhook +\S+ +disabled: by hand +1 ", (await run("list")).out.splitlines()[1])
        assert (await run("enable", "desk")).out == "desk is active\n"
        await until(lambda: len(receiver.requests) == 1)


async def test_an_order_that_no_notifier_takes_stands_until_one_runs(house: House, run: Run) -> None:
    async with Receiver() as receiver:
        house.write(to(receiver.url))
        ran = await run("disable", "desk")
        assert (ran.code, ran.out) == (0, "asked for: disable desk\n")
        assert NO_NOTIFIER in ran.err
        house.tell(fresh())
        async with running(house.notifier(to(receiver.url))):
            await until(house.is_idle)
            assert (await house.state()).status is EndpointStatus.DISABLED
        assert not receiver.requests


# dry-run.


async def test_it_is_rehearsed_what_a_subscription_would_have_been_told(house: House, run: Run) -> None:
    first = fresh("first", ago=3 * 86_400, title="A first report")
    house.tell(first)
    house.tell(revised(first))
    house.tell(fresh("minor", ago=3600, topic="weather"))
    house.tell(fresh("before", ago=9 * 86_400))
    house.write(to("https://receiver.example/", topics=("dprk-kursk",)))
    ran = await run("dry-run", "desk")
    assert ran.code == 0
    assert [line.split("  ")[-1].strip() for line in ran.out.splitlines()[1:3]] == ["A first report"] * 2
    assert ran.out.splitlines()[-1] == "2 messages: 1 created, 1 updated; held back: 1 revision: 1 topic"
    told = told_as(await run("dry-run", "desk", "--json"))
    assert [(each["type"], each["stories"]) for each in told["messages"]] == [
        ("story.alert.created", [first.id]),
        ("story.alert.updated", [first.id]),
    ]
    assert [(each["reason"], each["told_later"]) for each in told["untold"]] == [("topic", False)]
    assert "topic" in (await run("dry-run", "desk", "--untold")).out.splitlines()[-3]
    assert (await run("dry-run", "desk", "--days", "1")).out.splitlines()[-1].startswith("1 message: 1 updated")


async def test_one_that_is_not_in_force_yet_is_rehearsed_from_its_file(house: House, run: Run) -> None:
    house.tell(fresh(ago=60))
    path = house.home / "draft.yaml"
    channel = "{type: webhook, url: 'https://receiver.example/', secret: env:NOT_SET}"
    path.write_text(f"subscriptions:\n  - id: draft\n    channel: {channel}\n")
    ran = await run("dry-run", "draft", "--file", str(path))
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "1 message: 1 created; held back: nothing")
    assert (await run("dry-run", "draft")).err == "tocsin: no subscription 'draft'; there are: none\n"


async def test_where_no_story_is_there_the_dry_run_says_so(house: House, run: Run) -> None:
    house.write(to("https://receiver.example/"))
    ran = await run("dry-run", "desk")
    assert (ran.code, ran.out, ran.err.startswith("tocsin: no story has changed since ")) == (0, "", True)
