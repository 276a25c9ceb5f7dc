"""What must be true when notifiers that were killed again and again have come to rest."""

import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from services.notifier.subjects import DIGEST
from shared import keys
from shared.models.endpoint import EndpointStatus
from shared.models.story import Story
from shared.models.subscription import Attempt, Delivery, DeliveryStatus
from shared.runtime.private_redis import PrivateRedis
from shared.store.deliveries import DUE_ENDPOINTS, DeliveryStore
from shared.store.due import DueSet
from shared.store.endpoints import LOGGED_ATTEMPTS, EndpointStore
from shared.store.stories import StoryReader
from tests.acceptance.audience import Audience, Heard

EVERY_STORY = 100_000


@dataclass(slots=True)
class House:
    """Redis, and what stands in it for these endpoints.

    Redis writes a command into its file before it answers, and a SIGKILL takes nothing from the kernel. `delayed`: how
    often it had to answer first, because the disk was busy with what was written before; then a kill can lose some.
    """

    server: PrivateRedis
    redis: Redis
    endpoints: Sequence[str]
    kills: int = 0
    delayed: int = 0

    @property
    def due(self) -> DueSet:
        return DueSet(self.redis, DUE_ENDPOINTS)

    @property
    def store(self) -> EndpointStore:
        return EndpointStore(self.redis)

    async def kill(self) -> None:
        """Redis, which begins again."""
        told = await self.redis.info("everything")
        os.kill(int(told["process_id"]), signal.SIGKILL)
        self.kills += 1
        self.delayed += int(told["aof_delayed_fsync"])
        await self.server.wait()
        await self.server.start()

    async def strike_the_hour(self) -> None:
        """What waits for the digest is due now."""
        if later := await self.store.later(DIGEST, time.time()):
            await self.store.add({DIGEST: dict.fromkeys(later, 0.0)})
            await self.due.schedule({DIGEST: 0.0})

    async def is_quiet(self) -> bool:
        (group,) = await self.redis.xinfo_groups(keys.alerts())
        newest = (await self.redis.xinfo_stream(keys.alerts()))["last-generated-id"]
        return group["last-delivered-id"] == newest and not group["pending"] and not await self._left()

    async def _left(self) -> list[str]:
        counts = await self.due.counts()
        left = [f"{counts}"] * bool(counts.waiting + counts.due + counts.leased)
        for name in self.endpoints:
            waiting, under_way = keys.waiting(name), keys.under_way(name)
            left += [f"{name}: {many} left" for key in (waiting, under_way) if (many := await self.redis.zcard(key))]
        return left

    async def problems(self, audience: Audience) -> list[str]:
        stories = await StoryReader(self.redis).newest(EVERY_STORY)
        found = [*audience.refusals, *_rung_twice(audience.heard), *await self._left()]
        for name in self.endpoints:
            heard = [each for each in audience.heard if each.endpoint == name]
            deliveries = DeliveryStore(self.redis, retention_seconds=1)
            told = await deliveries.load_many(name, [story.id for story in stories])
            attempts = [each.attempt for each in await self.store.log(name, LOGGED_ATTEMPTS)]
            status = (await self.store.load(name)).status
            found += [f"{name} is {status}"] * (status is not EndpointStatus.ACTIVE)
            wrong = (*_unknown(stories, heard), *_misremembered(told, heard), *_mislogged(attempts, heard))
            found += [f"{name}: {each}" for each in wrong]
        return found


def repeats(heard: Iterable[Heard]) -> int:
    """Requests with what was heard before: after a kill, or a 500."""
    messages = list(heard)
    return len(messages) - len({(each.endpoint, each.webhook_id) for each in messages})


def _rung_twice(heard: Iterable[Heard]) -> Iterator[str]:
    ids, bodies = defaultdict[tuple[str, str, int], set[str]](set), defaultdict[tuple[str, str], set[str]](set)
    for each in heard:
        bodies[each.endpoint, each.webhook_id].add(each.sha256)
        for story_id, number in each.stories.items():
            ids[each.endpoint, story_id, number].add(each.webhook_id)
    yield from (f"{which} under {len(found)} webhook-ids" for which, found in ids.items() if len(found) > 1)
    yield from (f"{len(found)} bodies of {which}" for which, found in bodies.items() if len(found) > 1)


def _unknown(stories: Iterable[Story], heard: Iterable[Heard]) -> Iterator[str]:
    """What the subscription does not know."""
    known = _taken(heard)
    for story in stories:
        if known.get(story.id, 0) != story.revision:
            yield f"{story.id} is at revision {story.revision}, the receiver at {known.get(story.id, 0)}"


def _misremembered(told: Iterable[Delivery], heard: Iterable[Heard]) -> Iterator[str]:
    """The sent-log against what receivers took."""
    known = _taken(heard)
    for each in told:
        taken = known.get(each.subject, 0)
        if each.sent_revision != taken or each.status is not DeliveryStatus.DELIVERED:
            yield f"{each.subject}: {each.status}, {each.sent_revision} is noted, {taken} was taken"
        if each.envelope:
            yield f"{each.subject}: a message is frozen"


def _mislogged(attempts: Sequence[Attempt], heard: Iterable[Heard]) -> Iterator[str]:
    """The log of attempts against what receivers took; of long logs the beginning is gone."""
    taken = {(story_id, number) for each in heard if each.taken for story_id, number in each.stories.items()}
    ids = {each.webhook_id for each in heard if each.taken}
    for attempt in attempts:
        arrived = attempt.webhook_id in ids or (attempt.subject, attempt.revision) in taken
        if attempt.outcome == "delivered" and not arrived:
            yield f"{attempt.webhook_id} is logged as delivered, and was never taken"


def _taken(heard: Iterable[Heard]) -> dict[str, int]:
    """Story → the last revision that was answered with a 2xx."""
    known: dict[str, int] = {}
    for each in heard:
        if each.taken:
            for story_id, number in each.stories.items():
                known[story_id] = max(number, known.get(story_id, 0))
    return known
