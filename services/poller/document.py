"""What parsing yields, and how any parser's raw values become it (pure): the parsers must agree on what an item is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from re import compile as pattern
from urllib.parse import urljoin, urlsplit

from services.poller.plain import plain
from shared.models.feed import ParsePath

MAX_TITLE = 500
MAX_SUMMARY = 2000
MAX_ADDRESS = 4096  # of a guid or link; what is longer is an inlined image, not an address
MAX_LANGUAGE = 35  # RFC 5646, 4.4.1
_LANGUAGE = pattern(r"[a-z]{2,3}(?:-[a-z0-9]{1,8})*")
# What needs no second look, as most links do not.
_ADDRESS = pattern(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?/[!-~]*")
_PERIODS = {"hourly": 3600.0, "daily": 86400.0, "weekly": 604800.0, "monthly": 2592000.0, "yearly": 31536000.0}
_WEB = ("http://", "https://")


class NotAFeed(ValueError):
    """No parser finds a feed in the document."""


@dataclass(frozen=True, slots=True)
class Item:
    """An item as the feed states it; text is plain, whitespace folded, addresses absolute, the language in BCP 47."""

    guid: str | None
    url: str | None
    title: str
    summary: str
    published: datetime | None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed feed: its items in document order, and what it states of itself.

    `ttl_seconds` is how long it asks to be left alone (RSS `ttl`, or `sy:updatePeriod` and `sy:updateFrequency`);
    `hub` and `self_url` are its WebSub hub and its topic there (W3C WebSub, 4).
    """

    items: tuple[Item, ...]
    path: ParsePath
    title: str | None = None
    language: str | None = None
    ttl_seconds: float | None = None
    hub: str | None = None
    self_url: str | None = None


def title_of(candidates: Iterable[str]) -> str:
    return _first_plain(candidates, MAX_TITLE)


def summary_of(candidates: Iterable[str]) -> str:
    return _first_plain(candidates, MAX_SUMMARY)


def _first_plain(candidates: Iterable[str], limit: int) -> str:
    """The first of these HTML texts in which anything can be read."""
    return next((told for text in candidates if text and (told := plain(text, limit))), "")


def guid_of(text: str | None) -> str | None:
    told = " ".join(text.split()) if text else ""
    return told if 0 < len(told) <= MAX_ADDRESS else None


def address_of(link: str | None, base_url: str) -> str | None:
    """The address on the web that a link means; None for what is none, such as `mailto:`."""
    link = (link or "").strip()
    if not link or len(link) > MAX_ADDRESS:
        return None
    if _ADDRESS.fullmatch(link):
        return link
    try:
        absolute = urlsplit(link if link.startswith(_WEB) else urljoin(base_url, link))
        return absolute.geturl() if absolute.scheme in ("http", "https") else None
    except ValueError:
        return None


def address_in(guid: str | None) -> str | None:
    """A guid is a permanent link as well, unless it says otherwise; a relative one is just a name."""
    return address_of(guid, "") if guid and guid[:8].lower().startswith(_WEB) else None


def language_of(text: str | None) -> str | None:
    """The tag in lower case; None for what is no tag."""
    tag = (text or "").strip().lower().replace("_", "-")
    return tag if len(tag) <= MAX_LANGUAGE and _LANGUAGE.fullmatch(tag) else None


def ttl_of(minutes: str | None, period: str | None, frequency: str | None) -> float | None:
    """Seconds, from RSS 2.0's `ttl`, else from RSS 1.0's syndication module; None if neither is believable."""
    stated = _number(minutes) * 60 or _PERIODS.get((period or "").strip().lower(), 0.0) / (_number(frequency) or 1.0)
    return stated if 0 < stated <= _PERIODS["yearly"] else None


def _number(text: str | None) -> float:
    try:
        return max(0.0, float(text or ""))
    except ValueError:
        return 0.0
