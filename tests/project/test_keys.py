"""Every Redis key is built in `shared/keys.py` and nowhere else, and the table of keys is whole.

`make docs` makes the last test pass.
"""

import ast
import re
from inspect import getmembers, isfunction, signature
from pathlib import Path

import pytest

from shared import keys
from tests.project.sources import ROOT, python_files, tree

# The command line says `tocsin: what is wrong` with a blank; a key has none. Feeds name stories by URNs.
KEY = re.compile("(?<!urn:)" + re.escape(keys.PREFIX) + "(?! )")
BUILDERS = {
    name: function
    for name, function in getmembers(keys, isfunction)
    if function.__module__ == keys.__name__ and not name.startswith("_") and name != "reference"
}
ELSEWHERE = [path for path in python_files() if path != ROOT / "shared/keys.py"]


def literals(path: Path) -> list[str]:
    """String constants, the fixed parts of f-strings included, but for documentation."""
    body = tree(path)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {ast.get_docstring(node, clean=False) for node in ast.walk(body) if isinstance(node, documented)}
    constants = (node.value for node in ast.walk(body) if isinstance(node, ast.Constant))
    return [value for value in constants if isinstance(value, str) and value not in docs]


@pytest.mark.parametrize("path", ELSEWHERE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_key_is_spelt_outside_the_table(path: Path) -> None:
    assert [text for text in literals(path) if KEY.search(text)] == []


def test_no_script_spells_a_key() -> None:
    scripts = [path for package in ("services", "shared") for path in (ROOT / package).rglob("*.lua")]
    assert scripts
    assert [path for path in scripts if KEY.search(path.read_text())] == []


def test_every_key_is_used_and_nobody_puts_the_prefix_before_a_key_of_his_own() -> None:
    used = {
        node.attr
        for path in ELSEWHERE
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "keys"
    }
    assert used == BUILDERS.keys()


def test_the_table_has_a_row_for_every_key_and_no_two_keys_can_meet() -> None:
    patterns = [function(*(f"{{{name}}}" for name in signature(function).parameters)) for function in BUILDERS.values()]
    assert sorted(patterns) == sorted(key.pattern for key in keys.TABLE)
    shapes = [re.sub(r"\{\w+\}", "{}", pattern) for pattern in patterns]
    assert len(set(shapes)) == len(shapes)


@pytest.mark.parametrize("key", keys.TABLE, ids=lambda key: key.pattern)
def test_a_key_begins_with_the_prefix_and_says_all_about_itself(key: keys.Key) -> None:
    assert key.pattern.startswith(keys.PREFIX)
    assert all((key.type, key.lifetime, key.writer, key.readers, key.purpose))


def test_the_reference_of_keys_is_current() -> None:
    assert (ROOT / "docs/reference/keys.md").read_text(encoding="utf-8") == keys.reference()
