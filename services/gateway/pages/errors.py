"""What goes wrong, as a page for those who look at pages; programs are told the same as a problem (RFC 9457)."""

from fastapi import Request
from pydantic_core import from_json
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.api.problems import MEDIA_TYPE
from services.gateway.pages.rendering import Pages, wants_page

_KEPT = frozenset({b"retry-after", b"set-cookie", b"www-authenticate"})


class ErrorPages:
    """Around an application: its problems become pages where a person asked for one."""

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self.app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not wants_page(Request(scope)):
            await self.app(scope, receive, send)
            return
        held: list[Message] = []

        async def turning(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_problem(message):
                held.append(message)
            elif not held:
                await send(message)
            elif message["type"] == "http.response.body":
                held.append(message)
                if not message.get("more_body", False):
                    await self._tell(held, scope, receive, send)

        await self.app(scope, receive, turning)

    async def _tell(self, held: list[Message], scope: Scope, receive: Receive, send: Send) -> None:
        start, *parts = held
        problem = from_json(b"".join(part.get("body", b"") for part in parts))
        page = self._pages.page(Request(scope), "problem.html", start["status"], problem=problem)
        page.raw_headers += [(name, value) for name, value in start["headers"] if name.lower() in _KEPT]
        await page(scope, receive, send)


def _is_problem(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith(MEDIA_TYPE)
