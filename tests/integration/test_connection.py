"""The way to Redis, while Redis comes and goes."""

import asyncio
import os
import signal
import threading
from pathlib import Path

import pytest

from shared.errors import ConfigError
from shared.runtime.private_redis import PrivateRedis, find_redis_binary
from shared.store.connection import connect, connect_sync


@pytest.mark.parametrize("url", ["http://:hunter2@localhost", "localhost:6379", ""])
def test_an_address_that_is_not_redis_is_refused_without_telling_its_password(url: str) -> None:
    for make in (connect, connect_sync):
        with pytest.raises(ConfigError, match=r"TOCSIN_REDIS_URL: .*unix://, redis://, rediss://") as refusal:
            make(url)
        assert "hunter2" not in str(refusal.value)


async def test_a_command_waits_for_a_killed_redis_to_come_back(tmp_path: Path) -> None:
    server = PrivateRedis(tmp_path, find_redis_binary(os.environ))
    async with connect(await server.start()) as redis:
        await redis.set("a", "1")
        process_id = (await redis.info("server"))["process_id"]
        os.kill(process_id, signal.SIGKILL)
        await server.wait()
        waiting = asyncio.ensure_future(redis.get("a"))
        await asyncio.sleep(0)
        await server.start()
        assert await waiting == b"1"
    await server.stop()


async def test_so_does_one_of_the_sync_client(tmp_path: Path) -> None:
    server = PrivateRedis(tmp_path, find_redis_binary(os.environ))
    with connect_sync(await server.start()) as redis:
        redis.set("a", "1")
        os.kill(redis.info("server")["process_id"], signal.SIGKILL)
        await server.wait()
        answers: list[object] = []
        waiting = threading.Thread(target=lambda: answers.append(redis.get("a")))
        waiting.start()
        await server.start()
        await asyncio.to_thread(waiting.join)
        assert answers == [b"1"]
    await server.stop()


@pytest.mark.parametrize("hurried", [True, False])
async def test_a_crowd_waits_its_turn_for_a_connection(redis_url: str, hurried: bool) -> None:
    async with connect(redis_url, hurried=hurried) as redis:
        waiting = (redis.blpop(["nothing"], timeout=0.1) for _ in range(350))
        assert await asyncio.gather(*waiting) == [None] * 350
