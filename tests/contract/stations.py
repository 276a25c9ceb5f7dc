"""For each channel a real receiving end on loopback: what arrives there, and the ways in which it can fail."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword, Session
from aiosmtpd.smtp import Envelope as Mail
from pydantic import SecretStr

from services.notifier.channels import CHANNELS, Means
from services.notifier.channels.base import ChannelSender
from shared.models.subscription import (
    AppriseChannel,
    Channel,
    DiscordChannel,
    EmailChannel,
    JournalChannel,
    Security,
    SlackChannel,
)
from tests.contract import limits
from tests.factories import SECRET, webhook
from tests.servers import HANG, Answer, Server, loopback_client, serving

TOKEN = "T0kenThatNobodyMaySee"
PASSWORD = "passwordThatNobodyMaySee"
CERTIFICATE = Path(__file__).parent.parent / "data" / "self-signed-localhost.pem"


@dataclass
class Station:
    """`arrived`: as bytes, what is fresh at each attempt left out; `seen`: the same as a person sees it.

    `check`: that a body is valid. `fails`: by the way of failing, how the next attempts are made to end so. `mends`:
    how they end well again.
    """

    channel: Channel
    sender: ChannelSender
    arrived: Callable[[], list[bytes]]
    seen: Callable[[], list[str]]
    check: Callable[[str], object]
    fails: Mapping[str, Callable[[], object]]
    mends: Callable[[], object]
    secrets: tuple[str, ...] = ()


def sender(channel: Channel, means: Means) -> ChannelSender:
    return CHANNELS[channel.type](channel, means)


@asynccontextmanager
async def means() -> AsyncIterator[Means]:
    async with loopback_client(total_seconds=1, max_redirects=0) as http:
        yield Means(http, connect_seconds=1, total_seconds=1)


@asynccontextmanager
async def over_http(
    make: Callable[[Server], Channel],
    check: Callable[[str], object],
    *,
    read: Callable[[bytes], str] = lambda body: body.decode(),
    secrets: tuple[str, ...] = (),
) -> AsyncIterator[Station]:
    async with serving() as server, means() as given:
        channel = make(server)
        path = f"/hook/{TOKEN}"

        def answers(*made: Answer) -> Callable[[], None]:
            return lambda: server.answers(*made, path=path)

        mends = answers(Answer(204))
        mends()
        yield Station(
            channel,
            sender(channel, given),
            lambda: [request.body for request in server.requests],
            lambda: [read(request.body) for request in server.requests],
            check,
            {
                "refuses": answers(Answer(400, f"no: {path}".encode())),
                "breaks": answers(Answer(500)),
                "throttles": answers(Answer(429, headers={"Retry-After": "7"})),
                "hangs": answers(HANG),
                "redirects": answers(Answer(302, headers={"Location": server.url("/elsewhere")})),
            },
            mends,
            secrets,
        )


def texts(value: object) -> list[str]:
    """Every text in a piece of JSON."""
    if isinstance(value, Mapping):
        return [text for part in value.values() for text in texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    return [value] if isinstance(value, str) else []


def all_texts(body: bytes) -> str:
    return "\n".join(texts(json.loads(body)))


def webhook_station(_home: Path) -> AbstractAsyncContextManager[Station]:
    return over_http(
        lambda server: webhook(server.url(f"/hook/{TOKEN}")), json.loads, read=all_texts, secrets=(SECRET,)
    )


def slack_station(_home: Path) -> AbstractAsyncContextManager[Station]:
    def channel(server: Server) -> SlackChannel:
        return SlackChannel(url=SecretStr(server.url(f"/hook/{TOKEN}")))

    return over_http(channel, limits.check_slack, read=all_texts, secrets=(TOKEN,))


def discord_station(_home: Path) -> AbstractAsyncContextManager[Station]:
    def channel(server: Server) -> DiscordChannel:
        return DiscordChannel(url=SecretStr(server.url(f"/hook/{TOKEN}")))

    return over_http(channel, limits.check_discord, read=all_texts, secrets=(TOKEN,))


def apprise_station(_home: Path) -> AbstractAsyncContextManager[Station]:
    """By its way to any HTTP server."""

    def channel(server: Server) -> AppriseChannel:
        return AppriseChannel(url=SecretStr(f"json://user:{PASSWORD}@{server.host}:{server.port}/hook/{TOKEN}"))

    return over_http(channel, limits.check_apprise, read=all_texts, secrets=(TOKEN, PASSWORD))


@asynccontextmanager
async def journal_station(home: Path) -> AsyncIterator[Station]:
    path = home / "sub" / "alerts.jsonl"
    async with means() as given:
        channel = JournalChannel(path=str(path))

        def in_the_way() -> None:
            path.unlink(missing_ok=True)
            path.mkdir(parents=True)

        def lines() -> list[bytes]:
            return path.read_bytes().splitlines() if path.is_file() else []

        yield Station(
            channel,
            sender(channel, given),
            lines,
            lambda: [all_texts(line) for line in lines()],
            json.loads,
            {"refuses": in_the_way},
            path.rmdir,
        )


@dataclass
class PostOffice:
    """An SMTP server. `answer`: what it says after the message, or None to say nothing more and hang up."""

    mails: list[bytes] = field(default_factory=list)
    recipients: list[tuple[str, ...]] = field(default_factory=list)
    answer: str | None = "250 OK"
    recipient_answer: str = "250 OK"
    hangs: bool = False
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(  # noqa: N802  aiosmtpd asks for these names
        self, _server: SMTP, _session: Session, mail: Mail, address: str, _options: list[str]
    ) -> str:
        if self.recipient_answer.startswith("2") or not address.startswith("desk"):
            mail.rcpt_tos.append(address)
            return "250 OK"
        return self.recipient_answer

    async def handle_DATA(self, server: SMTP, _session: Session, mail: Mail) -> str:  # noqa: N802
        if self.hangs:
            await self.closing.wait()
        if self.answer is None:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "250 never heard"
        if self.answer.startswith("2"):
            assert isinstance(mail.original_content, bytes)
            self.mails.append(mail.original_content)
            self.recipients.append(tuple(mail.rcpt_tos))
        return self.answer

    def says(self, answer: str | None) -> Callable[[], None]:
        def change() -> None:
            self.answer = answer

        return change

    def hang(self) -> None:
        self.hangs = True


def authenticate(_server: SMTP, _session: Session, _mail: Mail, _mechanism: str, data: object) -> AuthResult:
    known = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=known, handled=False, message=None if known else f"535 5.7.8 not {data!r}")


@asynccontextmanager
async def post_office(
    security: Security = Security.NONE, *, offers_starttls: bool = True, office: PostOffice | None = None
) -> AsyncIterator[tuple[PostOffice, int]]:
    office, loop = office or PostOffice(), asyncio.get_running_loop()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(CERTIFICATE)

    def smtp() -> SMTP:
        return SMTP(
            office,
            loop=loop,
            hostname="mx.example",
            tls_context=tls if security is Security.STARTTLS and offers_starttls else None,
            authenticator=authenticate,
            auth_require_tls=False,
        )

    server = await loop.create_server(smtp, "127.0.0.1", 0, ssl=tls if security is Security.TLS else None)
    try:
        yield office, server.sockets[0].getsockname()[1]
    finally:
        office.closing.set()
        server.close()


def email_channel(port: int, **over: object) -> EmailChannel:
    fields: dict[str, object] = {
        "host": "localhost",
        "port": port,
        "security": Security.NONE,
        "username": "tocsin",
        "password": PASSWORD,
        "sender": "tocsin@news.example",
        "to": ("desk@news.example", "night@news.example"),
    }
    return EmailChannel.model_validate(fields | over)


def parsed(mail: bytes) -> EmailMessage:
    message = message_from_bytes(mail, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def as_read(mail: bytes) -> str:
    message = parsed(mail)
    parts = [message.get_body((kind,)) for kind in ("plain", "html")]
    return "\n".join([str(message["subject"]), *(part.get_content() for part in parts if part)])


@asynccontextmanager
async def email_station(_home: Path) -> AsyncIterator[Station]:
    async with post_office() as (office, port), means() as given:
        channel = email_channel(port)
        yield Station(
            channel,
            sender(channel, given),
            lambda: list(office.mails),
            lambda: [as_read(mail) for mail in office.mails],
            limits.check_email,
            {
                "refuses": office.says(f"554 not {PASSWORD}"),
                "throttles": office.says("451 later"),
                "is_lost": office.says(None),
                "hangs": office.hang,
            },
            office.says("250 OK"),
            (PASSWORD,),
        )


def idle_senders() -> dict[str, tuple[ChannelSender, Callable[[str], object]]]:
    """One of each channel that is told to people, for what it writes; it has nowhere to send."""
    url = SecretStr(f"https://services.example/{TOKEN}")
    channels: list[tuple[Channel, Callable[[str], object]]] = [
        (SlackChannel(url=url), limits.check_slack),
        (DiscordChannel(url=url), limits.check_discord),
        (email_channel(25), limits.check_email),
        (AppriseChannel(url=SecretStr(f"json://{TOKEN}.example")), limits.check_apprise),
    ]
    return {channel.type: (sender(channel, Means(loopback_client())), check) for channel, check in channels}


STATIONS: dict[str, Callable[[Path], AbstractAsyncContextManager[Station]]] = {
    "webhook": webhook_station,
    "slack": slack_station,
    "discord": discord_station,
    "email": email_station,
    "apprise": apprise_station,
    "journal": journal_station,
}
