"""The stores that subscriptions are worked on with."""

from dataclasses import dataclass

from shared.settings import Settings
from shared.store.connection import Connection
from shared.store.deliveries import DUE_ENDPOINTS, DeliveryStore
from shared.store.due import DueSet
from shared.store.endpoints import EndpointStore
from shared.store.stories import StoryReader
from shared.store.subscriptions import SigningStore, SubscriptionStore


@dataclass(frozen=True, slots=True)
class Delivering:
    """What the notifiers work with."""

    subscriptions: SubscriptionStore
    signings: SigningStore
    endpoints: EndpointStore
    deliveries: DeliveryStore
    due: DueSet
    stories: StoryReader


def delivering(settings: Settings, redis: Connection) -> Delivering:
    return Delivering(
        subscriptions=SubscriptionStore(redis),
        signings=SigningStore(redis),
        endpoints=EndpointStore(redis),
        deliveries=DeliveryStore(redis, retention_seconds=settings.story_retention_seconds),
        due=DueSet(redis, DUE_ENDPOINTS),
        stories=StoryReader(redis),
    )
