"""Lists in pages: a cursor says where the next begins."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from pydantic import Field

from shared.models.base import Model

T = TypeVar("T")
MOST = 500
# What a cursor may be says its pattern: whatever fits it is a place, though perhaps one at which nothing stands.
RECORD = r"^[1-9][0-9]{0,17}-[0-9]{1,18}$"
KEY = r"^([A-Za-z0-9_-]{4})*[A-Za-z0-9_-]{2,4}$"
TOLD = "`next` of the page before"

Limit = Annotated[int, Query(ge=1, le=MOST, description="the most that are listed")]
RecordCursor = Annotated[str | None, Query(pattern=RECORD, description=TOLD)]
KeyCursor = Annotated[str | None, Query(pattern=KEY, max_length=1000, description=TOLD)]


class Page(Model, Generic[T]):
    items: tuple[T, ...]
    next: Annotated[str | None, Field(description="the cursor of the next page; null on the last")] = None


def paged(request: Request, response: Response, items: Iterable[T], following: str | None) -> Page[T]:
    """The page, with a link to the `following` one (RFC 8288), relative to the address that was asked for."""
    if following:
        asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        response.headers["Link"] = f'<?{urlencode([*asked, ("cursor", following)])}>; rel="next"'
    return Page(items=tuple(items), next=following)


def key_cursor(key: tuple[str, str]) -> str:
    """Fit for an address. The second part holds no end of a line."""
    return urlsafe_b64encode("\n".join(key).encode()).decode().rstrip("=")


def key_in(cursor: str) -> tuple[str, str]:
    first, _, second = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode(errors="replace").rpartition("\n")
    return first, second


def cut(
    every: Sequence[T],
    key: Callable[[T], tuple[str, str]],
    limit: int,
    after: str | None,
    request: Request,
    response: Response,
) -> Page[T]:
    """A page of what is at hand as a whole, in the order of its keys: what comes or goes meanwhile shifts nothing."""
    begin = key_in(after) if after else None
    rest = [each for each in every if begin is None or key(each) > begin]
    following = key_cursor(key(rest[limit - 1])) if len(rest) > limit else None
    return paged(request, response, rest[:limit], following)
