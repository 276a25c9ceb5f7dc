"""Metrics, their reference and their use in the code are one. `make docs` makes the first test pass."""

import ast
import re

import pytest

from shared import metrics
from shared.errors import FetchError
from shared.metrics.__main__ import reference
from shared.models.feed import Outcome
from shared.models.page import PageOutcome
from shared.models.story import Decision, StoryDecision
from shared.models.subscription import DeliveryOutcome
from shared.models.websub import AskOutcome
from tests.project.sources import ROOT, python_files, tree

UNITS = {"seconds", "bytes", "total", "info"}
# They count things, or are shares.
UNITLESS = {
    "tocsin_feeds",
    "tocsin_queue_depth",
    "tocsin_workers",
    "tocsin_dead_letters",
    "tocsin_classification_score",
    "tocsin_topic_problems",
    "tocsin_streams_pending",
    "tocsin_endpoints",
    "tocsin_endpoint_state",
    "tocsin_endpoint_waiting",
    "tocsin_config_last_reload_successful",
    "tocsin_redis_keys",
    "tocsin_gateway_streams",
}


def test_the_reference_of_metrics_is_current() -> None:
    assert (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8") == reference()


def test_every_metric_is_moved_somewhere() -> None:
    moved = {
        node.attr
        for path in python_files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "metrics"
    }
    declared = [metric for _, metric in metrics.TABLE.values()]
    names = {name for name, value in vars(metrics).items() if any(value is metric for metric in declared)}
    assert len(names) == len(declared)
    assert names - moved == {"BUILD_INFO", "CONFIG_GOOD", "CONFIG_READ_AT"}  # where they are declared


@pytest.mark.parametrize("about", [about for about, _ in metrics.TABLE.values()], ids=lambda about: about.name)
def test_a_metric_is_named_by_the_conventions_and_says_what_it_counts(about: metrics.About) -> None:
    assert re.fullmatch(r"tocsin(_[a-z0-9]+)+", about.name)
    assert (about.kind == "counter") is about.name.endswith("_total")
    assert (about.name in UNITLESS) is (about.name.rpartition("_")[2] not in UNITS)
    assert about.help.endswith(".")
    assert not {"url", "host", "story", "title", "entry"} & {*about.labels}


@pytest.mark.parametrize("enum", [Outcome, PageOutcome, DeliveryOutcome, AskOutcome], ids=lambda enum: enum.__name__)
def test_every_way_in_which_a_request_fails_has_its_label(enum: type[Outcome]) -> None:
    assert {error.outcome for error in FetchError.__subclasses__()} <= {outcome.value for outcome in enum}


def test_every_decision_of_the_ladder_is_counted_under_its_name() -> None:
    assert {decision.value for decision in Decision} <= {decision.value for decision in StoryDecision}
