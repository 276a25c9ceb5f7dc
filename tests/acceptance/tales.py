"""Stories as scenarios tell them: `kursk.breaks()`, `kursk.changes()`, written as the classifier writes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from inspect import isawaitable

from services.classifier import by_hand
from shared.models.change import Change, Marks
from shared.models.entry import Entry
from shared.models.story import AlertType, Decision, Status, Story
from shared.models.topic import Severity
from tests.factories import alert, article, entry, make_id, revision, story
from tests.notifying import House


@dataclass(frozen=True, slots=True)
class Event:
    """What happens, in words and in deed."""

    text: str
    act: Callable[[], object | Awaitable[object]]

    async def happens(self) -> None:
        done = self.act()
        if isawaitable(done):
            await done


NOTHING = Event("nothing", lambda: None)


@dataclass(slots=True)
class Tale:
    """`beginning`: how the story differs from a plain one."""

    house: House
    name: str
    beginning: dict[str, object]
    now: Story | None = None
    _number: int = field(default=0)

    @property
    def id(self) -> str:
        return make_id(self.name)

    def breaks(self) -> Event:
        return Event(f"{self.name} breaks", self._break)

    def changes(
        self, detail: str = "casualties 3,000 → 4,000", reason: str = "figure_changed", **over: object
    ) -> Event:
        """A revision that does not hurry."""
        return Event(f"{self.name} changes: {detail}", lambda: self._revise(AlertType.UPDATED, reason, detail, **over))

    def grows_more_severe(self, severity: Severity = Severity.CRITICAL) -> Event:
        detail = f"severity → {severity.value}"
        return Event(
            f"{self.name} grows more severe: {severity.value}",
            lambda: self._revise(AlertType.UPDATED, "severity_raised", detail, severity=severity),
        )

    def is_retracted(self, **over: object) -> Event:
        detail = "nobody stands by it any more"
        over = {"status": Status.RETRACTED} | over
        return Event(
            f"{self.name} is retracted", lambda: self._revise(AlertType.RETRACTED, "retracted", detail, **over)
        )

    def gets_sources(self, *names: str, language: str = "en") -> Event:
        """Other outlets' own words: no revision; who chooses by such things is told to look again."""
        return Event(f"{self.name} gets sources: {', '.join(names)}", lambda: self._join(names, None, language))

    def is_copied_by(self, *names: str) -> Event:
        """They repeat what stands there."""
        first = self.beginning.get("source", "Example News")
        return Event(f"{self.name} is copied {len(names)} times", lambda: self._join(names, first))

    def is_announced_again(self) -> Event:
        """The record of its newest revision comes twice."""
        return Event(f"{self.name} is announced again", lambda: self.house.tell(self.told))

    def takes_over(self, other: Tale) -> Event:
        """The younger story turns out to be this one."""
        return Event(f"{other.name} is merged into {self.name}", lambda: self._merge(other))

    def is_split_again(self, other: Tale) -> Event:
        return Event(f"{other.name} is a story of its own again", lambda: self._undo(other))

    @property
    def told(self) -> Story:
        assert self.now is not None, f"{self.name} has not broken yet"
        return self.now

    def _break(self) -> None:
        at = self.house.now
        fields = dict(self.beginning)
        source, language = fields.pop("source", "Example News"), fields.get("language", "en")
        first = article(
            entry(
                title=f"{self.name}: first report", source=source, language=language, published=at, seen_at=at,
                url=f"https://{str(source).lower().replace(' ', '-')}.example/{self.name}",
            )
        )  # fmt: skip
        plain = {
            "id": self.id,
            "title": self.name,
            "articles": (first,),
            "revisions": (revision(at=at),),
            "first_seen_at": at,
            "updated_at": at,
        }
        self.now = self.house.tell(story(**plain | fields))

    def _revise(self, type_: AlertType, reason: str, detail: str, **over: object) -> None:
        at = self.house.now
        newest = revision(number=self.told.revision + 1, type=type_, reason=reason, detail=detail, at=at)
        update = {"revisions": (*self.told.revisions, newest), "updated_at": at} | over
        self.now = self.house.tell(self.told.model_copy(update=update))

    def _join(self, names: Sequence[str], derived_from: object, language: str = "en") -> None:
        decision = Decision.COPY if derived_from else Decision.SAME_STORY
        joined = [
            article(
                self._entry(name, language),
                decision=decision,
                derived_from=derived_from,
                reason="the same words" if derived_from else "the same happening",
            )
            for name in names
        ]
        before = self.told
        self.now = before.model_copy(update={"articles": (*before.articles, *joined), "updated_at": self.house.now})
        again = alert(self.now, again=True) if self.now.audience != before.audience else None
        change = Change(self.now, again)
        self.house.stories.assign(
            self.now.topic, make_id(self.name, "joined", self._number), Marks(), self.house.now, lambda _: change
        )

    def _entry(self, source: str, language: str) -> Entry:
        self._number += 1
        at = self.house.now
        site = source.lower().replace(" ", "-")
        return entry(
            feed_id=make_id(source),
            source=source,
            language=language,
            feed_name=source,
            title=f"{self.name}, as {source} has it, {self._number}",
            url=f"https://{site}.example/{self._number}",
            published=at,
            seen_at=at,
        )

    def _merge(self, other: Tale) -> None:
        ids = (self.id, other.id)
        self._change(other, lambda found, at: by_hand.merge(ids, found, at))

    def _undo(self, other: Tale) -> None:
        self._change(other, lambda found, at: by_hand.undo(other.id, found, at))

    def _change(self, other: Tale, decide: Callable[[Sequence[Story], datetime], Change | None]) -> None:
        at = self.house.now
        change = self.house.stories.change(self.told.topic, (self.id, other.id), lambda found: decide(found, at))
        assert change is not None
        self.now, other.now = change.story, next((each.story for each in change.also), other.now)
