"""Security headers on every answer."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What carries a secret says so itself: it is kept nowhere, neither by caches nor for a repetition.
SHOWN_ONCE = {"Cache-Control": "no-store"}
HSTS_SECONDS = 31_536_000
_NEEDLESS = ("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone",
             "midi", "payment", "usb")  # fmt: skip


class WithHeaders:
    """Puts `headers` on every answer of `app`, whatever made it, but for those that it has; and what says nothing of
    caches is kept by none."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self.app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                for name, value in (*self._headers.items(), *SHOWN_ONCE.items()):
                    given.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def security_headers(*, https: bool = False) -> dict[str, str]:
    """`https`: people reach us by it, and shall by nothing else (RFC 6797).

    Pages may use files of ours, and nothing that stands in them or elsewhere. An Origin is sent with a form only if the
    referrer is: hence `same-origin`.
    """
    policy = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    told = {
        "Content-Security-Policy": "; ".join(policy),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": ", ".join(f"{name}=()" for name in _NEEDLESS),
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    return told | ({"Strict-Transport-Security": f"max-age={HSTS_SECONDS}"} if https else {})
