"""Every other service, through Apprise: Telegram, Matrix, Signal, ntfy, Teams and a hundred more.

Apprise is an extra, and imported only where a subscription needs it. It sends by means of `requests`, past the guard of
shared.http, so only the operator's own file may name such an address (OPEN_CHANNELS in shared/models/subscription.py).
"""

import asyncio
import json
import logging
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Thread
from typing import TYPE_CHECKING

from services.notifier.channels.base import Payload, Sent
from services.notifier.channels.cutting import fitted
from services.notifier.channels.posting import compact
from services.notifier.channels.telling import GOOD, plain, telling
from shared.errors import ConfigError
from shared.models.subscription import AppriseChannel, DeliveryOutcome, Envelope

if TYPE_CHECKING:
    from apprise import AppriseAsset, AppriseResult
    from apprise.plugins.base import NotifyBase

# Of the services that take more, few show more; what takes less is cut by Apprise.
MAX_TITLE, MAX_BODY = 250, 3500
# Threads that a service holds up for ever are not ended by anything but the service.
MAX_THREADS = 4

# Telegram's, Slack's and Discord's ways to ring for people; with a space of no width within they are only text.
_MENTION = re.compile(r"(?<![\w.])@(?=\w)|<(?=[@!#])")
_STATUS = re.compile(r"\berror=(\d{3})\b")
_KINDS = {"low": "info", "medium": "info", "high": "warning", "critical": "warning", GOOD: "success"}


@dataclass(frozen=True, slots=True)
class AppriseSender:
    """Raises a ConfigError that does not show the address, for there are tokens in it."""

    channel: AppriseChannel
    connect_seconds: float
    total_seconds: float
    _threads: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MAX_THREADS), repr=False)

    def __post_init__(self) -> None:
        try:
            service = self._service()
        except ImportError:
            text = "channel.type: apprise needs a library that is not there; allowed: pip install 'tocsin[apprise]'"
            raise ConfigError(text) from None
        if service is None:
            text = "channel.url: not an address that Apprise knows; allowed: https://github.com/caronc/apprise/wiki"
            raise ConfigError(text)

    def write(self, payload: Payload) -> str:
        told = telling(payload)
        title, body = fitted(told.headline, MAX_TITLE, harmless), fitted(plain(told), MAX_BODY, harmless)
        return compact({"title": title, "body": body, "kind": _KINDS.get(told.tone, "info")})

    async def send(self, envelope: Envelope, secrets: Sequence[str]) -> Sent:
        """In a thread of its own, for Apprise blocks. What it says of a failure is little, so the end is never sure."""
        if not self._threads.acquire(blocking=False):
            return Sent(
                DeliveryOutcome.BUSY, ok=False, known=False, detail=f"{MAX_THREADS} earlier attempts still hang"
            )
        try:
            async with asyncio.timeout(self.total_seconds):
                return await _in_thread(lambda: self._notify(json.loads(envelope.body)), self._threads.release)
        except TimeoutError:
            return Sent(
                DeliveryOutcome.TIMEOUT, ok=False, known=False, detail=f"no answer within {self.total_seconds:g} s"
            )

    def _notify(self, message: dict[str, str]) -> Sent:
        import apprise  # noqa: PLC0415  an extra

        service = self._service()
        if service is None:
            return Sent(DeliveryOutcome.BAD_URL, ok=False)
        sender = apprise.Apprise([service])
        return _judged(
            sender.notify(title=message["title"], body=message["body"], notify_type=message["kind"], body_format="text")
        )

    def _service(self) -> "NotifyBase | None":
        """Anew each time: what a service remembers between messages is not made for several threads."""
        import apprise  # noqa: PLC0415  an extra

        _silence()
        service = apprise.Apprise.instantiate(self.channel.url.get_secret_value(), asset=_asset())
        if service is not None:
            service.socket_connect_timeout = min(service.socket_connect_timeout, self.connect_seconds)
            if service.overflow_mode is apprise.OverflowMode.UPSTREAM:
                service.overflow_mode = apprise.OverflowMode.TRUNCATE
        return service


def _asset() -> "AppriseAsset":
    """It reads no configuration or plugins from disk, keeps nothing there, follows no redirects, starts no threads."""
    import apprise  # noqa: PLC0415  an extra

    return apprise.AppriseAsset(
        app_id="Tocsin",
        app_desc="Tocsin",
        storage_mode="memory",
        pgp_autogen=False,
        pem_autogen=False,
        http_redirects=False,
        async_mode=False,
        service_timeout=0,
        interpret_emojis=False,
        interpret_escapes=False,
        image_path_mask=False,
        allow_templates=False,
    )


def _silence() -> None:
    """What it and its HTTP client log has addresses in it. Both have a handler that drops everything."""
    for name in ("apprise", "urllib3"):
        logging.getLogger(name).propagate = False


def _judged(result: "AppriseResult") -> Sent:
    """Of what Apprise has logged only the status is repeated, for there may be addresses in the rest."""
    if result:
        return Sent(DeliveryOutcome.DELIVERED, ok=True)
    statuses = {status for entry in result.logs() for status in _STATUS.findall(entry.message)}
    detail = f"the service answered {', '.join(sorted(statuses))}" if statuses else "Apprise could not deliver it"
    return Sent(DeliveryOutcome.NOT_DELIVERED, ok=False, known=False, detail=detail)


def harmless(text: str) -> str:
    """Without mentions that ring for people."""
    return _MENTION.sub(lambda found: f"{found[0]}\u200b", text)


async def _in_thread(work: Callable[[], Sent], done: Callable[[], None]) -> Sent:
    """As asyncio.to_thread, but a call that never returns keeps back neither the end of the process nor other work."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Sent] = loop.create_future()

    def tell(sent: Sent) -> None:
        if not future.done():
            future.set_result(sent)

    def run() -> None:
        try:
            sent = work()
        except Exception as error:  # noqa: BLE001  a plugin's; its text may hold an address
            sent = Sent(DeliveryOutcome.NOT_DELIVERED, ok=False, known=False, detail=type(error).__name__)
        finally:
            done()
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, sent)

    Thread(target=run, name="apprise", daemon=True).start()
    return await future
