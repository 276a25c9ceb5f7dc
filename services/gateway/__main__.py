"""`tocsin gateway`."""

import asyncio
import sys

from services.gateway.guard.rules import Door
from services.gateway.wiring import Doorkeeper, Wired, listening, wired
from shared.logs import get_logger
from shared.runtime.pausing import pause
from shared.runtime.process import redis_url, run_service
from shared.settings import Settings

# The first token opens the gateway, and the last one that goes closes it, so soon.
LOOK_EVERY_SECONDS = 2.0
log = get_logger()


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    async with wired(settings, redis_url(settings), stop) as parts:
        while not stop.is_set():
            await _serve_at(await parts.doorkeeper.look(), parts, settings, stop)


async def _serve_at(host: str, parts: Wired, settings: Settings, stop: asyncio.Event) -> None:
    """Until told to end, or to listen elsewhere."""
    async with listening(parts.app, host, settings.gateway_port) as port:
        log.info("gateway.listening", host=host, port=port, served=parts.doorkeeper.door)
        _warn(host, parts.doorkeeper, settings)
        while not await pause(stop, LOOK_EVERY_SECONDS) and await parts.doorkeeper.look() == host:
            pass


def _warn(host: str, doorkeeper: Doorkeeper, settings: Settings) -> None:
    if host != settings.gateway_host:
        meaning = (
            f"there is no token, so only this machine is served: `tocsin tokens create` opens {settings.gateway_host}"
        )
        log.warning("gateway.this_machine_only", host=host, meaning=meaning)
    elif doorkeeper.door is Door.OPEN:
        log.warning("gateway.open", host=host, meaning="no token is asked for: whoever reaches it may do everything")


def main() -> int:
    return run_service("gateway", serve)


if __name__ == "__main__":
    sys.exit(main())
