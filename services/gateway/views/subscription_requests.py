"""What people send to have a subscription made, changed and tried."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, StrictBool

from services.gateway.views.addresses import ADDRESS, is_address
from services.operations.subscriptions.describing import ELSEWHERE
from shared.models.base import WHOLE, Model, Moment
from shared.models.subscription import REACHABLE, Day, Secret, SubscriptionId, TimeOfDay, Wishes
from shared.models.topic import Severity, Tier

MAX_ADDRESS = 2000
MAX_DAYS = 180
IN_PLAIN = "names a place on the server, which is not read for you; allowed: the address or secret itself"
NO_ADDRESS = "an http:// or https:// address is needed, as it goes over the wire, and without credentials"
NOT_WHSEC = "is no webhook secret; allowed: `whsec_` and 24 to 64 bytes in base64"
# Standard Webhooks, "Signature scheme".
_BASE64 = "[A-Za-z0-9+/]"
WHSEC = f"^whsec_(({_BASE64}{{4}}){{8,20}}{_BASE64}{{3}}=|({_BASE64}{{4}}){{8,21}}({_BASE64}{{2}}==)?)$"


def _spelled(address: SecretStr | str) -> SecretStr | str:
    text = address.get_secret_value() if isinstance(address, SecretStr) else address
    if text.startswith(ELSEWHERE):
        raise ValueError(IN_PLAIN)
    if not is_address(text):
        raise ValueError(NO_ADDRESS)
    return address


def _signs(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value().startswith(ELSEWHERE):
        raise ValueError(IN_PLAIN)
    if not re.fullmatch(WHSEC, secret.get_secret_value()):
        raise ValueError(NOT_WHSEC)
    return secret


_FORM = {"pattern": ADDRESS}
_Address = Annotated[
    Secret, Field(min_length=1, max_length=MAX_ADDRESS, json_schema_extra=_FORM), AfterValidator(_spelled)
]
WebhookSecret = Annotated[
    SecretStr,
    Field(max_length=200, description="`whsec_` and 24 to 64 bytes in base64", json_schema_extra={"pattern": WHSEC}),
    AfterValidator(_signs),
]


class NewWebhook(Model):
    """Standard Webhooks. Without a secret one is made, and shown once."""

    type: Literal["webhook"]
    url: Annotated[str, Field(max_length=MAX_ADDRESS, json_schema_extra=_FORM), AfterValidator(_spelled)]
    secret: WebhookSecret | None = None


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


# Which there are is up to the server, and changes: one that is not there is a conflict, not a mistake in writing.
Zone = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,2}$",
        description="of the IANA time zone database",
        examples=["Europe/Kyiv"],
    ),
]


class _Asked(Wishes):
    timezone: Zone = "UTC"


class NewSubscription(_Asked, _Addressed):
    pass


class Draft(_Asked):
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
    min_score: Annotated[float | None, Field(strict=True, ge=0, allow_inf_nan=False)] = None
    min_independent_sources: Annotated[
        int | None, Field(strict=True, json_schema_extra={"enum": [None, *REACHABLE]}), WHOLE
    ] = None
    tiers: tuple[Tier, ...] | None = None
    digest: DigestPatch | None = None
    quiet: QuietPatch | None = None
    timezone: Zone | None = None
    endpoints: StrictBool | None = None
    per_minute: Annotated[int | None, Field(strict=True, ge=1, le=60_000), WHOLE] = None


class NewSecret(Model):
    """Without it one is made, and shown once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"}]})

    secret: WebhookSecret | None = None


class StoryToTell(Model):
    model_config = ConfigDict(json_schema_extra={"examples": [{"story_id": "st_ca978112ca1bbdca"}]})

    story_id: Annotated[str, Field(min_length=1, max_length=100)]


class Since(Model):
    model_config = ConfigDict(json_schema_extra={"examples": [{"since": "2026-02-03T12:00:00Z"}]})

    since: Moment


class Days(Model):
    model_config = ConfigDict(json_schema_extra={"examples": [{"days": 7}]})

    days: Annotated[
        float, Field(strict=True, ge=0.01, le=MAX_DAYS, allow_inf_nan=False, description="how far back")
    ] = 7.0


class DraftDays(Days):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"subscription": {"languages": ["en"], "min_severity": "high"}, "days": 7}]}
    )

    subscription: Draft
