"""How a poll can end (pure)."""

from dataclasses import dataclass

from shared.models.feed import Outcome

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
