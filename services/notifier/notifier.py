"""The notifier's shell: claims endpoints for which something is due, and brings each up to date in its lane."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from services.notifier.book import Book, Endpoint
from services.notifier.fanout import FanOut
from services.notifier.lane import Lane
from services.notifier.ports import Clock, Stores
from services.notifier.tenure import Pacing, Tenure
from shared.errors import LeaseLost
from shared.logs import get_logger
from shared.store.due import Lease
from shared.store.patience import StoreUnavailable, patiently

log = get_logger()


@dataclass(frozen=True, slots=True)
class Notifier:
    stores: Stores
    fan_out: FanOut
    book: Book
    pacing: Pacing
    clock: Clock

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`. Raises ConfigError for subscriptions that are wrong from the start."""
        await self.book.configure(stop)
        await asyncio.gather(self.book.run(stop), self.fan_out.run(stop), self._deliver(stop))

    async def _deliver(self, stop: asyncio.Event) -> None:
        lanes: set[asyncio.Task[None]] = set()
        try:
            await self._claim(lanes, stop)
            await asyncio.gather(*lanes, return_exceptions=True)
        finally:
            for lane in lanes:
                lane.cancel()

    async def _claim(self, lanes: set[asyncio.Task[None]], stop: asyncio.Event) -> None:
        while not stop.is_set():
            free = self.pacing.concurrency - len(lanes)
            claim = partial(self.stores.due.claim, free, self.pacing.lease_seconds)
            leases = await patiently(claim, stop) if free else []
            if leases:
                # An address that was changed is not sent to any more, nor a new one before its test.
                await self.book.follow_store(stop)
            for lease in leases or []:
                lane = asyncio.create_task(self._bring_up_to_date(lease, stop))
                lanes.add(lane)
                lane.add_done_callback(lanes.discard)
            if not leases:
                await self._rest()

    async def _rest(self) -> None:
        """Until something was put before an endpoint, or for a moment: others do that, too, and time does."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.fan_out.wake.wait(), self.pacing.tick_seconds)
        self.fan_out.wake.clear()

    async def _bring_up_to_date(self, lease: Lease, stop: asyncio.Event) -> None:
        try:
            endpoint = self.book.endpoints.get(lease.member) or await self._looked_up(lease.member, stop)
            if endpoint is None or not endpoint.subscription.enabled:
                # What waits there is kept: the book asks for all its endpoints whenever it is read anew.
                await self.stores.due.commit(lease, next_at=None)
                log.info("endpoint.let_be", subscription=lease.member, reason="disabled" if endpoint else "unknown")
            else:
                await Lane(Tenure(self.stores, self.pacing, self.clock, endpoint, lease)).run(stop)
        except LeaseLost:
            log.warning("endpoint.lease_lost", subscription=lease.member)
        except StoreUnavailable as error:
            # The lease runs out, and the frozen messages go out again unchanged.
            log.warning("redis.unavailable", error=str(error)[:200])
        except Exception:  # the shell's last line: one endpoint's trouble must not end the notifier
            log.exception("endpoint.failed", subscription=lease.member)

    async def _looked_up(self, subscription_id: str, stop: asyncio.Event) -> Endpoint | None:
        """It may have been made a moment ago."""
        await self.book.refresh(stop)
        return self.book.endpoints.get(subscription_id)
