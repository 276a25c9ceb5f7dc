"""What people write into forms: what is left empty is not given, and what is wrong is said in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from shared.errors import ConfigError, TocsinError

MOST_FIELDS = 50


@dataclass(frozen=True, slots=True)
class Written:
    """`values`: as they were written, to be shown again. `problems`: why they were not taken."""

    values: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def get(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    def refused(self, error: ValidationError | TocsinError) -> "Written":
        return Written(self.values, tuple(_problems(error)))


NOTHING = Written()


async def written(request: Request) -> Written:
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    texts = {name: value.strip() for name, value in form.items() if not isinstance(value, UploadFile)}
    return Written({name: text for name, text in texts.items() if text})


def _problems(error: ValidationError | TocsinError) -> list[str]:
    if isinstance(error, ConfigError):
        return list(error.problems)
    if isinstance(error, TocsinError):
        return [str(error)]
    return [_told(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors(include_url=False)]


def _told(where: str, what: str) -> str:
    said = what.removeprefix("Value error, ")
    return f"{where}: {said}" if where else said
