"""The canary's feed as the poller serves it to itself (pure): an entry for each slot of so many seconds."""

from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

from services.poller.schedule import Pace
from shared.models import canary
from shared.models.feed import Feed

CONTENT_TYPE = "application/rss+xml; charset=utf-8"
_RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>{name}</title><link>{url}</link><description>Shown to nobody.</description>
<item><guid isPermaLink="false">{name}:{slot}</guid><pubDate>{date}</pubDate>
<title>Tocsin canary sings in the coal mine</title><description>The air is good in slot {slot}.</description>
</item></channel></rss>
"""


def slot_of(now: float, every_seconds: int) -> int:
    """When the slot began, in Unix seconds."""
    return int(now // every_seconds) * every_seconds


def document(now: float, every_seconds: int) -> bytes:
    """RSS 2.0 with the entry of this slot, published when it began: so its age on arrival is all that it had to wait.

    It has no address, so nobody looks for its page.
    """
    slot = slot_of(now, every_seconds)
    date = format_datetime(datetime.fromtimestamp(slot, UTC))
    return _RSS.format(name=canary.NAME, url=canary.URL, slot=slot, date=date).encode()


def pace_of(feed: Feed, pace: Pace, now: float) -> Pace:
    """The feed's own; the canary's leads to where its next slot begins, and after a failure is no slower than that."""
    every = feed.interval_seconds
    if feed.id != canary.FEED_ID or every is None:
        return replace(pace, fixed=every)
    return replace(pace, fixed=every - now % every, jitter=0.0, backoff_cap=min(pace.backoff_cap, every))
