"""The receivers of the page are run, and met with what the webhook channel sends; the payload is as the page says."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from socket import create_connection
from typing import cast

import pytest

from services.notifier.channels.posting import compact
from services.notifier.channels.webhook import WebhookSender
from services.notifier.plan import Send
from services.notifier.render import digest_payload, endpoint_payload, sample_payload, story_payload
from services.notifier.sign import SECRET_PREFIX, signed_headers
from services.notifier.snapshot import Payload, Reader
from shared.models.endpoint import EndpointState
from shared.models.story import AlertType, KnownClaim, Reason, Story
from shared.models.subscription import Delivery, MessageType
from tests.factories import NOON, SECRET, article, claim, entry, envelope, make_id, revision, story, webhook
from tests.node import NO_NODE, node_home
from tests.servers import loopback_client

PAGE = (Path(__file__).parents[2] / "docs/how-to/receive-webhooks.md").read_text(encoding="utf-8")
BLOCKS: dict[str, str] = dict(re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
NEXT_SECRET = SECRET_PREFIX + "dGhlLW5leHQtc2VjcmV0LWlzLTMyLWJ5dGVzLWxvbmc="
MAX_BODY_BYTES = 64 * 1024
PATIENCE = 20.0
UNTOLD = Delivery(subscription_id="desk", subject=make_id("story"))
DIGEST = Delivery(subscription_id="desk", subject="digest")

Headers = Mapping[str, str]


def told(title: str = "Troops leave the front", number: int = 1, name: str = "story") -> Story:
    ring = revision(number=number, detail=f"revision {number}")
    return story(id=make_id(name), articles=(article(entry(title=title)),), revisions=(ring,))


def payload_of(of: Story) -> Payload:
    """The message about a story."""
    ring = of.revisions[-1]
    return story_payload(of, UNTOLD, Send(ring.type, ring.reason, ring.detail), NOON)


def body_of(of: Story) -> bytes:
    return written(payload_of(of))


def written(payload: Payload) -> bytes:
    """As the channel writes it."""
    return compact(payload).encode()


def signed(body: bytes, *secrets: str, name: str = "msg_1", ago: float = 0) -> dict[str, str]:
    return signed_headers(secrets or (SECRET,), name, int(time.time() - ago), body)


@dataclass
class Running:
    """A receiver of the page, as a process of its own."""

    process: subprocess.Popen[str]
    port: int

    def post(self, body: bytes, headers: Headers, method: str = "POST") -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, "/alerts", body, {"content-type": "application/json", **headers})
            return connection.getresponse().status
        finally:
            connection.close()

    def takes(self, of: Story, *secrets: str) -> int:
        body = body_of(of)
        return self.post(body, signed(body, *secrets))

    def ended(self) -> list[str]:
        """What it has told of."""
        self.process.terminate()
        rest, _ = self.process.communicate(timeout=PATIENCE)
        return rest.splitlines()


def command(kind: str, directory: Path) -> Sequence[str | Path]:
    if kind == "python":
        (directory / "receiver.py").write_text(BLOCKS["python"], encoding="utf-8")
        return (sys.executable, directory / "receiver.py")
    home = node_home()
    if home is None:
        pytest.skip(NO_NODE)
    (directory / "receiver.mjs").write_text(BLOCKS["js"], encoding="utf-8")
    return (home / "bin/node", directory / "receiver.mjs")


@contextmanager
def running(command: Sequence[str | Path], secret: str = SECRET) -> Iterator[Running]:
    """On a free port, which it tells in its first line."""
    env = os.environ | {"NEWSROOM_SECRET": secret, "PORT": "0"}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first.startswith("listening on "), first
            yield Running(process, int(first.split()[-1]))
        finally:
            process.kill()


@pytest.fixture(params=["python", "node"])
def receiver_command(request: pytest.FixtureRequest, tmp_path: Path) -> Sequence[str | Path]:
    return command(request.param, tmp_path)


@pytest.fixture
def receiver(receiver_command: Sequence[str | Path]) -> Iterator[Running]:
    with running(receiver_command) as process:
        yield process


def test_a_message_is_accepted_and_told_in_whatever_script_it_is(receiver: Running) -> None:
    assert receiver.takes(told("Солдати КНДР 🎖 북한군")) == 204
    assert receiver.ended() == ["new_story | Солдати КНДР 🎖 북한군 | revision 1"]


async def test_what_the_channel_sends_is_accepted(receiver: Running) -> None:
    channel = webhook(f"http://127.0.0.1:{receiver.port}/alerts")
    async with loopback_client(max_redirects=0) as http:
        sender = WebhookSender(channel, http)
        body = sender.write(payload_of(told()))
        sent = await sender.send(envelope(type=MessageType.CREATED, body=body), [NEXT_SECRET, SECRET])
    assert sent.ok
    assert len(receiver.ended()) == 1


def test_the_same_message_twice_is_told_once(receiver: Running) -> None:
    body = body_of(told())
    headers = signed(body)
    assert [receiver.post(body, headers), receiver.post(body, headers)] == [204, 204]
    assert len(receiver.ended()) == 1


def test_of_a_story_only_what_is_higher_is_told(receiver: Running) -> None:
    numbers = (2, 1, 3, 3)
    assert {receiver.takes(told(number=number)) for number in numbers} == {204}
    assert receiver.takes(told(name="another")) == 204
    assert [line.rpartition(" ")[2] for line in receiver.ended()] == ["2", "3", "1"]


def test_a_digest_tells_each_of_its_stories_that_is_news(receiver: Running) -> None:
    assert receiver.takes(told("Known")) == 204
    parts = [
        (one, UNTOLD, Send(AlertType.CREATED, "new_story")) for one in (told("Known"), told("New", name="another"))
    ]
    payload, many = digest_payload(DIGEST, parts, NOON)
    assert many == 2
    digest = written(payload)
    assert receiver.post(digest, signed(digest)) == 204
    assert [line.split(" | ")[1] for line in receiver.ended()] == ["Known", "New"]


OTHERS = {
    "test": sample_payload(told("Test"), NOON, Reader()),
    "endpoint": endpoint_payload("other", MessageType.FAILING, EndpointState(), 3, NOON),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_news_is_accepted_and_not_told(receiver: Running, name: str) -> None:
    body = written(OTHERS[name])
    assert receiver.post(body, signed(body)) == 204
    assert receiver.takes(told()) == 204
    assert [line.split(" | ")[1] for line in receiver.ended()] == ["Troops leave the front"]


BODY = body_of(told())


def but(**over: str | None) -> dict[str, str]:
    """The headers of BODY, signed now, but for these; None takes one away."""
    headers: dict[str, str | None] = {**signed(BODY)}
    headers |= {f"webhook-{name}": value for name, value in over.items()}
    return {name: value for name, value in headers.items() if value is not None}


# Made when they are sent, or they would be refused for their age.
REFUSED: dict[str, Callable[[], tuple[bytes, Headers]]] = {
    "tampered": lambda: (BODY.replace(b"leave", b"enter"), but()),
    "longer": lambda: (BODY + b" ", but()),
    "no body": lambda: (b"", but()),
    "no text": lambda: (b"\xff", signed(b"\xff", NEXT_SECRET)),
    "wrong key": lambda: (BODY, signed(BODY, NEXT_SECRET)),
    "other id": lambda: (BODY, but(id="msg_2")),
    "other time": lambda: (BODY, but(timestamp=str(int(time.time()) - 60))),
    "no time": lambda: (BODY, signed_headers([SECRET], "msg_1", cast("int", "today"), BODY)),
    "empty time": lambda: (BODY, but(timestamp="")),
    "stale": lambda: (BODY, signed(BODY, ago=400)),
    "too new": lambda: (BODY, signed(BODY, ago=-400)),
    "empty id": lambda: (BODY, signed(BODY, name="")),
    "without id": lambda: (BODY, but(id=None)),
    "without time": lambda: (BODY, but(timestamp=None)),
    "without signature": lambda: (BODY, but(signature=None)),
    "empty signature": lambda: (BODY, but(signature="")),
    "no signature": lambda: (BODY, but(signature="no signature, at all")),
    "half a signature": lambda: (BODY, but(signature="v1,")),
    "other version": lambda: (BODY, but(signature=signed(BODY)["webhook-signature"].replace("v1,", "v2,"))),
    "nothing": lambda: (BODY, {}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_signed_as_it_should_be_is_refused(receiver: Running, name: str) -> None:
    assert receiver.post(*REFUSED[name]()) == 401
    assert receiver.takes(told()) == 204
    assert len(receiver.ended()) == 1


@pytest.mark.parametrize("held", [SECRET, NEXT_SECRET], ids=["old", "new"])
def test_while_keys_rotate_the_old_secret_will_do_and_the_new_one_too(
    receiver_command: Sequence[str | Path], held: str
) -> None:
    with running(receiver_command, held) as receiver:
        assert receiver.takes(told(), NEXT_SECRET, SECRET) == 204
        assert receiver.takes(told(number=2), SECRET, NEXT_SECRET) == 204
        assert len(receiver.ended()) == 2


def test_a_signature_of_a_version_to_come_does_not_hide_the_one_that_fits(receiver: Running) -> None:
    headers = signed(BODY)
    headers["webhook-signature"] = f"v1a,AAAA {headers['webhook-signature']}"
    assert receiver.post(BODY, headers) == 204
    assert len(receiver.ended()) == 1


def test_a_body_over_64_kib_is_too_large_and_one_of_64_kib_is_not(receiver: Running) -> None:
    padded = BODY.ljust(MAX_BODY_BYTES)
    assert receiver.post(padded + b" ", signed(padded + b" ")) == 413
    assert receiver.post(padded, signed(padded)) == 204
    assert len(receiver.ended()) == 1


def test_a_request_that_breaks_off_or_is_no_post_does_not_end_it(receiver: Running) -> None:
    with create_connection(("127.0.0.1", receiver.port)) as connection:
        connection.sendall(b"POST /alerts HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n{")
    assert receiver.post(b"", {}, "GET") in (405, 501)
    assert receiver.takes(told()) == 204
    assert len(receiver.ended()) == 1


@pytest.mark.parametrize("secret", [SECRET_PREFIX, ""])
def test_a_receiver_without_a_key_does_not_start(receiver_command: Sequence[str | Path], secret: str) -> None:
    env = os.environ | {"NEWSROOM_SECRET": secret, "PORT": "0"}
    run = subprocess.run(receiver_command, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert run.returncode != 0
    assert "listening" not in run.stdout


def paths(value: object, under: str = "") -> Iterator[str]:
    """`data.times.updated` and the like: each field by its path; the members of a list share one."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield f"{under}{name}"
            yield from paths(part, f"{under}{name}.")
    if isinstance(value, list):
        for part in value:
            yield from paths(part, under)


def known(of: Story) -> Story:
    held = {"entry_id": of.articles[0].entry_id, "sources": ("Example News",), "position": 0, "said_at": NOON}
    return of.model_copy(update={"claims": (KnownClaim.model_validate(claim().model_dump() | held),)})


def test_the_example_has_the_fields_that_a_message_has() -> None:
    assert set(paths(json.loads(BLOCKS["json"]))) == set(paths(payload_of(known(told()))))


def test_every_field_and_type_is_explained() -> None:
    explained = set(re.findall(r"`([^`\n]+)`", PAGE))
    digest, _ = digest_payload(DIGEST, [], NOON)
    payloads = (payload_of(known(told())), digest, OTHERS["endpoint"])
    names = {path.rpartition(".")[2] for payload in payloads for path in paths(payload)}
    assert names | {kind.value for kind in MessageType} <= explained
    assert set(paths(OTHERS["test"])) - set(paths(payload_of(told()))) == {"data.test"}
    assert '`"test": true`' in PAGE


def test_every_reason_that_is_named_is_one() -> None:
    row = re.search(r"^\| `reason`, .*$", PAGE, re.MULTILINE)
    assert row
    assert set(re.findall(r"`(\w+)`", row[0])) - {"reason", "reason_detail"} <= {reason.value for reason in Reason}
