"""A subscriber that trusts nothing: it checks every request with the independent `standardwebhooks` package.

Run alone: `python -m services.cli.demo.receiver --port 0 --secret whsec_… --log FILE`.
"""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Self

import typer
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.cli.demo.serving import LOOPBACK, stop_signal
from shared.runtime.serving import served

Payload = dict[str, object]


@dataclass(frozen=True, slots=True)
class Received:
    """One request. `refusal` says why it was not believed; `received_at` is monotonic, in seconds."""

    webhook_id: str
    payload: Payload
    refusal: str | None
    sha256: str
    received_at: float

    @property
    def verified(self) -> bool:
        return self.refusal is None

    @property
    def type(self) -> object:
        return self.payload.get("type")

    @property
    def data(self) -> Payload:
        data = self.payload.get("data")
        return data if isinstance(data, dict) else {}

    def as_log_line(self) -> str:
        record = {
            "webhook_id": self.webhook_id,
            "story_id": self.data.get("story_id"),
            "revision": self.data.get("revision"),
            "type": self.type,
            "verified": self.verified,
            "sha256": self.sha256,
        }
        return json.dumps(record) + "\n"


class Receiver:
    """Answers 204 to a valid message and 401 to any other, and keeps both in `messages`, in order of arrival.

    Each accepted message is appended to `log_path` as a JSON line before it is answered: what the sender was told has
    arrived is on file even if this process is killed.
    """

    def __init__(self, secret: str, *, host: str = LOOPBACK, port: int = 0, log_path: Path | None = None) -> None:
        self.port = port
        self.messages: list[Received] = []
        self._host = host
        self._webhook = Webhook(secret)
        self._log_path = log_path
        self._arrival = asyncio.Condition()
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self.port}/hook"

    @property
    def accepted(self) -> tuple[Received, ...]:
        return tuple(message for message in self.messages if message.verified)

    async def __aenter__(self) -> Self:
        app = Starlette(routes=[Route("/hook", self._receive, methods=["POST"])])
        self.port = await self._stack.enter_async_context(served(app, self._host, self.port))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def wait_for(self, count: int, timeout: float) -> tuple[Received, ...]:  # noqa: ASYNC109 - the usual word
        """Wait until `count` messages were accepted in all, and give them. Raises TimeoutError after `timeout` s."""
        async with asyncio.timeout(timeout), self._arrival:
            await self._arrival.wait_for(lambda: len(self.accepted) >= count)
        return self.accepted

    async def _receive(self, request: Request) -> Response:
        body = await request.body()
        payload, refusal = self._verify(body, dict(request.headers))
        webhook_id = request.headers.get("webhook-id", "")
        message = Received(webhook_id, payload, refusal, sha256(body).hexdigest(), time.monotonic())
        if message.verified:
            self._log(message)
        async with self._arrival:
            self.messages.append(message)
            self._arrival.notify_all()
        return Response(status_code=204) if message.verified else Response(refusal, status_code=401)

    def _verify(self, body: bytes, headers: dict[str, str]) -> tuple[Payload, str | None]:
        try:
            payload = self._webhook.verify(body, headers)
        except (WebhookVerificationError, ValueError) as error:  # ValueError: a header or body it cannot even split
            return {}, str(error) or type(error).__name__
        return (payload, None) if isinstance(payload, dict) else ({}, "not a JSON object")

    def _log(self, message: Received) -> None:
        if self._log_path is not None:
            with self._log_path.open("a", encoding="utf-8") as log:
                log.write(message.as_log_line())


async def run(secret: str, host: str, port: int, log: Path | None) -> None:
    stop = stop_signal()
    async with Receiver(secret, host=host, port=port, log_path=log) as receiver:
        print(receiver.url, flush=True)
        await stop.wait()


def main(
    secret: Annotated[str, typer.Option(help="whsec_…")],
    host: Annotated[str, typer.Option(help="address to listen on")] = LOOPBACK,
    port: Annotated[int, typer.Option(help="0 takes any free port")] = 0,
    log: Annotated[Path | None, typer.Option(help="append a JSON line for each accepted request")] = None,
) -> None:
    """Receive webhooks until SIGINT or SIGTERM; the first line printed is the address."""
    asyncio.run(run(secret, host, port, log))


if __name__ == "__main__":
    typer.run(main)
