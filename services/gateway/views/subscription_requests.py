"""What people send to have a subscription made, changed and tried."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SecretStr

from shared.models.base import HttpUrl, Model, UtcDatetime
from shared.models.subscription import REACHABLE, Day, Secret, SubscriptionId, TimeOfDay, TimeZone, Wishes
from shared.models.topic import Severity, Tier

MAX_ADDRESS = 2000
MAX_DAYS = 180
_Address = Annotated[Secret, Field(min_length=1, max_length=MAX_ADDRESS)]
# Standard Webhooks, "Signature scheme".
_BASE64 = "[A-Za-z0-9+/]"
WHSEC = f"^whsec_(({_BASE64}{{4}}){{8,20}}{_BASE64}{{3}}=|({_BASE64}{{4}}){{8,21}}({_BASE64}{{2}}==)?)$"
WebhookSecret = Annotated[
    SecretStr,
    Field(max_length=200, description="`whsec_` and 24 to 64 bytes in base64", json_schema_extra={"pattern": WHSEC}),
]


class NewWebhook(Model):
    """Standard Webhooks. Without a secret one is made, and shown once."""

    type: Literal["webhook"]
    url: Annotated[HttpUrl, Field(max_length=MAX_ADDRESS, json_schema_extra={"format": "uri"})]
    secret: Annotated[SecretStr | None, Field(max_length=200, description="`whsec_` and 24 to 64 bytes in base64")] = (
        None
    )


class NewSlack(Model):
    type: Literal["slack"]
    url: Annotated[_Address, Field(description="of an incoming webhook; never shown again")]


class NewDiscord(Model):
    type: Literal["discord"]
    url: Annotated[_Address, Field(description="of a channel's webhook; never shown again")]


NewChannel = Annotated[NewWebhook | NewSlack | NewDiscord, Field(discriminator="type")]


class _Addressed(Model):
    id: SubscriptionId
    channel: NewChannel


class NewSubscription(Wishes, _Addressed):
    pass


class Draft(Wishes):
    """One to be tried; where it would be sent does not matter."""

    id: SubscriptionId = "draft"
    channel: NewChannel | None = None


class DigestPatch(Model):
    at: Annotated[tuple[TimeOfDay, ...] | None, Field(min_length=1)] = None
    days: tuple[Day, ...] | None = None


class QuietPatch(Model):
    start: TimeOfDay | None = None
    end: TimeOfDay | None = None
    days: tuple[Day, ...] | None = None
    unless: Severity | None = None


class ChannelPatch(Model):
    """Another address of the same kind; it must answer a test before anything else is sent there."""

    url: _Address


def _without_null(schema: dict[str, Any]) -> None:
    """It may be left out, and not taken out."""
    described = schema["anyOf"][0]
    schema.clear()
    schema.update(described)


class SubscriptionPatch(Model):
    """A JSON Merge Patch (RFC 7396): what is named is changed, what is null is as if it had never been given."""

    channel: Annotated[ChannelPatch | None, Field(json_schema_extra=_without_null)] = None
    topics: tuple[str, ...] | None = None
    event_types: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    min_severity: Severity | None = None
    min_score: Annotated[float | None, Field(ge=0)] = None
    min_independent_sources: Annotated[int | None, Field(json_schema_extra={"enum": [None, *REACHABLE]})] = None
    tiers: tuple[Tier, ...] | None = None
    digest: DigestPatch | None = None
    quiet: QuietPatch | None = None
    timezone: TimeZone | None = None
    endpoints: bool | None = None
    per_minute: Annotated[int | None, Field(ge=1, le=60_000)] = None


class NewSecret(Model):
    """Without it one is made, and shown once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"}]})

    secret: WebhookSecret | None = None


class StoryToTell(Model):
    model_config = ConfigDict(json_schema_extra={"examples": [{"story_id": "st_ca978112ca1bbdca"}]})

    story_id: Annotated[str, Field(min_length=1, max_length=100)]


class Since(Model):
    model_config = ConfigDict(json_schema_extra={"examples": [{"since": "2026-02-03T12:00:00Z"}]})

    since: UtcDatetime


class Days(Model):
    model_config = ConfigDict(json_schema_extra={"examples": [{"days": 7}]})

    days: Annotated[float, Field(ge=0.01, le=MAX_DAYS, description="how far back")] = 7.0


class DraftDays(Days):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"subscription": {"languages": ["en"], "min_severity": "high"}, "days": 7}]}
    )

    subscription: Draft
