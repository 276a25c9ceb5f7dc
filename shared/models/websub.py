"""A feed's subscription at a hub (WebSub, W3C Recommendation of 2 June 2026).

It has two halves, each with one writer, so that none can overwrite the other: the poller writes what was asked, the
gateway what the hub answered. `PushRequest.ask` ties them: an answer belongs to the ask whose number it carries.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.models.base import HttpUrl, Model, UtcDatetime


class PushState(StrEnum):
    PENDING = "pending"  # asked; the hub has not verified it yet
    ACTIVE = "active"
    DENIED = "denied"
    EXPIRED = "expired"  # the lease ran out before it could be renewed


class AskReason(StrEnum):
    """Why a hub is asked: its metric's label."""

    NEW = "new"
    MOVED = "moved"
    RENEWAL = "renewal"
    UNVERIFIED = "unverified"
    EXPIRED = "expired"
    DENIED = "denied"


class AskOutcome(StrEnum):
    """How asking a hub ended: its metric's label."""

    ACCEPTED = "accepted"
    REDIRECT = "redirect"
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    ADDRESS_DENIED = "address_denied"
    BAD_URL = "bad_url"
    DNS_ERROR = "dns_error"
    CONNECT_ERROR = "connect_error"
    TLS_ERROR = "tls_error"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    BAD_ENCODING = "bad_encoding"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    PROTOCOL_ERROR = "protocol_error"


class HubAnswer(StrEnum):
    """What we made of what a hub said at a callback: its metric's label."""

    CONFIRMED = "confirmed"
    DENIED = "denied"
    UNKNOWN = "unknown"  # nobody asked for this callback
    OTHER_TOPIC = "other_topic"
    OTHER_MODE = "other_mode"
    NOT_ASKED = "not_asked"
    BAD_CHALLENGE = "bad_challenge"


class PushResult(StrEnum):
    """What became of a push: its metric's label."""

    ACCEPTED = "accepted"
    TOO_MANY = "too_many"
    UNKNOWN = "unknown"
    BROKEN_OFF = "broken_off"
    TOO_LARGE = "too_large"
    NO_SIGNATURE = "no_signature"
    UNKNOWN_ALGORITHM = "unknown_algorithm"
    WRONG_SIGNATURE = "wrong_signature"


class PushOffer(Model):
    """Where a feed says it can be subscribed to: at `hub`, under the name `topic`."""

    hub: HttpUrl
    topic: HttpUrl


class PushRequest(Model):
    """What was asked of the hub, in the newest of `ask` asks; `tries` of them in a row went unanswered.

    `callback_id` is the unguessable end of the callback's path, and leads to the feed. `secret` is the HMAC key.
    """

    feed_id: str
    offer: PushOffer
    callback_id: str
    secret: Annotated[str, Field(repr=False, min_length=1, max_length=199)]
    lease_seconds: Annotated[int, Field(gt=0)]
    ask: int
    tries: int
    asked_at: UtcDatetime
    retry_at: UtcDatetime
    reason: str
    outcome: str | None = None


class PushGrant(Model):
    """What the hub answered, and when it last pushed."""

    verified_ask: int = 0
    verified_at: UtcDatetime | None = None
    lease_expires_at: UtcDatetime | None = None
    denied_ask: int = 0
    denied_reason: str = ""
    last_push_at: UtcDatetime | None = None


class PushSubscription(Model):
    request: PushRequest
    grant: PushGrant = PushGrant()

    @property
    def answered(self) -> bool:
        """Whether the hub has verified the newest ask."""
        return self.grant.verified_ask == self.request.ask

    def state(self, now: datetime) -> PushState:
        if self.grant.denied_ask == self.request.ask:
            return PushState.DENIED
        if self.grant.lease_expires_at is None:
            return PushState.PENDING
        return PushState.ACTIVE if now < self.grant.lease_expires_at else PushState.EXPIRED
