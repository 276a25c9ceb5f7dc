"""What a worker is called, so that its neighbours can tell when it is dead."""

import os
import socket
from hashlib import sha256
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def worker_name() -> str:
    """Place, process and its start time: enough for a neighbour to tell that this worker is dead."""
    return f"{_place()}.{os.getpid()}.{_start_time(os.getpid())}"


def is_dead_neighbour(name: str) -> bool:
    place, pid, started = name.rsplit(".", 2)
    return place == _place() and _start_time(int(pid)) != started


def _place() -> str:
    """Where a pid means the same process. Machines and containers may share a host name, but not this."""
    try:
        boot, namespace = _BOOT_ID.read_text(), Path("/proc/self/ns/pid").readlink()
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}.{sha256(f'{boot}{namespace}'.encode()).hexdigest()[:8]}"


def _start_time(pid: int) -> str:
    """In clock ticks since the machine's start; 0 if there is no such process, or only its corpse (a zombie)."""
    try:
        # From field 3 of proc(5) stat on; the command in field 2 may hold spaces and brackets.
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return "0"
    return "0" if state in "ZX" else fields[18]
