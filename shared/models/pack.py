"""A topic pack as its author writes it: one rule (`topic.yaml`), its gazetteer and its speakers (`places.yaml`,
`speakers.yaml`, if it has any), and one file of forms per language.

A *form* is a word or phrase as it stands in running text, in any case. `word` matches the whole word, `stem*` every
word that begins so; in Chinese, Japanese and Korean a form matches anywhere, for they glue words together.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from shared.models.base import Model
from shared.models.canary import NotOurs
from shared.models.feed import LanguageCode
from shared.models.topic import Reply, Severity, Tier

PEOPLE = "people"
RULE_FILE, PLACES_FILE, SPEAKERS_FILE = "topic.yaml", "places.yaml", "speakers.yaml"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Form = Annotated[
    str,
    StringConstraints(pattern=r"^[^*\s]", max_length=80, strip_whitespace=True),
    Field(description="a word or phrase; `*` stands for the rest of a word"),
]
Forms = tuple[Form, ...]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]


PARTS = ("actor", "alias", "noun", "compound", "owner", "core", "related")


class Rule(Model):
    """Which concepts play which part. A part lists concepts; any one of them fills it.

    An entry is relevant when an actor stands near a noun, an event happens in that sentence or the next, and a place is
    named there. Without `noun`, the actor alone will do.
    """

    actor: Annotated[tuple[Name, ...], Field(min_length=1, description="who is watched")]
    alias: Annotated[tuple[Name, ...], Field(description="a weak name of the actor: counts beside a place only")] = ()
    noun: Annotated[tuple[Name, ...], Field(description="what of the actor's is watched; stands near it")] = ()
    compound: Annotated[tuple[Name, ...], Field(description="actor and noun in one form")] = ()
    owner: Annotated[tuple[Name, ...], Field(description="whose the noun is instead, when right before it")] = ()
    core: Annotated[tuple[Name, ...], Field(description="the topic's own place: tier core")] = ()
    related: Annotated[tuple[Name, ...], Field(description="other places of the topic: tier related")] = ()

    @property
    def concepts(self) -> frozenset[str]:
        return frozenset(name for part in PARTS for name in getattr(self, part))


class Proximity(Model):
    """How far a noun may stand from its actor, in characters between the two."""

    characters: Annotated[int, Field(gt=0)] = 45
    cjk: Annotated[int, Field(gt=0, description="in Chinese and Japanese")] = 20
    hangul: Annotated[int, Field(gt=0, description="in Korean")] = 26

    def of(self, language: str | None) -> int:
        return {"zh": self.cjk, "ja": self.cjk, "ko": self.hangul}.get(language or "", self.characters)


class Weights(Model):
    """What each part of a match adds to the score. A negative context is taken off, once per distinct form."""

    actor: float = 2.0
    title: float = 1.0
    event: float = 1.0
    core: float = 2.0
    related: float = 1.0
    negative: Annotated[float, Field(ge=0)] = 1.0


class Event(Model):
    """An event type. `weight` decides between types that are all named; the first in the file wins a tie."""

    severity: Severity
    weight: Annotated[float, Field(gt=0)] = 1.0


class TopicRule(Model):
    """`topic.yaml`."""

    name: Annotated[Name, NotOurs]
    title: Annotated[str, Field(min_length=1, max_length=120)]
    rule: Rule
    proximity: Proximity = Proximity()
    lead: Annotated[int, Field(gt=0, description="sentences after the title in which the actor must appear")] = 3
    weights: Weights = Weights()
    threshold: float
    events: Annotated[dict[Name, Event], Field(min_length=1, description="the event types, in order of precedence")]
    roles: dict[Name, Name] = Field(default_factory=dict, description="what a figure counts → the event it tells of")
    aspects: Annotated[
        tuple[Name, ...],
        Field(description="what tells one happening from another of its type, e.g. museum; has no part in relevance"),
    ] = ()
    replies: dict[Name, Reply] = Field(
        default_factory=dict, description="aspect of an article that answers what somebody said before → how it does"
    )
    unit: Annotated[str, Field(min_length=1, description="what the figures are figures of")] = PEOPLE
    implied: dict[Name, Name] = Field(default_factory=dict, description="event → the role of a figure beside it alone")
    incidental: dict[Name, tuple[Name, ...]] = Field(
        default_factory=dict, description="role → the roles beside it that are meant instead"
    )
    together: dict[Name, tuple[Name, ...]] = Field(
        default_factory=dict, description="role → the roles that make it when both stand beside one figure"
    )
    planned: dict[Name, Name] = Field(default_factory=dict, description="role → what it is while it is only planned")
    gather: Annotated[
        bool,
        Field(description="whether entries that tell one happening become one story; false: each by itself"),
    ] = True

    @property
    def things(self) -> tuple[Name, ...]:
        """The concepts whose figures count although they are no people: two brigades are not two men."""
        return () if self.unit == PEOPLE else self.rule.noun


class Place(Model):
    """A place of the gazetteer. `tier`: what it says for the rule; without it, it only tells where a claim is set."""

    title: Annotated[str, Field(min_length=1, description="its name in English")]
    tier: Annotated[Tier | None, Field(description="core: the topic's own ground; related: another place of it")] = None
    within: Annotated[Name | None, Field(description="the region that it belongs to")] = None
    at: Annotated[
        tuple[Latitude, Longitude] | None, Field(description="its latitude and longitude in degrees, for maps")
    ] = None


class Places(Model):
    """`places.yaml`."""

    places: Annotated[dict[Name, Place], Field(description="id → place")]


class SpeakerClass(StrEnum):
    """Whose word it is."""

    UKRAINIAN = "ukrainian"
    RUSSIAN = "russian"
    SOUTH_KOREAN = "south-korean"
    AMERICAN = "american"
    OTHER_OFFICIAL = "other-official"
    DPRK = "dprk"
    THINK_TANK = "think-tank"
    MILBLOGGER = "milblogger"
    OUTLET = "outlet"
    CAPTIVE = "captive"
    OTHER = "other"


class Speakers(Model):
    """`speakers.yaml`."""

    classes: Annotated[tuple[Name, ...], Field(description="whose word it may be, e.g. ukrainian, think-tank, outlet")]
    speakers: Annotated[dict[str, Name], Field(description="name, one for all languages → class")]


class Example(Model):
    """A text that must match. `event` is checked when given."""

    text: Annotated[str, Field(min_length=1)]
    event: Name | None = None


class Examples(Model):
    match: tuple[Example, ...] = ()
    no_match: tuple[Annotated[str, Field(min_length=1)], ...] = ()


class LanguageForms(Model):
    """`<language>.yaml`: how the topic's concepts are said in one language."""

    language: LanguageCode
    concepts: dict[Name, Forms]
    places: dict[Name, Forms] = Field(default_factory=dict, description="id in places.yaml → forms")
    events: dict[Name, Forms]
    roles: dict[Name, Forms] = Field(default_factory=dict)
    aspects: dict[Name, Forms] = Field(default_factory=dict)
    speakers: dict[str, Forms] = Field(
        default_factory=dict, description="who says it: a name of speakers.yaml, if there is one → forms"
    )
    masks: Annotated[Forms, Field(description="what stands wholly inside one of these counts for nothing")] = ()
    negatives: Annotated[Forms, Field(description="signs of another subject")] = ()
    examples: Examples = Examples()


class TopicPack(Model):
    """Everything about one topic. The directory's name is the topic's name."""

    topic: TopicRule
    languages: Annotated[tuple[LanguageForms, ...], Field(min_length=1)]
    places: dict[Name, Place] = Field(default_factory=dict)
    speakers: dict[str, Name] = Field(default_factory=dict, description="name → class")

    @property
    def name(self) -> str:
        return self.topic.name

    def region(self, place: str) -> str:
        """The outermost region that a place stands in; itself, if in none."""
        return _outermost(self.places, place)


def _outermost(places: Mapping[str, Place], place: str) -> str:
    met = {place}
    while (within := places[place].within) and within not in met:
        met.add(within)
        place = within
    return place


class TopicInForce(Model):
    """What classifiers judge by, in few words."""

    name: str
    title: str
    version: Annotated[str, Field(description="hash of the compiled pack: the same version, the same verdict")]
    threshold: Annotated[float, Field(description="the score that an entry needs")]
    events: Annotated[dict[str, Severity], Field(description="event type → severity, in order of precedence")]
    languages: tuple[str, ...]
    forms: Annotated[int, Field(description="words and phrases, in all languages")]
    examples: Annotated[int, Field(description="texts that the pack is held to")]
    places: Annotated[dict[str, Place], Field(description="its gazetteer: id → place")]
