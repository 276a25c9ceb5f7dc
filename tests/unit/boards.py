"""A happening that is told in two ways, and a store's bookkeeping in memory: the stories, and whose each entry is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.classifier import by_hand
from services.classifier.telling import place
from shared.models.change import Background, Change
from shared.models.story import Alert, Story
from tests.factories import NOON, match
from tests.unit.tellings import Telling, figure, says, told_by

GAP = timedelta(milliseconds=50)
LEAD = "Ukrainian special forces have met no North Korean soldiers on the Kursk front for three weeks now."
OTHER_LEAD = "Nobody has seen the men whom Pyongyang lent to Moscow anywhere near Sudzha since the middle of January."


def gone(outlet: str, title: str, lead: str, killed: float = 0) -> Telling:
    told = told_by(outlet, title, f"{lead} So it was told. {killed:,.0f} were killed." if killed else lead)
    figures = [figure(told, f"{killed:,.0f}", "killed", killed)] if killed else []
    return told, match(claims=(says(told, title), *figures))


ONE = (
    gone("herald", "Kim's soldiers vanish", LEAD, 300),
    gone("wire", "Pyongyang's brigades are absent", f"Kyiv says: {LEAD}"),
)
OTHER = (
    gone("courier", "Where are the men of Kim?", OTHER_LEAD, 4_000),
    gone("mirror", "The vanished brigade", f"Seoul says: {OTHER_LEAD}"),
    gone("courier", "Where they were last met", "Twenty kilometres from the border lies a wood with empty dugouts."),
)
BOTH = gone("sun", "The riddle of Kursk", f"{LEAD[:-1]}; {OTHER_LEAD[0].lower()}{OTHER_LEAD[1:]}")


@dataclass
class Board:
    stories: dict[str, Story] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    now: datetime = NOON

    @property
    def live(self) -> list[Story]:
        return [story for story in self.stories.values() if not story.merged_into]

    def tell(self, *told: Telling) -> Story:
        """The story into which the last of them came."""
        for entry, verdict in told:
            change = place(entry, verdict, Background(self.live, len(self.live)), self.now)
            self._keep(change)
            self.holders[entry.id] = change.story.id
        return self.stories[self.holders[told[-1][0].id]]

    def merge(self, one: Story | str, other: Story | str) -> Change | None:
        ids = (_id(one), _id(other))
        return self._change(lambda stories, now: by_hand.merge(ids, stories, now))

    def split(self, story: Story | str, *entry_ids: str) -> Change | None:
        return self._change(lambda stories, now: by_hand.split_off(_id(story), entry_ids, stories, now))

    def undo(self, story: Story | str) -> Change | None:
        return self._change(lambda stories, now: by_hand.undo(_id(story), stories, now))

    def _change(self, decide: Callable[[Sequence[Story], datetime], Change | None]) -> Change | None:
        change = decide(list(self.stories.values()), self.now)
        if change:
            self._keep(change)
        return change

    def _keep(self, change: Change) -> None:
        for each in (change, *change.also):
            self.stories[each.story.id] = each.story
            self.holders |= dict.fromkeys(each.moved, each.story.id)
            self.alerts += [each.alert] if each.alert and not each.alert.again else []
        self.now += GAP


def _id(story: Story | str) -> str:
    return story if isinstance(story, str) else story.id
