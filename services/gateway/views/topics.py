"""Topics as people see them, and what people hand in to be judged."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from shared.models.base import Model
from shared.models.feed import LanguageCode
from shared.models.pack import Place, TopicInForce
from shared.models.topic import Severity


class EventView(Model):
    name: str
    severity: Severity


class TopicSummary(Model):
    """A topic as running classifiers have it in force."""

    name: str
    title: str
    version: Annotated[str, Field(description="hash of the compiled pack: the same version, the same verdict")]
    threshold: Annotated[float, Field(description="the score that an entry needs")]
    events: Annotated[tuple[EventView, ...], Field(description="in order of precedence")]
    languages: tuple[str, ...]
    forms: Annotated[int, Field(description="words and phrases, in all languages")]
    examples: Annotated[int, Field(description="texts that the pack is held to")]

    @classmethod
    def of(cls, topic: TopicInForce) -> Self:
        told = topic.model_dump(include={*cls.model_fields} - {"events"})
        events = tuple(EventView(name=name, severity=severity) for name, severity in topic.events.items())
        return cls.model_validate(told | {"events": events})


class TopicView(TopicSummary):
    places: Annotated[dict[str, Place], Field(description="its gazetteer: id → place")]


class Probe(Model):
    """A text to be judged: a title, a text, or both. With a title, that is its first line."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["title"]}, {"required": ["text"]}],
            "examples": [
                {"title": "North Korean troops withdrawn from the front in Kursk, Ukraine says", "language": "en"},
                {"title": "Військові КНДР залишили позиції в Курській області", "summary": "Про це повідомив штаб."},
            ],
        }
    )

    title: Annotated[str, Field(min_length=1, max_length=1000, description="a headline")] = ""
    summary: Annotated[str, Field(max_length=20_000, description="what stands below it")] = ""
    text: Annotated[str, Field(min_length=1, max_length=40_000, description="of the article, a paragraph a line")] = ""
    language: Annotated[LanguageCode | None, Field(description="as a feed declares it; else it is guessed")] = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.title and not self.text:
            raise ValueError("a title or a text is needed")
        return self

    @property
    def whole(self) -> str:
        """As the classifier reads an entry."""
        if self.title:
            return "\n".join([self.title, self.summary, *([self.text] if self.text else [])])
        return "\n".join(part for part in (self.summary, self.text) if part)


class NewBacktest(Model):
    model_config = ConfigDict(json_schema_extra={"examples": [{"days": 3}]})

    days: Annotated[
        float,
        Field(strict=True, gt=0, le=366, allow_inf_nan=False, description="how far back, in days"),
    ] = 14.0
