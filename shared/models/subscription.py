"""Who wants which alerts, and how far each has been brought."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from shared.models.base import HttpUrl, Model, UtcDatetime
from shared.models.story import AlertType
from shared.models.topic import Severity, Tier


class WebhookChannel(Model):
    """Standard Webhooks. The secret is `whsec_…`, or `env:NAME` / `file:PATH` where it is kept elsewhere."""

    type: Literal["webhook"] = "webhook"
    url: HttpUrl
    secret: SecretStr


class JournalChannel(Model):
    """One JSON line an alert, appended to a file."""

    type: Literal["journal"] = "journal"
    path: Annotated[str, Field(min_length=1)]


Channel = Annotated[WebhookChannel | JournalChannel, Field(discriminator="type")]


class Subscription(Model):
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="lower case, digits, dashes")]
    channel: Channel
    topics: Annotated[tuple[str, ...], Field(description="empty: every topic")] = ()
    languages: Annotated[tuple[str, ...], Field(description="empty: every language")] = ()
    min_severity: Severity = Severity.LOW
    min_score: Annotated[float, Field(ge=0)] = 0.0
    tiers: tuple[Tier, ...] = (Tier.CORE, Tier.RELATED)
    enabled: bool = True


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    GAVE_UP = "gave_up"


class Envelope(Model):
    """A message frozen before its first attempt, so that every retry is the same bytes under the same id."""

    webhook_id: str
    revision: int
    type: AlertType
    body: str


class Attempt(Model):
    at: UtcDatetime
    revision: int
    outcome: str
    detail: str = ""


class Delivery(Model):
    """One subscription's state with one story: the sent-log.

    `envelope` is set from just before the first attempt until its message has arrived or is given up; each attempt,
    also one after a crash, sends it unchanged. Only when it was `refused`, which is to say certainly not accepted, may
    a newer revision take its place. No attempt is made before `retry_at`, whatever happens to the story meanwhile.
    """

    subscription_id: str
    story_id: str
    status: DeliveryStatus = DeliveryStatus.PENDING
    sent_revision: int = 0
    sent_at: UtcDatetime | None = None
    failures: int = 0
    first_failed_at: UtcDatetime | None = None
    envelope: Envelope | None = None
    refused: bool = False
    retry_at: UtcDatetime | None = None
    attempts: tuple[Attempt, ...] = ()
