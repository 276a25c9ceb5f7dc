"""What every process serves beside its work, and how it begins and ends."""

import asyncio
import os
import signal
import socket
from http.client import HTTPConnection
from itertools import count

import pytest

from shared.errors import ConfigError, RedisUnavailable
from shared.metrics import Exposed, Service
from shared.runtime.process import run_service
from shared.runtime.status import EXPOSITION_TYPE, Page, StatusServer
from shared.settings import Settings
from shared.store.connection import readiness

pytestmark = pytest.mark.usefixtures("logs_as_before")


def get(port: int, path: str) -> tuple[int, str, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers["Content-Type"]
    finally:
        connection.close()


def nothing() -> bytes:
    return b""


def test_metrics_are_served_in_prometheus_form() -> None:
    with StatusServer("127.0.0.1", 0, Exposed(Service.POLLER).text) as server:
        status, body, kind = get(server.port, "/metrics")
    assert (status, kind) == (200, EXPOSITION_TYPE)
    assert "# TYPE tocsin_feed_polls_total counter" in body
    assert 'tocsin_build_info{version="' in body
    assert "\nprocess_resident_memory_bytes " in body


def test_a_process_is_alive_though_not_ready() -> None:
    with StatusServer("127.0.0.1", 0, nothing, lambda: "Redis: ConnectionError") as server:
        assert get(server.port, "/healthz?probe=1")[:2] == (200, "alive\n")
        assert get(server.port, "/readyz")[:2] == (503, "Redis: ConnectionError\n")


def test_readiness_is_that_of_redis(redis_url: str) -> None:
    with StatusServer("127.0.0.1", 0, nothing, readiness(redis_url)) as server:
        assert get(server.port, "/readyz")[:2] == (200, "ready\n")
    with StatusServer("127.0.0.1", 0, nothing, readiness("unix:///nowhere/redis.sock")) as server:
        assert get(server.port, "/readyz")[:2] == (503, "Redis: ConnectionError\n")


def test_each_complaint_is_told_and_one_is_enough_not_to_be_ready() -> None:
    with StatusServer("127.0.0.1", 0, nothing, lambda: None, lambda: "feeds: refused") as server:
        assert get(server.port, "/readyz")[:2] == (503, "feeds: refused\n")
    with StatusServer("127.0.0.1", 0, nothing, lambda: "Redis: away", lambda: "feeds: refused") as server:
        assert get(server.port, "/readyz")[:2] == (503, "Redis: away; feeds: refused\n")


def test_another_path_says_what_there_is() -> None:
    with StatusServer("127.0.0.1", 0, nothing) as server:
        status, body, _ = get(server.port, "/")
    assert status == 404
    assert "/metrics" in body


def test_a_page_of_the_process_itself_is_made_anew_each_time() -> None:
    turns = count(1)
    page = Page("text/x-turn", lambda: str(next(turns)).encode())
    with StatusServer("127.0.0.1", 0, lambda: b"", pages={"/turn": page}) as server:
        assert [get(server.port, "/turn?again") for _ in range(2)] == [
            (200, "1", "text/x-turn"),
            (200, "2", "text/x-turn"),
        ]


@pytest.mark.parametrize(
    ("listens", "reached"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.2",) * 2]
)
def test_it_knows_where_the_process_itself_reaches_it(listens: str, reached: str) -> None:
    with StatusServer(listens, 0, lambda: b"") as server:
        assert server.host == reached


def test_a_port_that_is_taken_is_a_mistake_in_the_settings() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=f"TOCSIN_METRICS_PORT: cannot listen on 127.0.0.1:{port}: Address already"
        ):
            StatusServer("127.0.0.1", port, nothing)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_ends_in_good_order_when_told(number: signal.Signals) -> None:
    served: list[str] = []

    async def serve(_: Settings, stop: asyncio.Event) -> None:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), 10)
        served.append("to its end")

    assert run_service("poller", serve) == 0
    assert served == ["to its end"]


def test_an_error_of_ours_is_one_line_and_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    async def serve(_: Settings, __: asyncio.Event) -> None:
        raise RedisUnavailable("no Redis")

    assert run_service("poller", serve) == 3
    assert capsys.readouterr().err == "tocsin: no Redis\n"
