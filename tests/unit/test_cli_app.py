"""The command as a whole. `python -m services.cli.reference > docs/reference/cli.md` makes the reference current."""

import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path
from pkgutil import resolve_name

import pytest

from services.cli import __main__ as entry
from services.cli.cli import EXIT_CODES, MODULES
from services.cli.commands.services import DEMO, SERVICES, UP
from services.cli.reference import reference
from shared.errors import TocsinError

ROOT = Path(__file__).parents[2]


def tocsin(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["tocsin", *words])
    return entry.main()


def errors(of: type[TocsinError] = TocsinError) -> set[type[TocsinError]]:
    return {of}.union(*(errors(below) for below in of.__subclasses__()))


def test_the_reference_is_what_the_commands_say() -> None:
    assert (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8") == reference()


def test_every_exit_code_is_documented() -> None:
    assert {error.exit_code for error in errors()} <= set(EXIT_CODES)


def test_every_service_has_its_command_and_the_command_its_function() -> None:
    with_main = {path.parent.name for path in (ROOT / "services").glob("*/__main__.py")} - {"cli"}
    assert with_main <= set(SERVICES)
    for path in (UP, DEMO, *(entry_point for entry_point, _ in SERVICES.values())):
        assert callable(resolve_name(path)), path


def test_the_installed_command_is_this_one() -> None:
    (installed,) = entry_points(group="console_scripts", name="tocsin")
    assert installed.load() is entry.main


def test_help_lists_every_command_and_the_exit_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tocsin(monkeypatch, "--help") == 0
    words = capsys.readouterr().out.split()
    assert {"up", "demo", *MODULES, *SERVICES} <= set(words)
    assert {str(code) for code in EXIT_CODES} <= set(words)


def test_no_help_text_is_cut_in_80_columns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for group in (
        (),
        ("feeds",),
        ("topics",),
        ("alerts",),
        ("stories",),
        ("subscriptions",),
        ("dead-letters",),
        ("tokens",),
    ):
        assert tocsin(monkeypatch, *group, "--help") == 0
        assert not [
            line
            for line in capsys.readouterr().out.splitlines()
            if line.endswith("...") and not line.startswith("Usage")
        ]


def test_the_version_is_the_installed_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert tocsin(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"tocsin {version('tocsin')}\n"


def test_a_mistyped_command_is_met_with_the_right_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tocsin(monkeypatch, "fedes") == 2
    assert "Did you mean 'feeds'?" in capsys.readouterr().err


def test_a_command_loads_only_what_it_needs() -> None:
    """Start-up is felt at every completion and in every script."""
    program = "import sys; from services.cli.__main__ import main; main(); print(*sys.modules)"
    run = [sys.executable, "-c", program, "--version"]
    loaded = set(subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())
    assert loaded.isdisjoint({"redis", "rq", "ruamel.yaml", "pydantic_settings", "ahocorasick_rs"})
