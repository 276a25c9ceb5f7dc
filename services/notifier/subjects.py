"""What is to be said of a subject (pure): the message to freeze, or when to look again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.notifier.calendar import LATELY, Period, silences, silent_until
from services.notifier.channels.base import ChannelSender, Payload
from services.notifier.conclude import anew
from services.notifier.latency import Way, way
from services.notifier.plan import Again, Nothing, Send, Situation, Timing, Wait, next_step, plan
from services.notifier.render import (
    digest_payload,
    endpoint_payload,
    gravest_first,
    sample_payload,
    story_payload,
    webhook_id,
)
from services.notifier.route import refusal
from services.notifier.sample import sample_story
from services.notifier.snapshot import Reader, articles_of
from shared.models.endpoint import EndpointState, EndpointStatus, Order
from shared.models.story import Story
from shared.models.subscription import Cause, Delivery, DeliveryStatus, Envelope, MessageType, Subscription
from shared.models.topic import Severity

DIGEST = "digest"
ENDPOINT = "endpoint:"
TEST = "test:"
HANDSHAKE = "test:handshake"


@dataclass(frozen=True, slots=True)
class Ready:
    """A message to be sent. `newest`: the subject's revision now. `carries`: the stories of a digest. `way`: how the
    story's revision came here, if that is to be measured: nobody has asked for the message."""

    delivery: Delivery
    newest: int
    carries: tuple[str, ...] = ()
    way: Way | None = None

    @property
    def subject(self) -> str:
        return self.delivery.subject

    @property
    def told(self) -> Collection[str]:
        """The stories of the digest that are in the message; others may have come since it was frozen."""
        return self.delivery.envelope.covers if self.delivery.envelope else ()


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing to send before then; with None, before there is more to tell."""

    at: datetime | None
    reason: str


Prepared = Ready | Later
Part = tuple[Story, Delivery, Send]


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
        if story is None:
            return Later(None, Cause.NO_SUCH_STORY)
        delivery = anew(delivery, self.state.released_at)
        if reason := self._unwanted(delivery, story):
            return Later(None, reason)
        situation = Situation(known, self._quiet(now, story.severity), self.held(now), order)
        step = next_step(delivery, story, self.timing, now, situation)
        if isinstance(step, Wait | Nothing):
            return _later(step)
        if isinstance(step, Again):
            return self._ready(delivery, story, order)
        # Whoever asks for what he was sent gets other bytes, and so another id.
        again = delivery.again + (order is not None and delivery.tried_revision >= story.revision)
        delivery = delivery.model_copy(update={"again": again})
        payload = story_payload(story, delivery, step, now, self.reader)
        return self._ready(self._frozen(delivery, story.revision, payload, [story]), story, order)

    @staticmethod
    def _ready(delivery: Delivery, story: Story, order: Order | None) -> Ready:
        measured = order is None and delivery.envelope is not None and not delivery.again
        told = way(story, delivery.envelope.revision) if measured and delivery.envelope else None
        return Ready(delivery, story.revision, way=told)

    def digest(
        self,
        delivery: Delivery,
        stories: Mapping[str, tuple[Story | None, Delivery]],
        orders: Mapping[str, Order],
        now: datetime,
    ) -> dict[str, Prepared]:
        """One message for as many of the stories as it holds; and what becomes of each of those that are not in it."""
        delivery = anew(delivery, self.state.released_at)
        if delivery.envelope:
            wait = self._wait(delivery, now)
            if wait:
                return {DIGEST: wait, **dict.fromkeys(stories, wait)}
            return {DIGEST: Ready(delivery, delivery.envelope.revision, tuple(stories))}
        parts, later = self._parts(delivery, stories, orders, now)
        if not parts:
            return {DIGEST: Later(None, Cause.UP_TO_DATE), **later}
        payload, many = digest_payload(delivery, parts, now, self.reader)
        told, left = [story for story, _, _ in parts[:many]], [story.id for story, _, _ in parts[many:]]
        # A number that was given up may have arrived all the same.
        number = max(delivery.sent_revision, delivery.tried_revision) + 1
        ready = Ready(self._frozen(delivery, number, payload, told), number, tuple(story.id for story in told))
        return {DIGEST: ready, **later, **dict.fromkeys(left, Later(now, "next_message"))}

    def test(self, delivery: Delivery, now: datetime) -> Prepared:
        """`webhook.test`, in form the same as a story's message. A handshake is begun anew until it has succeeded."""
        if delivery.sent_revision or delivery.status is DeliveryStatus.GAVE_UP:
            if delivery.subject != HANDSHAKE or self.state.status is not EndpointStatus.PENDING:
                return Later(None, Cause.UP_TO_DATE)
            delivery = delivery.model_copy(update={"again": delivery.again + 1})
        if delivery.envelope:
            return Ready(delivery, 1)
        payload = sample_payload(sample_story(now), now, self.reader, thin=delivery.thin)
        return Ready(self._frozen(delivery, 1, payload), 1)

    def notice(self, delivery: Delivery, other: EndpointState, waiting: int, now: datetime) -> Prepared:
        """How another endpoint is doing."""
        delivery = anew(delivery, self.state.released_at)
        if delivery.envelope:
            return self._wait(delivery, now) or Ready(delivery, other.notice)
        if other.notice_type is None or delivery.sent_revision >= other.notice:
            return Later(None, Cause.UP_TO_DATE)
        if delivery.status is DeliveryStatus.GAVE_UP and delivery.tried_revision >= other.notice:
            return Later(None, Cause.GIVEN_UP)
        if until := self._quiet(now):
            return Later(until, "quiet_hours")
        name = delivery.subject.removeprefix(ENDPOINT)
        payload = endpoint_payload(name, other.notice_type, other, waiting, now)
        return Ready(self._frozen(delivery, other.notice, payload), other.notice)

    def _parts(
        self,
        delivery: Delivery,
        stories: Mapping[str, tuple[Story | None, Delivery]],
        orders: Mapping[str, Order],
        now: datetime,
    ) -> tuple[list[Part], dict[str, Later]]:
        """What is news, the gravest first; and when to look at the others again."""
        held = (*self.held(now), (delivery.sent_at or now - LATELY, now))
        parts, later = list[Part](), dict[str, Later]()
        for story_id, (story, each) in stories.items():
            step = self._of_digest(each, story, orders.get(story_id), held, now)
            if isinstance(step, Later):
                later[story_id] = step
            elif story:
                parts.append((story, each, step))
        return gravest_first(parts), later

    def _of_digest(
        self, delivery: Delivery, story: Story | None, order: Order | None, held: tuple[Period, ...], now: datetime
    ) -> Send | Later:
        if story is None:
            return Later(None, Cause.NO_SUCH_STORY)
        if reason := self._unwanted(delivery, story):
            return Later(None, reason)
        timing = Timing(hold=0, update_interval=0, max_age=self.timing.max_age)
        step = plan(delivery, story, timing, now, Situation(False, self._quiet(now, story.severity), held, order))
        return step if isinstance(step, Send) else _later(step)

    def _unwanted(self, delivery: Delivery, story: Story) -> Cause | None:
        """Who was told of a story is told the rest of it."""
        return None if delivery.sent_revision or delivery.envelope else refusal(self.subscription, story)

    def _wait(self, delivery: Delivery, now: datetime) -> Later | None:
        """For the next try of a message under way that is about no single story."""
        if delivery.retry_at and now < delivery.retry_at:
            return Later(delivery.retry_at, "retry")
        until = self._quiet(now)
        return Later(until, "quiet_hours") if until else None

    def _quiet(self, now: datetime, severity: Severity | None = None) -> datetime | None:
        """Until when what is as severe as that must not ring."""
        return silent_until(self.subscription, now, severity)

    def _frozen(self, delivery: Delivery, revision: int, payload: Payload, told: Sequence[Story] = ()) -> Delivery:
        """With the message that is to be sent. `told`: the stories in it."""
        envelope = Envelope(
            webhook_id=webhook_id(
                delivery.subscription_id, delivery.subject, revision, again=delivery.again, thin=delivery.thin
            ),
            revision=revision,
            type=MessageType(str(payload["type"])),
            body=self.sender.write(payload),
            thin=delivery.thin,
            covers={story.id: story.revision for story in told} if delivery.subject == DIGEST else {},
            articles={story.id: articles_of(story) for story in told},
        )
        return delivery.model_copy(update={"envelope": envelope})


def _later(step: Wait | Nothing) -> Later:
    return Later(step.until, step.reason) if isinstance(step, Wait) else Later(None, step.reason)
