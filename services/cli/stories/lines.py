"""Lines of JSON to replay: entries at their time, and articles of which a person has said what they tell."""

from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, Field, create_model

from services.cli.topics.lines import EntryLine, Id, Line, Published


class StoryLine(EntryLine):
    """An entry as it was published. A second line of its `id` and source is a change of it.

    `gone`: its publisher has removed it.
    """

    gone: bool = False


Label = Annotated[Id | None, BeforeValidator(lambda value: None if value == "" else value)]


class LabelledStory(Line):
    """An article, and by a key which happening it tells; without one it is background, and not scored.

    An `id` is unique within its `set`; without one, the line is an article of its own. What stands below the title may
    be called `text` alone, and its day `date`.
    """

    id: Id | None = None
    title: str
    published: Annotated[Published, Field(validation_alias=AliasChoices("published", "date"))] = None
    url: str | None = None
    source: str | None = None
    kind: str | None = None
    part: Annotated[Id | None, Field(validation_alias="set")] = None
    label: Label = None

    def as_line(self, number: int) -> StoryLine:
        """`number`: of the line. What names no source is by an outlet of its own: so such files are meant."""
        return StoryLine(
            id=f"line {number}" if self.id is None else "/".join(filter(None, (self.part, self.id))),
            lang=self.lang,
            title=self.title,
            summary=self.summary or self.text,
            text=self.text if self.summary else None,
            published=self.published,
            url=self.url,
            source=self.source or (None if self.url else f"outlet {number}"),
        )


def labelled_by(key: str) -> type[LabelledStory]:
    """The model of lines whose field `key` names the happening."""
    return create_model("LabelledStory", __base__=LabelledStory, label=(Label, Field(None, validation_alias=key)))
