"""One owner for a data directory."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.errors import AlreadyRunning


class DataLock:
    """An advisory `flock(2)` on `<directory>/<name>`, a file that holds the owner's pid and is never removed.

    The kernel ends the lock with its last open descriptor, so a killed owner leaves none behind. A child that inherits
    `fileno()` keeps the lock for as long as it lives, even after `release`.
    """

    def __init__(self, directory: Path, name: str = "tocsin.lock") -> None:
        self.path = directory / name
        self._file: int | None = None

    def acquire(self) -> None:
        """Raises AlreadyRunning with the owner's pid and the path."""
        if self._file is not None:
            raise AlreadyRunning(f"this process (pid {os.getpid()}) holds {self.path} already")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(file, 20, 0).decode("ascii", "replace").strip()
            os.close(file)
            raise AlreadyRunning(f"another Tocsin (pid {owner or 'unknown'}) owns {self.path}") from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file

    def fileno(self) -> int:
        if self._file is None:
            raise ValueError(f"{self.path} is not held")
        return self._file

    def release(self) -> None:
        """Closes rather than unlocks: unlocking would take the lock from a child that inherited it, too."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()
