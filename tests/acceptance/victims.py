"""A notifier's life, in a process of its own that is made for being killed."""

import asyncio
import os
import sys
from pathlib import Path

from services.notifier.wiring import wired
from shared.logs import configure_logs
from shared.runtime.children import end_with_parent
from shared.settings import Settings


def live(settings: Settings, url: str, log: Path) -> None:
    end_with_parent(os.getppid())()
    with log.open("a", encoding="utf-8") as sys.stderr:
        configure_logs("notifier", style="json")
        asyncio.run(_notify(settings, url))


async def _notify(settings: Settings, url: str) -> None:
    async with wired(settings, url) as notifier:
        await notifier.run(asyncio.Event())
