"""JSON Feed 1.0 and 1.1 (jsonfeed.org) → its items (pure)."""

import json
from collections.abc import Mapping

from services.poller.dates import moment
from services.poller.document import (
    Document,
    Item,
    NotAFeed,
    address_in,
    address_of,
    guid_of,
    language_of,
    summary_of,
    title_of,
)
from shared.models.feed import ParsePath

Json = Mapping[str, object]


def read_json(body: bytes, base_url: str) -> Document:
    """Anything may stand anywhere in it, numbers above all.

    Raises:
        NotAFeed: it is not JSON, or is something else in JSON.
    """
    feed = _loaded(body)
    items = feed.get("items", [])
    if not isinstance(feed.get("version"), str) or not isinstance(items, list):
        raise NotAFeed("JSON, but not a JSON Feed")
    return Document(
        items=tuple(_item(item, base_url) for item in items if isinstance(item, dict)),
        path=ParsePath.FAST,
        title=title_of([_text(feed, "title")]) or None,
        language=language_of(_text(feed, "language")),
        hub=_hub(feed, base_url),
        self_url=address_of(_text(feed, "feed_url"), base_url),
    )


def _loaded(body: bytes) -> Json:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAFeed(f"neither XML nor JSON: {error}"[:200]) from error
    return found if isinstance(found, dict) else {}


def _item(item: Json, base_url: str) -> Item:
    guid = guid_of(_text(item, "id"))
    link = _text(item, "url") or _text(item, "external_url")
    return Item(
        guid=guid,
        url=address_of(link, base_url) or address_in(guid),
        title=title_of([_text(item, "title")]),
        summary=summary_of(_text(item, key) for key in ("summary", "content_html", "content_text")),
        published=moment(_text(item, "date_published")) or moment(_text(item, "date_modified")),
        language=language_of(_text(item, "language")),
    )


def _hub(feed: Json, base_url: str) -> str | None:
    hubs = feed.get("hubs")
    stated = [hub for hub in hubs if isinstance(hub, dict)] if isinstance(hubs, list) else []
    found = (address_of(_text(hub, "url"), base_url) for hub in stated if _text(hub, "type").lower() == "websub")
    return next(found, None)


def _text(of: Json, key: str) -> str:
    """Nothing that follows can write half a surrogate pair."""
    value = of.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).encode("utf-8", "replace").decode()
