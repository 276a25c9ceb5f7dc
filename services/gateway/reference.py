"""`docs/reference/api.md`, from the description that the API gives of itself."""

import asyncio
import sys

from services.gateway.api_page import api_page
from services.gateway.app import described
from services.gateway.wiring import opened
from shared.settings import load_settings

NO_REDIS = "unix:///nonexistent.sock"  # to be described, nothing has to answer


def reference() -> str:
    return asyncio.run(_reference())


async def _reference() -> str:
    async with opened(load_settings({}), NO_REDIS) as gateway:
        return api_page(described(gateway).openapi())


if __name__ == "__main__":
    sys.stdout.write(reference())
