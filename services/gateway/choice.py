"""What a reader asks for: filters, as they stand in an address (pure)."""

from typing import Annotated
from unicodedata import normalize

from pydantic import Field

from services.gateway.views.alerts import AlertView
from shared.models.base import Model, Moment
from shared.models.story import AlertType, Status, Story
from shared.models.topic import Severity, Tier

Name = Annotated[str | None, Field(max_length=200)]


class StoryChoice(Model):
    """All that is given must be met; what is left out lets everything through."""

    topic: Annotated[Name, Field(description="of this topic", examples=["dprk-kursk"])] = None
    status: Annotated[Status | None, Field(description="that stand so")] = None
    severity: Annotated[Severity | None, Field(description="at least so severe")] = None
    event_type: Annotated[Name, Field(description="of this event type", examples=["withdrawal"])] = None
    language: Annotated[Name, Field(description="with an article in this language", examples=["uk"])] = None
    source: Annotated[Name, Field(description="with an article of this source", examples=["Example News"])] = None
    tier: Annotated[Tier | None, Field(description="core: the topic's own place is named; related: it is not")] = None
    since: Annotated[
        Moment | None, Field(description="changed at this time or later", examples=["2026-02-03T12:00:00Z"])
    ] = None
    rung: Annotated[bool | None, Field(description="true: that have rung; false: that have not")] = None
    q: Annotated[Name, Field(description="all of whose words stand in a title or summary of it")] = None

    @property
    def is_choosy(self) -> bool:
        """Whether a story of the topic that changed since then may be left out."""
        return any(getattr(self, name) is not None for name in StoryChoice.model_fields if name not in _BY_INDEX)

    def wants(self, story: Story) -> bool:
        return (
            (self.topic is None or story.topic == self.topic)
            and (self.status is None or story.status is self.status)
            and (self.severity is None or story.severity.rank >= self.severity.rank)
            and (self.event_type is None or story.event_type == self.event_type)
            and (self.tier is None or story.tier is self.tier)
            and (self.since is None or story.updated_at >= self.since)
            and (self.rung is None or bool(story.revision) is self.rung)
            and self._is_told_by(story)
            and self._is_said_in(story)
        )

    def _is_told_by(self, story: Story) -> bool:
        told_in = {language.lower() for language in story.languages}
        languages = told_in | {language.partition("-")[0] for language in told_in}
        return (self.language is None or self.language.lower() in languages) and (
            self.source is None or _folded(self.source) in map(_folded, story.sources)
        )

    def _is_said_in(self, story: Story) -> bool:
        if self.q is None:
            return True
        told = (text for article in story.articles for text in (article.title, article.summary))
        said = _folded("\n".join((story.title, story.summary, *told)))
        return all(word in said for word in _folded(self.q).split())


# What the stores find by themselves.
_BY_INDEX = frozenset({"topic", "since"})


class AlertChoice(Model):
    """All that is given must be met; what is left out lets everything through."""

    topic: Annotated[Name, Field(description="of this topic", examples=["dprk-kursk"])] = None
    type: Annotated[AlertType | None, Field(description="of this type")] = None
    severity: Annotated[Severity | None, Field(description="of stories that are at least so severe now")] = None

    def wants(self, alert: AlertView) -> bool:
        return (
            (self.topic is None or alert.topic == self.topic)
            and (self.type is None or alert.type is self.type)
            and (self.severity is None or bool(alert.severity and alert.severity.rank >= self.severity.rank))
        )


def _folded(text: str) -> str:
    return normalize("NFKC", text).casefold()
