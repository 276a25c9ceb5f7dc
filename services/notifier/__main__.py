"""`tocsin notifier`."""

import asyncio
import sys

from services.notifier.wiring import wired
from shared.runtime.process import redis_url, run_service
from shared.settings import Settings


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    async with wired(settings, redis_url(settings)) as notifier:
        await notifier.run(stop)


def main() -> int:
    return run_service("notifier", serve)


if __name__ == "__main__":
    sys.exit(main())
