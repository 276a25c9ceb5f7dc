"""Apprise: an extra, bounded in time and threads, that reads and keeps nothing of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.notifier.channels.apprise import MAX_THREADS, AppriseSender
from shared.errors import ConfigError
from shared.models.subscription import AppriseChannel
from tests.contract.payloads import payload
from tests.factories import envelope
from tests.servers import HANG, Answer, Server, serving, until

ROOT = Path(__file__).parents[2]


def sender(url: str, *, total_seconds: float = 5) -> AppriseSender:
    return AppriseSender(AppriseChannel(url=SecretStr(url)), connect_seconds=2, total_seconds=total_seconds)


def to(server: Server, more: str = "") -> str:
    return f"json://{server.host}:{server.port}/{more}"


@pytest.mark.parametrize("url", ["nowhere://secret", "secret", "tgram://secret", "slack://secret", "", "json://"])
def test_an_address_that_apprise_does_not_know_is_refused_without_showing_it(
    url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError) as refused:
        sender(url)
    assert "channel.url" in str(refused.value)
    assert "secret" not in str(refused.value) + "".join(capfd.readouterr())


WITHOUT_IT = """
import sys
sys.modules["apprise"] = None  # as if it were not installed
from services.notifier.channels import CHANNELS, Means
from shared.errors import ConfigError
from shared.models.subscription import AppriseChannel
try:
    CHANNELS["apprise"](AppriseChannel(url="json://secret.example"), Means(None))
except ConfigError as error:
    print(error)
"""


def test_without_the_library_the_extra_is_named() -> None:
    said = subprocess.run([sys.executable, "-c", WITHOUT_IT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "tocsin[apprise]" in said.stdout
    assert "secret" not in said.stdout


def test_it_is_not_imported_before_a_subscription_needs_it() -> None:
    code = "import sys, services.notifier.channels; sys.exit('apprise' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


async def test_title_body_and_kind_arrive_as_plain_text() -> None:
    async with serving() as server:
        channel = sender(to(server))
        assert (await channel.send(envelope(body=channel.write(payload(title="They <left>"))), [])).ok
        told = json.loads(server.requests[0].body)
    assert (told["title"], told["type"]) == ("Update: They <left>", "warning")
    assert told["message"].splitlines()[0] == "deployed 10,000 → 12,000"
    assert not told.get("attachments")


async def test_a_text_is_cut_to_what_the_service_takes() -> None:
    """Mastodon: 500 characters, title and text together."""
    async with serving() as server:
        channel = sender(f"mastodon://token@{server.host}:{server.port}")
        told = payload(summary="They have left. " * 60)
        assert (await channel.send(envelope(body=channel.write(told)), [])).ok
        (post,) = server.asked("/api/v1/statuses")
    status = json.loads(post.body)["status"]
    assert 450 < len(status) <= 500
    assert status.startswith("Update: ")


async def test_of_a_refusal_the_status_alone_is_told_and_its_end_is_open() -> None:
    async with serving() as server:
        server.answers(Answer(403, b"secret"))
        channel = sender(to(server))
        sent = await channel.send(envelope(body=channel.write(payload())), [])
    assert (sent.outcome, sent.ok, sent.known, sent.detail) == (
        "not_delivered", False, False, "the service answered 403",
    )  # fmt: skip


async def test_a_redirect_is_not_followed() -> None:
    async with serving() as server:
        server.answers(Answer(302, headers={"Location": server.url("/elsewhere")}))
        channel = sender(to(server))
        assert not (await channel.send(envelope(body=channel.write(payload())), [])).ok
        assert not server.asked("/elsewhere")


async def test_a_service_that_hangs_holds_up_so_many_threads_and_no_more() -> None:
    async with serving() as server:
        server.answers(HANG)
        channel = sender(to(server, "?rto=60"), total_seconds=0.1)
        message = envelope(body=channel.write(payload()))
        outcomes = [(await channel.send(message, [])).outcome for _ in range(MAX_THREADS + 1)]
        assert outcomes == ["timeout"] * MAX_THREADS + ["busy"]
        await until(lambda: len(server.requests) == MAX_THREADS)
        # Another endpoint has threads of its own, and this one has its again when the service lets go of them.
        server.answers(Answer(200))
        other = sender(to(server))
        assert (await other.send(message, [])).ok
        server.close()

        async def goes_on() -> bool:
            return (await channel.send(message, [])).ok

        await until(goes_on)


async def test_nothing_of_apprises_own_is_read_or_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / ".config/apprise").mkdir(parents=True)
    before = sorted(home.rglob("*"))
    monkeypatch.setenv("HOME", str(home))
    async with serving() as server:
        (home / ".config/apprise/apprise.conf").write_text(to(server, "configured"), encoding="utf-8")
        channel = sender(to(server))
        await channel.send(envelope(body=channel.write(payload())), [])
        assert [request.path for request in server.requests] == ["/"]
    assert sorted(home.rglob("*")) == [*before, home / ".config/apprise/apprise.conf"]
