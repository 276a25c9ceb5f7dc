"""What is done to the running system, from the strike to the mending: context managers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rq import Queue
from rq.serializers import JSONSerializer

from shared import keys
from shared.config.replace import replace_text
from shared.queue import CLASSIFY, JobQueue
from shared.store.connection import connect_sync
from tests.acceptance.running import DEAD, DESKS, GONE, PROCESSES, System, job_of
from tests.answers import GONE as SAYS_GONE
from tests.answers import OK, Answer, Exchange
from tests.factories import make_id

# More than the 5 s within which is delivered what is delivered in time, less than an attempt may take.
SLOW_SECONDS = 6.0
POISON = make_id("poison")
HANG = "tests.acceptance.hanging.hang"
# What Redis uses is then 87 % of what it may.
FULL = 1.15


@dataclass(frozen=True)
class Slow(Answer):
    async def give(self, exchange: Exchange) -> None:
        await asyncio.sleep(SLOW_SECONDS)
        await OK.give(exchange)


# Who is told


@asynccontextmanager
async def dead_receiver(system: System) -> AsyncIterator[None]:
    await system.receivers[DEAD].down()
    yield
    await system.receivers[DEAD].up()


@asynccontextmanager
async def receiver_gone(system: System) -> AsyncIterator[None]:
    system.receivers[GONE].answers(SAYS_GONE)
    yield
    system.receivers[GONE].answers(OK)
    await system.tocsin("subscriptions", "enable", GONE)


@asynccontextmanager
async def slow_receivers(system: System) -> AsyncIterator[None]:
    for name in DESKS:
        system.receivers[name].answers(Slow())
    yield
    for name in DESKS:
        system.receivers[name].answers(OK)


# What is read


@asynccontextmanager
async def silence(system: System) -> AsyncIterator[None]:
    """Nobody publishes; feeds that others serve, and may renew, are taken out for good."""
    system.room.publishes = False
    system.room.replayed = {}
    system.write_feeds(system.room.feeds())
    yield
    system.room.publishes = True


@asynccontextmanager
async def dead_host(system: System, number: int) -> AsyncIterator[None]:
    await system.room.hosts[number].down()
    yield
    await system.room.hosts[number].up()


@asynccontextmanager
async def dead_hosts(system: System) -> AsyncIterator[None]:
    """All but the demo's."""
    for host in system.room.hosts:
        await host.down()
    yield
    for host in system.room.hosts:
        await host.up()


# What people edit


@asynccontextmanager
async def spoilt_feeds(system: System) -> AsyncIterator[None]:
    with _spoilt(system.feeds_file, lambda text: text.replace("http:", "gopher:")):
        yield


@asynccontextmanager
async def spoilt_subscriptions(system: System) -> AsyncIterator[None]:
    with _spoilt(system.subscriptions_file, lambda text: text.replace("webhook", "pigeon")):
        yield


@asynccontextmanager
async def spoilt_pack(system: System) -> AsyncIterator[None]:
    with _spoilt(system.pack_file, lambda text: text.replace("threshold", "treshold")):
        yield


@contextmanager
def _spoilt(path: Path, spoil: Callable[[str], str]) -> Iterator[None]:
    sound = path.read_text("utf-8")
    replace_text(path, spoil(sound))
    yield
    replace_text(path, sound)


# What it runs on


@asynccontextmanager
async def full_redis(system: System) -> AsyncIterator[None]:
    used = int((await system.redis.info("memory"))["used_memory"])
    await system.redis.config_set("maxmemory", int(used * FULL))
    yield
    await system.redis.config_set("maxmemory", 0)


@asynccontextmanager
async def no_redis(system: System) -> AsyncIterator[None]:
    await system.server.stop()
    yield
    await system.server.start()


@asynccontextmanager
async def dead_process(system: System, name: str) -> AsyncIterator[None]:
    system.kill(name)
    yield
    system.start(name)


@asynccontextmanager
async def process_gone(system: System, name: str) -> AsyncIterator[None]:
    """Nor does discovery find it any more, as a container that is gone has no name."""
    system.kill(name)
    system.discover(system.scraped - {name})
    yield
    system.start(name)


# Batches


@asynccontextmanager
async def hanging_classifiers(system: System) -> AsyncIterator[None]:
    """Each is given a batch that does not end."""
    hanging = system.home / "hanging"
    hanging.touch()
    with connect_sync(system.url) as redis:
        queue = Queue(CLASSIFY, connection=redis, serializer=JSONSerializer)
        for process in PROCESSES:
            if job_of(process) == "classifier":
                queue.enqueue(HANG, [str(hanging)], job_timeout=600, result_ttl=0, at_front=True)
    yield
    hanging.unlink()


@asynccontextmanager
async def poison(system: System) -> AsyncIterator[None]:
    """An entry whose batch dies however often it is tried."""
    await system.redis.set(keys.entry(POISON), "{")
    with connect_sync(system.url) as redis:
        for command in JobQueue(redis).batch_commands([POISON]):
            redis.execute_command(*command)
    yield
    await system.redis.delete(keys.entry(POISON))
    await system.tocsin("dead-letters", "drop", POISON)
