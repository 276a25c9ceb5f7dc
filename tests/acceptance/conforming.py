"""Have schemathesis try the running API in every way that its description allows, and in many that it does not.

    python -m tests.acceptance.conforming [-n 20] [--seed N] [--workers 2] [more words for `st run`]

The four services run as in production, on a Redis of their own, each in a process that can reach nothing but this
machine. They have read the demo's feeds, and a story has rung; a feed, a subscription, a token and a backtest were made
through the API, and an entry lies among the dead letters. Then `st run` with all phases and all checks: three to five
minutes. Exit code 1 if one fails.
"""

import argparse
import asyncio
import base64
import os
import secrets
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from services.cli.demo.command import environment
from services.cli.demo.feeds_server import SEEDS, FeedServer
from services.cli.demo.receiver import Receiver
from shared.models.access import Scope
from shared.queue import JobQueue
from shared.runtime.children import end_with_parent
from shared.runtime.private_redis import PrivateRedis, find_redis_binary
from shared.store.connection import connect, connect_sync
from shared.store.tokens import TokenStore, new_token
from tests.acceptance.running import free_port

ROOT = Path(__file__).parents[2]
SERVICES = ("poller", "classifier", "notifier", "gateway")
HERE = (sys.executable, "-m", "tests.loopback")
START_SECONDS = 120.0
MANY = "1000000"
TOPIC = "dprk-kursk"
# It has no end, and who asks for it as for anything else waits forever: tests of its own follow it.
STREAM = "/v1/alerts/stream"


@asynccontextmanager
async def running(home: Path) -> AsyncIterator[tuple[str, str]]:
    """The address of the API, and a token that opens all of it."""
    async with AsyncExitStack() as stack:
        server = PrivateRedis(home, find_redis_binary(os.environ), durable=False)
        redis_url = await server.start()
        stack.push_async_callback(server.stop)
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        outlets = await stack.enter_async_context(FeedServer(SEEDS))
        receiver = await stack.enter_async_context(Receiver(secret))
        port = free_port()
        env = {**environment(home, SEEDS, outlets, receiver, secret), **_environment(redis_url, port)}
        token = await _set_up(redis_url)
        for name in SERVICES:
            stack.push_async_callback(_ended, await _started(home / f"{name}.log", env, f"services.{name}"))
        await receiver.wait_for(1, START_SECONDS)
        url = f"http://127.0.0.1:{port}"
        async with _client(url, token) as http:
            await _listens(http)
            channel = {"type": "webhook", "url": receiver.url, "secret": secret}
            await _made(http, "feeds", {"url": f"{outlets.urls[0]}?again", "name": "Again"})
            await _made(http, "subscriptions", {"id": "desk", "channel": channel})
            await _made(http, "tokens", {"name": "reader"})
            await _made(http, f"topics/{TOPIC}/backtests", {"days": 1})
        yield url, token


def _environment(redis_url: str, port: int) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    return clean | {
        "TOCSIN_REDIS_URL": redis_url,
        "TOCSIN_GATEWAY_PORT": str(port),
        "TOCSIN_GATEWAY_RATE_PER_MINUTE": MANY,
        "TOCSIN_GATEWAY_WRITES_PER_MINUTE": MANY,
        "TOCSIN_GATEWAY_FAILURES_PER_MINUTE": MANY,
        "TOCSIN_LOG_FORMAT": "json",
    }


async def _set_up(redis_url: str) -> str:
    """A dead letter, and a token; returns its text."""
    token, text = new_token("schemathesis", [Scope.ADMIN], datetime.now(UTC))
    with connect_sync(redis_url) as sync_redis:
        JobQueue(sync_redis).bury("0123456789abcdef", "it was put here")
    async with connect(redis_url) as redis:
        await TokenStore(redis).add(token)
    return text


async def _started(log: Path, env: Mapping[str, str], module: str) -> Process:
    with log.open("ab") as file:
        return await asyncio.create_subprocess_exec(
            *HERE, module, cwd=ROOT, env=env, stdout=file, stderr=file, preexec_fn=end_with_parent(os.getpid())
        )


async def _ended(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    await process.wait()


def _client(url: str, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)


async def _listens(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            with suppress(httpx.TransportError):
                await http.get("/healthz")
                return
            await asyncio.sleep(0.1)


async def _made(http: httpx.AsyncClient, what: str, body: Mapping[str, object]) -> None:
    (await http.post(f"/v1/{what}", json=body)).raise_for_status()


async def tried(home: Path, options: argparse.Namespace, words: Sequence[str]) -> int:
    async with running(home) as (url, token):
        argv = (
            *HERE, "schemathesis.cli", "run", f"{url}/openapi.json", "--checks", "all", "--exclude-path", STREAM,
            "--header", f"Authorization: Bearer {token}", "--generation-database", "none",
            "-n", str(options.n), "--seed", str(options.seed), "--workers", str(options.workers), *words,
        )  # fmt: skip
        env = {**os.environ, "COLUMNS": "160", "PYTHONPATH": str(ROOT)}
        process = await asyncio.create_subprocess_exec(*argv, cwd=home, env=env)
        return await process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=20, help="the most cases of an operation in a phase")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--workers", type=int, default=2)
    options, words = parser.parse_known_args()
    with TemporaryDirectory(prefix="tocsin-conforming-") as home:
        return 1 if asyncio.run(tried(Path(home), options, words)) else 0


if __name__ == "__main__":
    sys.exit(main())
