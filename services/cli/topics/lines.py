"""Lines of JSON that people hand in: entries to classify, labelled items. What is wrong with one is told by field."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from services.poller.dates import moment
from shared.config.document import dotted
from shared.config.problems import explain
from shared.errors import ConfigError
from shared.models.base import Model


def _tag(value: object) -> object:
    return (value.replace("_", "-") or None) if isinstance(value, str) else value


_Tag = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", description="BCP 47, e.g. uk or zh-Hant")]
Language = Annotated[_Tag | None, BeforeValidator(_tag)]


def _published(value: object) -> datetime | None:
    """A year or a month alone is no moment to count days from; it is as good as none."""
    if value is None or (isinstance(value, str) and _VAGUE.fullmatch(value.strip())):
        return None
    found = value if isinstance(value, datetime) else moment(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("no date")
    return found


_VAGUE = re.compile(r"(?:\d{4}(?:-\d{2})?)?")
Published = Annotated[
    datetime | None, BeforeValidator(_published), Field(description="as feeds write it, e.g. 2025-01-31T12:00:00Z")
]
Id = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
L = TypeVar("L", bound="Line")


class Line(Model):
    """What files say besides is of no matter here."""

    model_config = ConfigDict(extra="ignore")

    lang: Language = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    published: Published = None

    @property
    def day(self) -> date | None:
        return self.published.date() if self.published else None

    @property
    def whole(self) -> str:
        """As the classifier reads an entry: the title, below it the summary, below that the text."""
        if self.title is None:
            return self.text or self.summary or ""
        return "\n".join([self.title, self.summary or "", *([self.text] if self.text else ())])


class EntryLine(Line):
    """An entry to classify."""

    id: Id
    title: str
    url: str | None = None
    source: str | None = None


class LabelledLine(Line):
    """An item whose verdict a person gave. `unsure` counts neither way."""

    id: Id | None = None
    label: Literal["positive", "negative", "unsure"]
    event_type: str | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """`problems`: one for each field, as in `title: is missing; allowed: text`."""

    problems: tuple[str, ...]


def read_lines(model: type[L], lines: Iterable[bytes]) -> Iterator[tuple[int, L | BadLine]]:
    """Each line with its number, from 1; empty ones are passed over."""
    for number, line in enumerate(lines, 1):
        if not line.isspace():
            yield number, _read(model, line)


def read_file(model: type[L], file: Path) -> list[tuple[int, L | BadLine]]:
    """Raises ConfigError for a file that cannot be read."""
    try:
        with file.open("rb") as lines:
            return [*read_lines(model, lines)]
    except OSError as error:
        raise ConfigError(f"{file}: {(error.strerror or str(error)).lower()}") from None


def _read(model: type[L], line: bytes) -> L | BadLine:
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        return BadLine(tuple(_problems(model, error)))


def _problems(model: type[Line], error: ValidationError) -> Iterator[str]:
    schema = model.model_json_schema()
    for detail in error.errors(include_url=False):
        if detail["type"] == "json_invalid":
            yield f"not JSON: {detail['ctx']['error']}"
        elif not detail["loc"]:
            yield 'an object is needed, such as {"title": "…"}'
        else:
            problem = explain(detail, schema)
            field = dotted([*problem.location, problem.missing] if problem.missing else problem.location)
            yield f"{field}: {problem.text}"
