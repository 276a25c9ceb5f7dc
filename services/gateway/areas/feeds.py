"""What is done with feeds."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from services.gateway.merge_patch import merged
from services.gateway.ports import DueFeeds, Feeds
from services.gateway.views.feeds import FeedPatch, FeedView, NewFeed
from shared.config.opml import write_opml
from shared.errors import Refused
from shared.models.base import Model
from shared.models.feed import Feed, FeedHealth, FeedKind, KnownFeed, Origin, PollRecord


class FeedFilter(Model):
    """None: whichever. `query`: part of the name, the owner or the address, in any case."""

    state: FeedHealth | None = None
    language: str | None = None
    country: str | None = None
    kind: FeedKind | None = None
    query: str | None = None

    def takes(self, feed: Feed) -> bool:
        wanted = ((self.language, feed.language), (self.country, feed.country), (self.kind, feed.kind))
        text = f"{feed.name}\n{feed.owner or ''}\n{feed.url}".casefold()
        return all(want in (None, has) for want, has in wanted) and (self.query or "").casefold() in text


@dataclass(frozen=True, slots=True)
class FeedArea:
    """`written_in`: what people call the file; what stands there is refused to be changed here."""

    feeds: Feeds
    due: DueFeeds
    written_in: str

    async def every(self, wanted: FeedFilter | None = None) -> list[FeedView]:
        """By name."""
        wanted = wanted or FeedFilter()
        views = await self._viewed([each for each in await self.feeds.known() if wanted.takes(each.feed)])
        return [view for view in views if wanted.state in (None, view.state)]

    async def find(self, feed_id: str) -> FeedView | None:
        known = await self._known(feed_id)
        return (await self._viewed([known]))[0] if known else None

    async def add(self, new: NewFeed) -> FeedView:
        """Raises Refused when its address is there already."""
        feed = new.feed
        if known := await self._known(feed.id):
            where = self.written_in if known.origin is Origin.FILE else f"/v1/feeds/{feed.id}"
            raise Refused(f"the address {feed.url} is there already: {where}")
        if not await self.feeds.added.add(feed):
            raise Refused(f"the address {feed.url} is there already: /v1/feeds/{feed.id}")
        return (await self._viewed([KnownFeed(feed, Origin.API)]))[0]

    async def change(self, feed_id: str, patch: FeedPatch) -> FeedView | None:
        """None if there is no such feed. Raises Refused for one of the file."""
        if not await self._is_ours(feed_id):
            return None
        wanted = patch.model_dump(mode="json", exclude_unset=True)

        def decide(feed: Feed) -> Feed:
            return Feed.model_validate(merged(feed.model_dump(mode="json"), wanted))

        feed = await self.feeds.added.change(feed_id, decide)
        return (await self._viewed([KnownFeed(feed, Origin.API)]))[0] if feed else None

    async def remove(self, feed_id: str) -> bool:
        """Whether it was there. Raises Refused for one of the file."""
        return await self._is_ours(feed_id) and await self.feeds.added.remove(feed_id)

    async def poll(self, feed_id: str) -> FeedView | None:
        """Let it be polled now; one that no poller has taken up yet is polled anyway, and soon.

        None if there is no such feed. Raises Refused for one that is switched off.
        """
        view = await self.find(feed_id)
        if view is None:
            return None
        if not view.enabled:
            raise Refused(f"{view.name} is switched off: it is not polled")
        (stored,) = await self.feeds.load([feed_id])
        if stored.feed is not None:
            await self.due.schedule({feed_id: time.time()})
        return view

    async def polls(self, feed_id: str) -> list[PollRecord] | None:
        """Its last polls, the newest first; None if there is no such feed."""
        return await self.feeds.history(feed_id) if await self._known(feed_id) else None

    async def opml(self) -> bytes:
        return write_opml(tuple(each.feed for each in await self.feeds.known()))

    async def _known(self, feed_id: str) -> KnownFeed | None:
        return next((each for each in await self.feeds.known() if each.feed.id == feed_id), None)

    async def _is_ours(self, feed_id: str) -> bool:
        known = await self._known(feed_id)
        if known and known.origin is Origin.FILE:
            raise Refused(f"{known.feed.name} stands in {self.written_in}, and is changed there")
        return known is not None

    async def _viewed(self, known: Sequence[KnownFeed]) -> list[FeedView]:
        states = await self.feeds.states([each.feed.id for each in known])
        return [FeedView.of(each, state) for each, state in zip(known, states, strict=True)]
