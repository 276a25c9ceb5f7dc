"""The four services as real processes on a Redis of their own, at a pace of minutes as seconds, and who is told."""

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen
from typing import Any

import httpx
from redis.asyncio import Redis

from services.cli.demo.receiver import Receiver as Verifier
from shared.config.replace import replace_text
from shared.models.subscription import REVEAL, Subscription
from shared.runtime.children import end_with_parent
from shared.runtime.private_redis import PrivateRedis, find_redis_binary
from tests.acceptance.newsroom import PACK, TOPIC, Newsroom
from tests.factories import SECRET, subscription, webhook
from tests.receivers import Receiver

ROOT = Path(__file__).parents[2]
PROCESSES = ("poller", "classifier-0", "classifier-1", "notifier", "gateway")
DESKS = tuple(f"desk-{n}" for n in range(6))
DEAD, GONE, DEMO = "dead", "gone", "demo"
# A minute as a second; what must outlast an attempt or a poll, less fast.
PACE = {
    "CANARY_SECONDS": "10",
    "POLL_INTERVAL_SECONDS": "3",
    "POLL_INTERVAL_MAX_SECONDS": "3",
    "POLL_HOST_GAP_SECONDS": "0.02",
    "POLL_LEASE_SECONDS": "8",
    "POLL_TOTAL_SECONDS": "2",
    "POLL_BACKOFF_SECONDS": "1",
    "POLL_BACKOFF_CAP_SECONDS": "3",
    "PAGE_TOTAL_SECONDS": "3",
    "PAGE_CHECKS_SECONDS": "never",
    "ALERT_HOLD_SECONDS": "0.25",
    "ALERT_UPDATE_INTERVAL_SECONDS": "0",
    "DELIVERY_TOTAL_SECONDS": "10",
    "DELIVERY_LEASE_SECONDS": "15",
    "DELIVERY_RETRY_SCALE": "0.0167",
    "JOB_TIMEOUT_SECONDS": "180",
    "ALLOW_NETWORKS": "127.0.0.0/8",
    "LOG_FORMAT": "json",
}


def job_of(process: str) -> str:
    return process.partition("-")[0]


@dataclass(slots=True)
class System:
    """`ports`: of /metrics, by process. `scraped`: those that discovery knows; it writes a file for each job."""

    home: Path
    room: Newsroom
    server: PrivateRedis
    redis: Redis
    url: str
    receivers: Mapping[str, Receiver]
    verifier: Verifier
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in PROCESSES})
    gateway_port: int = field(init=False)
    scraped: set[str] = field(default_factory=set)
    _running: dict[str, Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.gateway_port = free_port()

    @property
    def targets(self) -> Path:
        return self.home / "targets"

    @property
    def feeds_file(self) -> Path:
        return self.home / "feeds.yaml"

    @property
    def subscriptions_file(self) -> Path:
        return self.home / "subscriptions.yaml"

    @property
    def topics_dir(self) -> Path:
        return self.home / "topics"

    @property
    def pack_file(self) -> Path:
        return self.topics_dir / TOPIC / "topic.yaml"

    @property
    def env(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
        chosen = PACE | {
            "REDIS_URL": self.url,
            "DATA_DIR": str(self.home / "data"),
            "FEEDS_FILE": str(self.feeds_file),
            "SUBSCRIPTIONS_FILE": str(self.subscriptions_file),
            "TOPICS_DIR": str(self.topics_dir),
            "GATEWAY_PORT": str(self.gateway_port),
            "WEBSUB_CALLBACK_URL": f"http://127.0.0.1:{self.gateway_port}",
        }
        return clean | {f"TOCSIN_{name}": value for name, value in chosen.items()}

    # What people edit.

    def write(self) -> None:
        self.targets.mkdir()
        shutil.copytree(ROOT / "seeds/topics", self.topics_dir)
        for name, document in PACK.items():
            (self.topics_dir / TOPIC).mkdir(exist_ok=True)
            (self.topics_dir / TOPIC / name).write_text(json.dumps(document))
        self.write_feeds(self.room.feeds())
        channels = {name: webhook(receiver.url) for name, receiver in self.receivers.items()}
        channels[DEMO] = webhook(self.verifier.url)
        told = [subscription(id=name, channel=channel, per_minute=6000) for name, channel in channels.items()]
        told.append(subscription(id="grave", channel=channels[DEMO], min_independent_sources=10))
        replace_text(self.subscriptions_file, json.dumps({"subscriptions": [as_written(each) for each in told]}))

    def write_feeds(self, feeds: Iterable[Mapping[str, Any]]) -> None:
        replace_text(self.feeds_file, json.dumps({"feeds": list(feeds)}))

    async def tocsin(self, *words: str) -> None:
        """Raises RuntimeError with what went wrong."""
        command = sys.executable, "-m", "services.cli", *words
        process = await asyncio.create_subprocess_exec(*command, env=self.env, cwd=ROOT, stdout=PIPE, stderr=STDOUT)
        out, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"tocsin {' '.join(words)}: {out.decode()}")

    # Processes.

    def start(self, *processes: str) -> None:
        """With discovery's knowledge."""
        for name in processes:
            with (self.home / f"{name}.log").open("ab") as log:
                self._running[name] = Popen(
                    [sys.executable, "-m", f"services.{job_of(name)}"],
                    cwd=ROOT,
                    env=self.env | {"TOCSIN_METRICS_PORT": str(self.ports[name])},
                    stdout=log,
                    stderr=log,
                    preexec_fn=end_with_parent(os.getpid()),  # noqa: PLW1509 - it only calls the kernel
                )
        self.discover({*self.scraped, *processes})

    def kill(self, name: str) -> None:
        """Discovery does not notice."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def discover(self, processes: set[str]) -> None:
        """These and no others, as where a container that is gone has no name any more."""
        self.scraped = processes
        for job in dict.fromkeys(map(job_of, PROCESSES)):
            found = [f"127.0.0.1:{self.ports[name]}" for name in PROCESSES if job_of(name) == job and name in processes]
            replace_text(self.targets / f"{job}.json", json.dumps([{"targets": found}] if found else []))

    def end(self) -> None:
        for name in list(self._running):
            self.kill(name)

    def fallen(self) -> list[str]:
        """Those that have ended by themselves."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    async def exposition(self, process: str) -> bytes:
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await http.get(f"http://127.0.0.1:{self.ports[process]}/metrics")).raise_for_status().content


def as_written(each: Subscription) -> object:
    return each.model_dump(mode="json", context={REVEAL: True})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@asynccontextmanager
async def running(home: Path, room: Newsroom) -> AsyncIterator[System]:
    async with AsyncExitStack() as stack:
        server = PrivateRedis(home, find_redis_binary(os.environ))
        url = await server.start()
        stack.push_async_callback(server.stop)
        redis = await stack.enter_async_context(Redis.from_url(url))
        receivers = {name: await stack.enter_async_context(Receiver(secrets=[SECRET])) for name in (*DESKS, DEAD, GONE)}
        verifier = await stack.enter_async_context(Verifier(SECRET))
        system = System(home, room, server, redis, url, receivers, verifier)
        system.write()
        stack.callback(system.end)
        system.start(*PROCESSES)
        yield system
