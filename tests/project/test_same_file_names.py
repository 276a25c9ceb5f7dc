"""Knowing one service is knowing all: the same file names in each."""

import pytest

from tests.project.sources import ROOT

SERVICES = ("poller", "classifier", "notifier", "gateway")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_its_process_its_wiring_its_ports_and_its_shell(service: str) -> None:
    present = {path.name for path in (ROOT / "services" / service).iterdir()}
    assert {"__init__.py", "__main__.py", "wiring.py", "ports.py", f"{service}.py"} <= present


def test_there_is_no_service_besides_these_the_command_line_and_the_operations() -> None:
    packages = {path.parent.name for path in (ROOT / "services").glob("*/__init__.py")}
    assert packages == {*SERVICES, "operations", "cli"}


@pytest.mark.parametrize("service", SERVICES)
def test_the_package_itself_is_empty_so_that_importing_a_decision_imports_nothing_else(service: str) -> None:
    assert (ROOT / "services" / service / "__init__.py").read_text(encoding="utf-8") == ""
