"""One item of a feed, normalised."""

from enum import StrEnum
from hashlib import sha256

from shared.models.base import Model, UtcDatetime


class EntryResult(StrEnum):
    """What became of an item that a poll found: its metric's label."""

    NEW = "new"
    SEEDED = "seeded"  # known from the feed's first poll on, and not told
    PASSED = "passed"  # marked as seen, and not told


class Entry(Model):
    """What every later step knows of an item. Text is plain (no markup), whitespace folded.

    `id` is 16 hex digits derived from the feed and the item's identity (services.poller.identity), never from its date.
    `change` n: the publisher has changed title or lead of an item for the n-th time; it is an entry of its own.
    `text`: of the article's page, once that has been read: its paragraphs, a line each. `gone`: that page is no more.
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
    text: str = ""
    published: UtcDatetime | None = None
    seen_at: UtcDatetime
    change: int = 0
    gone: bool = False

    @property
    def whole(self) -> str:
        """Title, summary and text, each beginning a line: what is classified, and what all spans point into."""
        return "\n".join((self.title, self.summary, *([self.text] if self.text else [])))

    @property
    def edition(self) -> str:
        """Tells what is known of the entry's page: a hash of its text, `gone`, or nothing."""
        if self.gone:
            return "gone"
        return sha256(self.text.encode()).hexdigest()[:16] if self.text else ""
