"""What was answered to a request with a key, so that its repetition does nothing twice."""

import secrets
from typing import Annotated

from pydantic import Field
from redis.asyncio import Redis
from redis.exceptions import WatchError

from shared import keys
from shared.models.base import Model

KEPT_SECONDS = 24 * 3600
# A gateway that dies in the middle leaves the key taken for so long. No request takes as long.
LEASE_SECONDS = 60


class Done(Model):
    """`body` None: it held a secret, which is kept nowhere."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: Annotated[str | None, Field(description="its bytes as ISO 8859-1")]


class Kept(Model):
    """`done` None: it is worked on. `run`: by whom, so that who comes back late does not write over another's."""

    fingerprint: Annotated[str, Field(description="a hash of method, path and body")]
    run: str
    done: Done | None = None


class IdempotencyStore:
    """`request`: a hash of caller and key."""

    def __init__(self, redis: Redis, *, lease_seconds: int = LEASE_SECONDS, kept_seconds: int = KEPT_SECONDS) -> None:
        self.redis = redis
        self.lease_seconds = lease_seconds
        self.kept_seconds = kept_seconds

    async def begin(self, request: str, fingerprint: str) -> tuple[Kept, bool]:
        """What stands under the key, and whether it is ours to do."""
        key, mine = keys.idempotency(request), Kept(fingerprint=fingerprint, run=secrets.token_hex(8))
        while True:
            if await self.redis.set(key, mine.model_dump_json(), nx=True, ex=self.lease_seconds):
                return mine, True
            if text := await self.redis.get(key):
                return Kept.model_validate_json(text), False

    async def keep(self, request: str, mine: Kept, done: Done) -> None:
        """Nothing, if the lease ran out meanwhile."""
        await self._settle(request, mine, mine.model_copy(update={"done": done}))

    async def free(self, request: str, mine: Kept) -> None:
        """Nothing was done: the same key may be tried again."""
        await self._settle(request, mine, None)

    async def _settle(self, request: str, mine: Kept, after: Kept | None) -> None:
        key, before = keys.idempotency(request), mine.model_dump_json().encode()
        async with self.redis.pipeline(transaction=True) as pipe:
            await pipe.watch(key)
            if await pipe.get(key) != before:
                return
            pipe.multi()  # type: ignore[no-untyped-call]  # redis-py has not typed it
            if after is None:
                pipe.delete(key)
            else:
                pipe.set(key, after.model_dump_json(), ex=self.kept_seconds)
            try:
                await pipe.execute()
            except WatchError:  # the lease ran out just now
                return
