"""The fan-out: what the alerts stream says is put before those whom it may concern.

Repeated after a crash, harmlessly, for it only says "look at this".
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.notifier.book import Endpoint
from services.notifier.calendar import next_digest
from services.notifier.ports import Alerts, Clock, Deliveries, DueEndpoints, Endpoints, Stories
from services.notifier.route import audience, refusal
from services.notifier.subjects import ENDPOINT
from shared import metrics
from shared.logs import get_logger
from shared.models.endpoint import EndpointNotice
from shared.models.story import Alert, Story
from shared.models.subscription import Subscription
from shared.store.alerts import AnyRecord, NoticeRecord
from shared.store.patience import StoreUnavailable, patiently

BATCH = 100
WAIT_MILLISECONDS = 1000
log = get_logger()

# Subscription → subject → when.
Wanted = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class FanOut:
    """`book`: the endpoints as they are configured just now. `wake`: is set when one of them may be due."""

    name: str
    alerts: Alerts
    stories: Stories
    deliveries: Deliveries
    endpoints: Endpoints
    due: DueEndpoints
    book: Callable[[], Mapping[str, Endpoint]]
    hold: float
    clock: Clock
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, stop: asyncio.Event) -> None:
        await patiently(self.alerts.join, stop)
        while not stop.is_set():
            await patiently(self._batch, stop)

    async def _batch(self) -> None:
        records = await self.alerts.take(self.name, BATCH, WAIT_MILLISECONDS)
        wanted: Wanted = defaultdict(dict)
        done = [record for record in records if await self._concerns(record, wanted)]
        if wanted:
            await self.endpoints.add(wanted)
            await self.due.schedule({each: min(subjects.values()) for each, subjects in wanted.items()})
            self.wake.set()
        await self.alerts.acknowledge(done)

    async def _concerns(self, record: AnyRecord, wanted: Wanted) -> bool:
        """Whether that could be found out; what could not stays pending, and is taken again later."""
        try:
            if isinstance(record, NoticeRecord):
                self._notice(record.notice, wanted)
            else:
                await self._alert(record.alert, wanted)
        except StoreUnavailable:
            raise
        except Exception:  # one record's trouble must not keep back the others
            log.exception("alert.not_fanned_out", record_id=record.id)
            return False
        return True

    def _notice(self, notice: EndpointNotice, wanted: Wanted) -> None:
        for each in self.book().values():
            if each.subscription.endpoints and each.subscription.id != notice.endpoint:
                wanted[each.subscription.id][ENDPOINT + notice.endpoint] = notice.at.timestamp()

    async def _alert(self, alert: Alert, wanted: Wanted) -> None:
        story = await self.stories.load(alert.story_id)
        if story is None:
            return
        subscriptions = audience((each.subscription for each in self.book().values()), story)
        refused = {each.id: reason for each in subscriptions if (reason := refusal(each, story))}
        # Who was told of a story hears the rest of it, also that it was less grave than it seemed.
        told = await self.deliveries.told([each for each in refused if refused[each] != "disabled"], story.id)
        for each in subscriptions:
            if each.id in refused and each.id not in told:
                metrics.ALERTS_SUPPRESSED.labels(cause=refused[each.id]).inc()
            else:
                at = self._due_at(each, alert, story).timestamp()
                wanted[each.id][story.id] = min(at, wanted[each.id].get(story.id, at))

    def _due_at(self, subscription: Subscription, alert: Alert, story: Story) -> datetime:
        """Only the first report is held back. Whether an update waits, and how long, is for `plan` to say."""
        if subscription.digest:
            return next_digest(subscription.digest, subscription.timezone, self.clock())
        first = alert.revision == 1 and bool(story.revisions)
        return datetime.fromtimestamp(alert.at.timestamp() + (self.hold if first else 0.0), alert.at.tzinfo)
