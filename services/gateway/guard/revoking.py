"""Streams end when the token does for which they were opened."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import Message, Send


class Revocable:
    """A `send` that asks now and then, as long as an answer goes on, whether it still may."""

    def __init__(self, send: Send, is_let_in: Callable[[], Awaitable[bool]], look_again_seconds: float) -> None:
        self._send = send
        self._is_let_in = is_let_in
        self._look_again_seconds = look_again_seconds
        self._looked_at = asyncio.get_running_loop().time()
        self._ended = False

    async def __call__(self, message: Message) -> None:
        if self._ended:
            return
        if message.get("more_body", False) and not await self._may_go_on():
            # The server tells the application that its client has gone, as soon as it has answered in full.
            self._ended, message = True, {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _may_go_on(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now - self._looked_at < self._look_again_seconds:
            return True
        self._looked_at = now
        return await self._is_let_in()
