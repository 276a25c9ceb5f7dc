"""A canary's way in a test: poller, classifier and notifier as real processes, with nobody's feeds beside it."""

import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from subprocess import STDOUT, Popen

from redis.asyncio import Redis

from shared.models import canary
from shared.models.story import Story
from shared.models.subscription import Attempt
from shared.store.canary import Arrival, CanaryStore
from shared.store.endpoints import EndpointStore
from shared.store.stories import StoryReader
from tests.servers import until

ROOT = Path(__file__).parents[1]
PACK = """
name: lighthouses
title: Lighthouses
rule: {actor: [lighthouse], core: [coast]}
threshold: 5
events: {outage: {severity: low}}
"""
FORMS = """
language: en
concepts: {lighthouse: [lighthouse*], coast: [coast*]}
events: {outage: [dark]}
"""


@dataclass(slots=True)
class Mine:
    """`every`: seconds of a slot."""

    redis: Redis
    home: Path
    url: str
    every: int = 1
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, list[Popen[bytes]]] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
        return clean | {
            "TOCSIN_REDIS_URL": self.url,
            "TOCSIN_DATA_DIR": str(self.home / "data"),
            "TOCSIN_FEEDS_FILE": str(self.home / "feeds.yaml"),
            "TOCSIN_SUBSCRIPTIONS_FILE": str(self.home / "subscriptions.yaml"),
            "TOCSIN_TOPICS_DIR": str(self.home / "topics"),
            "TOCSIN_METRICS_PORT": "0",
            "TOCSIN_LOG_FORMAT": "json",
            "TOCSIN_CANARY_SECONDS": str(self.every),
            "TOCSIN_ALERT_HOLD_SECONDS": "0",
            "TOCSIN_POLL_LEASE_SECONDS": "2",
            "TOCSIN_POLL_TOTAL_SECONDS": "1",
            "TOCSIN_POLL_HOST_GAP_SECONDS": "0.01",
        }

    def write(self) -> None:
        pack = self.home / "topics/lighthouses"
        pack.mkdir(parents=True)
        (pack / "topic.yaml").write_text(PACK)
        (pack / "en.yaml").write_text(FORMS)
        (self.home / "feeds.yaml").write_text(
            "feeds:\n  - {name: Asleep, url: 'https://asleep.example/rss', enabled: false}\n"
        )
        journal = self.home / "alerts.jsonl"
        (self.home / "subscriptions.yaml").write_text(
            f"subscriptions:\n  - {{id: everything, channel: {{type: journal, path: {journal}}}, endpoints: true}}\n"
        )

    def start(self, *services: str) -> None:
        for service in services:
            with (self.home / f"{service}.log").open("ab") as log:
                command = (sys.executable, "-m", f"services.{service}")
                env = self.env | {"TOCSIN_METRICS_PORT": str(self._port(service))}
                process = Popen(command, env=env, cwd=ROOT, stdout=log, stderr=STDOUT)
            self.processes.setdefault(service, []).append(process)

    def _port(self, service: str) -> int:
        """Of the first of each; another one takes any."""
        if service in self.ports:
            return 0
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.ports[service] = free.getsockname()[1]
        return self.ports[service]

    def kill(self, service: str) -> None:
        """The one that was started first."""
        process = self.processes[service].pop(0)
        process.kill()
        process.wait()

    def end(self) -> None:
        for service in self.processes:
            while self.processes[service]:
                self.kill(service)

    def logged(self, service: str) -> str:
        return (self.home / f"{service}.log").read_text()

    async def stories(self) -> list[Story]:
        return await StoryReader(self.redis, with_canary=True).newest(10_000, topic=canary.NAME)

    async def attempts(self) -> list[Attempt]:
        return [each.attempt for each in await EndpointStore(self.redis).log(canary.NAME, 10_000)]

    async def arrived(self, times: int) -> None:
        """Wait for so many arrivals from now on, each of a later slot."""
        for _ in range(times):
            before = await CanaryStore(self.redis).last()

            await until(partial(self._has_arrived_after, before))

    async def _has_arrived_after(self, before: Arrival | None) -> bool:
        last = await CanaryStore(self.redis).last()
        return last is not None and (before is None or last.slot > before.slot)


@asynccontextmanager
async def mine_of(redis: Redis, url: str, home: Path, every: int = 1) -> AsyncIterator[Mine]:
    mine = Mine(redis, home, url, every)
    mine.write()
    try:
        yield mine
    finally:
        mine.end()
