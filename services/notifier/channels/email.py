"""Mail through the operator's own SMTP server.

The host stands in a file that the operator writes, as Redis does, and no stranger can name one (OPEN_CHANNELS in
shared/models/subscription.py); most such servers have private addresses. So the guard of shared.http has no part in it.
"""

import asyncio
import re
import ssl
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from html import escape

import aiosmtplib

from services.notifier.channels.base import Payload, Sent
from services.notifier.channels.cutting import fitted
from services.notifier.channels.telling import Link, Passage, Telling, plain, telling
from shared.errors import ConfigError
from shared.models.subscription import DeliveryOutcome, EmailChannel, Envelope, Security

MAX_SUBJECT = 200
QUIT_SECONDS = 1.0
# The dot-atoms of RFC 5322, 3.2.3: they stand in a header and in a command as they are.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_POLICY = policy.SMTP.clone(cte_type="7bit")

# RFC 5321, 4.2.3; RFC 4954, 6
_TOO_LARGE = 552
_NOT_LET_IN = frozenset({530, 534, 535, 538})

_Refusals = dict[str, aiosmtplib.SMTPResponse]


@dataclass(frozen=True, slots=True)
class EmailSender:
    channel: EmailChannel
    connect_seconds: float
    total_seconds: float

    def __post_init__(self) -> None:
        for address in (self.channel.sender, *self.channel.to):
            _check_address(address)

    def write(self, payload: Payload) -> str:
        """The whole message but for its Message-ID, which follows from the envelope's id. ASCII, lines end in CR LF."""
        told = telling(payload)
        thread = self._id(told.subject)
        message = EmailMessage(policy=_POLICY)
        message["From"] = Address(display_name="Tocsin", addr_spec=self.channel.sender)
        message["To"] = [Address(addr_spec=address) for address in self.channel.to]
        message["Subject"] = fitted(_subject(told), MAX_SUBJECT)
        if told.at:
            message["Date"] = format_datetime(told.at)
        # Nobody has ever sent that one: all that tell of one story answer it, and so stand in one thread.
        message["In-Reply-To"] = message["References"] = thread
        message["Auto-Submitted"] = "auto-generated"
        _set_body(message, told)
        return message.as_string()

    async def send(self, envelope: Envelope, secrets: Sequence[str]) -> Sent:
        """A retry has the same Message-ID, by which servers and readers know it again."""
        message = f"Message-ID: {self._id(envelope.webhook_id)}\r\n{envelope.body}".encode()
        client, known = self._client(), True
        try:
            async with asyncio.timeout(self.total_seconds):
                await client.connect()
                known = False  # from here on the server may have taken the message, whatever we hear
                refused, _ = await client.sendmail(self.channel.sender, self.channel.to, message)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            client.close()
            return _judged(error, known)
        await _leave(client)
        return Sent(DeliveryOutcome.DELIVERED, ok=True, detail=f"{len(refused)} recipients refused" if refused else "")

    def _id(self, name: str) -> str:
        return f"<{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)[:100]}@{self.channel.sender.partition('@')[2]}>"

    def _client(self) -> aiosmtplib.SMTP:
        channel = self.channel
        return aiosmtplib.SMTP(
            hostname=channel.host,
            port=channel.port,
            username=channel.username,
            password=channel.password.get_secret_value() if channel.password else None,
            timeout=self.connect_seconds,
            use_tls=channel.security is Security.TLS,
            start_tls=channel.security is Security.STARTTLS,
            tls_context=ssl.create_default_context(),
        )


def _check_address(address: str) -> None:
    if not _ADDRESS.fullmatch(address):
        raise ConfigError(f"channel: {address} is no address for mail; allowed: one in ASCII such as desk@news.example")


async def _leave(client: aiosmtplib.SMTP) -> None:
    """The message is taken; how the parting goes matters to nobody."""
    with suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=QUIT_SECONDS)
    client.close()


# What a failure means


def _judged(error: Exception, known: bool) -> Sent:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return _answered([refusal.code for refusal in error.recipients])
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _answered([error.code])
    outcome, detail = _failure(error)
    return Sent(outcome, ok=False, known=known, detail=detail)


def _answered(codes: Sequence[int]) -> Sent:
    """By the codes alone: what a server says besides may repeat what it was told, the password too.

    What is wrong with our way in can be mended, and a 4yz passes; any other 5yz is this message's end.
    """
    detail = f"SMTP {', '.join(sorted({str(code) for code in codes}))}"
    if any(code in _NOT_LET_IN for code in codes):
        return Sent(DeliveryOutcome.NOT_LET_IN, ok=False, detail=detail)
    if _TOO_LARGE in codes:
        return Sent(DeliveryOutcome.TOO_LARGE, ok=False, too_large=True, detail=detail)
    final = all(500 <= code < 600 for code in codes)
    return Sent(DeliveryOutcome.REFUSED if final else DeliveryOutcome.DEFERRED, ok=False, final=final, detail=detail)


def _failure(error: Exception) -> tuple[DeliveryOutcome, str]:
    causes = [error, *_causes(error)]
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return DeliveryOutcome.TLS_ERROR, "no trustworthy TLS connection"
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return DeliveryOutcome.TIMEOUT, "no complete answer in time"
    if isinstance(error, aiosmtplib.SMTPConnectError):
        return DeliveryOutcome.CONNECT_ERROR, "no connection"
    if isinstance(error, OSError):
        return DeliveryOutcome.CONNECTION_LOST, "the connection was lost"
    return DeliveryOutcome.PROTOCOL_ERROR, "the server does not offer what is needed (STARTTLS, a way to log in)"


def _causes(error: BaseException) -> list[BaseException]:
    cause = error.__cause__ or error.__context__
    return [cause, *_causes(cause)] if cause else []


# The form


def _subject(told: Telling) -> str:
    return f"[{told.tone}] {told.headline}" if told.tone else told.headline


def _set_body(message: EmailMessage, told: Telling) -> None:
    text = f"{told.headline}\n\n{plain(told)}\n"
    message.set_content(text)
    message.add_alternative(_html(told), subtype="html")
    # Otherwise it were random, and the same payload not the same bytes.
    message.set_boundary(f"=_{sha256(text.encode()).hexdigest()[:32]}")


def _html(told: Telling) -> str:
    """`dir=auto`: each text runs as its own letters do."""
    note = f"<p><strong>{escape(told.note)}</strong></p>" if told.note else ""
    passages = "".join(_passage(passage, told) for passage in told.passages)
    return f'<!DOCTYPE html><html><body><h2 dir="auto">{escape(told.headline)}</h2>{note}{passages}</body></html>\n'


def _passage(passage: Passage, told: Telling) -> str:
    parts = (
        f'<h3 dir="auto">{escape(passage.title)}</h3>' if told.digest else "",
        f'<p dir="auto"><strong>{escape(passage.why)}</strong></p>' if passage.why else "",
        f'<p dir="auto">{escape(passage.summary)}</p>' if passage.summary else "",
        _list(escape(claim) for claim in passage.claims),
        _list(_linked(link) for link in passage.links),
        f"<p>{_linked(Link('The whole story', passage.page))}</p>" if passage.page else "",
        f'<p dir="auto"><small>{escape(" · ".join(passage.facts))}</small></p>' if passage.facts else "",
    )
    return "\n".join(part for part in parts if part) + "\n"


def _list(items: Iterable[str]) -> str:
    told = "\n".join(f'<li dir="auto">{item}</li>' for item in items)
    return f"<ul>{told}</ul>" if told else ""


def _linked(link: Link) -> str:
    return f'<a href="{escape(link.url)}">{escape(link.text)}</a>' if link.url else escape(link.text)
