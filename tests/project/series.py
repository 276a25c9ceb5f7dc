"""The series that exist, and what a query in PromQL asks for. For rules, panels and pages alike."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from ruamel.yaml import YAML

from tests.project.sources import ROOT

PROMETHEUS = ROOT / "deploy/prometheus"
DASHBOARDS = sorted((ROOT / "deploy").rglob("*.json"))
SCRAPED = frozenset({"job", "instance"})
_REFERENCE = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|", re.MULTILINE)
_SHARED = re.compile(r"^\| `(\w+)` \|.*\| max \|", re.MULTILINE)
_VALUES = re.compile(r"^\| `(\w+)` \| `(\w+)` \| (`.*`) \|$", re.MULTILINE)
_STRING = re.compile(r'"[^"]*"')
_NOT_NAMES = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w.:$])[a-zA-Z_:][\w:]*+(?!\s*\()")
_OPERATORS = {"and", "or", "unless", "bool", "offset", "group_left", "group_right"}
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_AGGREGATION = r"\b{}(?:\s+(?:by|without)\s*\([^)]*\))?\s*\("


def exposed() -> dict[str, frozenset[str]]:
    """The sample names that processes of ours expose, a histogram's three included, and their labels."""
    rows = [(name, kind, re.findall(r"`(\w+)`", labels)) for name, kind, labels in _ROW.findall(_REFERENCE)]
    assert rows
    return _samples(rows)


def existing() -> dict[str, frozenset[str]]:
    """All that can be asked for: what is exposed, the client's own, Prometheus' own, what is recorded."""
    return exposed() | _of_the_client() | _of_prometheus() | recorded()


def shared() -> set[str]:
    """Metrics that every classifier tells alike, from Redis: a sum would have each once for every classifier."""
    return {*_SHARED.findall(_REFERENCE)}


def values() -> dict[tuple[str, str], set[str]]:
    """Those that a metric's label has, where they are known beforehand."""
    return {(name, label): set(re.findall(r"`(.+?)`", row)) for name, label, row in _VALUES.findall(_REFERENCE)}


def family(name: str) -> str:
    """A histogram's three as one."""
    return re.sub(r"_(bucket|count|sum)$", "", name)


def _samples(rows: list[tuple[str, str, list[str]]]) -> dict[str, frozenset[str]]:
    parts = {"histogram": ("_bucket", "_count", "_sum")}
    return {
        name + part: SCRAPED | {*labels} | ({"le"} if part == "_bucket" else set())
        for name, kind, labels in rows
        for part in parts.get(kind, ("",))
    }


def _of_the_client() -> dict[str, frozenset[str]]:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return {sample.name: SCRAPED | {*sample.labels} for family in registry.collect() for sample in family.samples}


def _of_prometheus() -> dict[str, frozenset[str]]:
    given = [rule["labels"] for rule in rules() if "alert" in rule]
    alerts = SCRAPED | {"alertname", "alertstate"} | {label for labels in given for label in labels}
    return {"up": SCRAPED, "ALERTS": alerts, "ALERTS_FOR_STATE": alerts}


def rules() -> list[dict[str, Any]]:
    """As they stand in the file, whatever the group."""
    groups = YAML(typ="safe").load(PROMETHEUS / "rules.yml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def recorded() -> dict[str, frozenset[str]]:
    """Recorded series, and the labels that stand at the front of their names."""
    names = [rule["record"] for rule in rules() if "record" in rule]
    return {name: frozenset(name.partition(":")[0].split("_")) for name in names}


def rule_expressions() -> list[str]:
    return [rule["expr"] for rule in rules()]


def panel_expressions() -> list[str]:
    return [expression for path in DASHBOARDS for expression in _under("expr", json.loads(path.read_text()))]


def _under(key: str, value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from [inner] if name == key and isinstance(inner, str) else _under(key, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _under(key, inner)


def page_expressions(page: Path) -> list[str]:
    """The queries to paste of a page of documentation: the lines of its blocks of `promql`."""
    blocks = re.findall(r"^```promql\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def names(expression: str) -> set[str]:
    """The series that an expression asks for."""
    bare = _NOT_NAMES.sub(" ", _STRING.sub("", expression))
    return set(_NAME.findall(bare)) - _OPERATORS


def matchers(expression: str) -> Iterator[tuple[str, str, str]]:
    """Each series, label and value, or value of a regular expression's alternatives, that is selected."""
    for name, inside in _SELECTOR.findall(expression):
        for label, operator, value in _MATCHER.findall(inside):
            for each in value.split("|") if "~" in operator else [value]:
                yield name, label, each


def summed(expression: str) -> set[str]:
    """The series over which is summed, and not over their maximum."""
    return {name for part in _arguments("sum", expression) for name in names(_without("max", part))}


def _arguments(aggregation: str, expression: str) -> Iterator[str]:
    for found in re.finditer(_AGGREGATION.format(aggregation), expression):
        yield expression[found.end() : _end(expression, found.end()) - 1]


def _without(aggregation: str, expression: str) -> str:
    while found := re.search(_AGGREGATION.format(aggregation), expression):
        expression = f"{expression[: found.start()]} {expression[_end(expression, found.end()) :]}"
    return expression


def _end(expression: str, at: int) -> int:
    """Where what was opened before `at` has been closed."""
    depth = 1
    while depth:
        depth += {"(": 1, ")": -1}.get(expression[at], 0)
        at += 1
    return at
