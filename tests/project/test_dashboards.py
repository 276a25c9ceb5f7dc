"""The boards are as their code makes them, lose nothing in Grafana's models, and keep its linter's rules."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from ruamel.yaml import YAML

from deploy.grafana.build import DIRECTORY, as_json, boards
from deploy.grafana.links import BOARDS, GATEWAY, RUNBOOKS, board_uid
from deploy.grafana.promql import KEPT
from tests.project.sources import ROOT

Json = dict[str, Any]

# What the Prometheus data source reads of an annotation, and the SDK's model of annotations does not have.
PROMETHEUS_ALONE = {"titleFormat", "useValueForTime"}
UNITS = {"none", "short", "percentunit", "s", "bytes", "cps", "dateTimeFromNow"}
GRAFANAS_OWN = {"__rate_interval", "__range", "__url_time_range"}
WINDOWS = {"$__rate_interval", "$__range", "$interval", "1h", "6h", "1d", "3d", "30d"}
SAMPLE = {"$__rate_interval": "1m", "$__range": "6h", "$interval": "1h", "$topic": ".*", "$subscription": ".*"}
RULES = ROOT / "deploy/prometheus/rules.yml"

FILES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DIRECTORY.glob("*.json"))}


def panels_of(board: Json) -> list[Json]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def targets() -> Iterator[tuple[str, Json, Json]]:
    for name, board in FILES.items():
        for panel in panels_of(board):
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", panel, target


PANELS = [pytest.param(panel, id=f"{name}: {panel['title']}") for name in FILES for panel in panels_of(FILES[name])]
TARGETS = [pytest.param(panel, target, id=f"{where} {target['refId']}") for where, panel, target in targets()]

each_board = pytest.mark.parametrize("board", FILES.values(), ids=FILES)
each_panel = pytest.mark.parametrize("panel", PANELS)
each_target = pytest.mark.parametrize(("panel", "target"), TARGETS)


def expressions(board: Json) -> Iterator[str]:
    """Of its panels and annotations."""
    yield from (target["expr"] for panel in panels_of(board) for target in panel["targets"])
    yield from (annotation["expr"] for annotation in board["annotations"]["list"])


def links(board: Json) -> Iterator[str]:
    for holder in (board, *panels_of(board)):
        yield from (link["url"] for link in holder.get("links", ()))


def filled_in(expression: str) -> str:
    for variable, value in SAMPLE.items():
        expression = expression.replace(variable, value)
    return expression


# As made, and as Grafana will read it.


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_is_as_its_code_makes_it(name: str) -> None:
    assert (DIRECTORY / f"{name}.json").read_text(encoding="utf-8") == as_json(boards()[name])


def test_there_are_no_other_boards() -> None:
    assert set(FILES) == set(BOARDS) == set(boards())


@each_board
def test_a_board_loses_nothing_on_its_way_through_the_models(board: Json) -> None:
    register_default_plugins()
    known = json.loads(json.dumps(board))
    for annotation in known["annotations"]["list"]:
        for key in PROMETHEUS_ALONE:
            del annotation[key]
    assert json.loads(as_json(Dashboard.from_json(board))) == known


@each_board
def test_no_line_of_panels_has_a_gap(board: Json) -> None:
    widths: dict[int, int] = {}
    for at in (panel["gridPos"] for panel in board["panels"]):
        widths[at["y"]] = widths.get(at["y"], 0) + at["w"]
    assert set(widths.values()) == {24}


# The rules of dashboard-linter.


@each_board
def test_there_is_one_data_source_and_it_is_a_variable(board: Json) -> None:
    (variable,) = [each for each in board["templating"]["list"] if each["type"] == "datasource"]
    assert (variable["name"], variable["label"], variable["query"]) == ("datasource", "Data source", "prometheus")


@each_board
def test_everything_asks_the_data_source_that_is_chosen(board: Json) -> None:
    askers = [*panels_of(board), *board["annotations"]["list"]]
    askers += [target for panel in panels_of(board) for target in panel["targets"]]
    askers += [variable for variable in board["templating"]["list"] if variable["type"] == "query"]
    assert [each["datasource"] for each in askers] == [{"type": "prometheus", "uid": "${datasource}"}] * len(askers)


@each_board
def test_a_variable_is_read_anew_when_the_time_changes(board: Json) -> None:
    asked = [variable for variable in board["templating"]["list"] if variable["type"] == "query"]
    assert all(variable["refresh"] == 2 for variable in asked)
    assert all(re.fullmatch(r"label_values\(.+, \w+\)", variable["query"]) for variable in asked)


@each_board
def test_every_variable_is_used_and_every_one_that_is_used_exists(board: Json) -> None:
    text = "\n".join([*expressions(board), *links(board)])
    used = set(re.findall(r"\$\{?(\w+)", text)) - GRAFANAS_OWN
    assert used == {variable["name"] for variable in board["templating"]["list"]}


@each_board
def test_a_board_is_changed_in_its_code_alone(board: Json) -> None:
    assert board["editable"] is False


@each_panel
def test_a_panel_says_what_it_shows_and_what_to_do(panel: Json) -> None:
    shows, _, act = panel["description"].partition("\n\n**When it looks bad:** ")
    assert panel["title"].strip()
    assert shows.endswith(".")
    assert act.endswith(".")


@each_panel
def test_a_panel_has_a_unit_and_asks_for_something(panel: Json) -> None:
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["targets"]


@each_target
def test_a_rate_is_taken_over_the_interval_that_grafana_reckons(panel: Json, target: Json) -> None:
    for function, window in re.findall(r"\b(rate|irate|increase)\((?:[^\[\]]*)\[([^\]:]+)", target["expr"]):
        assert window == "$__rate_interval" if function != "increase" else window in WINDOWS


@each_target
def test_a_counter_is_shown_as_what_it_gained(panel: Json, target: Json) -> None:
    bare = re.sub(r"\b(rate|increase)\([^\]]*\]\)", "", target["expr"])
    assert not re.search(r"\w+_(total|bucket|count)\b", bare)


@each_target
def test_a_series_has_a_legend_where_there_may_be_several(panel: Json, target: Json) -> None:
    alone = len(panel["targets"]) == 1 and panel["type"] in ("stat", "table")
    assert alone or target["legendFormat"]
    by = re.findall(r"\bby \(([^)]*)\)", target["expr"])
    labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    assert labels <= {label for each in by for label in each.split(", ")}


# Their words.


@each_board
def test_a_link_leads_to_a_board_or_to_a_page_that_exists(board: Json) -> None:
    uids = {board_uid(name) for name in BOARDS}
    for url in links(board):
        if url.startswith("/d/"):
            assert url.removeprefix("/d/").partition("?")[0] in uids
        elif url.startswith(RUNBOOKS):
            assert (ROOT / "docs/runbooks" / url.removeprefix(f"{RUNBOOKS}/")).exists(), url


def test_a_board_leads_to_all_others_and_to_the_page_of_stories() -> None:
    for name, board in FILES.items():
        titles = {link["title"] for link in board["links"]}
        assert titles == {"Stories", "Runbooks", *BOARDS.values()} - {BOARDS[name]}


def test_every_alarm_has_a_panel_that_leads_to_its_runbook() -> None:
    rules = [rule for group in YAML(typ="safe").load(RULES)["groups"] for rule in group["rules"] if "alert" in rule]
    urls = {url for board in FILES.values() for url in links(board) if url.startswith(RUNBOOKS)}
    assert urls - {f"{RUNBOOKS}/README.md"} == {rule["annotations"]["runbook_url"] for rule in rules}


@each_board
def test_annotations_tell_of_starts_reloads_and_disabled_endpoints(board: Json) -> None:
    assert [each["name"] for each in board["annotations"]["list"]] == [
        "Starts and deploys",
        "Reloads",
        "Disabled endpoints",
    ]
    assert all(re.search(r"\{\{\w+\}\}", each["titleFormat"]) for each in board["annotations"]["list"])


# What is asked.


def test_what_the_reference_says_is_kept_in_redis_is_not_summed() -> None:
    reference = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (?:counter|histogram) \| ([^|]*) \| [^|]* \| max \|", reference, re.MULTILINE)
    assert {name.removesuffix("_total"): tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows} == KEPT


@each_target
def test_what_every_classifier_serves_is_never_summed_over_them(panel: Json, target: Json) -> None:
    for name in KEPT:
        for before in re.findall(rf"(.*?)\b{name}_(?:total|bucket|count)\b", target["expr"]):
            assert re.search(r"\bmax(?: by \([^)]*\) )?\((?:rate\(|increase\()?$", before)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool, of the prometheus package, is not installed")
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    asked = [expression for board in FILES.values() for expression in expressions(board)]
    named = [{"record": f"asked:{number}", "expr": filled_in(each)} for number, each in enumerate(asked)]
    rules = tmp_path / "rules.yml"
    YAML().dump({"groups": [{"name": "asked", "rules": named}]}, rules)
    checked = subprocess.run(["promtool", "check", "rules", rules], check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert not any("$" in rule["expr"] for rule in named)


# How Grafana is given them.


def provisioned(kind: str, name: str) -> Json:
    document: Json = YAML(typ="safe").load(ROOT / f"deploy/grafana/provisioning/{kind}/{name}.yml")
    (given,) = document["providers" if kind == "dashboards" else kind]
    return dict(given)


def compose(service: str) -> Json:
    document: Json = YAML(typ="safe").load(ROOT / "docker-compose.yml")
    return dict(document["services"][service])


def test_grafana_finds_the_boards_where_they_are_mounted() -> None:
    grafana = compose("grafana")
    mounted = {to: ROOT / of for of, to, *_ in (volume.split(":") for volume in grafana["volumes"])}
    boards_at = provisioned("dashboards", "tocsin")["options"]["path"]
    assert mounted[boards_at].resolve() == DIRECTORY.resolve()
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{boards_at}/overview.json"


def test_grafana_asks_the_prometheus_that_the_boards_begin_with() -> None:
    source = provisioned("datasources", "prometheus")
    for board in FILES.values():
        assert board["templating"]["list"][0]["current"]["value"] == source["uid"]
    scraping = YAML(typ="safe").load(ROOT / "deploy/prometheus/prometheus.yml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraping


def test_the_page_of_stories_is_where_compose_publishes_it() -> None:
    (published,) = compose("gateway")["ports"]
    (port,) = re.findall(r"\$\{GATEWAY_PORT:-(\d+)\}", published)
    assert f"http://localhost:{port}" == GATEWAY
