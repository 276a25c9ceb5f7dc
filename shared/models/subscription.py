"""Who wants which alerts, over which channel, and how far each has been brought."""

from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, PlainSerializer, SecretStr, SerializationInfo, StrictBool

from shared.models.base import WHOLE, HttpUrl, Model, UtcDatetime
from shared.models.canary import NotOurs
from shared.models.story import MILESTONES
from shared.models.topic import Severity, Tier

REVEAL = "reveal"


def _written(secret: SecretStr, info: SerializationInfo) -> str:
    return secret.get_secret_value() if info.context and info.context.get(REVEAL) else str(secret)


# In JSON it is stars, unless the context says REVEAL: only a store that must read it again does.
Secret = Annotated[SecretStr, PlainSerializer(_written, return_type=str, when_used="json")]


class WebhookChannel(Model):
    """Standard Webhooks. The secret is `whsec_…`, or `env:NAME` / `file:PATH` where it is kept elsewhere."""

    type: Literal["webhook"] = "webhook"
    url: HttpUrl
    secret: Secret


class SlackChannel(Model):
    """A Slack incoming webhook. Who knows its address can post: it is a secret."""

    type: Literal["slack"] = "slack"
    url: Annotated[Secret, Field(description="https://hooks.slack.com/…, env:NAME or file:PATH")]


class DiscordChannel(Model):
    """A webhook of a Discord channel. Who knows its address can post: it is a secret."""

    type: Literal["discord"] = "discord"
    url: Annotated[Secret, Field(description="https://discord.com/api/webhooks/…, env:NAME or file:PATH")]


class AppriseChannel(Model):
    """Any of the services that Apprise knows: Telegram, Matrix, Signal, ntfy, Teams, …"""

    type: Literal["apprise"] = "apprise"
    url: Annotated[Secret, Field(description="an Apprise URL such as tgram://…, env:NAME or file:PATH")]


class Security(StrEnum):
    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


Address = Annotated[
    str, Field(pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+$", max_length=254, description="an address such as desk@news.example")
]


class EmailChannel(Model):
    """Mail through an SMTP server of yours."""

    type: Literal["email"] = "email"
    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Security = Security.STARTTLS
    username: str | None = None
    password: Annotated[Secret | None, Field(description="text, env:NAME or file:PATH")] = None
    sender: Address
    to: Annotated[tuple[Address, ...], Field(min_length=1)]


class JournalChannel(Model):
    """One JSON line an alert, appended to a file."""

    type: Literal["journal"] = "journal"
    path: Annotated[str, Field(min_length=1)]


Channel = Annotated[
    WebhookChannel | SlackChannel | DiscordChannel | AppriseChannel | EmailChannel | JournalChannel,
    Field(discriminator="type"),
]
# Those whose addresses the guard checks: what strangers may name through the API.
OPEN_CHANNELS = ("webhook", "slack", "discord")


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        nearest = _nearest_zone(name)
        hint = f", did you mean `{nearest}`?" if nearest else ""
        raise ValueError(f"{name[:60]!r} is not known{hint}") from None
    return name


def _nearest_zone(name: str) -> str | None:
    """By its whole name, or else by that of its city."""
    zones = sorted(available_timezones())
    cities = {zone.rpartition("/")[2]: zone for zone in zones}
    found = get_close_matches(name, zones, n=1) or get_close_matches(name.rpartition("/")[2], cities, n=1)
    return cities.get(found[0], found[0]) if found else None


class Day(StrEnum):
    """In the order of `datetime.weekday()`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


TimeOfDay = Annotated[
    str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="hours and minutes, such as 07:30")
]
TimeZone = Annotated[
    str,
    AfterValidator(_known_zone),
    Field(description="of the IANA time zone database, such as Europe/Kyiv"),
]


class Digest(Model):
    """One message at each of these times with all that has changed, instead of one for each story."""

    at: Annotated[tuple[TimeOfDay, ...], Field(min_length=1)]
    days: Annotated[tuple[Day, ...], Field(description="empty: every day")] = ()


class Quiet(Model):
    """Nothing rings from `start` to `end`, past midnight if that is earlier; what is held rings afterwards."""

    start: TimeOfDay
    end: TimeOfDay
    days: Annotated[tuple[Day, ...], Field(description="on which it begins; empty: every day")] = ()
    unless: Annotated[Severity | None, Field(description="stories as severe as that ring nevertheless")] = None


# What is announced when a story reaches it.
REACHABLE = (1, *MILESTONES)


def _reachable(many: int) -> int:
    if many not in REACHABLE:
        raise ValueError("no such number is announced")
    return many


SubscriptionId = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="lower case, digits, dashes"), NotOurs
]


class Wishes(Model):
    """Which stories somebody wants to be told of, and when."""

    topics: Annotated[tuple[str, ...], Field(description="empty: every topic")] = ()
    event_types: Annotated[tuple[str, ...], Field(description="empty: every one, as the topic's pack names them")] = ()
    languages: Annotated[tuple[str, ...], Field(description="empty: every language")] = ()
    sources: Annotated[
        tuple[str, ...], Field(description="stories that one of these reports, by name; empty: any source's")
    ] = ()
    min_severity: Severity = Severity.LOW
    min_score: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 0.0
    min_independent_sources: Annotated[
        int, AfterValidator(_reachable), Field(strict=True, json_schema_extra={"enum": list(REACHABLE)}), WHOLE
    ] = 1
    tiers: tuple[Tier, ...] = (Tier.CORE, Tier.RELATED)
    digest: Digest | None = None
    quiet: Quiet | None = None
    timezone: TimeZone = "UTC"
    endpoints: Annotated[
        StrictBool, Field(description="also told when another endpoint fails, is disabled or has recovered")
    ] = False
    per_minute: Annotated[
        int, Field(strict=True, ge=1, le=60_000, description="the most messages in a minute"), WHOLE
    ] = 60


class _Addressed(Model):
    id: SubscriptionId
    channel: Channel


class Subscription(Wishes, _Addressed):
    enabled: bool = True


class MessageType(StrEnum):
    """What stands in a message as `type`."""

    CREATED = "story.alert.created"
    UPDATED = "story.alert.updated"
    MERGED = "story.alert.merged"
    RETRACTED = "story.alert.retracted"
    DIGEST = "story.digest"
    TEST = "webhook.test"
    FAILING = "endpoint.failing"
    DISABLED = "endpoint.disabled"
    RECOVERED = "endpoint.recovered"


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    GAVE_UP = "gave_up"


class DeliveryOutcome(StrEnum):
    """How an attempt ended: each ends in exactly one, and that is its metric's label."""

    DELIVERED = "delivered"
    DISABLED_BY_RECEIVER = "disabled_by_receiver"
    ABORTED = "aborted"  # the receiver never wants this message
    GONE = "gone"
    TOO_LARGE = "too_large"
    THROTTLED = "throttled"
    REDIRECT = "redirect"
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    ADDRESS_DENIED = "address_denied"
    BAD_URL = "bad_url"
    DNS_ERROR = "dns_error"
    CONNECT_ERROR = "connect_error"
    CONNECTION_LOST = "connection_lost"
    TLS_ERROR = "tls_error"
    TIMEOUT = "timeout"
    BAD_ENCODING = "bad_encoding"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    PROTOCOL_ERROR = "protocol_error"
    NOT_LET_IN = "not_let_in"  # mail: our own way in is wrong
    REFUSED = "refused"  # mail: for good
    DEFERRED = "deferred"  # mail: for now
    NOT_DELIVERED = "not_delivered"  # Apprise says no more
    BUSY = "busy"  # Apprise: earlier attempts still hang
    FILE_ERROR = "file_error"


class Cause(StrEnum):
    """Why a subscription is not told of a story: its metric's label. The first are the subscription's own wishes."""

    DISABLED = "disabled"
    TOPIC = "topic"
    LANGUAGE = "language"
    SEVERITY = "severity"
    EVENT_TYPE = "event_type"
    SOURCE = "source"
    INDEPENDENT_SOURCES = "independent_sources"
    SCORE = "score"
    TIER = "tier"
    MERGED = "merged"
    RETRACTED = "retracted"
    UP_TO_DATE = "up_to_date"
    GIVEN_UP = "given_up"
    TOO_OLD = "too_old"
    NO_SUCH_STORY = "no_such_story"


class Envelope(Model):
    """A message frozen before its first attempt, so that every retry is the same bytes under the same id.

    `body` is as the channel sends it; `articles` is of each story in it. `thin`: it has been cut down, for the receiver
    found it too large.
    """

    webhook_id: str
    revision: int
    type: MessageType
    body: str
    thin: bool = False
    covers: Annotated[dict[str, int], Field(description="of a digest: story id → revision")] = Field(
        default_factory=dict
    )
    articles: Annotated[dict[str, int], Field(description="story id → how many it had")] = Field(default_factory=dict)


class Attempt(Model):
    """One try. `seconds`: how long it took."""

    at: UtcDatetime
    subject: str = ""
    webhook_id: str = ""
    revision: int
    type: MessageType = MessageType.CREATED
    outcome: str
    detail: str = ""
    seconds: float = 0.0
    next_at: UtcDatetime | None = None


class Delivery(Model):
    """One subscription's state with one subject: the sent-log.

    `subject` is a story's id, or, of what tells of no single story, `digest`, `endpoint:<id>` or `test:<name>`.
    `envelope` is set from just before the first attempt until its message has arrived or is given up; each attempt,
    also one after a crash, sends it unchanged. It is `doubtful` once an attempt may have been accepted unheard of; only
    while it is not may a newer revision take its place. No attempt is made before `retry_at`, whatever happens to the
    story meanwhile. `again` counts how often a person had what was sent already sent once more. `thin`: only a short
    message is taken.
    """

    subscription_id: str
    subject: str
    status: DeliveryStatus = DeliveryStatus.PENDING
    sent_revision: int = 0
    sent_at: UtcDatetime | None = None
    sent_articles: Annotated[int, Field(description="of the story, in the last message that arrived")] = 0
    failures: int = 0
    first_failed_at: UtcDatetime | None = None
    envelope: Envelope | None = None
    doubtful: bool = False
    retry_at: UtcDatetime | None = None
    again: int = 0
    thin: bool = False
    attempts: tuple[Attempt, ...] = ()

    @property
    def tried_revision(self) -> int:
        """Of the last attempt, however it ended; 0 before the first."""
        return self.attempts[-1].revision if self.attempts else 0


class Former(Model):
    """A secret that signs beside the current one until then."""

    secret: Secret
    until: UtcDatetime


class Signing(Model):
    current: Secret
    former: Annotated[tuple[Former, ...], Field(description="the newest first")] = ()

    def at(self, now: datetime) -> tuple[str, ...]:
        """The secrets that sign now, the current one first."""
        alive = (former.secret for former in self.former if former.until > now)
        return tuple(secret.get_secret_value() for secret in (self.current, *alive))
