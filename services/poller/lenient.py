"""feedparser: it forgives everything, and costs 20 times as much as our own reading (pure)."""

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import feedparser

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
    ttl_of,
)
from shared.models.feed import ParsePath


def read_leniently(body: bytes, base_url: str) -> Document:
    """What can be made of any bytes in UTF-8.

    Raises:
        NotAFeed: no item and nothing that looks like a feed was found.
    """
    found = _parse(body)
    feed = found["feed"]
    items = tuple(_item(entry, base_url) for entry in found["entries"])
    if not items and not found.get("version"):
        raise NotAFeed("neither RSS nor Atom nor RDF")
    return Document(
        items=items,
        path=ParsePath.LENIENT,
        title=title_of([feed.get("title", "")]) or None,
        language=language_of(feed.get("language")),
        ttl_seconds=ttl_of(feed.get("ttl"), feed.get("sy_updateperiod"), feed.get("sy_updatefrequency")),
        hub=_related(feed.get("links", ()), "hub", base_url),
        self_url=_related(feed.get("links", ()), "self", base_url),
    )


def _parse(body: bytes) -> Mapping[str, Any]:
    """Never text: feedparser would open a path and fetch an address. No base, so that guids stay as they are stated."""
    headers = {"content-type": "application/xml; charset=utf-8"}
    try:
        found: Mapping[str, Any] = feedparser.parse(
            io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except MemoryError:
        raise
    except Exception as error:
        raise NotAFeed(f"unreadable: {error!r}"[:200]) from error
    return found


def _item(entry: Mapping[str, Any], base_url: str) -> Item:
    guid = guid_of(entry.get("id"))
    return Item(
        guid=guid,
        url=_page(entry, guid, base_url),
        title=title_of([entry.get("title", "")]),
        summary=summary_of([entry.get("summary", ""), *_contents(entry)]),
        published=next(filter(None, map(moment, _dates(entry))), None),
        language=language_of(entry.get("language")),
    )


def _page(entry: Mapping[str, Any], guid: str | None, base_url: str) -> str | None:
    """Without a link, feedparser gives the guid for one, unless that says it is none."""
    link = (entry.get("link") or "").strip()
    others = (other.get("href") for other in entry.get("links", ()) if other.get("rel") == "alternate")
    pages = (address_of(page, base_url) for page in (link if link != guid else None, *others))
    return next(filter(None, pages), address_in(guid) if link == guid else None)


def _contents(entry: Mapping[str, Any]) -> Iterator[str]:
    return (content.get("value", "") for content in entry.get("content", ()))


def _dates(entry: Mapping[str, Any]) -> Iterator[str | None]:
    """As they are written. Asked as of a plain dictionary: feedparser would warn that it gives one date for another."""
    stated = dict(entry)
    return (stated.get(key) for key in ("published", "updated", "created"))


def _related(links: Iterable[Mapping[str, str]], relation: str, base_url: str) -> str | None:
    return next((address_of(link.get("href"), base_url) for link in links if link.get("rel") == relation), None)
