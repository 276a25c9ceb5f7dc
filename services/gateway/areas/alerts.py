"""What has rung."""

from dataclasses import dataclass

from services.gateway.choice import AlertChoice
from services.gateway.ports import Alerts, Stories
from services.gateway.views.alerts import AlertView
from shared.models.story import Story
from shared.store.alerts import Record, order

AT_ONCE = 100
# However rare what is chosen: nobody else waits long for a page, and whoever goes on finds the rest.
MOST_READS = 10
NEWEST, OLDEST = "+", "0-0"


@dataclass(frozen=True, slots=True)
class Found:
    """`following`: the alert after which to go on; None at the end."""

    alerts: list[AlertView]
    following: str | None


@dataclass(frozen=True, slots=True)
class Ringing:
    """A story, and the newest alert on it that is wanted."""

    alert: AlertView
    story: Story


@dataclass(frozen=True, slots=True)
class AlertArea:
    """`home`: what stands before the path in addresses of ours; nothing, if it is not known."""

    alerts: Alerts
    stories: Stories
    home: str = ""

    async def newest(self, limit: int) -> list[AlertView]:
        """Newest first."""
        return await self._views(await self.alerts.newest(limit))

    async def forward(self, choice: AlertChoice, limit: int, after: str = OLDEST) -> Found:
        """Oldest first, after the alert `after`."""
        return await self._page(choice, limit, after, forward=True)

    async def back(self, choice: AlertChoice, limit: int, before: str = NEWEST, until: str = OLDEST) -> Found:
        """Newest first, before the alert `before` and after the alert `until`."""
        return await self._page(choice, limit, before, until, forward=False)

    async def _page(self, choice: AlertChoice, limit: int, at: str, until: str = OLDEST, *, forward: bool) -> Found:
        found = list[AlertView]()
        for _ in range(MOST_READS):
            read = await (self.alerts.read(at, AT_ONCE) if forward else self.alerts.read_back(at, AT_ONCE))
            for alert in await self._views(read.records):
                if order(alert.id) <= order(until):
                    return Found(found, None)
                if choice.wants(alert):
                    if len(found) == limit:
                        return Found(found, found[-1].id)
                    found.append(alert)
            if read.upto == at:
                return Found(found, None)
            at = read.upto
        return Found(found, found[-1].id if len(found) == limit else at)

    async def ringing(self, choice: AlertChoice, most: int) -> list[Ringing]:
        """Each story once, the one that rang last first."""
        found, at = dict[str, Ringing](), NEWEST
        for _ in range(MOST_READS):
            read = await self.alerts.read_back(at, AT_ONCE)
            stories = await self._told_in(read.records)
            for record in read.records:
                story = stories.get(record.alert.story_id)
                alert = AlertView.of(record.id, record.alert, story, self.home)
                if story and choice.wants(alert):
                    found.setdefault(story.id, Ringing(alert, story))
            if len(found) >= most or read.upto == at:
                break
            at = read.upto
        return list(found.values())[:most]

    async def since(self, record_id: str, n: int, wait_milliseconds: int | None = None) -> tuple[list[AlertView], str]:
        """What rang among the next `n` records after this one, and the last that was looked at."""
        read = await self.alerts.read(record_id, n, wait_milliseconds)
        return await self._views(read.records), read.upto

    async def newest_id(self) -> str | None:
        newest = await self.alerts.newest(1)
        return newest[0].id if newest else None

    async def oldest_id(self) -> str | None:
        return await self.alerts.oldest_id()

    async def _views(self, records: list[Record]) -> list[AlertView]:
        stories = await self._told_in(records)
        return [
            AlertView.of(record.id, record.alert, stories.get(record.alert.story_id), self.home) for record in records
        ]

    async def _told_in(self, records: list[Record]) -> dict[str, Story]:
        return await self.stories.readable(list(dict.fromkeys(record.alert.story_id for record in records)))
