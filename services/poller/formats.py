"""RSS 0.9x to 2.0, RDF, Atom 0.3 and 1.0, news sitemaps: a tree of well-formed XML → its items (pure)."""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from urllib.parse import urljoin

from lxml import etree

from services.poller.dates import moment
from services.poller.document import (
    Document,
    Item,
    address_in,
    address_of,
    guid_of,
    language_of,
    summary_of,
    title_of,
    ttl_of,
)
from shared.models.feed import ParsePath

Element = etree._Element  # noqa: SLF001  lxml's documented type has no other name

_XML = "{http://www.w3.org/XML/1998/namespace}"
_XML_BASE, _XML_LANG = _XML + "base", _XML + "lang"
_RDF_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
_SITEMAP_NEWS = "http://www.google.com/schemas/sitemap-news/0.9"
_FEEDS = ("rss", "rdf", "feed", "entry")
_ITEMS = ("{*}item", "{*}entry")
_HTML = ("text/html", "application/xhtml+xml", "html", "xhtml", "")

# Element → what it is for us. Of several that are the same the first counts, but of dates the last.
_CORE = {
    "item": "item", "entry": "item", "channel": "channel", "title": "title", "link": "link", "guid": "guid",
    "id": "guid", "pubdate": "published", "published": "published", "issued": "published", "updated": "updated",
    "modified": "updated", "lastbuilddate": "updated", "date": "updated", "created": "created",
    "description": "summary", "summary": "summary", "abstract": "summary", "content": "content", "encoded": "content",
    "fullitem": "content", "body": "content", "language": "language", "ttl": "ttl",
}  # fmt: skip
_DUBLIN_CORE = {
    "title": "second_title", "description": "second_summary", "language": "language", "date": "updated",
    "issued": "published", "modified": "updated", "created": "created",
}  # fmt: skip
_MEDIA = {
    "title": "third_title",
    "description": "third_summary",
    "summary": "third_summary",
    "subtitle": "third_summary",
}
_MODULES: Mapping[str, Mapping[str, str]] = {
    "": _CORE,
    "http://www.w3.org/2005/atom": _CORE,
    "http://purl.org/atom/ns#": _CORE,
    "http://purl.org/rss/1.0/": _CORE,
    "http://purl.org/dc/elements/1.1/": _DUBLIN_CORE,
    "http://purl.org/dc/terms/": _DUBLIN_CORE,
    "http://search.yahoo.com/mrss/": _MEDIA,
    "http://search.yahoo.com/mrss": _MEDIA,
    "http://www.itunes.com/dtds/podcast-1.0.dtd": _MEDIA,
    "http://purl.org/rss/1.0/modules/content/": {"encoded": "content"},
    "http://purl.org/rss/1.0/modules/syndication/": {"updateperiod": "period", "updatefrequency": "frequency"},
    "http://www.w3.org/1999/xhtml": {"body": "content"},
}
_TITLES = ("title", "second_title", "third_title")
_SUMMARIES = ("summary", "second_summary", "content", "third_summary")
_DATES = ("published", "updated", "created")


def read_tree(root: Element, base_url: str, has_bases: bool) -> Document | None:
    """The feed under this root, or None if it is none of ours.

    Args:
        has_bases: whether an `xml:base` stands anywhere in the document.
    """
    name = _local(root)
    if name in _FEEDS:
        return _Reader(base_url, has_bases).document(root)
    return _sitemap(root, base_url) if name == "urlset" else None


@dataclass(frozen=True, slots=True)
class _Children:
    """An element's children by what they mean: one of each, but all links."""

    one: dict[str, Element] = field(default_factory=dict)
    links: list[Element] = field(default_factory=list)

    def texts(self, meanings: Sequence[str]) -> Iterator[str]:
        return (_text(self.one[meaning]) for meaning in meanings if meaning in self.one)

    def text(self, meaning: str) -> str | None:
        return next(self.texts((meaning,)), None)


@dataclass(frozen=True, slots=True)
class _Reader:
    base_url: str
    has_bases: bool
    _meanings: dict[str, str | None] = field(default_factory=dict)

    def document(self, root: Element) -> Document:
        feed = _Children()
        for container in (root, *(child for child in root if self._meaning(child) == "channel")):
            self._sort(container, feed)
        # Wherever they stand: within a channel, beside it, or where none should be.
        entries = (entry for entry in root.iter(*_ITEMS) if self._meaning(entry) == "item")
        return Document(
            items=tuple(map(self._item, entries)),
            path=ParsePath.FAST,
            title=title_of(feed.texts(_TITLES)) or None,
            language=language_of(feed.text("language") or root.get(_XML_LANG)),
            ttl_seconds=ttl_of(*map(feed.text, ("ttl", "period", "frequency"))),
            hub=self._related(feed.links, "hub"),
            self_url=self._related(feed.links, "self"),
        )

    def _item(self, entry: Element) -> Item:
        children = self._sort(entry, _Children())
        guid = guid_of(_written(children.one.get("guid")) or entry.get(_RDF_ABOUT))
        return Item(
            guid=guid,
            url=self._link(children.links) or (address_in(guid) if _may_be_link(children.one.get("guid")) else None),
            title=title_of(children.texts(_TITLES)),
            summary=summary_of(children.texts(_SUMMARIES)),
            published=next(filter(None, map(moment, children.texts(_DATES))), None),
            language=language_of(children.text("language") or _own_language(entry, children)),
        )

    def _sort(self, element: Element, into: _Children) -> _Children:
        for child in element:
            meaning = self._meaning(child)
            if meaning == "link":
                into.links.append(child)
            elif meaning in _DATES:
                into.one[meaning] = child
            elif meaning is not None:
                into.one.setdefault(meaning, child)
        return into

    def _meaning(self, element: Element) -> str | None:
        tag = str(element.tag)
        if tag not in self._meanings:
            self._meanings[tag] = _meaning(element)
        return self._meanings[tag]

    def _link(self, links: Sequence[Element]) -> str | None:
        """The page that tells the item: Atom's alternate link; of those that RSS writes between the tags, the last."""
        alternates = [link for link in links if _relation(link) == "alternate"]
        pages = [link for link in alternates if (link.get("type") or "").lower() in _HTML]
        if any(link.text and link.get("href") is None for link in pages):
            pages.reverse()
        return next(filter(None, map(self._address, pages + alternates)), None)

    def _related(self, links: Sequence[Element], relation: str) -> str | None:
        return next((self._address(link) for link in links if _relation(link) == relation), None)

    def _address(self, link: Element) -> str | None:
        base = self._base(link)
        stated = link.get("href") or link.get("url") or link.get("uri")
        return (address_of(stated, base) if stated else None) or address_of(_written(link), base)

    def _base(self, element: Element) -> str:
        """XML Base: each is relative to the one around it."""
        if not self.has_bases:
            return self.base_url
        bases = [base for around in (element, *element.iterancestors()) if (base := around.get(_XML_BASE))]
        try:
            return reduce(urljoin, reversed(bases), self.base_url)
        except ValueError:
            return self.base_url


def _sitemap(root: Element, base_url: str) -> Document | None:
    """Google's news sitemap; one of pages only tells nothing of them."""
    pages = [(page, page.find(f"{{{_SITEMAP_NEWS}}}news")) for page in root]
    news = [(page, told) for page, told in pages if told is not None]
    if not news and _SITEMAP_NEWS not in root.nsmap.values():
        return None
    return Document(items=tuple(_news(page, told, base_url) for page, told in news), path=ParsePath.FAST)


def _news(page: Element, news: Element, base_url: str) -> Item:
    text = partial(news.findtext, namespaces={"": _SITEMAP_NEWS})
    return Item(
        guid=None,
        url=address_of(page.findtext("{*}loc"), base_url),
        title=title_of([text("title") or ""]),
        summary="",
        published=moment(text("publication_date")),
        language=language_of(text("publication/language")),
    )


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()


def _meaning(element: Element) -> str | None:
    namespace, _, local = str(element.tag).removeprefix("{").rpartition("}")
    module = _MODULES.get(namespace.strip().lower())
    if module is None:
        # A default namespace that nobody knows was meant to be that of the feed.
        module = _CORE if element.prefix is None or "userland.com" in namespace else {}
    return module.get(local.lower())


def _text(element: Element) -> str:
    """As HTML: what is written between the tags is either that, or is markup itself."""
    if len(element):
        return etree.tostring(element, encoding="unicode", with_tail=False)
    text = element.text or ""
    return _from_base64(text) if text and _is_base64(element) else text


def _written(element: Element | None) -> str:
    """Without any markup in it."""
    return "" if element is None else "".join(map(str, element.itertext()))


def _is_base64(element: Element) -> bool:
    """Atom 0.3 says so; Atom 1.0 means it by any type that is no text (RFC 4287, 4.1.3.3)."""
    media_type = (element.get("type") or "").lower()
    return element.get("mode") == "base64" or (
        "/" in media_type and not media_type.startswith("text/") and not media_type.endswith(("+xml", "/xml"))
    )


def _from_base64(text: str) -> str:
    try:
        return b64decode(text).decode()
    except (binascii.Error, ValueError):
        return text


def _relation(link: Element) -> str:
    return (link.get("rel") or "alternate").lower()


def _may_be_link(guid: Element | None) -> bool:
    return guid is None or (guid.get("isPermaLink") or "true").lower() == "true"


def _own_language(entry: Element, children: _Children) -> str | None:
    title = children.one.get("title")
    return entry.get(_XML_LANG) or (title.get(_XML_LANG) if title is not None else None)
