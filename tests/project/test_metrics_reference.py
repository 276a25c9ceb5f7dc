"""Metrics, their reference and their use in `deploy/` are one. `make docs` makes the first test pass."""

import ast
import re
from pathlib import Path

import pytest

from shared import metrics
from tests.project.sources import ROOT, python_files, tree

NAME = re.compile(r"\btocsin_\w+")
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
DEPLOYED = [path for path in sorted((ROOT / "deploy").rglob("*")) if path.is_file()]


def sample_names() -> set[str]:
    families = [family for metric in metrics.declared() for family in metric.describe()]
    return {family.name + suffix for family in families for suffix in SUFFIXES[family.type]}


def test_the_reference_of_metrics_is_current() -> None:
    assert (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8") == metrics.reference()


@pytest.mark.parametrize("path", DEPLOYED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_metric_that_the_deployment_names_exists(path: Path) -> None:
    assert set(NAME.findall(path.read_text(encoding="utf-8"))) <= sample_names()


def test_the_deployment_names_metrics_at_all() -> None:
    assert any(NAME.search(path.read_text(encoding="utf-8")) for path in DEPLOYED)


def test_every_metric_is_moved_somewhere() -> None:
    moved = {
        node.attr
        for path in python_files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "metrics"
    }
    names = {name for name, value in vars(metrics).items() if value in metrics.declared()}
    assert names - moved == {"BUILD_INFO"}  # set once, where it is declared


def test_a_metric_is_named_by_the_conventions_and_says_what_it_counts() -> None:
    for metric in metrics.declared():
        (family,) = metric.describe()
        assert family.name.startswith("tocsin_"), family.name
        assert family.type != "histogram" or family.name.endswith("_seconds"), family.name
        assert family.documentation.endswith("."), family.name
