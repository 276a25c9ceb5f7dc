"""How a poll can end (pure)."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a poll ended: each poll ends in exactly one, and that is its metric's label."""

    NEW = "new"
    NOTHING_NEW = "nothing_new"
    UNCHANGED = "unchanged"  # 304
    SAME_BODY = "same_body"  # 200 with the bytes we know
    SEEDED = "seeded"  # the first successful poll
    IDENTITY_BREAK = "identity_break"  # nearly all is new at once, with old dates: marked as seen, not told
    NOT_FOUND = "not_found"
    GONE = "gone"
    REFUSED = "refused"  # 401, 403, 451
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
    NOT_A_FEED = "not_a_feed"
    PARSE_ERROR = "parse_error"
    PARSE_TIMEOUT = "parse_timeout"
    LEASE_EXPIRED = "lease_expired"  # an earlier poller died or hung with this feed in hand
    LEASE_LOST = "lease_lost"  # this poll took longer than its lease: its result was thrown away
    INTERNAL_ERROR = "internal_error"

    @property
    def succeeded(self) -> bool:
        return self in _SUCCESSES


_SUCCESSES = frozenset(
    {
        Outcome.NEW,
        Outcome.NOTHING_NEW,
        Outcome.UNCHANGED,
        Outcome.SAME_BODY,
        Outcome.SEEDED,
        Outcome.IDENTITY_BREAK,
    }
)
_BY_STATUS = {404: Outcome.NOT_FOUND, 410: Outcome.GONE, 429: Outcome.THROTTLED}
_REFUSALS = (401, 403, 451)


@dataclass(frozen=True, slots=True)
class Redirect:
    """A hop: the status, and the address it led to."""

    status: int
    url: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back. `failure` is None when there is a body to read or the server said 304.

    `digest`: of the body, where it has been taken; `fresh`: seconds for which the server says the answer holds;
    `seconds`: how long it took; `pushed`: a hub sent it.
    """

    status: int | None = None
    body: bytes = b""
    digest: str | None = None
    url: str = ""
    charset: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    retry_after: float | None = None
    failure: Outcome | None = None
    detail: str = ""
    redirects: tuple[Redirect, ...] = ()
    fresh: float = 0.0
    seconds: float = 0.0
    link: str | None = None
    pushed: bool = False

    @property
    def unchanged(self) -> bool:
        return self.status == 304


def failure_of(status: int) -> Outcome | None:
    """The outcome that a status code amounts to, or None for 2xx and 304."""
    if 200 <= status < 300 or status == 304:
        return None
    if status in _REFUSALS:
        return Outcome.REFUSED
    return _BY_STATUS.get(status) or (Outcome.SERVER_ERROR if status >= 500 else Outcome.CLIENT_ERROR)
