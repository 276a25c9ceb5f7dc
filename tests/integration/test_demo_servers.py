"""The demo's two servers over real sockets on loopback."""

import json
import signal
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import feedparser
import httpx
import pytest
from standardwebhooks import Webhook

from services.cli.demo.feeds_server import FeedServer
from services.cli.demo.receiver import Receiver

SECRET = "whsec_" + "dG9jc2luLWRlbW8tc2VjcmV0LTEyMzQ1Njc4"
ANOTHER_SECRET = "whsec_" + "YW5vdGhlci1zZWNyZXQtYWx0b2dldGhlci0x"
ROOT = Path(__file__).parents[2]
DEMO = ROOT / "seeds" / "demo"
FEED = "eastern-ledger.xml"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


def message(revision: int = 1) -> str:
    data = {"schema": 1, "story_id": "a1b2", "revision": revision, "title": "북한군, 전선서 안 보여"}
    return json.dumps({"type": "story.alert.created", "timestamp": "2031-05-06T07:08:09Z", "data": data})


def signed(body: str, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    moment = at or datetime.now(UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", moment, body),
    }


async def test_every_feed_is_served(http: httpx.AsyncClient) -> None:
    async with FeedServer(DEMO) as server:
        assert len(server.urls) >= 8
        for url in server.urls:
            answer = await http.get(url)
            assert answer.status_code == 200
            assert "xml" in answer.headers["content-type"]
            assert not feedparser.parse(BytesIO(answer.content)).bozo
        assert server.statuses == {200: len(server.urls)}


@pytest.mark.parametrize(
    ("validator", "condition"), [("etag", "if-none-match"), ("last-modified", "if-modified-since")]
)
async def test_an_unchanged_feed_is_not_sent_again(http: httpx.AsyncClient, validator: str, condition: str) -> None:
    async with FeedServer(DEMO) as server:
        first = await http.get(f"{server.url}/feeds/{FEED}")
        again = await http.get(f"{server.url}/feeds/{FEED}", headers={condition: first.headers[validator]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert server.statuses == {200: 1, 304: 1}


async def test_a_stale_validator_gets_the_whole_feed(http: httpx.AsyncClient) -> None:
    async with FeedServer(DEMO) as server:
        answer = await http.get(f"{server.url}/feeds/{FEED}", headers={"if-none-match": '"of another day"'})
        assert answer.status_code == 200


async def test_the_later_entry_changes_its_feed_and_no_other(http: httpx.AsyncClient) -> None:
    async with FeedServer(DEMO) as server:
        before = {url: await http.get(url) for url in server.urls}
        await server.publish_later()
        after = {
            url: await http.get(url, headers={"if-none-match": answer.headers["etag"]})
            for url, answer in before.items()
        }
        changed = [url for url, answer in after.items() if answer.status_code == 200]
        assert changed == [f"{server.url}/feeds/{FEED}"]
        old, new = (feedparser.parse(BytesIO(answers[changed[0]].content)).entries for answers in (before, after))
        assert [entry.id for entry in new[1:]] == [entry.id for entry in old]
        assert [entry.published for entry in new[1:]] == [entry.published for entry in old]


async def test_the_later_entry_is_published_once(http: httpx.AsyncClient) -> None:
    async with FeedServer(DEMO) as server:
        await server.publish_later()
        once = await http.get(f"{server.url}/feeds/{FEED}")
        await server.publish_later()
        assert (await http.get(f"{server.url}/feeds/{FEED}")).content == once.content


@pytest.mark.parametrize("path", ["/feeds/none.xml", "/feeds/%2e%2e/later.yaml", "/"])
async def test_nothing_but_the_feeds_is_served(http: httpx.AsyncClient, path: str) -> None:
    async with FeedServer(DEMO) as server:
        assert (await http.get(server.url + path)).status_code == 404
        assert server.statuses == {404: 1}


async def test_a_good_signature_is_accepted_and_kept(http: httpx.AsyncClient) -> None:
    body = message(revision=3)
    async with Receiver(SECRET) as receiver:
        answer = await http.post(receiver.url, content=body, headers=signed(body))
        (kept,) = await receiver.wait_for(1, 5)
    assert answer.status_code == 204
    assert (kept.verified, kept.webhook_id, kept.type) == (True, "msg_1", "story.alert.created")
    assert (kept.data["story_id"], kept.data["revision"]) == ("a1b2", 3)
    assert kept.payload == json.loads(body)


def tampered() -> tuple[str, dict[str, str]]:
    return message(revision=2), signed(message(revision=1))


def with_another_secret() -> tuple[str, dict[str, str]]:
    return message(), signed(message(), secret=ANOTHER_SECRET)


def too_old() -> tuple[str, dict[str, str]]:
    return message(), signed(message(), at=datetime.now(UTC) - timedelta(minutes=6))


def unsigned() -> tuple[str, dict[str, str]]:
    return message(), {}


def garbled() -> tuple[str, dict[str, str]]:
    return message(), signed(message()) | {"webhook-signature": "v1"}


def not_an_object() -> tuple[str, dict[str, str]]:
    return "[1]", signed("[1]")


@pytest.mark.parametrize("request_of", [tampered, with_another_secret, too_old, unsigned, garbled, not_an_object])
async def test_a_bad_message_is_refused_with_its_reason(
    http: httpx.AsyncClient, tmp_path: Path, request_of: Callable[[], tuple[str, dict[str, str]]]
) -> None:
    body, headers = request_of()
    async with Receiver(SECRET, log_path=tmp_path / "log") as receiver:
        answer = await http.post(receiver.url, content=body, headers=headers)
        (kept,) = receiver.messages
        assert answer.status_code == 401
        assert kept.refusal
        assert receiver.accepted == ()
        assert not (tmp_path / "log").exists()


async def test_a_body_that_is_not_text_is_refused(http: httpx.AsyncClient) -> None:
    async with Receiver(SECRET) as receiver:
        answer = await http.post(receiver.url, content=b"\xff\xfe", headers=signed(message()))
        assert answer.status_code == 401


async def test_waiting_for_more_than_comes_ends(http: httpx.AsyncClient) -> None:
    async with Receiver(SECRET) as receiver:
        await http.post(receiver.url, content=message(), headers=signed(message()))
        with pytest.raises(TimeoutError):
            await receiver.wait_for(2, 0.05)


@asynccontextmanager
async def process(module: str, *arguments: str) -> AsyncIterator[tuple[Process, str]]:
    """The module run alone, and the address that it prints first."""
    child = await create_subprocess_exec(
        sys.executable, "-m", f"services.cli.demo.{module}", *arguments, stdout=PIPE, cwd=ROOT
    )
    assert child.stdout is not None
    try:
        yield child, (await child.stdout.readline()).decode().strip()
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        await child.wait()


async def test_the_log_survives_the_receivers_process(http: httpx.AsyncClient, tmp_path: Path) -> None:
    log = tmp_path / "received.jsonl"
    bodies = [message(1), message(2)]
    for body in bodies:
        async with process("receiver", "--secret", SECRET, "--log", str(log)) as (child, url):
            assert (await http.post(url, content=body, headers=signed(body))).status_code == 204
            child.kill()
    assert [json.loads(line) for line in log.read_text().splitlines()] == [
        {
            "webhook_id": "msg_1",
            "story_id": "a1b2",
            "revision": revision,
            "type": "story.alert.created",
            "verified": True,
            "sha256": sha256(body.encode()).hexdigest(),
        }
        for revision, body in enumerate(bodies, start=1)
    ]


async def test_the_feed_server_runs_alone_and_ends_when_told(http: httpx.AsyncClient) -> None:
    async with process("feeds_server", "--later-after", "0") as (child, url):
        answer = await http.get(f"{url}/feeds/{FEED}")
        assert answer.status_code == 200
    assert child.returncode == 0
