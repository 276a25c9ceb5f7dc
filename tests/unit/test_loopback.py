"""What runs under `tests.loopback` reaches this machine and nothing else."""

import socket

import pytest

from tests.loopback import kept_here


@pytest.mark.parametrize("there", [("127.0.0.1", 80), ("::1", 80, 0, 0), ("127.9.9.9", 1), "/run/redis.sock"])
def test_this_machine_is_connected_to(there: object) -> None:
    kept_here("socket.connect", (None, there))


@pytest.mark.parametrize("there", [("192.0.2.1", 80), ("2001:db8::1", 80, 0, 0), ("0.0.0.0", 80)])
@pytest.mark.parametrize("event", ["socket.connect", "socket.sendto", "socket.sendmsg"])
def test_nothing_beyond_is(event: str, there: object) -> None:
    with pytest.raises(ConnectionRefusedError):
        kept_here(event, (None, there))


def test_no_name_is_looked_up_but_that_of_this_machine() -> None:
    for host in ("localhost", "127.0.0.1", b"::1", "192.0.2.1", None):
        kept_here("socket.getaddrinfo", (host, 80, 0, 0, 0))
    with pytest.raises(socket.gaierror):
        kept_here("socket.getaddrinfo", ("news.example", 80, 0, 0, 0))
