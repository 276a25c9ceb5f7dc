"""Subscriptions made by command or through the API, and the secrets with which messages are signed."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import WatchError

from shared import keys
from shared.logs import get_logger
from shared.models.subscription import REVEAL, Former, Signing, Subscription
from shared.store.due import Command

# Both secrets sign for so long after a rotation.
FORMER_SIGNS = timedelta(hours=24)
_REVEALED = {REVEAL: True}
log = get_logger()


class SubscriptionStore:
    """Those of `subscriptions.yaml` do not stand here."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    async def all(self) -> list[Subscription]:
        """By id; without those that a newer version wrote in a way that cannot be read."""
        found: dict[Any, Any] = await self.redis.hgetall(keys.subscriptions())
        return [each for name in sorted(found) if (each := _readable(name.decode(), found[name]))]

    async def find(self, subscription_id: str) -> Subscription | None:
        text = await self.redis.hget(keys.subscriptions(), subscription_id)
        return Subscription.model_validate_json(text) if text else None

    async def version(self) -> int:
        return int(await self.redis.get(keys.subscriptions_version()) or 0)

    async def announce(self, subscription_ids: Sequence[str]) -> None:
        """Those that are delivered to, wherever they are written: for others to watch."""
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.delete(keys.endpoints())
            if subscription_ids:
                pipe.sadd(keys.endpoints(), *subscription_ids)
            await pipe.execute()

    async def put(self, subscription: Subscription) -> None:
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.hset(keys.subscriptions(), subscription.id, subscription.model_dump_json(context=_REVEALED))
            pipe.incr(keys.subscriptions_version())
            await pipe.execute()

    async def replace(self, before: Subscription | None, after: Subscription, commands: Iterable[Command] = ()) -> bool:
        """Whether `before` (None: nothing) still stood under its id: then `after` does, in one step with `commands`."""
        async with self.redis.pipeline(transaction=True) as pipe:
            try:
                await pipe.watch(keys.subscriptions())
                text = await pipe.hget(keys.subscriptions(), after.id)
                if (Subscription.model_validate_json(text) if text else None) != before:
                    return False
                pipe.multi()  # type: ignore[no-untyped-call]  # redis-py has not typed it
                pipe.hset(keys.subscriptions(), after.id, after.model_dump_json(context=_REVEALED))
                pipe.incr(keys.subscriptions_version())
                _also(pipe, commands)
                await pipe.execute()
            except WatchError:
                return False
            return True

    async def remove(self, subscription_id: str, commands: Iterable[Command] = ()) -> bool:
        """Whether it was there; `commands` are done in one step with it."""
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.hdel(keys.subscriptions(), subscription_id)
            pipe.incr(keys.subscriptions_version())
            _also(pipe, commands)
            removed, *_ = await pipe.execute()
        return bool(removed)


def _also(pipe: Pipeline, commands: Iterable[Command]) -> None:
    for command in commands:
        pipe.execute_command(*command)


def _readable(subscription_id: str, text: bytes) -> Subscription | None:
    try:
        return Subscription.model_validate_json(text)
    except ValidationError as error:
        # Not the error itself, which shows what stands there.
        log.error("subscription.unreadable", subscription=subscription_id, problems=error.error_count())
        return None


class SigningStore:
    """What signs is remembered, so that a rotation is noticed however it came about, also over a restart."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    async def find(self, subscription_id: str) -> Signing | None:
        text = await self.redis.get(keys.signing(subscription_id))
        return Signing.model_validate_json(text) if text else None

    async def settle(self, subscription_id: str, secret: str, now: datetime) -> Signing:
        """This secret signs from now on; the one before it for a day more."""
        return await self._change(subscription_id, lambda known: rotated(known, secret, now))

    async def _change(self, subscription_id: str, decide: Callable[[Signing | None], Signing]) -> Signing:
        key = keys.signing(subscription_id)
        async with self.redis.pipeline(transaction=True) as pipe:
            while True:
                try:
                    await pipe.watch(key)
                    text = await pipe.get(key)
                    known = Signing.model_validate_json(text) if text else None
                    decided = decide(known)
                    if decided != known:
                        pipe.multi()  # type: ignore[no-untyped-call]  # redis-py has not typed it
                        pipe.set(key, decided.model_dump_json(context=_REVEALED))
                        await pipe.execute()
                except WatchError:
                    continue
                return decided


def rotated(known: Signing | None, secret: str, now: datetime) -> Signing:
    """Pure."""
    if known is None:
        return Signing.model_validate({"current": secret})
    before = known.current.get_secret_value()
    former = [each for each in known.former if each.until > now and each.secret.get_secret_value() != secret]
    if before != secret:
        former.insert(0, Former.model_validate({"secret": before, "until": now + FORMER_SIGNS}))
    return Signing.model_validate({"current": secret, "former": tuple(former)})
