"""The claims of the labelled stories: a floor under what reading them gets right."""

from pathlib import Path

import pytest

from benchmarks.claims_quality import Score, evaluate, read
from tests.packs import installed

STORIES = Path(__file__).parents[1] / "data" / "claims-dev.jsonl"


@pytest.fixture(scope="module")
def score() -> Score:
    return evaluate(installed(), read(STORIES))["all"]


@pytest.mark.parametrize(
    ("what", "floor"),
    [
        ("value", 0.97),
        ("value and role", 0.90),
        ("precision", 0.93),
        ("class", 0.85),
        ("certainty", 0.90),
        ("time", 0.90),
    ],
)
def test_claims_are_read_as_well_as_promised(score: Score, what: str, floor: float) -> None:
    assert score.all[what] > 200
    assert score.rate(what) >= floor, "\n".join(miss for miss in score.misses if miss.startswith(what))
