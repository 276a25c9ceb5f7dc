"""What is watched (topic packs as written) and the verdict on an entry."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.models.base import Model, UtcDatetime


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class Tier(StrEnum):
    """`core`: the topic's own place is named; `related`: it is not."""

    CORE = "core"
    RELATED = "related"


class Certainty(StrEnum):
    CLAIMED = "claimed"
    CONFIRMED = "confirmed"
    DENIED = "denied"
    POSSIBLE = "possible"


class Reply(StrEnum):
    """What an article makes of what somebody said before."""

    CONFIRMED = "confirmed"
    DENIED = "denied"
    CORRECTED = "corrected"


class Notice(StrEnum):
    """What a publisher says of an article of its own."""

    CORRECTION = "correction"
    RETRACTION = "retraction"


class Verdict(StrEnum):
    """Why an entry is relevant for a topic, or is not: its metric's label. The last three were weighed."""

    NO_ACTOR = "no_actor"
    NO_NOUN_NEAR_ACTOR = "no_noun_near_actor"
    ACTOR_NOT_IN_LEAD = "actor_not_in_lead"
    NO_EVENT = "no_event"
    NO_PLACE = "no_place"
    NEGATIVE_CONTEXT = "negative_context"
    BELOW_THRESHOLD = "below_threshold"
    MATCHED = "matched"


WEIGHED = frozenset({Verdict.NEGATIVE_CONTEXT, Verdict.BELOW_THRESHOLD, Verdict.MATCHED})


class Evidence(Model):
    """A hit in the original text. `start` and `end` are code points into `Entry.whole`."""

    concept: str
    text: str
    start: int
    end: int


class Claim(Model):
    """A structured statement in an entry, with the span it was read from."""

    kind: Annotated[str, Field(description="the event type the statement is about, e.g. withdrawal")]
    role: Annotated[str | None, Field(description="what the figure counts: deployed, casualties, killed, …")] = None
    value: float | None = None
    qualifier: Annotated[str | None, Field(description="about, over, up_to")] = None
    unit: str | None = None
    place: Annotated[str | None, Field(description="its id in places.yaml")] = None
    region: Annotated[str | None, Field(description="the outermost region of the place")] = None
    time: Annotated[str | None, Field(description="the time expression as written")] = None
    time_start: Annotated[date | None, Field(description="its first day, resolved against the publication")] = None
    time_end: Annotated[date | None, Field(description="its last day")] = None
    time_precision: Annotated[
        str | None, Field(description="day, weekend, week, part, month, quarter, season, year")
    ] = None
    attribution: Annotated[str | None, Field(description="who says so: a name of speakers.yaml")] = None
    attribution_class: Annotated[str | None, Field(description="whose word that is: a class of speakers.yaml")] = None
    certainty: Certainty = Certainty.CLAIMED
    start: int
    end: int


class TopicMatch(Model):
    """One topic's verdict on one entry."""

    topic: str
    version: Annotated[str, Field(description="hash of the compiled pack: the same version, the same verdict")]
    relevant: bool
    score: float
    threshold: float
    event_type: str | None = None
    severity: Severity = Severity.LOW
    tier: Tier = Tier.RELATED
    language: str | None = None
    reason: Annotated[str, Field(description="why this verdict; the label under which it is counted")]
    evidence: tuple[Evidence, ...] = ()
    negative: tuple[Evidence, ...] = ()
    aspects: Annotated[
        tuple[Evidence, ...], Field(description="what the entry tells besides: what tells happenings apart")
    ] = ()
    events: Annotated[tuple[str, ...], Field(description="every event type that title and lead name")] = ()
    speakers: Annotated[
        tuple[str, ...], Field(description="who is named in the title and the next two sentences as one who may speak")
    ] = ()
    grounds: Annotated[
        tuple[str, ...], Field(description="the topic's own grounds, outermost regions, that title and lead name")
    ] = ()
    reply: Annotated[Reply | None, Field(description="how title or lead answer what somebody said before")] = None
    claims: tuple[Claim, ...] = ()
    gather: Annotated[bool, Field(description="whether the entry may join a story that others tell")] = True
    notice: Annotated[Notice | None, Field(description="what the publisher says of an article of its own")] = None
    notice_at: Annotated[int | None, Field(description="where that begins, in code points")] = None


class Classification(Model):
    """The verdict on an entry, over all topics."""

    entry_id: str
    classified_at: UtcDatetime
    matches: tuple[TopicMatch, ...] = ()
