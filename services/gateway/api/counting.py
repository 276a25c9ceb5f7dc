"""Requests are counted, and timed to the beginning of their answers: a stream goes on for hours."""

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import metrics
from shared.metrics.labels import GatewayArea, StatusClass

_BY_WORD = {area.value: area for area in GatewayArea} | {"backtests": GatewayArea.TOPICS}


class Counted:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                area = area_of(scope["path"])
                metrics.GATEWAY_REQUESTS.labels(area=area, status=StatusClass(f"{message['status'] // 100}xx")).inc()
                metrics.GATEWAY_SECONDS.labels(area=area).observe(perf_counter() - began)
            await send(message)

        await self.app(scope, receive, send_counted)


def area_of(path: str) -> GatewayArea:
    """What is under /v1 and no area of its own is the system's."""
    _, first, *rest = *path.split("/"), ""
    if first == "websub":
        return GatewayArea.HUBS
    if first != "v1":
        return GatewayArea.BOARD
    return _BY_WORD.get(rest[0].partition(".")[0], GatewayArea.SYSTEM)
