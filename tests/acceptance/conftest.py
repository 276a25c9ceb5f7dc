"""The stage on which delivery is played."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from tests.acceptance.stage import Stage, stage_of


@pytest.fixture
async def stage(redis_url: str, redis: Redis, sync_redis: SyncRedis, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage_of(redis_url, redis, sync_redis, tmp_path) as built:
        yield built
