"""`tocsin notifier`."""

import asyncio
import gc
import sys

from services.notifier.wiring import wired
from shared.runtime.process import redis_url, run_service
from shared.settings import Settings


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    async with wired(settings, redis_url(settings)) as notifier:
        # What stands from the start stays, and need not be walked through again and again.
        gc.freeze()
        await notifier.run(stop)


def main() -> int:
    return run_service("notifier", serve)


if __name__ == "__main__":
    sys.exit(main())
