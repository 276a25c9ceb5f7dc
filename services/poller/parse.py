"""Bytes of a feed → its items (pure, apart from being slow: run in a child that can be killed, see `parsing`).

The ladder: XML that lxml finds well-formed goes to fastfeedparser (20 times cheaper); everything else, and every
document in which that finds no item, goes to feedparser, which forgives. fastfeedparser must not see malformed XML:
it would corrupt links silently.
"""

import codecs
import html
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urljoin, urlsplit

import fastfeedparser
import feedparser
from lxml import etree
from lxml import html as lxml_html

MAX_TITLE = 500
MAX_SUMMARY = 2000
MAX_LANGUAGE = 35  # RFC 5646, 4.4.1
_BEFORE_JSON = b"\xef\xbb\xbf \t\r\n"
_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_STATES_ENCODING = re.compile(rb"\s*<\?xml[^>]*\bencoding\s*=")
_REFERENCE = re.compile(rb"&#(?:[xX]([0-9a-fA-F]{1,8})|([0-9]{1,8}));")
_UNSEEN_TAGS = ("script", "style", "iframe", "noscript")


class ParsePath(StrEnum):
    """Which parser read the document."""

    FAST = "fast"
    LENIENT = "lenient"


class NotAFeed(ValueError):
    """No parser finds a feed in the document."""


@dataclass(frozen=True, slots=True)
class Item:
    """An item as the feed states it; text is plain, whitespace folded, addresses absolute."""

    guid: str | None
    url: str | None
    title: str
    summary: str
    published: datetime | None


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed feed: its items in document order, and the language that it states."""

    items: tuple[Item, ...]
    path: ParsePath
    title: str | None = None
    language: str | None = None
    ttl_seconds: float | None = None
    hub: str | None = None
    self_url: str | None = None


def parse(body: bytes, base_url: str, charset: str | None = None) -> Document:
    """Read a feed document.

    Args:
        body: the decoded response body. Never text: feedparser would open a path and fetch a URL.
        base_url: the address that relative links start from.
        charset: of the Content-Type header; counts when the document itself states none (RFC 7303, 3).

    Raises:
        NotAFeed: no item and nothing that looks like a feed was found.
    """
    if (stripped := body.lstrip(_BEFORE_JSON)).startswith(b"{"):
        document = _parse_fast(stripped, base_url)
        if document is None:
            raise NotAFeed("JSON, but not a JSON Feed")
        return document
    body = _stating_its_charset(body, charset)
    root = _well_formed(body)
    if root is not None:
        document = _parse_fast(body, base_url)
        if document and document.items:
            return replace(document, language=document.language or _stated_language(root))
    return _parse_lenient(body, base_url)


def _stating_its_charset(body: bytes, charset: str | None) -> bytes:
    """In UTF-8, XML's own default, if only the header says what it is in."""
    if not charset or body.startswith(_BYTE_ORDER_MARKS) or _STATES_ENCODING.match(body):
        return body
    try:
        return body.decode(charset).encode()
    except (LookupError, ValueError):
        return body


def _well_formed(body: bytes) -> etree._Element | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, recover=False)
    try:
        return etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _stated_language(root: etree._Element) -> str | None:
    """`<language>` or `<dc:language>` of the channel: fastfeedparser does not pass it on."""
    return (root.findtext("{*}channel/{*}language") or "").strip().lower()[:MAX_LANGUAGE] or None


def _parse_fast(body: bytes, base_url: str) -> Document | None:
    try:
        found = fastfeedparser.parse(body)
    except Exception:  # noqa: BLE001  it raises whatever its parts raise; the lenient parser is the answer to all
        return None
    return _document(found.feed, found.entries, ParsePath.FAST, base_url)


def _parse_lenient(body: bytes, base_url: str) -> Document:
    try:
        found = feedparser.parse(
            io.BytesIO(_REFERENCE.sub(_whole, body)), sanitize_html=False, resolve_relative_uris=False
        )
    except MemoryError:
        raise
    except Exception as error:
        raise NotAFeed(f"unreadable: {error!r}"[:200]) from error
    document = _document(found.feed, found.entries, ParsePath.LENIENT, base_url)
    if not document.items and not found.get("version"):
        raise NotAFeed("neither RSS nor Atom nor RDF")
    return document


def _whole(reference: re.Match[bytes]) -> bytes:
    """Halves of surrogate pairs are no characters, and feedparser fails on them; careless publishers write emoji so."""
    number = int(reference[1], 16) if reference[1] else int(reference[2])
    return b"&#xFFFD;" if 0xD800 <= number <= 0xDFFF else reference[0]


def _document(feed: Mapping[str, Any], entries: list[dict[str, Any]], path: ParsePath, base_url: str) -> Document:
    items = (_item(entry, base_url) for entry in entries)
    return Document(
        items=tuple(item for item in items if item.title or item.url or item.guid),
        path=path,
        title=plain(_text(feed.get("title")))[:MAX_TITLE] or None,
        language=_text(feed.get("language")).strip().lower()[:MAX_LANGUAGE] or None,
    )


def _item(entry: dict[str, Any], base_url: str) -> Item:
    summary = entry.get("summary") or entry.get("description") or _first_content(entry)
    guid, link = _clean(entry.get("id") or entry.get("guid")), _clean(_link(entry))
    return Item(
        # One parser gives an item without a guid its link for one, the other does not.
        guid=None if guid == link else guid,
        url=_absolute(link, base_url),
        title=plain(_text(entry.get("title")))[:MAX_TITLE],
        summary=plain(_text(summary))[:MAX_SUMMARY],
        published=_moment(entry),
    )


def _link(entry: dict[str, Any]) -> object:
    """The alternate link, which needs not say that it is one (RFC 4287, 4.2.7.2), wherever it stands among others."""
    links = [link for link in entry.get("links") or () if link.get("rel") in (None, "alternate")]
    return next((link["href"] for link in links if link.get("href")), entry.get("link"))


def _first_content(entry: dict[str, Any]) -> object:
    content = entry.get("content")
    return content[0].get("value") if content else ""


def _text(value: object) -> str:
    """JSON may state anything, numbers above all; and nothing that follows can write half a surrogate pair."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).encode("utf-8", "replace").decode()


def _clean(value: object) -> str | None:
    return _text(value).strip() or None


def _absolute(link: str | None, base_url: str) -> str | None:
    if not link:
        return None
    try:
        absolute = urljoin(base_url, link)
        return absolute if urlsplit(absolute).scheme in ("http", "https") else None
    except ValueError:
        return None


def plain(text: str) -> str:
    """Markup and character references out, whitespace folded."""
    if "<" in text:
        text = _without_markup(text)
    elif "&" in text:
        text = html.unescape(text)
    return " ".join(text.replace("\0", " ").split())


def _without_markup(text: str) -> str:
    try:
        tree = lxml_html.fromstring(f"<div>{text}</div>")
    except (etree.ParserError, ValueError):
        return text
    for unseen in list(tree.iter(*_UNSEEN_TAGS)):
        unseen.drop_tree()
    return " ".join(tree.itertext())


def _moment(entry: dict[str, Any]) -> datetime | None:
    # Of what is there: feedparser would warn that it gives out the one for the other.
    stored = dict(entry)
    parsed = stored.get("published_parsed") or stored.get("updated_parsed")
    if parsed:
        try:
            year, month, day, hour, minute, second = parsed[:6]
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except (ValueError, OverflowError):
            return None
    stated = stored.get("published") or stored.get("updated")
    try:
        moment = datetime.fromisoformat(stated) if isinstance(stated, str) else None
        return moment and (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
