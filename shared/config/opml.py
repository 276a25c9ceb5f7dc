"""Feeds from and for other readers: OPML 2.0, http://opml.org/spec2.opml."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict
from urllib.parse import urlsplit

import listparser
from lxml import etree
from pydantic import ValidationError

from shared.errors import ConfigError
from shared.models.feed import Feed

MAX_BYTES = 10_000_000
NAME_LENGTH = 120
DECLARED_ENCODING = re.compile(rb"""\s*<\?xml[^>]*\bencoding\s*=\s*["']([\w.:-]+)["']""")
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production 2 (Char)


@dataclass(frozen=True, slots=True)
class OpmlReading:
    """`skipped` has a line for each row that is no feed of ours, and why."""

    feeds: tuple[Feed, ...]
    skipped: tuple[str, ...]


class _Row(TypedDict):
    url: str
    title: str


def read_opml(data: bytes) -> OpmlReading:
    """Folders and categories are read over. `ConfigError` when `data` is no subscription list at all."""
    if len(data) > MAX_BYTES:
        raise ConfigError(f"the OPML is larger than {MAX_BYTES:,} bytes, the most that is read")
    found = listparser.parse(_as_utf8(data))
    if not found["version"]:
        raise ConfigError("this is not OPML: there is no <opml> element in it")
    read = [_feed(row) for row in found["feeds"]]
    return OpmlReading(
        feeds=tuple(feed for feed in read if isinstance(feed, Feed)),
        skipped=(*(why for why in read if isinstance(why, str)), *_others(found["lists"], found["opportunities"])),
    )


def write_opml(feeds: tuple[Feed, ...]) -> bytes:
    """Characters that XML cannot carry become U+FFFD."""
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = "Tocsin's feeds"
    body = etree.SubElement(root, "body")
    for feed in feeds:
        name, url = NOT_XML.sub("\ufffd", feed.name), NOT_XML.sub("\ufffd", feed.url)
        outline = etree.SubElement(body, "outline", type="rss", text=name, title=name, xmlUrl=url)
        if feed.language:
            outline.set("language", feed.language)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True)


def _as_utf8(data: bytes) -> bytes:
    """The parser knows UTF-8 and UTF-16 by themselves and does not look at the XML declaration."""
    if declared := DECLARED_ENCODING.match(data):
        try:
            return data.decode(declared[1].decode(), "replace").encode()
        except (LookupError, UnicodeError):
            return data
    return data


def _feed(row: _Row) -> Feed | str:
    url = row["url"]
    try:
        return Feed(url=url, name=(row["title"] or urlsplit(url).hostname or url)[:NAME_LENGTH])
    except (ValidationError, ValueError):
        return f"{row['title'] or 'untitled'} ({url}): an absolute http:// or https:// address is needed"


def _others(lists: list[_Row], opportunities: list[_Row]) -> Iterator[str]:
    yield from (f"{row['title'] or 'untitled'} ({row['url']}): a link or another list, not a feed" for row in lists)
    yield from (
        f"{row['title'] or 'untitled'} ({row['url']}): a page without a feed's address" for row in opportunities
    )
