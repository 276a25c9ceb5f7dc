"""`python -m shared.config.schema docs/reference/schemas` makes the first pass."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from shared.config.document import read_document
from shared.config.schema import schema_text, schemas

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs/reference/schemas"


def schema_name(seed: Path) -> str:
    if seed.parent.parent.name == "topics":
        own = {"topic.yaml": "topic.json", "places.yaml": "topic-places.json", "speakers.yaml": "topic-speakers.json"}
        return own.get(seed.name, "topic-language.json")
    return f"{seed.stem}.json"


SEEDS = sorted([*(ROOT / "seeds").glob("*.yaml"), *(ROOT / "seeds/topics").glob("*/*.yaml")])


def test_the_committed_schemas_are_the_generated_ones() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.iterdir()}
    assert committed == {name: schema_text(schema) for name, schema in schemas().items()}


@pytest.mark.parametrize("name", schemas())
def test_a_schema_is_a_json_schema_and_refuses_an_unknown_field(name: str) -> None:
    schema = schemas()[name]
    Draft202012Validator.check_schema(schema)
    messages = [error.message for error in Draft202012Validator(schema).iter_errors({"no_such_field": 1})]
    assert any("no_such_field" in message for message in messages)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: str(seed.relative_to(ROOT)))
def test_a_seed_keeps_its_schema(seed: Path) -> None:
    validator = Draft202012Validator(schemas()[schema_name(seed)])
    assert [error.message for error in validator.iter_errors(read_document(seed).data)] == []


def test_the_subscriptions_tell_editors_where_their_schema_is() -> None:
    seed = ROOT / "seeds/subscriptions.yaml"
    hint = seed.read_text(encoding="utf-8").splitlines()[0]
    assert hint.startswith("# yaml-language-server: $schema=")
    assert (seed.parent / hint.partition("=")[2]).resolve() == SCHEMAS / schema_name(seed)
