"""Fixtures for all tests. `redis` and `sync_redis` are one real private server a session, empty when a test begins."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from shared.logs import console_renderer
from shared.runtime.private_redis import PrivateRedis, find_redis_binary
from tests.exposition import undeclared


def logs_of_tests() -> None:
    """As structlog has them, but for tracebacks."""
    structlog.reset_defaults()
    *before, _ = structlog.get_config()["processors"]
    structlog.configure(processors=[*before, console_renderer()])


logs_of_tests()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of this session's (and xdist worker's) own server. It keeps nothing on disk."""
    server = PrivateRedis(tmp_path_factory.mktemp("data"), find_redis_binary(os.environ), durable=False)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        yield runner.run(server.start())
        runner.run(server.stop())


@pytest.fixture(scope="session", autouse=True)
def no_label_is_made_up() -> Iterator[None]:
    """Whatever the tests have led to was counted under a label that stands from the start."""
    yield
    assert undeclared() == set()


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """For tests that set up the logs of a process: what comes after must not write to where they wrote."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logs_of_tests()


@pytest.fixture
def sync_redis(redis_url: str) -> Iterator[SyncRedis]:
    with SyncRedis.from_url(redis_url) as client:
        client.flushall()
        yield client


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        await client.flushall()
        yield client
