"""Fixtures for commands that are run in this process, and for pages that are read."""

import io
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from services.cli.__main__ import main
from tests.commands import TOPIC, Ran, Run
from tests.integration.reading import Desk, desk_of


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all, in which packs that met their examples are kept: they take seconds."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def run(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; `stdin` is what it reads."""
    monkeypatch.delenv("TOCSIN_REDIS_URL", raising=False)
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(data))
    monkeypatch.setenv("TOCSIN_TOPICS_DIR", str(TOPIC.parent))

    def run(*words: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "argv", ["tocsin", *words])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        return Ran(main(), *capsys.readouterr())

    return run


@pytest.fixture
async def desk(redis: Redis, sync_redis: SyncRedis) -> AsyncIterator[Desk]:
    """Where pages are read and entries classified."""
    async with desk_of(redis, sync_redis) as built:
        yield built
