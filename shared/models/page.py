"""The page of a relevant entry, while it is being read, and until it was last checked."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.models.base import Model, UtcDatetime


class PageOutcome(StrEnum):
    """How reading or checking a page ended: each ends in exactly one, and that is its metric's label."""

    READ = "read"
    READ_BEFORE = "read_before"
    UNCHANGED = "unchanged"  # a check found what was read before
    CHANGED = "changed"  # a check found another text
    EXPIRED = "expired"  # the entry is no longer kept
    FRONT_PAGE = "front_page"  # the address, or where it leads, is a site's front page
    DISALLOWED = "disallowed"  # by robots.txt
    ROBOTS_UNREACHABLE = "robots_unreachable"
    PAYWALL = "paywall"  # the page says that it is not free
    WITHHELD = "withheld"  # noarchive, nosnippet
    SHORT = "short"  # nothing to speak of beyond what the feed said
    NOT_HTML = "not_html"
    NOT_FOUND = "not_found"
    GONE = "gone"  # 410, or 404 at two checks in a row
    REFUSED = "refused"  # 401, 402, 403, 451
    THROTTLED = "throttled"  # 429
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    ADDRESS_DENIED = "address_denied"
    BAD_URL = "bad_url"
    DNS_ERROR = "dns_error"
    CONNECT_ERROR = "connect_error"
    TLS_ERROR = "tls_error"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    BAD_ENCODING = "bad_encoding"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    PROTOCOL_ERROR = "protocol_error"
    PARSE_ERROR = "parse_error"
    PARSE_TIMEOUT = "parse_timeout"
    LEASE_EXPIRED = "lease_expired"  # pollers died or hung with this page in hand

    @property
    def passing(self) -> bool:
        """Whether another try may end better."""
        return self in _WEATHER


_WEATHER = frozenset(
    {
        PageOutcome.ROBOTS_UNREACHABLE,
        PageOutcome.NOT_FOUND,  # some feeds are faster than their site
        PageOutcome.THROTTLED,
        PageOutcome.SERVER_ERROR,
        PageOutcome.DNS_ERROR,
        PageOutcome.CONNECT_ERROR,
        PageOutcome.TLS_ERROR,
        PageOutcome.TIMEOUT,
        PageOutcome.BAD_ENCODING,
        PageOutcome.PROTOCOL_ERROR,
    }
)


class PageState(Model):
    """How far reading has come; with `check_at` it has come to its end, and the rest is of the checks that follow."""

    url: Annotated[str | None, Field(description="where the page has moved to; None: where the entry says")] = None
    hops: Annotated[int, Field(description="redirects followed")] = 0
    failures: Annotated[int, Field(description="tries that failed")] = 0
    check_at: Annotated[UtcDatetime | None, Field(description="when it is looked at again")] = None
    checks: Annotated[int, Field(description="checks made")] = 0
    missing: Annotated[bool, Field(description="the last check found nothing (404)")] = False
    etag: str | None = None
    last_modified: str | None = None
