"""The page of a relevant entry, while it is being read, and until it was last checked."""

from typing import Annotated

from pydantic import Field

from shared.models.base import Model, UtcDatetime


class PageState(Model):
    """How far reading has come; with `check_at` it has come to its end, and the rest is of the checks that follow."""

    url: Annotated[str | None, Field(description="where the page has moved to; None: where the entry says")] = None
    hops: Annotated[int, Field(description="redirects followed")] = 0
    failures: Annotated[int, Field(description="tries that failed")] = 0
    check_at: Annotated[UtcDatetime | None, Field(description="when it is looked at again")] = None
    checks: Annotated[int, Field(description="checks made")] = 0
    missing: Annotated[bool, Field(description="the last check found nothing (404)")] = False
    etag: str | None = None
    last_modified: str | None = None
