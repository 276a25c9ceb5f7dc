"""The shell that keeps the feeds' subscriptions at hubs: claim what is due, ask, commit."""

import asyncio
import random
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from services.poller.ports import DueHubs, HubClient, HubSubscriptions
from services.poller.websub import (
    Action,
    Callback,
    Intent,
    counted,
    first_ask,
    form,
    https_first,
    intent,
    next_ask,
    told,
)
from shared import metrics
from shared.errors import FetchError, LeaseLost
from shared.http import Limits, Response
from shared.http.headers import retry_after_seconds
from shared.http.urls import checked_url, redirect_target
from shared.logs import get_logger
from shared.models.websub import PushOffer, PushRequest, PushSubscription
from shared.runtime.pausing import pause
from shared.store.due import Command, Lease
from shared.store.patience import StoreUnavailable, patiently

TICK_SECONDS = 1.0
AT_ONCE = 8  # most feeds share a few hubs: enough for thousands of renewals an hour, and no burden
LEASE_SECONDS = 120.0  # longer than MAX_HOPS + 1 requests at their limits
MAX_HOPS = 3
LIMITS = Limits(total_seconds=20, max_bytes=4096, max_redirects=0, body_optional=True)
log = get_logger()


@dataclass(frozen=True, slots=True)
class Subscriber:
    """`callback_url`: the public address of the gateway."""

    http: HubClient
    due: DueHubs
    subscriptions: HubSubscriptions
    callback_url: str

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`. What is left in the middle comes up again when its lease has run out."""
        running: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            for lease in await patiently(partial(self._claim, AT_ONCE - len(running)), stop) or []:
                task = asyncio.create_task(self._advance_patiently(lease))
                running.add(task)
                task.add_done_callback(running.discard)
            await pause(stop, TICK_SECONDS / 4)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _claim(self, free: int) -> list[Lease]:
        await self.subscriptions.schedule_changes(time.time())
        return await self.due.claim(free, LEASE_SECONDS) if free else []

    async def _advance_patiently(self, lease: Lease) -> None:
        try:
            await self._advance(lease)
        except LeaseLost:
            log.warning("websub.lease_lost", feed_id=lease.member)
        except StoreUnavailable as error:
            log.warning("redis.unavailable", error=str(error)[:200])
        except Exception:  # the shell's last line: one feed's trouble must not end the others' subscriptions
            log.exception("websub.failed", feed_id=lease.member)

    async def _advance(self, lease: Lease) -> None:
        offer = await self.subscriptions.offer(lease.member)
        subscription = await self.subscriptions.load(lease.member)
        step = intent(offer, subscription, _now())
        if step.action is Action.WAIT:
            await self.due.commit(lease, next_at=step.at.timestamp() if step.at else None)
        elif step.action is Action.FORGET or offer is None:
            await self.due.commit(lease, next_at=None, commands=self._forget(subscription))
        elif step.action is Action.ASK and subscription is not None:
            await self._ask(lease, next_ask(subscription, step, _now(), _draw()))
        else:
            await self._ask_anew(lease, offer, subscription, step)

    def _forget(self, subscription: PushSubscription | None) -> list[Command]:
        return list(self.subscriptions.forget_commands(subscription.request)) if subscription else []

    async def _ask_anew(self, lease: Lease, offer: PushOffer, before: PushSubscription | None, why: Intent) -> None:
        # The feed stands in the callback's path: so the gateway finds the subscription by one key.
        callback = Callback(f"{lease.member}.{secrets.token_urlsafe(24)}", secrets.token_hex(32))
        request = first_ask(lease.member, offer, callback, why, _now(), _draw())
        await self._ask(lease, request, forget=self._forget(before))

    async def _ask(self, lease: Lease, request: PushRequest, *, forget: list[Command] | None = None) -> None:
        """Stored before it is sent: a hub may verify before it answers."""
        save = self.subscriptions.save_commands
        lease = await self.due.renew(lease, LEASE_SECONDS, commands=[*(forget or []), *save(request)])
        outcome, retry_after = await self._send(request)
        after = told(request, outcome, retry_after, _now(), _draw())
        await self.due.commit(lease, next_at=after.retry_at.timestamp(), commands=save(after))
        metrics.WEBSUB_REQUESTS.labels(reason=request.reason, outcome=counted(outcome)).inc()
        log.info("websub.asked", feed_id=request.feed_id, hub=request.offer.hub, reason=request.reason, outcome=outcome)

    async def _send(self, request: PushRequest) -> tuple[str, float | None]:
        """How it ended, and the seconds that the hub asks us to wait."""
        try:
            answer = await self._post(request.offer.hub, form(request, self.callback_url), MAX_HOPS)
        except FetchError as error:
            return error.outcome, None
        if 200 <= answer.status < 300:
            return "accepted", None
        return f"http_{answer.status}", retry_after_seconds(answer.headers, _now())

    async def _post(self, hub: str, body: bytes, hops: int) -> Response:
        """A hub may name another one by 307 or 308 (WebSub, 5.1.2)."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self.http.fetch(hub, method="POST", headers=headers, content=body, limits=LIMITS)
        if answer.status not in (307, 308) or not hops:
            return answer
        target = redirect_target(checked_url(hub), answer.status, answer.headers)
        return await self._post(https_first(str(target)), body, hops - 1) if target else answer


def _now() -> datetime:
    return datetime.now(UTC)


def _draw() -> float:
    return random.random()  # noqa: S311  spreading load, not a secret
