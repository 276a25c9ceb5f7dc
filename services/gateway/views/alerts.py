"""An alert as people see it."""

from typing import Annotated, Self

from pydantic import Field

from shared.models.story import Alert


class AlertView(Alert):
    id: Annotated[str, Field(description="its place in the stream; it grows")]

    @classmethod
    def of(cls, record_id: str, alert: Alert) -> Self:
        return cls.model_validate({"id": record_id, **alert.model_dump()})
