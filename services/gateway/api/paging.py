"""Lists in pages: a cursor says where the next begins, and means nothing to anybody else."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import HTTPException, Query, Request, Response
from pydantic import Field
from pydantic_core import from_json, to_json

from shared.models.base import Model

T = TypeVar("T")
Part = str | int | float
MOST = 500
NOT_OURS = HTTPException(422, "cursor: is none of ours; allowed: `next` of a page")

Limit = Annotated[int, Query(ge=1, le=MOST, description="the most that are listed")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before")]


class Page(Model, Generic[T]):
    items: tuple[T, ...]
    next: Annotated[str | None, Field(description="the cursor of the next page; null on the last")] = None


def paged(request: Request, response: Response, items: Iterable[T], following: str | None) -> Page[T]:
    """The page, with a link to the `following` one (RFC 8288), relative to the address that was asked for."""
    if following:
        asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        response.headers["Link"] = f'<?{urlencode([*asked, ("cursor", following)])}>; rel="next"'
    return Page(items=tuple(items), next=following)


def cursor(*parts: Part) -> str:
    """Where a page begins, as text for an address. `parts`: JSON values."""
    return urlsafe_b64encode(to_json(parts)).decode().rstrip("=")


def parts_of(text: str, kinds: Sequence[type]) -> list[Part]:
    """The parts of a cursor of these kinds. Raises HTTPException (422) for any other text."""
    try:
        parts: list[Part] = from_json(urlsafe_b64decode(text + "=" * (-len(text) % 4)), allow_inf_nan=False)
        if [type(part) for part in parts] == list(kinds):
            return parts
    except (ValueError, TypeError):
        pass
    raise NOT_OURS


def cut(
    every: Sequence[T],
    key: Callable[[T], tuple[str, str]],
    limit: int,
    after: str | None,
    request: Request,
    response: Response,
) -> Page[T]:
    """A page of what is at hand as a whole, in the order of its keys: what comes or goes meanwhile shifts nothing."""
    begin = tuple(parts_of(after, (str, str))) if after else None
    rest = [each for each in every if begin is None or key(each) > begin]
    following = cursor(*key(rest[limit - 1])) if len(rest) > limit else None
    return paged(request, response, rest[:limit], following)
