"""The reference of the API is what the API says of itself. `make docs` makes the first test pass."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from services.gateway.app import described
from services.gateway.reference import NO_REDIS, reference
from services.gateway.schema_words import fields, linked, name_of, without_null
from services.gateway.wiring import opened
from shared.settings import load_settings
from tests.project.sources import ROOT

PAGE = ROOT / "docs/reference/api.md"
SCHEMAS = {
    "Kind": {"enum": ["slow", "fast"]},
    "Feed": {"properties": {"kind": {"$ref": "#/components/schemas/Kind"}}},
    "Page_Feed_": {"properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Feed"}}}},
}
KIND, FEED = ({"$ref": f"#/components/schemas/{name}"} for name in ("Kind", "Feed"))


@pytest.fixture
async def description() -> dict[str, Any]:
    async with opened(load_settings({}), NO_REDIS) as gateway:
        return described(gateway).openapi()


def operations(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        yield from ((f"{method.upper()} {path}", said) for method, said in methods.items())


def test_the_reference_of_the_api_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference()


async def test_the_reference_shows_an_example_of_every_body(description: dict[str, Any]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    sections = {part.partition("`")[0]: part for part in page.split("\n### `")[1:]}
    bodies = [heading for heading, said in operations(description) if "requestBody" in said]
    assert bodies
    for heading in bodies:
        assert "```json" in sections[heading], heading


async def test_no_two_objects_of_the_reference_have_one_name(description: dict[str, Any]) -> None:
    objects = Counter(name_of(key) for key, of in description["components"]["schemas"].items() if "properties" in of)
    assert objects.most_common(1)[0][1] == 1


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "format": "date-time"}, "time"),
        ({"type": "integer", "minimum": 1, "maximum": 500}, "integer, 1 to 500"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number or null"),
        ({"type": "array", "items": FEED}, "list of [Feed](#feed)"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "object of integer"),
        ({"$ref": "#/components/schemas/Page_Feed_"}, "page of [Feed](#feed)"),
        (KIND, "`slow`, `fast`"),
        ({"const": "slack"}, "`slack`"),
        ({}, "anything"),
    ],
)
def test_a_type_is_told_in_words(schema: dict[str, Any], words: str) -> None:
    assert linked(schema, SCHEMAS) == words


def test_a_field_is_a_row_of_its_table() -> None:
    properties = {"kind": KIND, "days": {"type": "number", "default": 7.0, "description": "how far\nback | ahead"}}
    assert list(fields(properties, ["kind"], SCHEMAS)) == [
        "| `kind` | `slow`, `fast` | required |  |",
        "| `days` | number | `7.0` | how far back \\| ahead |",
    ]


def test_nothing_in_an_address_is_null() -> None:
    assert linked(without_null({"anyOf": [KIND, {"type": "null"}]}), SCHEMAS) == "`slow`, `fast`"
