"""What is to be said of a subject (pure): the message to freeze, or when to look again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.notifier.calendar import LATELY, Period, silences, silent_until
from services.notifier.channels.base import ChannelSender, Payload
from services.notifier.conclude import anew
from services.notifier.plan import Again, Nothing, Send, Situation, Timing, Wait, next_step
from services.notifier.render import (
    Reader,
    articles_of,
    digest_payload,
    endpoint_payload,
    gravest_first,
    sample_payload,
    story_payload,
    webhook_id,
)
from services.notifier.route import refusal
from services.notifier.sample import sample_story
from shared.models.endpoint import EndpointState, Order
from shared.models.story import Story
from shared.models.subscription import Delivery, DeliveryStatus, Envelope, MessageType, Subscription

DIGEST = "digest"
ENDPOINT = "endpoint:"
TEST = "test:"
HANDSHAKE = "test:handshake"


@dataclass(frozen=True, slots=True)
class Ready:
    """A message to be sent. `newest`: the subject's revision now. `carries`: the stories of a digest."""

    delivery: Delivery
    newest: int
    carries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing to send before then; with None, before there is more to tell."""

    at: datetime | None
    reason: str


Prepared = Ready | Later


@dataclass(frozen=True, slots=True)
class Desk:
    """Whoever writes messages for one subscription."""

    subscription: Subscription
    sender: ChannelSender
    state: EndpointState
    timing: Timing
    base_url: str | None

    @property
    def reader(self) -> Reader:
        return Reader(self.subscription.languages, self.base_url)

    def held(self, now: datetime) -> tuple[Period, ...]:
        """When nothing could be sent, of late."""
        outage = self.state.outage(now)
        return (*silences(self.subscription, now), *([outage] if outage else []))

    def story(
        self, delivery: Delivery, story: Story | None, known: bool, order: Order | None, now: datetime
    ) -> Prepared:
        """`known`: the subscription was told of a story that this one has taken over."""
        delivery = anew(delivery, self.state.recovered_at)
        step = self._step(delivery, story, known, order, self.timing, self.held(now), now)
        if story is None or isinstance(step, Later):
            return step if isinstance(step, Later) else Later(None, "no_such_story")
        if isinstance(step, Again):
            return Ready(delivery, story.revision)
        again = delivery.again + (order is Order.REDELIVER and delivery.sent_revision >= story.revision)
        told = delivery.model_copy(update={"again": again, "sent_articles": articles_of(story)})
        payload = story_payload(story, delivery, step, now, self.reader)
        return Ready(self._frozen(told, story.revision, payload), story.revision)

    def digest(
        self,
        delivery: Delivery,
        parts: Sequence[tuple[Story, Delivery]],
        now: datetime,
        orders: Mapping[str, Order] | None = None,
    ) -> tuple[Ready | None, dict[str, Later]]:
        """One message for as many of the stories as it holds; and what becomes of those that have nothing to tell."""
        timing = Timing(hold=0, update_interval=0, max_age=self.timing.max_age)
        began = delivery.sent_at or now - LATELY
        held = (*self.held(now), (began, now))
        sends, later = list[tuple[Story, Delivery, Send]](), dict[str, Later]()
        for story, each in parts:
            step = self._step(each, story, False, (orders or {}).get(story.id), timing, held, now)
            if isinstance(step, Send):
                sends.append((story, each, step))
            else:
                later[story.id] = step if isinstance(step, Later) else Later(None, "up_to_date")
        if not sends:
            return None, later
        ordered = gravest_first(sends)
        payload, many = digest_payload(self.subscription.id, ordered, now, delivery.sent_at, self.reader)
        covers = {story.id: story.revision for story, _, _ in ordered[:many]}
        number = delivery.sent_revision + 1
        return Ready(self._frozen(delivery, number, payload, covers), number, tuple(covers)), later

    def test(self, delivery: Delivery, now: datetime) -> Prepared:
        """`webhook.test`, in form the same as a story's message."""
        if delivery.sent_revision or delivery.status is DeliveryStatus.GAVE_UP:
            return Later(None, "up_to_date")
        if delivery.envelope:
            return Ready(delivery, 1)
        return Ready(self._frozen(delivery, 1, sample_payload(sample_story(now), now, self.reader)), 1)

    def notice(self, delivery: Delivery, other: EndpointState, waiting: int, now: datetime) -> Prepared:
        """How another endpoint is doing."""
        if delivery.envelope:
            if delivery.retry_at and now < delivery.retry_at:
                return Later(delivery.retry_at, "retry")
            return Ready(delivery, other.notice)
        if other.notice_type is None or delivery.sent_revision >= other.notice:
            return Later(None, "up_to_date")
        name = delivery.subject.partition(":")[2]
        payload = endpoint_payload(name, other.notice_type, other, waiting, now)
        return Ready(self._frozen(delivery, other.notice, payload), other.notice)

    def _step(
        self,
        delivery: Delivery,
        story: Story | None,
        known: bool,
        order: Order | None,
        timing: Timing,
        held: tuple[Period, ...],
        now: datetime,
    ) -> Send | Again | Later:
        if story is None:
            return Later(None, "no_such_story")
        unwanted = None if delivery.sent_revision or delivery.envelope else refusal(self.subscription, story)
        if unwanted:
            return Later(None, unwanted)
        situation = Situation(known, silent_until(self.subscription, story.severity, now), held, order)
        step = next_step(delivery, story, timing, now, situation)
        if isinstance(step, Wait):
            return Later(step.until, step.reason)
        return Later(None, step.reason) if isinstance(step, Nothing) else step

    def _frozen(
        self, delivery: Delivery, revision: int, payload: Payload, covers: dict[str, int] | None = None
    ) -> Delivery:
        envelope = Envelope(
            webhook_id=webhook_id(
                delivery.subscription_id, delivery.subject, revision, again=delivery.again, thin=delivery.thin
            ),
            revision=revision,
            type=MessageType(str(payload["type"])),
            body=self.sender.write(payload),
            thin=delivery.thin,
            covers=covers or {},
        )
        return delivery.model_copy(update={"envelope": envelope})
