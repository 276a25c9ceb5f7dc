"""JSON Schemas of the files that people write, for their editors. `-m shared.config.schema DIRECTORY` writes them."""

import json
import sys
from pathlib import Path

from pydantic import BaseModel

from shared.config.feeds import FeedsFile
from shared.config.subscriptions import SubscriptionsFile
from shared.models.pack import LanguageForms, Places, Speakers, TopicRule

DIALECT = "https://json-schema.org/draft/2020-12/schema"

MODELS: dict[str, type[BaseModel]] = {
    "feeds.json": FeedsFile,
    "subscriptions.json": SubscriptionsFile,
    "topic.json": TopicRule,
    "topic-language.json": LanguageForms,
    "topic-places.json": Places,
    "topic-speakers.json": Speakers,
}


def schemas() -> dict[str, dict[str, object]]:
    """By file name, each complete in itself."""
    return {name: {"$schema": DIALECT, **model.model_json_schema()} for name, model in MODELS.items()}


def schema_text(schema: dict[str, object]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_schemas(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (directory / name).write_text(schema_text(schema), encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
