"""What has rung."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.gateway.ports import Alerts
from services.gateway.views.alerts import AlertView

LOOK_EVERY_SECONDS = 1.0
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class AlertArea:
    alerts: Alerts

    async def newest(self, limit: int) -> list[AlertView]:
        """Newest first."""
        return [AlertView.of(record.id, record.alert) for record in await self.alerts.newest(limit)]

    async def follow(self, after: str) -> AsyncIterator[AlertView]:
        """Those after that place in the stream, as they come."""
        while True:
            for record in await self.alerts.since(after, AT_ONCE):
                after = record.id
                yield AlertView.of(record.id, record.alert)
            await asyncio.sleep(LOOK_EVERY_SECONDS)
