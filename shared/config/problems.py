"""What pydantic found wrong, in one line that says what is allowed. A value is shown only where no secret can stand."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

from pydantic_core import ErrorDetails

from shared.models.allowed import Location, Schema, allowed_fields, allowed_keys, allowed_values

PLAINER = {
    "string_pattern_mismatch": "has the wrong form",
    "too_short": "has too few items",
    "too_long": "has too many items",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "tuple_type": "is not a list",
    "list_type": "is not a list",
    "dict_type": "is not a mapping",
    "model_type": "is not a mapping",
}
# What YAML makes of text without quotes.
READ_AS = {
    dict: "a mapping, for its colon",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "nothing",
}
MOST = 40  # choices that are listed; a gazetteer has hundreds


class Problem(NamedTuple):
    """`missing` is the field that should stand at `location`, if that is the trouble."""

    location: Location
    text: str
    missing: str = ""


def explain(detail: ErrorDetails, schema: Schema) -> Problem:
    """`schema` is the JSON Schema of the validated model."""
    location = detail["loc"]
    match detail["type"]:
        case "missing":
            return _missing(location[:-1], str(location[-1]), schema)
        case "union_tag_not_found":
            return _missing(location, _unquote(detail["ctx"]["discriminator"]), schema)
        case "extra_forbidden":
            text = unknown("unknown field", location[-1], allowed_fields(schema, location[:-1]))
        case "enum" | "literal_error":
            text = _unlisted(detail["input"], allowed_values(schema, location).split(", "))
        case "union_tag_invalid":
            text = _unlisted(
                detail["ctx"]["tag"], [_unquote(tag) for tag in detail["ctx"]["expected_tags"].split(", ")]
            )
        case _ if location[-1:] == ("[key]",):
            text = _with_allowed("a key of the wrong form", allowed_keys(schema, location[:-2]))
        case _:
            text = _with_allowed(_wrong(detail), allowed_values(schema, location))
    return Problem(location, text)


def _missing(location: Location, name: str, schema: Schema) -> Problem:
    return Problem(location, _with_allowed("is missing", allowed_values(schema, (*location, name))), name)


def _wrong(detail: ErrorDetails) -> str:
    if detail["type"] == "string_type" and (read_as := READ_AS.get(type(detail["input"]))):
        return f"is read as {read_as}; put it in quotes if it is text"
    plain = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return PLAINER.get(detail["type"], plain)


def _unlisted(written: object, choices: Sequence[str]) -> str:
    shown = f"{str(written)[:60]!r} is" if isinstance(written, str | int | float) else "is"
    return unknown(f"{shown} not allowed", written, choices)


def unknown(wrong: str, written: object, choices: Sequence[str]) -> str:
    """What is `wrong` with the word that was written, the nearest of the `choices`, and what they are."""
    nearest = get_close_matches(str(written), choices, n=1)
    hint = f", did you mean `{nearest[0]}`?" if nearest else ""
    more = f" and {len(choices) - MOST} more" if len(choices) > MOST else ""
    return _with_allowed(wrong + hint, ", ".join(choices[:MOST]) + more)


def _with_allowed(wrong: str, allowed: str) -> str:
    return f"{wrong}; allowed: {allowed}" if allowed else wrong


def _unquote(text: str) -> str:
    return text.strip("'")
