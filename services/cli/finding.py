"""Is an address a feed, or a page that has some? The servers themselves are asked, MOST_REQUESTS times at the most."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.poller.discover import Candidate, Sign, candidates
from services.poller.fetch import fetch
from services.poller.outcome import Fetched
from services.poller.parse import Document
from services.poller.ports import HttpClient, Parser
from shared.models.feed import Feed, FeedState, Outcome

MOST_REQUESTS = 10
AT_ONCE = 2
AWAY = frozenset({Outcome.DNS_ERROR, Outcome.CONNECT_ERROR, Outcome.TIMEOUT})


@dataclass(frozen=True, slots=True)
class Offer:
    """A feed, proven by reading it. `sign`: how it was found; None for the very address that was asked for."""

    url: str
    title: str | None
    language: str | None
    items: int
    newest: datetime | None
    sign: Sign | None


@dataclass(frozen=True, slots=True)
class Finding:
    """`failure` is why the address itself gave no answer, with `detail`; then there are no offers."""

    offers: tuple[Offer, ...]
    failure: Outcome | None = None
    detail: str = ""

    @property
    def away(self) -> bool:
        """Nobody was reached: the fault may be on our side."""
        return self.failure in AWAY


@dataclass(slots=True)
class Finder:
    """For one address. `left`: requests that may still be sent."""

    http: HttpClient
    parser: Parser
    left: int = MOST_REQUESTS
    _at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def find(self, url: str) -> Finding:
        """The address itself, else the feeds of the page there, the likeliest first."""
        fetched = await self._fetch(url)
        if fetched.failure:
            return Finding((), fetched.failure, fetched.detail)
        document = await self._read(fetched)
        if document:
            return Finding((_offer(url, document, None),))
        return Finding(tuple(await self._proven(candidates(fetched.body, fetched.url, fetched.charset))))

    async def _proven(self, found: Iterable[Candidate]) -> list[Offer]:
        """What the page shows, all of it; failing that, the first guess that is right."""
        shown = [candidate for candidate in found if candidate.sign is not Sign.GUESSED]
        checked = await asyncio.gather(*(self._check(candidate) for candidate in shown[: self.left]))
        offers: dict[str, Offer] = {}
        for end, offer in filter(None, checked):
            offers.setdefault(end, offer)
        return list(offers.values()) or await self._guessed(found)

    async def _guessed(self, found: Iterable[Candidate]) -> list[Offer]:
        for candidate in found:
            if candidate.sign is Sign.GUESSED and self.left and (right := await self._check(candidate)):
                return [right[1]]
        return []

    async def _check(self, candidate: Candidate) -> tuple[str, Offer] | None:
        """Where it leads to in the end, for two names of one feed to be told as one, and what is offered there."""
        async with self._at_once:
            fetched = await self._fetch(candidate.url)
        document = None if fetched.failure else await self._read(fetched)
        return (fetched.url, _offer(candidate.url, document, candidate)) if document else None

    async def _fetch(self, url: str) -> Fetched:
        self.left -= 1
        return await fetch(self.http, Feed(url=url, name=url[:120]), FeedState(), datetime.now(UTC))

    async def _read(self, fetched: Fetched) -> Document | None:
        try:
            return await self.parser.parse(fetched.body, fetched.url, fetched.charset)
        except Exception:  # noqa: BLE001  not a feed, too slow, or the death of the child: nothing to subscribe to
            return None


def _offer(url: str, document: Document, candidate: Candidate | None) -> Offer:
    return Offer(
        url=url,
        title=document.title or (candidate.title if candidate else None),
        language=document.language,
        items=len(document.items),
        newest=max((item.published for item in document.items if item.published), default=None),
        sign=candidate.sign if candidate else None,
    )
