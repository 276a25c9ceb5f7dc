"""The feeds that a page offers (pure): what it declares, what it links to, and where feeds usually are.

Nothing is proven here; whoever fetches a candidate and finds a feed in it has the proof.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

from lxml import etree
from lxml import html as lxml_html

from services.poller.parse import plain

MAX_PAGE_BYTES = 2_000_000  # of a longer page only the beginning is read; feeds are declared there
MAX_ADDRESS = 2_000
MAX_TITLE = 120
TYPES = frozenset(
    [
        "application/rss+xml",
        "application/atom+xml",
        "application/rdf+xml",
        "application/feed+json",
        "application/xml",
        "text/xml",
    ]
)
WELL_KNOWN = ("feed", "rss", "rss.xml", "atom.xml", "feed.xml", "index.xml")
_WORD = r"(?:rss|atom|rdf|feeds?)[0-9.]*"
_FEED_FILE = re.compile(r"\.(?:rss|atom|rdf|xml)$")
_FEED_WORD = re.compile(rf"(?:[a-z0-9]+[._-])?{_WORD}(?:[._-][a-z0-9]+)?")  # more words make a headline
_FEED_QUERY = re.compile(rf"(?:^|[&=]){_WORD}(?:$|[&=])")
_OTHER_FILE = re.compile(r"sitemap|opensearch|\.(?:html?|pdf|png|jpe?g|gif|svg|webp|css|js|mp3|mp4)$")
_COMMENTS = re.compile(r"\bcomments?\b", re.IGNORECASE)


class Sign(StrEnum):
    """What speaks for a candidate, the strongest first."""

    DECLARED = "declared"  # a link that says it is a feed
    LINKED = "linked"  # a link that looks like one
    GUESSED = "guessed"  # nothing but habit


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address that may be a feed; `title` is what the page calls it, if it does."""

    url: str
    title: str | None
    sign: Sign


def candidates(page: bytes, url: str, charset: str | None = None) -> tuple[Candidate, ...]:
    """What may be a feed of the page, each address once, the likeliest first.

    By sign; feeds of comments behind the others, links that leave the site behind those that stay; else in the order of
    the page, of whose declared feeds the first is the default (HTML Standard, 4.6.7.1).

    Args:
        page: an HTML document; whatever else it is, the usual places are guessed at.
        url: where it came from.
        charset: of the Content-Type header.
    """
    root = _tree(page, charset)
    found = list(_linked(root, url)) if root is not None else []
    ranked = sorted([*found, *_guessed(url)], key=lambda candidate: _rank(candidate, url))
    first: dict[str, Candidate] = {}
    for candidate in ranked:
        first.setdefault(_same(candidate.url), candidate)
    return tuple(first.values())


def _tree(page: bytes, charset: str | None) -> lxml_html.HtmlElement | None:
    try:
        parser = lxml_html.HTMLParser(encoding=charset)
    except LookupError:
        parser = lxml_html.HTMLParser()
    try:
        return lxml_html.document_fromstring(page[:MAX_PAGE_BYTES].replace(b"\0", b""), parser=parser)
    except (etree.LxmlError, ValueError):
        return None


def _linked(root: lxml_html.HtmlElement, url: str) -> Iterator[Candidate]:
    base = next((_absolute(found, url) for found in root.xpath("//base/@href")), None) or url
    for element in root.iter("link", "a", "area"):
        address = _absolute(element.get("href"), base)
        sign = _sign(element, address) if address else None
        if address and sign:
            yield Candidate(address, _title(element), sign)


def _sign(element: lxml_html.HtmlElement, address: str) -> Sign | None:
    kind = (element.get("type") or "").partition(";")[0].strip().lower()
    relations = (element.get("rel") or "").lower().split()
    if "feed" in relations or ("alternate" in relations and kind in TYPES):
        return Sign.DECLARED
    return Sign.LINKED if element.tag != "link" and (kind in TYPES or _looks_like_a_feed(address)) else None


def _looks_like_a_feed(address: str) -> bool:
    parts = urlsplit(address.lower())
    if _OTHER_FILE.search(parts.path):
        return False
    return bool(
        _FEED_FILE.search(parts.path)
        or any(_FEED_WORD.fullmatch(segment) for segment in parts.path.split("/"))
        or _FEED_QUERY.search(parts.query)
    )


def _title(element: lxml_html.HtmlElement) -> str | None:
    return plain(element.get("title") or str(element.text_content()))[:MAX_TITLE] or None


def _absolute(link: object, base: str) -> str | None:
    """Without its fragment; None for what is no address on the web. `feed:` is an old way to say http."""
    if not isinstance(link, str):
        return None
    address = re.sub(r"^feed:(?://)?(?=https?:)|^feed:(?=//)", "", link.strip(), flags=re.IGNORECASE)
    try:
        absolute = urlsplit(urljoin(base, address.replace(" ", "%20")))._replace(fragment="").geturl()
        parts = urlsplit(absolute)
        usable = parts.scheme in ("http", "https") and parts.hostname and not re.search(r"\s", absolute)
        return absolute if usable and len(absolute) <= MAX_ADDRESS else None
    except ValueError:
        return None


def _guessed(url: str) -> Iterator[Candidate]:
    """Beside the page, then at the root of its host."""
    for directory in dict.fromkeys((urljoin(url, "."), urljoin(url, "/"))):
        for name in WELL_KNOWN:
            yield Candidate(urljoin(directory, name), None, Sign.GUESSED)


def _rank(candidate: Candidate, url: str) -> tuple[int, bool, bool]:
    told = f"{urlsplit(candidate.url).path} {candidate.title or ''}"
    return (
        list(Sign).index(candidate.sign),
        _COMMENTS.search(told) is not None,
        not _same_site(urlsplit(candidate.url).hostname or "", urlsplit(url).hostname or ""),
    )


def _same_site(one: str, other: str) -> bool:
    """The same host, or one below the other, `www.` aside."""
    one, other = one.removeprefix("www."), other.removeprefix("www.")
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _same(url: str) -> str:
    """Equal for addresses that differ in scheme, case of the host, or a slash at the end only."""
    parts = urlsplit(url)
    return f"{parts.netloc.lower()}{parts.path.rstrip('/')}?{parts.query}"
