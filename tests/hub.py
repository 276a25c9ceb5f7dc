"""A small WebSub hub on loopback: it takes subscriptions, verifies or denies them, and pushes what it is given."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_urlsafe
from urllib.parse import parse_qs

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.runtime.serving import served


@dataclass
class Hub:
    """`answer`: its status; `verifies`: before it answers, which is the hardest order for a subscriber.

    `asked` holds every subscription request, oldest first, and `answers` what its verifications were answered with.
    """

    http: httpx.AsyncClient
    port: int = 0
    answer: int = 202
    location: str = ""
    verifies: bool = True
    lease_seconds: int = 864_000
    asked: list[dict[str, str]] = field(default_factory=list)
    answers: list[httpx.Response] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        form = {name: value for name, (value,) in parse_qs((await request.body()).decode()).items()}
        self.asked.append(form)
        if self.verifies and 200 <= self.answer < 300:
            assert (await self.verify(form)).is_success
        headers = {"Location": self.location} if self.location else {}
        await Response(status_code=self.answer, headers=headers)(scope, receive, send)

    async def verify(self, form: dict[str, str], **over: str) -> httpx.Response:
        challenge = token_urlsafe(16)
        stated = {
            "hub.mode": "subscribe",
            "hub.topic": form["hub.topic"],
            "hub.challenge": challenge,
            "hub.lease_seconds": str(self.lease_seconds),
        }
        answer = await self.http.get(form["hub.callback"], params=stated | over)
        self.answers.append(answer)
        assert not answer.is_success or answer.text == challenge
        return answer

    async def deny(self, form: dict[str, str], reason: str) -> httpx.Response:
        stated = {"hub.mode": "denied", "hub.topic": form["hub.topic"], "hub.reason": reason}
        return await self.http.get(form["hub.callback"], params=stated)

    async def push(
        self, form: dict[str, str], body: bytes, *, secret: str | None = None, method: str = "sha256"
    ) -> httpx.Response:
        """Signed with the subscription's secret, or with another one."""
        signature = hmac.new((secret or form["hub.secret"]).encode(), body, method).hexdigest()
        return await self.send(form, body, {"X-Hub-Signature": f"{method}={signature}"})

    async def send(self, form: dict[str, str], body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.http.post(
            form["hub.callback"], content=body, headers={"Content-Type": "application/rss+xml"} | headers
        )


@asynccontextmanager
async def running_hub() -> AsyncIterator[Hub]:
    # Connections that stay open would hold up the gateway, which ends first.
    closing = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(trust_env=False, timeout=10, limits=closing) as http:
        hub = Hub(http)
        async with served(hub.asgi, "127.0.0.1", 0) as hub.port:
            yield hub
            await asyncio.sleep(0)
