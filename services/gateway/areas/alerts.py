"""What has rung."""

from dataclasses import dataclass

from services.gateway.ports import Alerts
from services.gateway.views.alerts import AlertView


@dataclass(frozen=True, slots=True)
class AlertArea:
    alerts: Alerts

    async def newest(self, limit: int) -> list[AlertView]:
        """Newest first."""
        return [AlertView.of(record.id, record.alert) for record in await self.alerts.newest(limit)]
