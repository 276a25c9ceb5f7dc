"""`tocsin poller`."""

import asyncio
import gc
import sys

from services.poller.wiring import wired
from shared.runtime.memory import give_back_freed_bodies
from shared.runtime.process import redis_url, run_service
from shared.settings import Settings


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    give_back_freed_bodies()
    async with wired(settings, redis_url(settings)) as parts:
        # What stands from the start stays: walking through it again and again was a tenth of what a poll costs.
        gc.freeze()
        await parts.run(stop)


def main() -> int:
    return run_service("poller", serve)


if __name__ == "__main__":
    sys.exit(main())
