"""Decisions are pure functions. import-linter forbids the modules; this forbids what needs no import of its own.

The pure modules are listed once: in the contract in pyproject.toml.
"""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.sources import ROOT, dotted, module_name, module_path, tree

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
PURE = next(contract["source_modules"] for contract in CONTRACTS if contract["name"].startswith("decisions are pure"))

CLOCK = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
OUTSIDE = {"open", "print", "input", "exec", "eval", "__import__"}
SUBMODULES = ("urllib.request", "urllib.error", "concurrent", "http.client", "importlib")

# What acts, or puts together what acts.
SHELLS = {
    "services.poller": {"poller", "pages", "fetch", "parsing", "feeds_file", "subscriber"},
    "services.classifier": {
        "classifier",
        "examiner",
        "jobs",
        "caretaker",
        "grammars",
        "packs",
        "cache",
        "topics_dir",
        "observing",
    },
    "services.notifier": {"notifier", "fanout", "lane", "briefing", "attempt", "tenure", "book", "canary"},
    "services.gateway": {"gateway", "app", "live", "reference"},
}
EVERYWHERE = {"__init__", "__main__", "wiring", "ports"}


def impurities(body: ast.Module) -> Iterator[str]:
    for node in ast.walk(body):
        if isinstance(node, ast.Global | ast.Nonlocal):
            yield f"{node.lineno}: {', '.join(node.names)} is changed from within"
        elif isinstance(node, ast.Call) and _is_outside(dotted(node.func)):
            yield f"{node.lineno}: {dotted(node.func)}()"
        elif isinstance(node, ast.Import):
            yield from (f"{node.lineno}: {name.name}" for name in node.names if name.name.startswith(SUBMODULES))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(SUBMODULES):
            yield f"{node.lineno}: {node.module}"


def _is_outside(called: str) -> bool:
    return called in OUTSIDE or any(called == clock or called.endswith(f".{clock}") for clock in CLOCK)


@pytest.mark.parametrize("module", PURE)
def test_a_decision_asks_no_clock_and_touches_nothing(module: str) -> None:
    assert list(impurities(tree(module_path(module)))) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = datetime.now(UTC)",
        "import datetime\nx = datetime.datetime.now()",
        "def f():\n    return date.today()",
        "def f():\n    global cache\n    cache = 1",
        "open('a')",
        "from urllib.request import urlopen",
        "import importlib",
    ],
)
def test_an_impurity_is_found(source: str) -> None:
    assert len(list(impurities(ast.parse(source)))) == 1


@pytest.mark.parametrize("service", SHELLS)
def test_a_module_of_a_service_is_a_shell_by_name_or_pure(service: str) -> None:
    modules = {path.stem: module_name(path) for path in module_path(service).with_suffix("").glob("*.py")}
    assert modules
    undecided = {name for name, module in modules.items() if module not in PURE} - EVERYWHERE - SHELLS[service]
    assert undecided == set()


def test_the_listed_modules_exist() -> None:
    assert all(Path(module_path(module)).is_file() for module in PURE)
