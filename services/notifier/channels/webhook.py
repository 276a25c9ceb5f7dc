"""Standard Webhooks over the guarded client."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from services.notifier.channels.base import Sent
from services.notifier.ports import HttpPoster
from services.notifier.sign import signed_headers
from shared.errors import AddressDenied, BadUrl, ConnectError, DnsError, FetchError, TlsError
from shared.http.headers import retry_after_seconds
from shared.models.subscription import Envelope, WebhookChannel

# Nothing was sent, or what was sent was not read: the message may be changed before the next attempt.
_CERTAINLY_UNSENT = (AddressDenied, BadUrl, DnsError, TlsError)
_FINAL_STATUSES = frozenset({410})


@dataclass(frozen=True, slots=True)
class WebhookSender:
    channel: WebhookChannel
    http: HttpPoster

    async def send(self, envelope: Envelope) -> Sent:
        body = envelope.body.encode()
        headers = signed_headers(
            [self.channel.secret.get_secret_value()], envelope.webhook_id, int(time.time()), body
        ) | {"Content-Type": "application/json"}
        try:
            response = await self.http.fetch(self.channel.url, method="POST", headers=headers, content=body)
        except FetchError as error:
            known = isinstance(error, _CERTAINLY_UNSENT) or _refused(error)
            return Sent(error.outcome, ok=False, known=known, detail=str(error))
        return _judge(response.status, response.headers)


def _refused(error: FetchError) -> bool:
    """Whether nobody listened: the reason stands somewhere down the chain of causes."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ConnectionRefusedError):
        cause = cause.__cause__
    return isinstance(error, ConnectError) and cause is not None


def _judge(status: int, headers: Mapping[str, str]) -> Sent:
    if 200 <= status < 300:
        return Sent("delivered", ok=True)
    outcome = {410: "gone", 413: "too_large", 429: "throttled"}.get(status) or (
        "server_error" if status >= 500 else "redirect" if status < 400 else "client_error"
    )
    return Sent(
        outcome,
        ok=False,
        retry_after=retry_after_seconds(headers, datetime.now(UTC)),
        final=status in _FINAL_STATUSES,
        detail=f"HTTP {status}",
    )
