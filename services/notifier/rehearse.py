"""What a subscription would have been told in a time that is past (pure).

The revisions of stories are walked through in their order, as the fan-out puts them before an endpoint, and each time
that one is looked at, `plan` decides. Approximated: the filters and the severity see a story as it is now; nothing
fails, nothing is merged, a digest has room for all.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import heappop, heappush

from services.notifier.calendar import LATELY, next_digest, silences, silent_until
from services.notifier.plan import Nothing, Plan, Send, Situation, Timing, Wait, plan
from services.notifier.render import gravest_first
from services.notifier.route import refusal
from shared.models.story import Revision, Status, Story
from shared.models.subscription import Delivery, DeliveryStatus, MessageType, Subscription
from shared.models.topic import Severity

# Why a revision has no message of its own, though nothing held it back.
TOGETHER = "told_with_the_next"


@dataclass(frozen=True, slots=True)
class Message:
    """`stories`: ids, more than one in a digest; `revision`: of the first."""

    at: datetime
    type: MessageType
    reason: str
    detail: str
    title: str
    severity: Severity
    stories: tuple[str, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class Untold:
    """A revision without a message of its own, and what refused it or held it back. `later`: it was told with a later
    one."""

    at: datetime
    reason: str
    title: str
    severity: Severity
    story: str
    revision: int
    later: bool = False


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Both in the order of time."""

    messages: tuple[Message, ...]
    untold: tuple[Untold, ...]


def rehearse(
    subscription: Subscription, stories: Iterable[Story], timing: Timing, since: datetime, until: datetime
) -> Rehearsal:
    """What would have been told between the two. A story is walked through from its beginning, so that what was told
    of it before is known."""
    stage = _Stage(subscription.model_copy(update={"enabled": True}), timing)
    for story in stories:
        stage.bring(story)
    stage.play(until)
    untold = (each for each in (*stage.untold, *stage.left()) if since <= each.at <= until)
    return Rehearsal(
        tuple(message for message in stage.messages if message.at >= since),
        tuple(sorted(untold, key=lambda each: (each.at, each.story, each.revision))),
    )


@dataclass(slots=True)
class _Scene:
    """A story, and how far it has been told. `why`: the last reason to put it off."""

    story: Story
    delivery: Delivery
    why: str = ""

    def seen(self, at: datetime) -> Story:
        """As far as it had come then."""
        revisions = tuple(revision for revision in self.story.revisions if revision.at <= at)
        earlier = len(revisions) < len(self.story.revisions)
        status = Status.DEVELOPING if earlier and self.story.status is Status.RETRACTED else self.story.status
        return self.story.model_copy(update={"revisions": revisions, "status": status})

    def news(self, at: datetime) -> list[Revision]:
        return [each for each in self.story.revisions if self.delivery.sent_revision < each.number and each.at <= at]

    def untold(self, revisions: Iterable[Revision], reason: str, *, later: bool = False) -> Iterator[Untold]:
        story = self.story
        for each in revisions:
            yield Untold(each.at, reason, story.title, story.severity, story.id, each.number, later)


@dataclass(slots=True)
class _Stage:
    subscription: Subscription
    timing: Timing
    scenes: dict[str, _Scene] = field(default_factory=dict)
    looks: list[tuple[datetime, str]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    untold: list[Untold] = field(default_factory=list)

    def bring(self, story: Story) -> None:
        scene = _Scene(story, Delivery(subscription_id=self.subscription.id, subject=story.id))
        if reason := refusal(self.subscription, story):
            self.untold += scene.untold(story.revisions, reason)
            return
        self.scenes[story.id] = scene
        for revision in story.revisions:
            heappush(self.looks, (self._due_at(revision), story.id))

    def play(self, until: datetime) -> None:
        while self.looks and self.looks[0][0] <= until:
            at, ids = self.looks[0][0], set[str]()
            while self.looks and self.looks[0][0] == at:
                ids.add(heappop(self.looks)[1])
            scenes = [self.scenes[each] for each in sorted(ids)]
            self._digest(scenes, at) if self.subscription.digest else self._tell(scenes, at)

    def left(self) -> Iterator[Untold]:
        """What still waits in the end, and what was let go."""
        for scene in self.scenes.values():
            rest = [each for each in scene.story.revisions if each.number > scene.delivery.sent_revision]
            yield from scene.untold(rest, scene.why or self._first_wait)

    @property
    def _first_wait(self) -> str:
        return "digest" if self.subscription.digest else "hold"

    def _due_at(self, revision: Revision) -> datetime:
        if self.subscription.digest:
            return next_digest(self.subscription.digest, self.subscription.timezone, revision.at)
        return revision.at  # `plan` knows how long it is held

    def _tell(self, scenes: Sequence[_Scene], at: datetime) -> None:
        for scene in scenes:
            step = self._step(scene, at, self.timing)
            if isinstance(step, Send):
                told, type_ = self._told(scene, at), MessageType(f"story.alert.{step.type.value}")
                self.messages.append(_message(at, type_, step.reason, step.detail, [told]))

    def _digest(self, scenes: Sequence[_Scene], at: datetime) -> None:
        timing = replace(self.timing, hold=0, update_interval=0)
        steps = [(scene, self._step(scene, at, timing, (at - LATELY, at))) for scene in scenes]
        sends = {scene.story.id: step for scene, step in steps if isinstance(step, Send)}
        told = [self._told(scene, at) for scene in scenes if scene.story.id in sends]
        ordered = [story for story, _, _ in gravest_first((s, self.scenes[s.id].delivery, sends[s.id]) for s in told)]
        if ordered:
            detail = "; ".join(sends[story.id].detail for story in ordered)
            self.messages.append(_message(at, MessageType.DIGEST, "digest", detail, ordered))

    def _step(self, scene: _Scene, at: datetime, timing: Timing, *held: tuple[datetime, datetime]) -> Plan:
        story = scene.seen(at)
        silent = silent_until(self.subscription, at, story.severity)
        situation = Situation(quiet_until=silent, held=(*silences(self.subscription, at), *held))
        step = plan(scene.delivery, story, timing, at, situation)
        if isinstance(step, Wait):
            heappush(self.looks, (step.until, story.id))
        if isinstance(step, Wait) or (isinstance(step, Nothing) and scene.news(at)):
            scene.why = step.reason
        return step

    def _told(self, scene: _Scene, at: datetime) -> Story:
        """The story as it was told; what had come before its last revision has no message of its own."""
        *before, last = scene.news(at)
        self.untold += scene.untold(before, scene.why or TOGETHER, later=True)
        told = {"status": DeliveryStatus.DELIVERED, "sent_revision": last.number, "sent_at": at}
        scene.delivery, scene.why = scene.delivery.model_copy(update=told), ""
        return scene.seen(at)


def _message(at: datetime, type_: MessageType, reason: str, detail: str, stories: Sequence[Story]) -> Message:
    first = stories[0]
    ids = tuple(story.id for story in stories)
    severity = max((story.severity for story in stories), key=lambda each: each.rank)
    return Message(at, type_, reason, detail, first.title, severity, ids, first.revision)
