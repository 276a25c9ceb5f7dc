"""All services under one roof: the private Redis if none is given, and a process for each service, kept alive."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.errors import ConfigError
from shared.runtime.children import Child, Keeper
from shared.runtime.private_redis import PrivateRedis, find_redis_binary
from shared.settings import Settings

STATUS_PORTS = {"poller": 0, "notifier": 1, "gateway": 2}
CLASSIFIER_PORTS = 9
FATAL_CODES = frozenset({ConfigError.exit_code})
REDIS_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Events:
    """Where the system tells what happens: a service's log line, a fall with its exit code."""

    on_line: Callable[[str, str], None]
    on_fall: Callable[[str, int], None]


def children(settings: Settings, redis_url: str, env: Mapping[str, str]) -> list[Child]:
    """The processes of the system, each with a status port of its own."""
    ports = {name: settings.metrics_port + offset for name, offset in STATUS_PORTS.items()}
    ports |= {
        f"classifier-{n}" if n else "classifier": settings.metrics_port + CLASSIFIER_PORTS + n
        for n in range(settings.classifier_processes)
    }
    return [_child(name, port if settings.metrics_port else 0, redis_url, env) for name, port in ports.items()]


def _child(name: str, port: int, redis_url: str, env: Mapping[str, str]) -> Child:
    service = name.partition("-")[0]
    own = {"TOCSIN_REDIS_URL": redis_url, "TOCSIN_METRICS_PORT": str(port), "TOCSIN_LOG_FORMAT": "json"}
    return Child(name, (sys.executable, "-m", f"services.{service}"), {**env, **own}, FATAL_CODES)


class RedisKeeper:
    """The private Redis, started again on the same data when it falls; or the one from the settings, left alone."""

    def __init__(self, settings: Settings, env: Mapping[str, str]) -> None:
        self._given = settings.redis_url
        self._private = None if self._given else PrivateRedis(settings.data_dir, find_redis_binary(env))

    async def start(self) -> str:
        """Its URL. Raises RedisUnavailable."""
        if self._private is None:
            assert self._given is not None
            return self._given.get_secret_value()
        return await self._private.start()

    async def keep(self, stop: asyncio.Event, on_fall: Callable[[str, int], None]) -> None:
        """Until `stop`. Raises RedisUnavailable when it does not come up again."""
        private = self._private
        if private is None:
            await stop.wait()
            return
        stopping = asyncio.create_task(stop.wait())
        while not stop.is_set():
            fallen = asyncio.create_task(private.wait())
            await asyncio.wait({fallen, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                fallen.cancel()
                break
            on_fall("redis", fallen.result())
            await asyncio.sleep(REDIS_PAUSE_SECONDS)
            await private.start()

    async def stop(self) -> None:
        if self._private is not None:
            await self._private.stop()


async def run_system(
    settings: Settings, redis: RedisKeeper, redis_url: str, events: Events, stop: asyncio.Event
) -> None:
    """Keep Redis and every service alive until `stop`; then end the services first, and Redis last.

    Raises ChildFailed for a service whose configuration is wrong, RedisUnavailable when Redis is gone for good.
    """
    redis_stop = asyncio.Event()
    keepers = [Keeper(child, events.on_line, events.on_fall) for child in children(settings, redis_url, os.environ)]
    keeping = asyncio.create_task(redis.keep(redis_stop, events.on_fall))
    services = [asyncio.create_task(keeper.run(stop)) for keeper in keepers]
    try:
        # The first to end is either told to, or has failed for good; either way the others follow.
        await asyncio.wait({keeping, *services}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        await asyncio.wait(services)
        redis_stop.set()
        await asyncio.wait({keeping})
        await redis.stop()
    for task in (keeping, *services):
        task.result()
