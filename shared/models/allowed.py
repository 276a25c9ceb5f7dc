"""What a place in a model allows, in words, read from the model's JSON Schema (so that errors and schema agree)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

TYPE_WORDS = {
    "string": "text",
    "integer": "whole number",
    "array": "list",
    "object": "mapping",
    "boolean": "true or false",
}

Schema = Mapping[str, object]
Location = Sequence[int | str]


def allowed_fields(root: Schema, location: Location) -> tuple[str, ...]:
    """The names a mapping at `location` may use; empty when any name may stand there."""
    names: dict[str, None] = {}
    for schema in _at(root, location):
        names.update(dict.fromkeys(_children(schema, "properties")))
    return tuple(names)


def allowed_values(root: Schema, location: Location) -> str:
    """For example `whole number, at least 1, at most 3 (1 = first-hand)`; empty if anything goes."""
    texts = dict.fromkeys(_words(schema) for schema in _at(root, location))
    return " or ".join(text for text in texts if text)


def allowed_keys(root: Schema, location: Location) -> str:
    """The form of the keys of the mapping at `location`, as a pattern; empty when any key may stand there."""
    return " or ".join(pattern for schema in _at(root, location) for pattern in _children(schema, "patternProperties"))


def _at(root: Schema, location: Location) -> list[Schema]:
    """The schemas in force at a pydantic error location, whose steps are keys, indexes and union tags."""
    found = list(_expand(root, root))
    for step in location:
        below = [deeper for schema in found for child in _below(schema, step) for deeper in _expand(root, child)]
        found = below or [schema for schema in found if _is_tagged(schema, step)] or found
    return found


def _expand(root: Schema, schema: Schema) -> Iterator[Schema]:
    """Follow `$ref` and open unions, keeping the description that stands beside them."""
    ref = schema.get("$ref")
    if isinstance(ref, str):
        target = _children(root, "$defs")[ref.rsplit("/", 1)[-1]]
        yield from _expand(root, {**target, **{key: value for key, value in schema.items() if key != "$ref"}})
        return
    members = cast("list[Schema]", schema.get("anyOf") or schema.get("oneOf") or [])
    if not members:
        yield schema
    for member in members:
        described = {"description": schema["description"], **member} if "description" in schema else member
        yield from _expand(root, described)


def _below(schema: Schema, step: int | str) -> Iterator[Schema]:
    if isinstance(step, int):
        candidates = [schema.get("items")]
    elif step in (named := _children(schema, "properties")):
        candidates = [named[step]]
    else:
        candidates = [schema.get("additionalProperties"), *_children(schema, "patternProperties").values()]
    yield from (cast("Schema", candidate) for candidate in candidates if isinstance(candidate, Mapping))


def _is_tagged(schema: Schema, tag: int | str) -> bool:
    return any(child.get("const") == tag for child in _children(schema, "properties").values())


def _children(schema: Schema, key: str) -> Mapping[str, Schema]:
    return cast("Mapping[str, Schema]", schema.get(key, {}))


def _words(schema: Schema) -> str:
    if schema.get("type") == "null":
        return ""
    if choices := schema.get("enum"):
        return ", ".join(str(choice) for choice in cast("list[object]", choices))
    if "const" in schema:
        return str(schema["const"])
    facts = ", ".join(_facts(schema))
    return f"{facts} ({schema['description']})" if "description" in schema else facts


def _facts(schema: Schema) -> Iterator[str]:
    kind = str(schema.get("type", "value"))
    yield TYPE_WORDS.get(kind, kind)
    bounds = {
        "exclusiveMinimum": "more than {}",
        "minimum": "at least {}",
        "exclusiveMaximum": "less than {}",
        "maximum": "at most {}",
        "minLength": "at least {} long",
        "maxLength": "at most {} long",
        "minItems": "at least {} of them",
        "maxItems": "at most {} of them",
        "pattern": "matching {}",
    }
    # In words, if there are any, and not as a pattern.
    told = {"pattern"} if "description" in schema else set()
    yield from (words.format(schema[key]) for key, words in bounds.items() if key in schema and key not in told)
