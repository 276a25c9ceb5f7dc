"""A JSON Schema in the words of a table."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
FORMATS = {"date-time": "time", "date": "date", "password": "string, secret", "uri": "address"}


def fields(properties: Schema, required: Collection[str], schemas: Schema) -> Iterator[str]:
    """A row for each: its name, type, default and meaning."""
    for name, schema in properties.items():
        default = "required" if name in required else _default(schema.get("default"))
        yield f"| `{name}` | {linked(schema, schemas)} | {default} | {_meaning(schema)} |"


def linked(schema: Schema, schemas: Schema) -> str:
    """Its type, with a link to each object that it names."""
    if "$ref" in schema:
        return _named(_key(schema["$ref"]), schemas)
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(linked(choice, schemas) for choice in choices))
    if values := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return ", ".join(f"`{json.dumps(value).strip(chr(34))}`" for value in values)
    if schema.get("type") == "array":
        return f"list of {linked(schema.get('items', {}), schemas)}"
    if schema.get("type") == "object":
        return f"object of {linked(schema.get('additionalProperties') or {}, schemas)}"
    return FORMATS.get(schema.get("format", ""), str(schema.get("type", "anything"))) + _bounds(schema)


def without_null(schema: Schema) -> dict[str, Any]:
    """Of what stands in an address, where nothing is null: it may be left out."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    return {**schema, "anyOf": choices} if choices else dict(schema)


def objects_in(schema: Schema) -> list[str]:
    """The keys of the objects that it names itself."""
    named = [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return [_key(each["$ref"]) for each in named if "$ref" in each]


def name_of(key: str) -> str:
    """As people call it: generators tell two of one name apart by their modules, or by where they are used."""
    return re.sub(r"-(Input|Output)$", "", key).rpartition("__")[2]


def _named(key: str, schemas: Schema) -> str:
    schema = schemas[key]
    if "enum" in schema:
        return linked(schema, schemas)
    if key.startswith("Page_"):
        return f"page of {linked(schema['properties']['items']['items'], schemas)}"
    return f"[{name_of(key)}](#{name_of(key).lower()})"


def _key(reference: str) -> str:
    return reference.rpartition("/")[2]


def _default(value: object) -> str:
    return "" if value in (None, "", [], {}) else f"`{json.dumps(value)}`"


def _bounds(schema: Schema) -> str:
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    most = schema.get("maximum", schema.get("exclusiveMaximum"))
    if least is None or most is None:
        return ""
    return f", {least:g} to {most:g}"


def _meaning(schema: Schema) -> str:
    meaning = " ".join(schema.get("description", "").replace("|", "\\|").split())
    examples = schema.get("examples", ())
    return f"{meaning}; e.g. `{examples[0]}`" if meaning and examples else meaning
