"""`/v1/alerts.atom`, `.rss` and `.json`: what has rung, for readers of feeds."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from services.gateway.api.access import needs
from services.gateway.areas.alerts import AlertArea
from services.gateway.choice import AlertChoice
from services.gateway.views.syndicated import Outlet, atom, item_of, json_feed, rss
from shared.models.access import Scope

MOST_ITEMS = 50
KEPT = "private, max-age=60"  # by the reader
FORMATS: dict[str, tuple[str, Callable[[Outlet], bytes]]] = {
    "atom": ("application/atom+xml", atom),
    "rss": ("application/rss+xml", rss),
    "json": ("application/feed+json", json_feed),
}
Choice = Annotated[AlertChoice, Query()]
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")


def outlet_routes(area: AlertArea) -> APIRouter:
    router = APIRouter(tags=["alerts"], dependencies=[needs(Scope.READ)], default_response_class=Response)

    @router.get("/alerts.atom", summary="Stories that rang, as Atom", responses=_described("atom"))
    async def as_atom(choice: Choice, request: Request) -> Response:
        """An entry for each story, which a revision updates."""
        return await _answer(area, choice, request, "atom")

    @router.get("/alerts.rss", summary="Stories that rang, as RSS 2.0", responses=_described("rss"))
    async def as_rss(choice: Choice, request: Request) -> Response:
        """An item for each story, which a revision updates."""
        return await _answer(area, choice, request, "rss")

    @router.get("/alerts.json", summary="Stories that rang, as JSON Feed 1.1", responses=_described("json"))
    async def as_json_feed(choice: Choice, request: Request) -> Response:
        """An item for each story, which a revision updates."""
        return await _answer(area, choice, request, "json")

    return router


def _described(name: str) -> dict[int | str, dict[str, Any]]:
    content = {FORMATS[name][0]: {"schema": {"type": "object" if name == "json" else "string"}}}
    return {200: {"content": content}, 304: {"description": "as you have it"}}


async def _answer(area: AlertArea, choice: AlertChoice, request: Request, name: str) -> Response:
    media_type, written = FORMATS[name]
    home = area.home or _origin(request)
    ringing = await area.ringing(choice, MOST_ITEMS)
    items = [item_of(each.alert, each.story, home) for each in ringing]
    body = written(Outlet(f"{home}{_path(request)}", f"{home}/", items))
    changed = max((each.story.updated_at for each in ringing), default=None)
    headers = {"ETag": f'"{sha256(body).hexdigest()[:32]}"', "Cache-Control": KEPT}
    if changed:
        headers["Last-Modified"] = format_datetime(changed.astimezone(UTC), usegmt=True)
    if _has_it(request, headers["ETag"], changed):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=f"{media_type}; charset=utf-8")


def _origin(request: Request) -> str:
    """As the reader names us, if the settings do not."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise HTTPException(400, "Host: is no name of a host")
    return f"{request.scope['scheme']}://{host}"


def _path(request: Request) -> str:
    query = request.scope["query_string"].decode("latin-1")
    return quote(request.scope["path"]) + (f"?{quote(query, safe='%=&+,;:@!$()*~/?')}" if query else "")


def _has_it(request: Request, etag: str, changed: datetime | None) -> bool:
    """RFC 9110, 13.2.2: the tag decides, where one is given."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in tags.split(","))
    try:
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except (ValueError, TypeError):
        return False
    # The header has no fractions of a second, and no reader knows of another zone.
    return changed is not None and changed - since.replace(tzinfo=UTC) < timedelta(seconds=1)
