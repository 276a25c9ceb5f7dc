"""One conditional GET of a feed (IO through the guarded client), and how it ended."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import Message

from services.poller.conclude import wants_whole
from services.poller.outcome import Fetched, Redirect, failure_of
from services.poller.ports import HttpClient
from shared.errors import FetchError
from shared.http import Response
from shared.http.headers import freshness_seconds, retry_after_seconds
from shared.models import canary
from shared.models.feed import Feed, FeedState, Outcome
from shared.store.websub import Push

ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class WithCanary:
    """The client of a poller that serves the canary at `address` of its own; `own` reaches that, and nobody else's."""

    http: HttpClient
    own: HttpClient
    address: str

    async def fetch(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        if url == canary.URL:
            return await self.own.fetch(self.address, headers=headers)
        return await self.http.fetch(url, headers=headers)


async def fetch(http: HttpClient, feed: Feed, state: FeedState, now: datetime) -> Fetched:
    """GET the feed; validators go back byte for byte as they came. Never raises for what a server can do to us."""
    started = time.monotonic()
    try:
        response = await http.fetch(state.adopted_url or feed.url, headers=_headers(state, now))
    except FetchError as error:
        return Fetched(failure=Outcome(error.outcome), detail=str(error), seconds=time.monotonic() - started)
    return Fetched(
        status=response.status,
        body=response.body,
        url=response.url,
        charset=charset_of(response.headers.get("content-type", "")),
        etag=response.headers.get("etag"),
        last_modified=response.headers.get("last-modified"),
        retry_after=retry_after_seconds(response.headers, now),
        failure=failure_of(response.status),
        detail=f"HTTP {response.status}",
        redirects=tuple(Redirect(hop.status, hop.url) for hop in response.redirects),
        fresh=freshness_seconds(response.headers, now),
        seconds=time.monotonic() - started,
        link=response.headers.get("link"),
    )


def pushed(push: Push) -> Fetched:
    """What a hub sent, as if it had been fetched."""
    charset = charset_of(push.content_type)
    return Fetched(status=200, body=push.body, url=push.url, charset=charset, detail="pushed", pushed=True)


def charset_of(content_type: str) -> str | None:
    """The parameter of that name (RFC 9110, 8.3.1)."""
    if ";" not in content_type:
        return None
    header = Message()
    header["content-type"] = content_type
    return header.get_content_charset()


def _headers(state: FeedState, now: datetime) -> dict[str, str]:
    headers = {"Accept": ACCEPT}
    if wants_whole(state, now):
        return headers
    if state.etag:
        headers["If-None-Match"] = state.etag
    if state.last_modified:
        headers["If-Modified-Since"] = state.last_modified
    return headers
