"""Mail against a real SMTP server: what is in it, how it is secured, and what the answers mean."""

import asyncio
from email.utils import parsedate_to_datetime

import pytest

from services.notifier.channels.base import Sent
from services.notifier.channels.email import EmailSender
from shared.errors import ConfigError
from shared.models.subscription import MessageType, Security
from tests.contract.payloads import payload
from tests.contract.stations import CERTIFICATE, PASSWORD, PostOffice, email_channel, parsed, post_office
from tests.factories import envelope

FACTS = (
    "high severity · confirmed · 2 independent sources · 4 articles · 3 of them new · 2 languages"
    " · 2025-02-03 12:01 UTC · matched: North Korean, Kursk"
)


def sender(port: int, **over: object) -> EmailSender:
    return EmailSender(email_channel(port, **over), connect_seconds=2, total_seconds=2)


async def sent(port: int, told: dict[str, object] | None = None, **over: object) -> Sent:
    channel = sender(port, **over)
    return await channel.send(envelope(body=channel.write(told or payload()), webhook_id="msg_7"), [])


async def test_a_mail_says_from_whom_it_is_that_a_machine_sent_it_and_to_which_story_it_belongs() -> None:
    async with post_office() as (office, port):
        assert (await sent(port)).ok
        await sent(port, payload(MessageType.RETRACTED))
        await sent(port, payload(MessageType.UPDATED, story_id="st_2"))
    mail, later, other = map(parsed, office.mails)
    assert mail["from"] == "Tocsin <tocsin@news.example>"
    assert mail["to"] == "desk@news.example, night@news.example"
    assert str(mail["subject"]).startswith("[high] Update: Війська КНДР залишили фронт")
    assert mail["message-id"] == "<msg_7@news.example>"
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["in-reply-to"] == mail["references"] == later["references"] == "<story-st_1@news.example>"
    assert other["references"] == "<story-st_2@news.example>"
    assert parsedate_to_datetime(str(mail["date"])).isoformat() == "2025-02-03T12:02:00+00:00"
    assert office.recipients[0] == ("desk@news.example", "night@news.example")


async def test_the_mail_is_told_as_text_and_as_html() -> None:
    async with post_office() as (office, port):
        await sent(port, payload(title="They <left>"))
    text, html = parsed(office.mails[0]).iter_parts()
    assert text.get_content().splitlines() == [
        "Update: They <left>",
        "",
        "deployed 10,000 → 12,000",
        "Nobody has seen them for three weeks.",
        "• deployed: about 12,000 people, Kursk (Ukraine, claimed)",
        "– Example News: They have left",
        "https://news.example/1",
        "https://tocsin.example/stories/st_1",
        FACTS,
    ]
    page = html.get_content()
    assert '<h2 dir="auto">Update: They &lt;left&gt;</h2>' in page
    assert '<li dir="auto"><a href="https://news.example/1">Example News: They have left</a></li>' in page


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_a_certificate_is_verified_before_anything_is_told(
    security: Security, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with post_office(security) as (office, port):
        refused = await sent(port, security=security)
        assert (refused.outcome, refused.ok, refused.known) == ("tls_error", False, True)
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        assert (await sent(port, security=security)).ok
        assert len(office.mails) == 1


async def test_without_starttls_on_offer_nothing_is_told_in_the_clear() -> None:
    async with post_office(Security.STARTTLS, offers_starttls=False) as (office, port):
        refused = await sent(port, security=Security.STARTTLS)
        assert (refused.outcome, refused.known, office.mails) == ("protocol_error", True, [])


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        ("451 4.3.0 later", Sent("deferred", ok=False, detail="SMTP 451")),
        ("452 4.2.2 full", Sent("deferred", ok=False, detail="SMTP 452")),
        ("554 5.7.1 spam", Sent("refused", ok=False, final=True, detail="SMTP 554")),
        ("552 5.3.4 too big", Sent("too_large", ok=False, too_large=True, detail="SMTP 552")),
        ("535 5.7.8 who?", Sent("not_let_in", ok=False, detail="SMTP 535")),
    ],
)
async def test_a_code_says_whether_it_passes(answer: str, meant: Sent) -> None:
    async with post_office() as (office, port):
        office.answer = answer
        assert await sent(port) == meant


async def test_a_wrong_password_is_no_messages_end_and_is_not_repeated() -> None:
    async with post_office() as (office, port):
        refused = await sent(port, password="another word")
        assert refused == Sent("not_let_in", ok=False, detail="SMTP 535")
        assert office.mails == []


async def test_one_recipient_less_is_delivered_and_none_is_refused() -> None:
    async with post_office() as (office, port):
        office.recipient_answer = "550 5.1.1 unknown"
        assert await sent(port) == Sent("delivered", ok=True, detail="1 recipients refused")
        assert office.recipients == [("night@news.example",)]
        alone = await sent(port, to=("desk@news.example",))
        assert alone == Sent("refused", ok=False, final=True, detail="SMTP 550")
        office.recipient_answer = "450 4.2.0 greylisted"
        assert (await sent(port, to=("desk@news.example",))).outcome == "deferred"


async def test_a_connection_lost_after_the_message_leaves_it_open_whether_it_was_taken() -> None:
    async with post_office() as (office, port):
        office.answer = None
        lost = await sent(port)
        assert (lost.outcome, lost.ok, lost.known) == ("connection_lost", False, False)


async def test_a_server_that_says_nothing_more_is_waited_for_no_longer_than_the_limit() -> None:
    async with post_office() as (office, port):
        office.hangs = True
        channel = EmailSender(email_channel(port), connect_seconds=0.5, total_seconds=0.5)
        late = await channel.send(envelope(body=channel.write(payload())), [])
        assert (late.outcome, late.ok, late.known) == ("timeout", False, False)


async def test_where_nobody_listens_nothing_was_taken(unused_tcp_port: int) -> None:
    nobody = await sent(unused_tcp_port)
    assert (nobody.outcome, nobody.ok, nobody.known) == ("connect_error", False, True)


async def test_a_server_that_greets_nobody_has_taken_nothing() -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        closed = await sent(server.sockets[0].getsockname()[1])
    assert (closed.outcome, closed.known) == ("connect_error", True)


async def test_a_bad_parting_takes_nothing_back() -> None:
    class Rude(PostOffice):
        """It hangs up once it has the message."""

        async def handle_QUIT(self, server: object, *_: object) -> str:  # noqa: N802
            server.transport.abort()  # type: ignore[attr-defined]
            return "221 never heard"

    async with post_office(office=Rude()) as (office, port):
        assert await sent(port) == Sent("delivered", ok=True)
        assert len(office.mails) == 1


@pytest.mark.parametrize("address", ["деск@news.example", "a:b@news.example", '"a@news.example', "a@[news"])
def test_an_address_that_no_mail_can_go_to_is_refused_at_the_start(address: str) -> None:
    for over in ({"sender": address}, {"to": (address,)}):
        with pytest.raises(ConfigError, match="is no address"):
            sender(25, **over)


def test_a_password_stands_in_no_representation() -> None:
    assert PASSWORD not in repr(sender(25))
