"""The page of a relevant entry, while it is being read."""

from typing import Annotated

from pydantic import Field

from shared.models.base import Model


class PageState(Model):
    """How far reading has come."""

    url: Annotated[str | None, Field(description="where the page has moved to; None: where the entry says")] = None
    hops: Annotated[int, Field(description="redirects followed")] = 0
    failures: Annotated[int, Field(description="tries that failed")] = 0
