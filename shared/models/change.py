"""What is known when an entry comes, and what its coming changes. Neither leaves the process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.models.story import Alert, Story, StoryDecision


@dataclass(frozen=True, slots=True)
class Marks:
    """By what an entry is found. `identities`: what makes another the same item; `terms`: what another may share;
    `figures`: what it counts, as a story remembers it; `sets`: of terms that many say, those that few say together."""

    identities: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    sets: tuple[tuple[str, ...], ...] = ()

    def and_of(self, other: "Marks") -> "Marks":
        """By either's, each once."""
        return Marks(
            tuple(dict.fromkeys(self.identities + other.identities)),
            tuple(dict.fromkeys(self.terms + other.terms)),
            tuple(dict.fromkeys(self.figures + other.figures)),
            tuple(dict.fromkeys(self.sets + other.sets)),
        )


@dataclass(frozen=True, slots=True)
class Background:
    """What is known when an entry comes.

    `stories` may be its own; of `live` ones so many are `holding` each of its terms; `figures` that rang → in which
    story.
    """

    stories: Sequence[Story] = ()
    live: int = 0
    holding: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A story as it shall be stored, and the alert that announces it, if it rings.

    `marks`: by what it is found from now on, too. `rung`: the figures that it has told. `lost`: terms, and sets of
    them, by which it is found no more; `untold`: figures that another tells now. `moved`: entries that it has taken
    over. `also`: what changes with it. `wants_text`: the entry's page is to be read. `decision`: under which it is
    counted, if an entry makes it.
    """

    story: Story
    alert: Alert | None = None
    marks: Marks = Marks()
    rung: tuple[str, ...] = ()
    lost: Marks = Marks()
    untold: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    also: "tuple[Change, ...]" = ()
    wants_text: bool = False
    decision: StoryDecision | None = None

    @property
    def rings(self) -> Alert | None:
        """The alert, if it is news to whoever has the story already."""
        return self.alert if self.alert and not self.alert.again else None
