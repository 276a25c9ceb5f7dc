"""A store's bookkeeping in memory, for tests of what changes do: the stories, and of which one each entry is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.classifier import by_hand
from services.classifier.telling import place
from shared.models.change import Background, Change
from shared.models.story import Alert, Story
from tests.factories import NOON
from tests.unit.tellings import Telling

GAP = timedelta(milliseconds=50)


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
        for entry, match in told:
            change = place(entry, match, Background(self.live, len(self.live)), self.now)
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
