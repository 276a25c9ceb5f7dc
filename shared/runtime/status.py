"""What every process serves beside its work: /metrics, /healthz (alive), /readyz (able to work)."""

import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shared.errors import ConfigError

EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# What keeps the process from working as it should, or None.
Complaint = Callable[[], str | None]
Exposition = Callable[[], bytes]


class StatusServer:
    """A context manager: a small HTTP server in a thread of its own, so that it answers while the process is busy."""

    def __init__(self, host: str, port: int, exposition: Exposition, *complaints: Complaint) -> None:
        try:
            self._server = _Server((host, port), exposition, complaints)
        except OSError as error:
            raise ConfigError(
                f"TOCSIN_METRICS_PORT: cannot listen on {host}:{port}: {error.strerror}; allowed: a free one, 0 for any"
            ) from None
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="status", daemon=True)

    def __enter__(self) -> "StatusServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], exposition: Exposition, complaints: Sequence[Complaint]) -> None:
        super().__init__(address, _Handler)
        self.exposition, self.complaints = exposition, complaints

    def complaint(self) -> str:
        return "; ".join(told for complaint in self.complaints if (told := complaint()))


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, self.server.exposition(), EXPOSITION_TYPE)
        elif path == "/healthz":
            self._answer(200, b"alive\n", "text/plain")
        elif path == "/readyz":
            complaint = self.server.complaint()
            self._answer(503 if complaint else 200, f"{complaint or 'ready'}\n".encode(), "text/plain")
        else:
            self._answer(404, b"here are /metrics, /healthz, /readyz\n", "text/plain")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
        """A scrape is no event."""
