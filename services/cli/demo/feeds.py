"""The demo's feed documents: dates filled in, the later entry added. Pure."""

import re
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Annotated
from xml.sax.saxutils import escape

from pydantic import Field

from shared.models.base import HttpUrl, Model

_MOMENT = re.compile(r"<(?P<tag>[\w:]+)>\{minus:(?P<minutes>\d+)\}</")
_RFC822_TAGS = frozenset({"pubDate", "lastBuildDate"})


class Later(Model):
    """An entry that is published while the demo runs. `feed` names an RSS 2.0 file."""

    feed: Annotated[str, Field(pattern=r"^[\w-]+\.xml$")]
    title: str
    summary: str
    link: HttpUrl
    guid: str


def dated(document: str, now: datetime) -> str:
    """Replace each `{minus:N}` by the time N minutes before `now`.

    RSS 2.0's own elements get RFC 822 dates; Atom's and Dublin Core's get RFC 3339.
    """

    def moment(found: re.Match[str]) -> str:
        at = now - timedelta(minutes=int(found["minutes"]))
        written = format_datetime(at) if found["tag"] in _RFC822_TAGS else at.isoformat(timespec="seconds")
        return f"<{found['tag']}>{written}</"

    return _MOMENT.sub(moment, document)


def with_later(document: str, later: Later, now: datetime) -> str:
    """Put the later entry first in its feed.

    Raises ValueError if the document has no RSS 2.0 item to stand before.
    """
    before, item, after = document.partition("<item>")
    if not item:
        raise ValueError(f"{later.feed}: a feed with RSS 2.0 items is needed")
    fields = {
        "title": later.title,
        "link": later.link,
        "guid": later.guid,
        "pubDate": format_datetime(now),
        "description": later.summary,
    }
    added = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in fields.items())
    return f"{before}<item>{added}</item>\n    {item}{after}"
