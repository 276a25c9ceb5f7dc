"""What is watched exists, what exists is watched, and whoever is woken finds a page that says what to do."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from shared.models.endpoint import EndpointStatus
from shared.models.feed import Outcome
from tests.project.series import (
    PROMETHEUS,
    existing,
    exposed,
    family,
    matchers,
    names,
    page_expressions,
    panel_expressions,
    recorded,
    rule_expressions,
    rules,
    shared,
    summed,
    values,
)
from tests.project.sources import ROOT
from tests.project.test_docs import is_understood, words_after

RUNBOOKS = ROOT / "docs/runbooks"
ADDRESS = "https://github.com/tocsin-monitor/tocsin/blob/main/docs/runbooks/"
PAGES = sorted(path for path in RUNBOOKS.glob("*.md") if path.name != "README.md")
ALERTS = [rule for rule in rules() if "alert" in rule]
NAMES = sorted({rule["alert"] for rule in ALERTS})
TESTS = sorted(PROMETHEUS.glob("*.test.yml"))
SECTIONS = ["What it means", "How to look", "What to do", "When it is no trouble"]

PAGE_EXPRESSIONS = [expression for page in PAGES for expression in page_expressions(page)]
EXPRESSIONS = list(dict.fromkeys([*rule_expressions(), *panel_expressions(), *PAGE_EXPRESSIONS]))

# Exposed, and neither on a panel nor in a rule.
UNWATCHED: dict[str, str] = {}
VALUES = {
    ("tocsin_feed_polls_total", "outcome"): {outcome.value for outcome in Outcome},
    ("tocsin_endpoint_state", "state"): {status.value for status in EndpointStatus},
    ("up", "job"): {"poller", "classifier", "notifier", "gateway"},
}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool, of the prometheus package, is not installed"
)
each_alert = pytest.mark.parametrize(
    "alert", ALERTS, ids=lambda rule: "-".join([rule["alert"], *rule["labels"].values()])
)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def kebab(name: str) -> str:
    """`FeedStale` as `feed-stale`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def promtool(*words: str) -> None:
    done = subprocess.run(["promtool", *words], cwd=PROMETHEUS, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


# Names.


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_rule_panel_or_page_asks_only_for_series_and_labels_that_exist(expression: str) -> None:
    known, known_values = existing(), VALUES | values()
    assert names(expression)
    assert names(expression) <= set(known)
    for name, label, value in matchers(expression):
        assert label in known[name]
        assert value in known_values.get((family(name), label), {value})


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_every_classifier_tells_alike_is_not_summed(expression: str) -> None:
    assert not set(map(family, summed(expression))) & shared()


def test_all_that_is_exposed_is_watched_or_known_not_to_be() -> None:
    watched = {name for expression in [*rule_expressions(), *panel_expressions()] for name in names(expression)}
    assert set(map(family, exposed())) - set(map(family, watched)) == set(UNWATCHED)


def test_the_share_of_polls_that_read_a_feed_knows_every_success() -> None:
    stated = {each for rule in rules() for each in matchers(rule["expr"]) if "_read:" in rule.get("record", "")}
    assert {value for _, _, value in stated} == {outcome.value for outcome in Outcome if outcome.succeeded}


@pytest.mark.parametrize("rule", [rule for rule in rules() if "record" in rule], ids=lambda rule: str(rule["record"]))
def test_a_recorded_series_is_named_by_its_level_metric_and_operation(rule: dict[str, Any]) -> None:
    level, metric, operation = rule["record"].split(":")
    assert metric.startswith("tocsin_")
    for by in re.findall(r"by \(([^)]*)\)", rule["expr"]):
        assert by.split(", ") == level.split("_")
    windows = re.findall(r"\[(\w+)\]", rule["expr"])
    assert re.fullmatch(r"(rate|increase)\w+|max", operation)
    assert all(operation.endswith(window) for window in windows)


# Rules.


@each_alert
def test_an_alert_says_how_grave_it_is_what_it_is_and_where_more_is_written(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("warning", "critical")
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == f"{ADDRESS}{kebab(alert['alert'])}.md"
    assert not alert["annotations"]["summary"].endswith(".")
    assert alert["annotations"]["description"].endswith(".")


@each_alert
def test_a_command_that_an_alert_names_exists(alert: dict[str, Any]) -> None:
    for words in words_after("tocsin", alert["annotations"]["description"]):
        assert is_understood(words)


def checks() -> Iterator[tuple[str, bool]]:
    """Each alert that a test asks for, and whether it must ring."""
    for path in TESTS:
        for case in YAML(typ="safe").load(path)["tests"]:
            for check in case["alert_rule_test"]:
                yield check["alertname"], bool(check.get("exp_alerts"))


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_is_tested_to_ring_and_to_be_silent(name: str) -> None:
    assert {rings for alert, rings in checks() if alert == name} == {True, False}


@needs_promtool
@pytest.mark.parametrize(
    "check",
    [("check", "config", "prometheus.yml"), ("check", "rules", "--lint-fatal", "rules.yml")]
    + [("test", "rules", path.name) for path in TESTS],
    ids=" ".join,
)
def test_prometheus_accepts_its_files(check: tuple[str, ...]) -> None:
    promtool(*check)


@needs_promtool
def test_prometheus_accepts_the_relabelling_of_the_cluster(tmp_path: Path) -> None:
    text = (PROMETHEUS / "kubernetes.yml").read_text()
    text = re.sub(r"kubernetes_sd_configs: .*", "static_configs: []", text)  # which distributions' builds do not know
    (tmp_path / "kubernetes.yml").write_text(text.replace("[rules.yml]", "[]"))
    promtool("check", "config", str(tmp_path / "kubernetes.yml"))


def test_the_cluster_is_scraped_under_the_names_that_the_rules_know() -> None:
    (scraped,) = YAML(typ="safe").load(PROMETHEUS / "kubernetes.yml")["scrape_configs"]
    port, app = scraped["relabel_configs"]
    assert (port["regex"], app["target_label"]) == ("metrics", "job")
    for name in VALUES["up", "job"]:
        (pod,) = [
            each["spec"]["template"]
            for each in YAML(typ="safe").load_all(ROOT / f"deploy/kubernetes/{name}.yaml")
            if each["kind"] == "Deployment"
        ]
        (container,) = pod["spec"]["containers"]
        ports = {each["name"]: str(each["containerPort"]) for each in container["ports"]}
        assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == name
        assert pod["metadata"]["annotations"]["prometheus.io/port"] == ports["metrics"]


# Pages.


def test_each_alert_has_a_page_and_each_page_an_alert() -> None:
    assert sorted(page.stem for page in PAGES) == [kebab(name) for name in NAMES]


def test_the_index_of_runbooks_tells_each_alert_with_its_severity() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\((.+)\) \| (\w+) \|", (RUNBOOKS / "README.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted({(a["alert"], f"{kebab(a['alert'])}.md", a["labels"]["severity"]) for a in ALERTS})


@each_page
def test_a_runbook_is_named_for_its_alert_and_answers_four_questions(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert kebab(text.partition("\n")[0].removeprefix("# ")) == page.stem
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS


@each_page
def test_a_runbook_shows_where_to_look(page: Path) -> None:
    look = page.read_text(encoding="utf-8").partition(f"## {SECTIONS[1]}")[2].partition(f"## {SECTIONS[2]}")[0]
    assert page_expressions(page)
    assert [*words_after("tocsin", look)]


@each_page
def test_a_runbook_names_only_metrics_that_exist(page: Path) -> None:
    named = set(
        re.findall(r"\btocsin_\w+", re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL))
    )
    assert named <= {*existing(), *map(family, existing())}


@needs_promtool
@each_page
def test_prometheus_understands_the_queries_of_a_runbook(page: Path, tmp_path: Path) -> None:
    pasted = [{"record": f"pasted:{at}", "expr": query} for at, query in enumerate(page_expressions(page))]
    YAML(typ="safe").dump({"groups": [{"name": "pasted", "rules": pasted}]}, tmp_path / "pasted.yml")
    promtool("check", "rules", "--lint=none", str(tmp_path / "pasted.yml"))


# The tools of these tests.


def test_the_names_in_an_expression_are_found() -> None:
    expression = (
        'sum by (le) (rate(tocsin_a_total{x="up", y=~"b{2}"}[5m])) / on (job) group_left (z) up > 1e9'
        " or vector(0) and job:tocsin_b:rate5m offset 1d"
    )
    assert names(expression) == {"tocsin_a_total", "up", "job:tocsin_b:rate5m"}


def test_the_values_that_an_expression_selects_are_found() -> None:
    found = matchers('rate(a{x=~"b|c", y!="d"}[5m]) + b{z="e|f"}')
    assert [*found] == [("a", "x", "b"), ("a", "x", "c"), ("a", "y", "d"), ("b", "z", "e|f")]


def test_a_sum_is_told_from_the_sum_of_a_maximum() -> None:
    assert summed("sum by (x) (rate(a[5m])) + sum(max by (x) (b)) + max(sum(c)) - avg(d)") == {"a", "c"}


def test_recorded_series_are_known_by_the_labels_of_their_level() -> None:
    assert recorded()["topic_verdict:tocsin_classifications_total:max"] == {"topic", "verdict"}
