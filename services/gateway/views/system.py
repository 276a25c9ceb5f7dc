"""How the whole system does."""

from typing import Annotated

from pydantic import Field

from shared.models.base import Model


class Status(Model):
    version: str
    feeds: Annotated[dict[str, int], Field(description="state → how many")]
    queue_depth: Annotated[int, Field(description="batches that wait for a classifier")]
    due_endpoints: Annotated[int, Field(description="subscriptions that something is to be sent to now")]
    dead_letters: Annotated[int, Field(description="entries that could not be classified")]
