"""Standard Webhooks over the guarded client."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.notifier.channels.base import Payload, Sent
from services.notifier.channels.posting import JSON, compact, judged, posted
from services.notifier.ports import HttpPoster
from services.notifier.sign import signed_headers
from shared.http import Response
from shared.models.subscription import DeliveryOutcome, Envelope, WebhookChannel


@dataclass(frozen=True, slots=True)
class WebhookSender:
    channel: WebhookChannel
    http: HttpPoster

    def write(self, payload: Payload) -> str:
        return compact(payload)

    async def send(self, envelope: Envelope, secrets: Sequence[str]) -> Sent:
        """The time and the signatures are fresh at each attempt, for receivers refuse old ones."""
        body = envelope.body.encode()
        headers = signed_headers(secrets, envelope.webhook_id, int(time.time()), body) | JSON
        return await posted(self.http, self.channel.url, body, headers, _judged)


def _judged(response: Response) -> Sent:
    """The status, unless the receiver says more than that in `webhook-delivery`."""
    sent = judged(response)
    wish = response.headers.get("webhook-delivery", "").strip().lower()
    if wish == "disable":
        return replace(
            sent, outcome=DeliveryOutcome.DISABLED_BY_RECEIVER, gone=True, detail=f"HTTP {response.status}, {wish}"
        )
    if wish == "abort-message" and not sent.ok:
        return replace(sent, outcome=DeliveryOutcome.ABORTED, final=True, detail=f"HTTP {response.status}, {wish}")
    return sent
