"""A feed as people see it, and as they ask for it."""

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, StrictBool

from services.gateway.views.addresses import ADDRESS
from shared.models import canary
from shared.models.base import WHOLE, Model, UtcDatetime
from shared.models.feed import (
    CountryCode,
    Feed,
    FeedHealth,
    FeedKind,
    FeedState,
    KnownFeed,
    LanguageCode,
    Origin,
    health_of,
)

FEWEST_SECONDS, MOST_SECONDS = 10, 604_800
_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"


class FeedView(Model):
    """A feed as configured, and how polling it goes. Times are null until it has been polled."""

    id: str
    url: str
    name: str
    language: str | None
    country: str | None
    kind: FeedKind
    tier: int
    owner: str | None
    interval_seconds: float | None
    enabled: bool
    origin: Annotated[Origin, Field(description="where it is written: only what was made by `api` is changed here")]
    state: Annotated[FeedHealth, Field(description="how it is doing")]
    state_reason: Annotated[str, Field(description="why, in a few words; empty while it is healthy")]
    state_since: UtcDatetime | None
    failures: Annotated[int, Field(description="in a row")]
    outcome: Annotated[str | None, Field(description="how the last poll ended")]
    polled_url: Annotated[str | None, Field(description="where it has moved to, if it is polled there instead")]
    polled_at: UtcDatetime | None
    read_at: Annotated[UtcDatetime | None, Field(description="when a whole document was read last")]
    changed_at: UtcDatetime | None
    newest_at: Annotated[UtcDatetime | None, Field(description="when its newest entry was published")]
    next_due_at: UtcDatetime | None
    next_due_reason: str | None

    @classmethod
    def of(cls, known: KnownFeed, state: FeedState) -> Self:
        told = {**known.feed.model_dump(), **state.model_dump()}
        shown = {name: told[name] for name in cls.model_fields if name in told}
        return cls.model_validate(
            shown
            | {
                "id": known.feed.id,
                "origin": known.origin,
                "state": health_of(known.feed, state),
                "state_reason": state.health_reason,
                "state_since": state.health_since,
                "polled_url": state.adopted_url,
            }
        )


def _not_the_canary(url: str) -> str:
    if url.startswith(canary.URL.rstrip("/")):
        raise ValueError("this is Tocsin's own")
    return url


Name = Annotated[str, Field(min_length=1, max_length=120, pattern=_LINE, description="as the publisher writes it")]
Owner = Annotated[
    str,
    Field(
        min_length=1,
        max_length=120,
        pattern=_LINE,
        description="who publishes it, if he has several feeds: they are not independent sources",
    ),
]
RankTier = Annotated[int, Field(strict=True, ge=1, le=3, description="1 = first-hand, 3 = follows others"), WHOLE]
Interval = Annotated[
    float,
    Field(
        strict=True,
        ge=FEWEST_SECONDS,
        le=MOST_SECONDS,
        allow_inf_nan=False,
        description="seconds between polls, if not as usual",
    ),
]


class FeedPatch(Model):
    """What is to be otherwise (RFC 7396): what is left out stays, null is as if it had never been given."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Example Courier, world", "tier": 1, "interval_seconds": None}]}
    )

    name: Name = ""  # it can be left out, but not taken away
    language: LanguageCode | None = None
    country: CountryCode | None = None
    kind: FeedKind | None = None
    tier: RankTier | None = None
    owner: Owner | None = None
    interval_seconds: Interval | None = None
    enabled: StrictBool | None = None


class NewFeed(Model):
    """A feed to poll. Its address is its identity, and stays."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"url": "https://news.example/rss", "name": "Example Courier", "language": "uk", "country": "UA"}
            ]
        }
    )

    url: Annotated[
        str,
        Field(max_length=2000, pattern=ADDRESS, description="of the document itself, in ASCII"),
        AfterValidator(_not_the_canary),
    ]
    name: Name
    language: LanguageCode | None = None
    country: CountryCode | None = None
    kind: FeedKind = FeedKind.ONLINE
    tier: RankTier = 2
    owner: Owner | None = None
    interval_seconds: Interval | None = None
    enabled: StrictBool = True

    @property
    def feed(self) -> Feed:
        return Feed.model_validate(self.model_dump())
