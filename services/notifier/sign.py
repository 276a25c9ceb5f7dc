"""Standard Webhooks signatures (pure). Source: https://github.com/standard-webhooks/standard-webhooks, spec 1.0.0."""

import base64
import hmac
from collections.abc import Sequence
from hashlib import sha256

SECRET_PREFIX = "whsec_"  # noqa: S105  the marker, not a secret


def signed_headers(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of the standard; each secret adds a signature, so that keys can be rotated.

    Args:
        secrets: `whsec_` and base64, the current one first.
        timestamp: Unix seconds of this attempt; receivers refuse old ones.
    """
    content = f"{webhook_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_signature(secret, content) for secret in secrets),
    }


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, content, sha256).digest()).decode()
