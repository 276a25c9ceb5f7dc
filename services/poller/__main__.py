"""`tocsin poller`."""

import asyncio
import sys

from services.poller.wiring import wired
from shared.runtime.process import redis_url, run_service
from shared.settings import Settings


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    async with wired(settings, redis_url(settings)) as (poller, watcher):
        await watcher.configure(stop)
        await asyncio.gather(poller.run(stop), watcher.run(stop))


def main() -> int:
    return run_service("poller", serve)


if __name__ == "__main__":
    sys.exit(main())
