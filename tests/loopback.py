"""Runs a module so that nothing of it leaves this machine: `python -m tests.loopback MODULE [WORD …]`.

Whatever addresses somebody invents, a name is not looked up, and nothing beyond loopback is connected to.
"""

import runpy
import socket
import sys
from errno import ECONNREFUSED
from ipaddress import ip_address


def _is_here(host: object) -> bool:
    if host in (None, "", "localhost"):
        return True
    try:
        return ip_address(host.decode() if isinstance(host, bytes) else str(host)).is_loopback
    except ValueError:
        return False


def _is_address(host: object) -> bool:
    try:
        return bool(ip_address(str(host)))
    except ValueError:
        return False


def kept_here(event: str, told: tuple[object, ...]) -> None:
    """An audit hook (PEP 578); children that are forked have it, too."""
    if event == "socket.getaddrinfo":
        if not _is_here(told[0]) and not _is_address(told[0]):
            raise socket.gaierror(socket.EAI_NONAME, "no name is looked up here")
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        there = told[1]
        if isinstance(there, tuple) and not _is_here(there[0]):
            raise OSError(ECONNREFUSED, "nothing beyond loopback is connected to here")


def main() -> None:
    del sys.argv[0]
    sys.addaudithook(kept_here)
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
