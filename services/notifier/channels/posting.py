"""One POST of a frozen body, and what its status means: what all channels over HTTP have in common."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from pydantic import SecretStr

from services.notifier.channels.base import Sent
from services.notifier.ports import HttpPoster
from shared.errors import AddressDenied, BadUrl, ConfigError, ConnectError, DnsError, FetchError, TlsError
from shared.http import Response
from shared.http.headers import retry_after_seconds
from shared.http.urls import checked_url
from shared.models.subscription import DeliveryOutcome

JSON = {"Content-Type": "application/json"}

# Nothing was sent, or what was sent was not read: the message may be changed before the next attempt.
_CERTAINLY_UNSENT = (AddressDenied, BadUrl, DnsError, TlsError)
_THROTTLES = frozenset({429, 503})
_OUTCOMES = {
    410: DeliveryOutcome.GONE,
    413: DeliveryOutcome.TOO_LARGE,
    429: DeliveryOutcome.THROTTLED,
}


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def check_secret_url(url: SecretStr, service: str) -> None:
    """Raises a ConfigError that does not show it: who has the address of an incoming webhook can post."""
    try:
        checked_url(url.get_secret_value())
    except BadUrl:
        text = f"channel.url: no http(s) address; needed is that of an incoming webhook of {service}"
        raise ConfigError(text) from None


async def posted(
    http: HttpPoster, url: str, body: bytes, headers: Mapping[str, str], judge: Callable[[Response], Sent]
) -> Sent:
    try:
        response = await http.fetch(url, method="POST", headers=headers, content=body)
    except FetchError as error:
        known = isinstance(error, _CERTAINLY_UNSENT) or _refused(error)
        return Sent(DeliveryOutcome(error.outcome), ok=False, known=known, detail=str(error))
    return judge(response)


def _refused(error: FetchError) -> bool:
    """Whether nobody listened: the reason stands somewhere down the chain of causes."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ConnectionRefusedError):
        cause = cause.__cause__
    return isinstance(error, ConnectError) and cause is not None


def judged(response: Response) -> Sent:
    """By its status alone. Retry-After counts where HTTP gives it a meaning for a POST (RFC 9110, 10.2.3; RFC 6585)."""
    status = response.status
    if 200 <= status < 300:
        return Sent(DeliveryOutcome.DELIVERED, ok=True, detail=f"HTTP {status}")
    throttles = status in _THROTTLES
    return Sent(
        _OUTCOMES.get(status) or _by_class(status),
        ok=False,
        retry_after=retry_after_seconds(response.headers, datetime.now(UTC)) if throttles else None,
        too_large=status == 413,
        gone=status == 410,
        detail=f"HTTP {status}",
    )


def _by_class(status: int) -> DeliveryOutcome:
    if status >= 500:
        return DeliveryOutcome.SERVER_ERROR
    return DeliveryOutcome.REDIRECT if 300 <= status < 400 else DeliveryOutcome.CLIENT_ERROR
