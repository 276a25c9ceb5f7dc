"""What pydantic found wrong, in one line that says what is allowed. A value is shown only where no secret can stand."""

from difflib import get_close_matches
from typing import NamedTuple

from pydantic_core import ErrorDetails

from shared.models.allowed import Location, Schema, allowed_fields, allowed_values


class Problem(NamedTuple):
    location: Location
    text: str
    missing: str = ""


def explain(detail: ErrorDetails, schema: Schema) -> Problem:
    """`schema` is the JSON Schema of the validated model."""
    location = detail["loc"]
    match detail["type"]:
        case "missing":
            text = _with_allowed("is missing", allowed_values(schema, location))
            return Problem(location[:-1], text, str(location[-1]))
        case "union_tag_not_found":
            name = _unquote(detail["ctx"]["discriminator"])
            return Problem(location, _with_allowed("is missing", allowed_values(schema, (*location, name))), name)
        case "extra_forbidden":
            names = allowed_fields(schema, location[:-1])
            return Problem(location, _with_nearest("unknown field", str(location[-1]), names))
        case "enum" | "literal_error":
            choices = allowed_values(schema, location).split(", ")
            return Problem(location, _with_nearest(_not_allowed(detail["input"]), detail["input"], choices))
        case "union_tag_invalid":
            choices = [_unquote(tag) for tag in detail["ctx"]["expected_tags"].split(", ")]
            return Problem(location, _with_nearest(_not_allowed(detail["ctx"]["tag"]), detail["ctx"]["tag"], choices))
    return Problem(location, _with_allowed(_wrong(detail), allowed_values(schema, location)))


def _wrong(detail: ErrorDetails) -> str:
    if detail["type"] == "string_pattern_mismatch":
        return "has the wrong form"
    return detail["msg"].removeprefix("Value error, ").removeprefix("Input ")


def _with_nearest(wrong: str, written: object, choices: list[str] | tuple[str, ...]) -> str:
    nearest = get_close_matches(str(written), choices, n=1)
    hint = f", did you mean `{nearest[0]}`?" if nearest else ""
    return _with_allowed(wrong + hint, ", ".join(choices))


def _with_allowed(wrong: str, allowed: str) -> str:
    return f"{wrong}; allowed: {allowed}" if allowed else wrong


def _not_allowed(written: object) -> str:
    return f"{str(written)[:60]!r} is not allowed" if isinstance(written, str | int | float) else "is not allowed"


def _unquote(text: str) -> str:
    return text.strip("'")
