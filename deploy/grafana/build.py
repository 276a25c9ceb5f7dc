"""Writes the boards: python -m deploy.grafana.build [DIRECTORY]."""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import delivery, overview, pipeline

DIRECTORY = Path(__file__).parent / "dashboards"


def boards() -> dict[str, Dashboard]:
    """By the name of the file, without its suffix."""
    return {"overview": overview.overview(), "pipeline": pipeline.pipeline(), "delivery": delivery.delivery()}


def as_json(made: Dashboard) -> str:
    return json.dumps(made, cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


def main(directory: Path) -> None:
    for name, made in boards().items():
        (directory / f"{name}.json").write_text(as_json(made), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DIRECTORY)
