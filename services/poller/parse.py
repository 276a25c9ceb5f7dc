"""Bytes of a feed → its items (pure, apart from being slow: run in a child that can be killed, see `parsing`).

The ladder: well-formed XML is read by us; what is nearly so is mended first; all else, and every document in which no
item was found, goes to feedparser, which forgives and costs 20 times as much. JSON Feed stands beside it.
"""

import re
from dataclasses import replace

from lxml import etree

from services.poller.charset import as_utf8
from services.poller.document import MAX_SUMMARY, MAX_TITLE, Document, Item, NotAFeed
from services.poller.formats import Element, read_tree
from services.poller.json_feed import read_json
from services.poller.lenient import read_leniently
from services.poller.mend import mended
from services.poller.plain import plain
from shared.models.feed import ParsePath

__all__ = ["MAX_SUMMARY", "MAX_TITLE", "Document", "Item", "NotAFeed", "parse", "plain"]

# feedparser takes 25 µs a tag, and keeps open tags as a list of lists: more of them would end at the deadline anyway.
MAX_FORGIVEN_BYTES = 5 * 1024 * 1024
MAX_FORGIVEN_TAGS = 200_000
_FEED = re.compile(rb"<(?:[\w.-]+:)?(?:rss|rdf|feed|channel|item|entry|urlset)[\s>/]", re.IGNORECASE)


def parse(body: bytes, base_url: str, charset: str | None = None) -> Document:
    """Read a feed document.

    Args:
        body: the decoded response body. Never text: feedparser would open a path and fetch a URL.
        base_url: the address that relative links start from.
        charset: of the Content-Type header.

    Raises:
        NotAFeed: no item and nothing that looks like a feed was found.
    """
    body = as_utf8(body, charset)
    if body.lstrip()[:1] == b"{":
        return read_json(body, base_url)
    document = _strictly(body, base_url)
    if document is None:
        if _FEED.search(body) is None:
            raise NotAFeed("neither RSS nor Atom nor RDF")
        body = mended(body)
        document = _strictly(body, base_url)
        document = document and replace(document, path=ParsePath.MENDED)
    if document and document.items:
        return document
    try:
        return _forgivingly(body, base_url)
    except NotAFeed:
        if document:
            return document
        raise


def _strictly(body: bytes, base_url: str) -> Document | None:
    root = _root(body)
    return None if root is None else read_tree(root, base_url, b"xml:base" in body)


def _forgivingly(body: bytes, base_url: str) -> Document:
    if len(body) > MAX_FORGIVEN_BYTES or body.count(b"<") > MAX_FORGIVEN_TAGS:
        raise NotAFeed("malformed, and too large to be forgiven")
    return read_leniently(body, base_url)


def _root(body: bytes) -> Element | None:
    # Entities of the document itself are resolved, within libxml2's bound on their growth; nothing is ever loaded.
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities="internal",
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
