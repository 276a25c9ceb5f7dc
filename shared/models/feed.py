"""A feed as configured, and what polling learnt about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import to_json

from shared.models.base import HttpUrl, Model, UtcDatetime
from shared.models.websub import PushOffer


class FeedKind(StrEnum):
    AGENCY = "agency"
    NEWSPAPER = "newspaper"
    BROADCASTER = "broadcaster"
    ONLINE = "online"
    THINK_TANK = "think-tank"
    MINISTRY = "ministry"
    MILITARY = "military"
    OSINT = "osint"
    AGGREGATOR = "aggregator"


LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,8})?$", description="BCP 47, e.g. uk or zh-Hant")]
# Without the line ends of Unicode, which YAML 1.1 and 1.2 read differently.
ONE_LINE = r"^[^\x85\u2028\u2029]*$"
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2, e.g. UA")]


class Feed(Model):
    """One subscribed feed. Its identity is its address; everything else may be edited freely."""

    url: HttpUrl
    name: Annotated[str, Field(min_length=1, max_length=120, pattern=ONE_LINE, description="one line of text")]
    language: LanguageCode | None = None
    country: CountryCode | None = None
    kind: FeedKind = FeedKind.ONLINE
    tier: Annotated[int, Field(ge=1, le=3, description="1 = first-hand, 3 = follows others")] = 2
    owner: Annotated[
        str | None, Field(description="who publishes it; two feeds of one owner are not independent sources")
    ] = None
    interval_seconds: Annotated[float | None, Field(gt=0, description="a fixed interval instead of the default")] = None
    enabled: bool = True

    @property
    def id(self) -> str:
        """12 hex digits of SHA-256 over the address."""
        return sha256(self.url.encode()).hexdigest()[:12]

    @property
    def source(self) -> str:
        """The name under which independent sources are counted."""
        return self.owner or self.name


class Origin(StrEnum):
    """Where a feed is written, and so where it is changed."""

    FILE = "file"
    API = "api"


@dataclass(frozen=True, slots=True)
class KnownFeed:
    """A feed that there is, whatever a poller has made of it yet."""

    feed: Feed
    origin: Origin


def together(written: Iterable[Feed], added: Iterable[Feed]) -> list[KnownFeed]:
    """The file's, then those that were added through the API. Of two with one address that of the file counts."""
    found = {feed.id: KnownFeed(feed, Origin.FILE) for feed in written}
    for feed in added:
        found.setdefault(feed.id, KnownFeed(feed, Origin.API))
    return [*found.values()]


class FeedHealth(StrEnum):
    """How a feed is doing.

    `slow`: it answers, but slowly or seldom; `disabled`: by its line, or gone for good, and then looked at once a day;
    `quarantined`: its polls never come to an end: tried again soon once, then once a day.
    """

    HEALTHY = "healthy"
    SLOW = "slow"
    FAILING = "failing"
    DISABLED = "disabled"
    QUARANTINED = "quarantined"

    @property
    def parked(self) -> bool:
        return self in (FeedHealth.DISABLED, FeedHealth.QUARANTINED)


class FeedState(Model):
    """What the last polls taught. A feed never polled has the defaults. Durations are in seconds."""

    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    seeded: bool = False

    health: FeedHealth = FeedHealth.HEALTHY
    health_reason: str = ""
    health_since: UtcDatetime | None = None
    failures: int = 0
    failing_since: UtcDatetime | None = None
    gone_times: int = 0
    gone_since: UtcDatetime | None = None

    moved_to: Annotated[str | None, Field(description="where permanent redirects led, the last time")] = None
    moved_times: int = 0
    moved_since: UtcDatetime | None = None
    adopted_url: Annotated[str | None, Field(description="polled instead of the configured address")] = None

    gap_seconds: Annotated[float | None, Field(description="the median between its last 20 entries")] = None
    newest_at: UtcDatetime | None = None
    floor_seconds: Annotated[float, Field(description="the publisher's wish: ttl, sy:, max-age, Expires")] = 0.0
    push_offer: Annotated[PushOffer | None, Field(description="the hub it names, while WebSub is on")] = None
    missed_at: Annotated[UtcDatetime | None, Field(description="when a fetch last brought what no hub had pushed")] = (
        None
    )

    outcome: str | None = None
    polled_at: UtcDatetime | None = None
    read_at: Annotated[UtcDatetime | None, Field(description="when a whole document was read last, not a 304")] = None
    changed_at: UtcDatetime | None = None
    next_due_at: UtcDatetime | None = None
    next_due_reason: str | None = None


class Outcome(StrEnum):
    """How a poll ended: each poll ends in exactly one, and that is its metric's label."""

    NEW = "new"
    NOTHING_NEW = "nothing_new"
    UNCHANGED = "unchanged"  # 304
    SAME_BODY = "same_body"  # 200 with the bytes we know
    SEEDED = "seeded"  # the first successful poll
    IDENTITY_BREAK = "identity_break"  # nearly all is new at once, with old dates: marked as seen, not told
    NOT_FOUND = "not_found"
    GONE = "gone"
    REFUSED = "refused"  # 401, 403, 451
    THROTTLED = "throttled"  # 429
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
    NOT_A_FEED = "not_a_feed"
    PARSE_ERROR = "parse_error"
    PARSE_TIMEOUT = "parse_timeout"
    LEASE_EXPIRED = "lease_expired"  # an earlier poller died or hung with this feed in hand
    LEASE_LOST = "lease_lost"  # this poll took longer than its lease: its result was thrown away
    INTERNAL_ERROR = "internal_error"

    @property
    def succeeded(self) -> bool:
        return self in _SUCCESSES


_SUCCESSES = frozenset(
    {
        Outcome.NEW,
        Outcome.NOTHING_NEW,
        Outcome.UNCHANGED,
        Outcome.SAME_BODY,
        Outcome.SEEDED,
        Outcome.IDENTITY_BREAK,
    }
)


class ParsePath(StrEnum):
    """Which rung of the ladder read the document."""

    FAST = "fast"
    MENDED = "mended"
    LENIENT = "lenient"


class PollRecord(Model):
    """One line of a feed's history. It can be read from a `row`, too."""

    at: UtcDatetime
    outcome: str
    detail: str = ""
    new: int = 0
    seconds: float
    next_after: float
    next_reason: str

    @model_validator(mode="before")
    @classmethod
    def _from_row(cls, given: object) -> object:
        return dict(zip(cls.model_fields, given, strict=False)) if isinstance(given, list) else given

    @property
    def row(self) -> str:
        """A JSON array of the values, in the fields' order, the time in Unix seconds: half the bytes of an object."""
        rest = [value for name, value in self if name != "at"]
        return to_json([round(self.at.timestamp(), 3), *rest]).decode()


def health_of(feed: Feed, state: FeedState) -> FeedHealth:
    """The state under which a feed is counted and shown: its own line has the last word."""
    return state.health if feed.enabled else FeedHealth.DISABLED
