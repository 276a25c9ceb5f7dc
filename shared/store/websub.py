"""Subscriptions at hubs, and the pushes that wait to be read.

The poller finds the offers, asks the hubs and reads the pushes; the gateway takes in what the hubs send.
"""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from shared import keys
from shared.models.feed import Feed
from shared.models.websub import PushGrant, PushOffer, PushRequest, PushSubscription
from shared.store.due import Command, DueSet
from shared.store.feeds import DUE_FEEDS

DUE_WEBSUB = "websub"
GRANT_SECONDS = 40 * 86_400  # outlives the longest lease, so that only what was forgotten runs out
PUSH_SECONDS = 3_600  # if no poller has come by then, the next poll fetches all of the feed anyway
MAX_WAITING = 8  # for one feed: bounds what a hub can make Redis hold
_OFFERS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Push:
    """What a hub sent, its signature proven. `url`: what relative links start from; `more`: another one waits."""

    id: str
    feed_id: str
    body: bytes
    content_type: str
    url: str
    received_at: datetime
    more: bool


class PushStore:
    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    # The poller, in the commit of a poll

    async def take(self, feed_id: str) -> Push | None:
        """The oldest push that waits. It stays until `done_commands` are committed."""
        return _oldest(feed_id, await self.redis.xrange(keys.websub_pushes(feed_id), count=2))

    @staticmethod
    def done_commands(push: Push) -> list[Command]:
        return [("XDEL", keys.websub_pushes(push.feed_id), push.id)]

    @staticmethod
    def offer_commands(feed_id: str, offer: PushOffer | None) -> list[Command]:
        """What the feed offers now (None: nothing any more), and a note for the subscriber to look at it."""
        told: Command = (
            ("HSET", keys.websub_offers(), feed_id, offer.model_dump_json())
            if offer
            else ("HDEL", keys.websub_offers(), feed_id)
        )
        return [told, ("SADD", keys.websub_changes(), feed_id)]

    # The subscriber

    async def offer(self, feed_id: str) -> PushOffer | None:
        """None, too, if the feed is no longer configured, or disabled."""
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.hget(keys.feeds(), feed_id)
            pipe.hget(keys.websub_offers(), feed_id)
            feed, offer = await pipe.execute()
        if not feed or not offer or not Feed.model_validate_json(feed).enabled:
            return None
        return PushOffer.model_validate_json(offer)

    async def load(self, feed_id: str) -> PushSubscription | None:
        stored = await self.redis.get(keys.websub_request(feed_id))
        if stored is None:
            return None
        request = PushRequest.model_validate_json(stored)
        return PushSubscription(request=request, grant=await self._grant(request))

    async def schedule_changes(self, now: float) -> int:
        """Make feeds whose offer changed due at `now`; returns how many. A change is never between the two."""
        changed = _texts(await self.redis.srandmember(keys.websub_changes(), _OFFERS_AT_ONCE))
        if not changed:
            return 0
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.srem(keys.websub_changes(), *changed)
            await DueSet(pipe, DUE_WEBSUB).schedule(dict.fromkeys(changed, now))
            await pipe.execute()
        return len(changed)

    @staticmethod
    def save_commands(request: PushRequest) -> list[Command]:
        return [("SET", keys.websub_request(request.feed_id), request.model_dump_json())]

    @staticmethod
    def forget_commands(request: PushRequest) -> list[Command]:
        """From then on its callback is gone. What it brought and nobody has read yet goes by itself."""
        return [("DEL", keys.websub_request(request.feed_id), keys.websub_grant(request.callback_id))]

    # The gateway

    async def find(self, callback_id: str) -> PushSubscription | None:
        """The subscription whose callback this is."""
        found = await self.load(callback_id.partition(".")[0])
        if found is None or not hmac.compare_digest(found.request.callback_id.encode(), callback_id.encode()):
            return None
        return found

    async def verified(self, request: PushRequest, at: datetime, lease_expires_at: datetime) -> None:
        key = keys.websub_grant(request.callback_id)
        verified_at, expires_at = at.isoformat(), lease_expires_at.isoformat()
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, items=["verified_ask", request.ask, "verified_at", verified_at])
            pipe.hset(key, "lease_expires_at", expires_at)
            pipe.expire(key, GRANT_SECONDS)
            await pipe.execute()

    async def denied(self, request: PushRequest, reason: str) -> None:
        """Also ends a lease that was given before."""
        async with self.redis.pipeline(transaction=True) as pipe:
            key = keys.websub_grant(request.callback_id)
            pipe.hdel(key, "lease_expires_at")
            pipe.hset(key, mapping={"denied_ask": request.ask, "denied_reason": reason})
            pipe.expire(key, GRANT_SECONDS)
            await pipe.execute()

    async def accept(self, request: PushRequest, body: bytes, content_type: str, now: datetime) -> bool:
        """Store a push and make its feed due at once, in one transaction; False if too many wait already."""
        key = keys.websub_pushes(request.feed_id)
        if await self.redis.xlen(key) >= MAX_WAITING:
            return False
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.xadd(key, {"body": body, "content_type": content_type, "url": request.offer.topic})
            pipe.expire(key, PUSH_SECONDS)
            pipe.hset(keys.websub_grant(request.callback_id), "last_push_at", now.isoformat())
            pipe.expire(keys.websub_grant(request.callback_id), GRANT_SECONDS)
            await DueSet(pipe, DUE_FEEDS).schedule({request.feed_id: now.timestamp()})
            await pipe.execute()
        return True

    async def _grant(self, request: PushRequest) -> PushGrant:
        return PushGrant.model_validate(_fields(await self.redis.hgetall(keys.websub_grant(request.callback_id))))


# redis-py types an answer as all that any option could make of it, hence Any.
def _fields(stored: Any) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in stored.items()}


def _texts(members: Any) -> list[str]:
    return [member.decode() for member in members]


def _oldest(feed_id: str, rows: Any) -> Push | None:
    if not rows:
        return None
    record_id, fields = rows[0]
    return Push(
        id=record_id.decode(),
        feed_id=feed_id,
        body=fields[b"body"],
        content_type=fields[b"content_type"].decode(),
        url=fields[b"url"].decode(),
        received_at=datetime.fromtimestamp(int(record_id.partition(b"-")[0]) / 1000, UTC),
        more=len(rows) > 1,
    )
