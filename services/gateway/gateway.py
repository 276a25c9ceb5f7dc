"""The shell: reads and changes what the stores hold, an area each."""

from dataclasses import dataclass

from services.gateway.areas.alerts import AlertArea
from services.gateway.areas.feeds import FeedArea
from services.gateway.areas.stories import StoryArea
from services.gateway.areas.system import SystemArea
from services.gateway.areas.topics import TopicArea


@dataclass(frozen=True, slots=True)
class Gateway:
    """Stateless. Every method raises what `shared.store.patience.StoreUnavailable` names when Redis is away."""

    feeds: FeedArea
    topics: TopicArea
    stories: StoryArea
    alerts: AlertArea
    system: SystemArea
