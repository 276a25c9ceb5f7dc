"""`tocsin gateway`."""

import asyncio
import sys

from services.gateway.wiring import is_loopback, listening, wired
from shared.logs import get_logger
from shared.runtime.process import redis_url, run_service
from shared.settings import Settings

log = get_logger()


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    host = settings.gateway_host
    async with wired(settings, redis_url(settings), stop) as app, listening(app, host, settings.gateway_port) as port:
        log.info("gateway.listening", host=host, port=port)
        if not is_loopback(host):
            log.warning("gateway.open", host=host, meaning="no token is asked for: whoever reaches it can read it all")
        await stop.wait()


def main() -> int:
    return run_service("gateway", serve)


if __name__ == "__main__":
    sys.exit(main())
