"""What is to be thought of what arrives at a callback (pure).

WebSub, W3C Recommendation of 2 June 2026: https://www.w3.org/TR/2026/REC-websub-20260602/
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.models.websub import HubAnswer, PushResult, PushState, PushSubscription

# The hub's word is bounded: nothing shall wait for years, nor overflow a date.
LONGEST_LEASE_SECONDS = 30 * 86_400
MAX_REASON = 200
_ALGORITHMS = frozenset({"sha1", "sha256", "sha384", "sha512"})  # 7.1.1
_CHALLENGE = re.compile(r"[+\--9=A-Z_a-z]{1,1024}")  # the characters of 5.3; bounded as 8.2 advises
_SECONDS = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """To be answered with `challenge`."""

    challenge: str
    lease_expires_at: datetime


@dataclass(frozen=True, slots=True)
class Denied:
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Not what we asked for."""

    reason: HubAnswer


def judge(subscription: PushSubscription, query: Mapping[str, str], now: datetime) -> Confirmed | Denied | Refused:
    """What a hub's GET means (5.2, 5.3); `query` holds its `hub.` parameters."""
    if query.get("hub.topic") != subscription.request.offer.topic:
        return Refused(HubAnswer.OTHER_TOPIC)
    if query.get("hub.mode") == "denied":
        return Denied(query.get("hub.reason", "")[:MAX_REASON])
    if query.get("hub.mode") != "subscribe":
        return Refused(HubAnswer.OTHER_MODE)
    return _confirmed(subscription, query, now)


def _confirmed(subscription: PushSubscription, query: Mapping[str, str], now: datetime) -> Confirmed | Refused:
    # An active one may be confirmed again: hubs do so of themselves, and it is still wished for.
    if subscription.state(now) is PushState.DENIED:
        return Refused(HubAnswer.NOT_ASKED)
    challenge = query.get("hub.challenge", "")
    if not _CHALLENGE.fullmatch(challenge):
        return Refused(HubAnswer.BAD_CHALLENGE)
    seconds = _lease_seconds(query.get("hub.lease_seconds", ""), subscription.request.lease_seconds)
    return Confirmed(challenge, now + timedelta(seconds=seconds))


def _lease_seconds(stated: str, asked: int) -> int:
    """Hubs older than the Recommendation state none, or 0 for ever."""
    return min(int(stated) if _SECONDS.fullmatch(stated) else asked, LONGEST_LEASE_SECONDS)


def signature_fault(header: str | None, secret: str, body: bytes) -> PushResult | None:
    """What is wrong with an `X-Hub-Signature` (7.1), or None. Takes the same time wherever a signature differs."""
    if not header:
        return PushResult.NO_SIGNATURE
    algorithm, _, signature = header.strip().partition("=")
    if algorithm not in _ALGORITHMS:
        return PushResult.UNKNOWN_ALGORITHM
    right = hmac.new(secret.encode(), body, algorithm).hexdigest()
    matches = hmac.compare_digest(signature.strip().lower().encode(), right.encode())
    return None if matches else PushResult.WRONG_SIGNATURE
