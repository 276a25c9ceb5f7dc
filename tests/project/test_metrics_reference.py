"""Metrics, their reference and their use in the code are one. `make docs` makes the first test pass."""

import ast
import shutil
import subprocess

import pytest

from shared import metrics
from tests.project.sources import ROOT, python_files, tree


def test_the_reference_of_metrics_is_current() -> None:
    assert (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8") == metrics.reference()


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


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool, of the prometheus package, is not installed")
def test_prometheus_finds_nothing_amiss_in_what_is_exposed() -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics.exposition(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
