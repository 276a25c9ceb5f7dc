"""How a service's process begins and ends: settings, logs, signals, and the exit codes of `shared.errors`."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

from shared.errors import RedisUnavailable, TocsinError
from shared.logs import configure_logs
from shared.runtime.private_redis import running_url
from shared.settings import Settings, load_settings


def redis_url(settings: Settings) -> str:
    """The Redis that is told in the settings, else the private one that `tocsin up` runs on the same data."""
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    url = running_url(settings.data_dir)
    if url is None:
        raise RedisUnavailable(
            f"no Redis: TOCSIN_REDIS_URL is not set, and no `tocsin up` is running on {settings.data_dir.absolute()}"
        )
    return url


def begin(service: str) -> Settings:
    """Read the settings and set up the logs of this process."""
    settings = load_settings(os.environ)
    configure_logs(service, level=settings.log_level, style=settings.log_format)
    return settings


def run_service(service: str, serve: Callable[[Settings, asyncio.Event], Awaitable[None]]) -> int:
    """Run an asyncio service until SIGTERM or SIGINT; returns the exit code."""
    try:
        settings = begin(service)
        asyncio.run(_until_told(serve, settings))
    except TocsinError as error:
        return complain(error)
    return 0


def complain(error: TocsinError) -> int:
    """Say what is wrong, without a traceback; returns the exit code."""
    sys.stderr.write(f"tocsin: {error}\n")
    return error.exit_code


async def _until_told(serve: Callable[[Settings, asyncio.Event], Awaitable[None]], settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, stop)
