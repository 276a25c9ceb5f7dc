"""Alerts as feeds for readers of feeds: Atom, RSS and JSON Feed (pure).

One entry is one story, under one id for good. A revision changes the entry and its time: readers show it as updated.

Atom: RFC 4287. RSS 2.0: https://www.rssboard.org/rss-specification, with the advice of its profile.
JSON Feed 1.1: https://www.jsonfeed.org/version/1.1/
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from urllib.parse import urlsplit

from lxml import etree
from pydantic_core import to_json

from services.gateway.views.alerts import AlertView
from shared.models.story import AlertType, Article, KnownClaim, Story

ATOM = "http://www.w3.org/2005/Atom"
DCTERMS = "http://purl.org/dc/terms/"
LANGUAGE = "en"  # of all words that are ours
TITLE = "Tocsin: alerts"
DESCRIPTION = "Stories that rang, the newest change first."
MOST_ARTICLES, MOST_CLAIMS = 5, 8
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2
_TAG = re.compile(r"[a-zA-Z]{2,8}(-[a-zA-Z0-9]{1,8})*")  # BCP 47, in its outline


@dataclass(frozen=True, slots=True)
class Item:
    """`language`: of its title. `html`: in English, with titles marked where they are not."""

    id: str
    url: str
    title: str
    language: str | None
    html: str
    published: datetime
    updated: datetime
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outlet:
    """Addresses are absolute: its own, as it was asked for, and the board's."""

    self_url: str
    home_url: str
    items: Sequence[Item]

    @property
    def updated(self) -> datetime:
        return max((item.updated for item in self.items), default=_NEVER)


def item_of(alert: AlertView, story: Story, home: str) -> Item:
    """`home`: the gateway's public address, absolute."""
    undone = f"{alert.type.capitalize()}: " if alert.type in (AlertType.RETRACTED, AlertType.MERGED) else ""
    rung = [revision.at for revision in story.revisions]
    return Item(
        id=f"urn:tocsin:story:{story.id}",
        url=f"{home}/stories/{story.id}",
        title=undone + (_clean(story.title).strip() or "Untitled"),
        language=_language(story.language),
        html=_clean("\n".join(_content(story))),
        published=min(rung, default=alert.at),
        updated=max([*rung, alert.at]),
        tags=tuple(_clean(tag) for tag in (story.topic, story.event_type, story.severity, story.status) if tag),
    )


# What an entry says.


def _content(story: Story) -> Iterator[str]:
    if story.revisions:
        yield f"<p>{escape(story.revisions[-1].detail)}</p>"
    yield from _list(map(_claim, story.said[:MOST_CLAIMS]))
    yield from _list(map(_article, story.standing[:MOST_ARTICLES]))
    if len(story.revisions) > 1:
        yield "<p>Before:</p>"
        yield from _list(f"{each.at:%Y-%m-%d %H:%M} UTC: {escape(each.detail)}" for each in story.revisions[-2::-1])


def _list(lines: Iterator[str]) -> Iterator[str]:
    shown = "".join(f"<li>{line}</li>" for line in lines)
    if shown:
        yield f"<ul>{shown}</ul>"


def _claim(claim: KnownClaim) -> str:
    what = (claim.role or claim.kind).replace("_", " ")
    figure = None if claim.value is None else f"{claim.value:,.10g}"
    said = [(claim.qualifier or "").replace("_", " "), figure, claim.unit] if figure else []
    by = ", ".join(filter(None, (claim.attribution, claim.certainty.value)))
    return escape(" ".join(filter(None, (f"{what}:" if figure else what, *said, f"({by})"))))


def _article(article: Article) -> str:
    language = _language(article.language)
    title = f'<span lang="{language}">{escape(article.title)}</span>' if language else escape(article.title)
    url = _web_address(article.url)
    return f"{f'<a href={chr(34)}{escape(url)}{chr(34)}>{title}</a>' if url else title}, {escape(article.source)}"


def _web_address(url: str | None) -> str | None:
    """A feed may name any address, a `javascript:` one too: that is no link."""
    try:
        parts = urlsplit(url or "")
        return url if parts.scheme in ("http", "https") and parts.netloc else None
    except ValueError:
        return None


def _language(tag: str | None) -> str | None:
    return tag if tag and _TAG.fullmatch(tag) else None


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)


# The three formats.


def atom(outlet: Outlet) -> bytes:
    feed = etree.Element(_atom("feed"), {_LANG: LANGUAGE}, nsmap={None: ATOM})
    _add(feed, _atom("id"), outlet.self_url)
    _add(feed, _atom("title"), TITLE)
    _add(feed, _atom("subtitle"), DESCRIPTION)
    _add(feed, _atom("updated"), _rfc3339(outlet.updated))
    _add(_add(feed, _atom("author")), _atom("name"), "Tocsin")
    _add(feed, _atom("link"), rel="self", type="application/atom+xml", href=outlet.self_url)
    _add(feed, _atom("link"), rel="alternate", type="text/html", href=outlet.home_url)
    for item in outlet.items:
        _atom_entry(_add(feed, _atom("entry")), item)
    return _document(feed)


def _atom_entry(entry: etree._Element, item: Item) -> None:
    title = _add(entry, _atom("title"), item.title)
    if item.language:
        title.set(_LANG, item.language)
    _add(entry, _atom("id"), item.id)
    _add(entry, _atom("link"), rel="alternate", type="text/html", href=item.url)
    _add(entry, _atom("published"), _rfc3339(item.published))
    _add(entry, _atom("updated"), _rfc3339(item.updated))
    for tag in item.tags:
        _add(entry, _atom("category"), term=tag)
    _add(entry, _atom("content"), item.html, type="html")


def rss(outlet: Outlet) -> bytes:
    root = etree.Element("rss", {"version": "2.0"}, nsmap={"atom": ATOM, "dcterms": DCTERMS})
    channel = _add(root, "channel")
    _add(channel, "title", TITLE)
    _add(channel, "link", outlet.home_url)
    _add(channel, "description", DESCRIPTION)
    _add(channel, "language", LANGUAGE)
    _add(channel, _atom("link"), rel="self", type="application/rss+xml", href=outlet.self_url)
    if outlet.items:
        _add(channel, "lastBuildDate", _rfc822(outlet.updated))
    for item in outlet.items:
        _rss_item(_add(channel, "item"), item)
    return _document(root)


def _rss_item(element: etree._Element, item: Item) -> None:
    """RSS itself has no word for when something changed."""
    _add(element, "title", item.title)
    _add(element, "link", item.url)
    _add(element, "guid", item.id, isPermaLink="false")
    _add(element, "pubDate", _rfc822(item.published))
    _add(element, f"{{{DCTERMS}}}modified", _rfc3339(item.updated))
    for tag in item.tags:
        _add(element, "category", tag)
    _add(element, "description", item.html)


def json_feed(outlet: Outlet) -> bytes:
    items = [
        {
            "id": item.id,
            "url": item.url,
            "title": item.title,
            "content_html": item.html,
            "date_published": _rfc3339(item.published),
            "date_modified": _rfc3339(item.updated),
            "tags": item.tags,
        }
        | ({"language": item.language} if item.language else {})
        for item in outlet.items
    ]
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": TITLE,
        "description": DESCRIPTION,
        "home_page_url": outlet.home_url,
        "feed_url": outlet.self_url,
        "language": LANGUAGE,
        "authors": [{"name": "Tocsin"}],
        "items": items,
    }
    return to_json(feed)


def _atom(name: str) -> str:
    return f"{{{ATOM}}}{name}"


def _add(parent: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
    child = etree.SubElement(parent, name, attributes)
    child.text = text
    return child


def _document(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _rfc822(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)
