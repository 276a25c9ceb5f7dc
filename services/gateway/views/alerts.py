"""An alert as people see it."""

from typing import Annotated, Self

from pydantic import Field

from shared.models.story import Alert, Story
from shared.models.topic import Severity


class AlertView(Alert):
    """`title` is as it was when it rang; `severity` and `language` are the story's now, null once that is gone."""

    id: Annotated[str, Field(description="its place in the stream; it grows", examples=["1770120000000-0"])]
    severity: Severity | None
    language: Annotated[str | None, Field(description="of the title")]
    url: Annotated[str, Field(description="the story's page: a path, unless TOCSIN_PUBLIC_URL is set")]

    @classmethod
    def of(cls, record_id: str, alert: Alert, story: Story | None, home: str) -> Self:
        """`home`: before the path, without a slash at its end."""
        return cls(
            **alert.model_dump(),
            id=record_id,
            severity=story.severity if story else None,
            language=story.language if story else None,
            url=f"{home}/stories/{alert.story_id}",
        )
