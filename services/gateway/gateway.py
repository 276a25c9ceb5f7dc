"""The shell: reads and changes what the stores hold, an area each."""

from dataclasses import dataclass

from services.gateway.areas.access import AccessArea
from services.gateway.areas.alerts import AlertArea
from services.gateway.areas.feeds import FeedArea
from services.gateway.areas.reading import ReadingArea
from services.gateway.areas.stories import StoryArea
from services.gateway.areas.subscriptions import SubscriptionArea
from services.gateway.areas.system import SystemArea
from services.gateway.areas.topics import TopicArea
from services.gateway.live import Live


@dataclass(frozen=True, slots=True)
class Gateway:
    """Stateless. Every method raises what `shared.store.patience.StoreUnavailable` names when Redis is away."""

    feeds: FeedArea
    topics: TopicArea
    stories: StoryArea
    reading: ReadingArea
    alerts: AlertArea
    subscriptions: SubscriptionArea
    live: Live
    system: SystemArea
    access: AccessArea
