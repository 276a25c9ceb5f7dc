"""Where the canary's way ends: a subscription that is built in, and a channel that only notes the arrival."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from services.notifier.book import Endpoint
from services.notifier.channels.base import Payload, Sent
from services.notifier.ports import Arrivals, Clock, Stories
from shared import metrics
from shared.logs import get_logger
from shared.models.base import Model
from shared.models.canary import NAME
from shared.models.subscription import Envelope, Subscription
from shared.store.canary import Arrival

log = get_logger()


class SinkChannel(Model):
    """Of no file and no option: nothing else ends here."""

    type: Literal["sink"] = "sink"


@dataclass(frozen=True, slots=True)
class Sink:
    """A channel. Its message is the story's id."""

    stories: Stories
    arrivals: Arrivals
    clock: Clock

    def write(self, payload: Payload) -> str:
        told = payload["data"]
        assert isinstance(told, dict)
        return str(told["story_id"])

    async def send(self, envelope: Envelope, secrets: Sequence[str]) -> Sent:
        """Raises StoreUnavailable: that is no fault of this endpoint, and without a store no attempt is noted."""
        story = await self.stories.load(envelope.body)
        if story is None:
            return Sent("expired", ok=True)
        article, now = story.articles[0], self.clock().timestamp()
        published = article.moment.timestamp()
        await self.arrivals.arrived(Arrival(published, article.seen_at.timestamp(), now, int(published)))
        metrics.CANARY_SECONDS.observe(max(0.0, now - published))
        log.debug("canary.arrived", seconds=round(now - published, 3))
        return Sent("delivered", ok=True)


def endpoint(sink: Sink) -> Endpoint:
    """Not validated: neither the name nor the channel is anybody's to choose."""
    fields: dict[str, Any] = {"id": NAME, "channel": SinkChannel(), "topics": (NAME,)}
    return Endpoint(Subscription.model_construct(**fields), sink)
