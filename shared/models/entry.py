"""One item of a feed, normalised."""

from shared.models.base import Model, UtcDatetime


class Entry(Model):
    """What every later step knows of an item. Text is plain (no markup), whitespace folded.

    `id` is 16 hex digits derived from the feed and the item's identity (services.poller.identity), never from its date.
    `change` n: the publisher has changed title or lead of an item for the n-th time; it is an entry of its own.
    """

    id: str
    feed_id: str
    source: str
    feed_name: str
    country: str | None = None
    tier: int = 2
    language: str | None = None
    guid: str | None = None
    url: str | None = None
    title: str
    summary: str = ""
    published: UtcDatetime | None = None
    seen_at: UtcDatetime
    change: int = 0
