"""What is done with the page of a relevant entry (pure): which request comes next, and what follows from its answer.

A page is read in steps of one request each, robots.txt included, so that every one of them waits its turn at its host,
and a redirect leads nowhere that its own host does not allow:

    robots.txt of the host, unless it was asked within the day ──> the page ──> a redirect: the same again there
                                                                     └──> its text, or the reason why there is none

In the same steps a page that was read is looked at again: `services.poller.checks`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlsplit

from protego import Protego

from services.poller.extract import Extract, weight, withholds
from shared.models.entry import Entry
from shared.models.page import PageOutcome, PageState

_BY_STATUS = {
    401: PageOutcome.REFUSED,
    402: PageOutcome.REFUSED,
    403: PageOutcome.REFUSED,
    404: PageOutcome.NOT_FOUND,
    410: PageOutcome.GONE,
    429: PageOutcome.THROTTLED,
    451: PageOutcome.REFUSED,
}
_HTML = ("text/html", "application/xhtml+xml")
TRIES = 4
BACKOFF_SECONDS, BACKOFF_GROWTH = 60.0, 8.0  # a minute, eight, an hour
MAX_WAIT_SECONDS = 86_400.0
EXPIRIES_BORNE = 3
MAX_HOPS = 5
# In bytes of UTF-8. Less is a teaser, a notice about cookies, or a caption.
SHORT = 400
PARAGRAPH = 80


@dataclass(frozen=True, slots=True)
class Ask:
    """The next request. `robots`: it is for the robots.txt of the page's host."""

    url: str
    robots: bool = False


@dataclass(frozen=True, slots=True)
class Then:
    """What follows. `outcome`: how reading or checking ended, or why it is `put_off`; None: there is another step.
    `state` None: nothing follows; else the page is looked at again `after` so many seconds. `entry`: as it is now.
    `validators`: of the answer, as `PageState` has them. `robots`: to be remembered."""

    outcome: PageOutcome | None
    state: PageState | None = None
    after: float = 0.0
    put_off: bool = False
    entry: Entry | None = None
    validators: Mapping[str, str | None] = field(default_factory=dict)
    robots: str | None = None


def ended(outcome: PageOutcome) -> Then:
    return Then(outcome)


def address(entry: Entry | None, state: PageState) -> str:
    """Where the page is; empty if nowhere."""
    return state.url or (entry.url if entry else None) or ""


def origin(url: str) -> str:
    """`https://host:port`, for which one robots.txt holds (RFC 9309, 2.3); empty for what is no address."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.lower()}" if parts.scheme and parts.hostname else ""
    except ValueError:
        return ""


def product(user_agent: str) -> str:
    """Our name in robots.txt: what the User-Agent begins with (RFC 9309, 2.2.1)."""
    return user_agent.split(maxsplit=1)[0].partition("/")[0]


def next_step(
    entry: Entry | None, state: PageState, robots: str | None, agent: str, expiries: int, now: datetime
) -> Ask | Then:
    """`robots`: of the page's host; None if it was not asked within the day."""
    url = address(entry, state)
    hindrance = _hindrance(entry, state, url, expiries)
    if hindrance:
        return ended(hindrance)
    if state.check_at and now < state.check_at:  # another topic has named it meanwhile
        return Then(None, state, (state.check_at - now).total_seconds())
    if robots is None:
        return Ask(f"{origin(url)}/robots.txt", robots=True)
    return Ask(url) if Protego.parse(robots).can_fetch(url, agent) else ended(PageOutcome.DISALLOWED)


def _hindrance(entry: Entry | None, state: PageState, url: str, expiries: int) -> PageOutcome | None:
    if entry is None:
        return PageOutcome.EXPIRED
    if entry.gone or (entry.text and not state.check_at):
        return PageOutcome.READ_BEFORE
    if expiries >= EXPIRIES_BORNE:
        return PageOutcome.LEASE_EXPIRED
    if not origin(url):
        return PageOutcome.BAD_URL
    return PageOutcome.FRONT_PAGE if _is_front_page(url) else None


def _is_front_page(url: str) -> bool:
    parts = urlsplit(url)
    return parts.path in ("", "/") and not parts.query


def failed(state: PageState, outcome: PageOutcome, draw: float, retry_after: float | None = None) -> Then:
    """Another try if that may help, with growing gaps; a check waits for the next check. `draw` is a uniform random
    number in [0, 1)."""
    failures = state.failures + 1
    if not outcome.passing or failures >= TRIES or state.check_at:
        return ended(outcome)
    backoff = BACKOFF_SECONDS * BACKOFF_GROWTH**state.failures * (0.75 + draw / 2)
    after = min(retry_after or backoff, MAX_WAIT_SECONDS)
    return Then(outcome, state.model_copy(update={"failures": failures}), after, put_off=True)


def robots_failed(state: PageState, outcome: PageOutcome, draw: float) -> Then:
    """Who cannot be asked has forbidden everything, for now; too many redirects mean that there is none (RFC 9309,
    2.3.1.2 and 2.3.1.4)."""
    if outcome is PageOutcome.TOO_MANY_REDIRECTS:
        return Then(None, state, robots="")
    return failed(state, PageOutcome.ROBOTS_UNREACHABLE if outcome.passing else outcome, draw)


def robots_told(state: PageState, status: int, body: bytes, draw: float, retry_after: float | None = None) -> Then:
    """Where there is none (any 4xx), all is allowed; but 429 asks to come later (RFC 9309, 2.3.1.3)."""
    if status >= 500 or status == 429:
        return failed(state, PageOutcome.ROBOTS_UNREACHABLE, draw, retry_after)
    # With a byte order mark before it, the first line would say nothing, and all be allowed.
    return Then(None, state, robots=body.decode("utf-8-sig", "replace") if 200 <= status < 300 else "")


def moved(state: PageState, url: str) -> Then:
    if state.hops >= MAX_HOPS:
        return ended(PageOutcome.TOO_MANY_REDIRECTS)
    there: dict[str, object] = {"url": url, "hops": state.hops + 1, "etag": None, "last_modified": None}
    return Then(None, state.model_copy(update=there))


def refusal(status: int, headers: Mapping[str, str], agent: str) -> PageOutcome | None:
    """Why the answer, which is no redirect, holds no text for us; None if it may."""
    if not 200 <= status < 300:
        return _BY_STATUS.get(status) or (PageOutcome.SERVER_ERROR if status >= 500 else PageOutcome.CLIENT_ERROR)
    if withholds(headers.get("x-robots-tag", ""), agent):
        return PageOutcome.WITHHELD
    kind = headers.get("content-type", _HTML[0]).partition(";")[0].strip().lower()
    return None if kind in _HTML else PageOutcome.NOT_HTML


def read(entry: Entry, found: Extract, most_characters: int) -> Then:
    """The entry with its text, if there is enough of it; where an article stood, a notice is enough."""
    if found.reserve:
        return ended(PageOutcome(found.reserve.value))
    text = (_article(entry, found.text) or (found.text if entry.text else ""))[:most_characters].rstrip()
    if weight(text) < (1 if entry.text else max(SHORT, weight(entry.summary))):
        return ended(PageOutcome.SHORT)
    return replace(ended(PageOutcome.READ), entry=entry.model_copy(update={"text": text}))


def _article(entry: Entry, text: str) -> str:
    """From the first paragraph on that says more than the feed: before it are headline, byline, date and captions, and
    the lead that the summary has told."""
    lines = text.split("\n")
    known = _letters(f"{entry.title} {entry.summary}")
    said = (number for number, line in enumerate(lines) if weight(line) >= PARAGRAPH and _letters(line) not in known)
    return "\n".join(lines[next(said, len(lines)) :])


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
