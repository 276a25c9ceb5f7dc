"""One error tree, drawn where it stands."""

import ast
import re
from collections.abc import Iterator

from shared import errors
from shared.errors import TocsinError
from tests.project.sources import dotted, module_name, python_files, tree

BRANCH = re.compile(r"^(?P<depth>(?:│   |    )*)[├└]── (?P<name>\w+)")


def drawn() -> list[tuple[int, str]]:
    """(depth, name) of each class in the docstring, from top to bottom."""
    lines = [line.removeprefix("    ") for line in (errors.__doc__ or "").splitlines()]
    root = lines.index(TocsinError.__name__)
    found = (BRANCH.match(line) for line in lines[root + 1 :])
    return [(0, lines[root]), *((len(match["depth"]) // 4 + 1, match["name"]) for match in found if match)]


def written(kind: type[TocsinError], depth: int = 0) -> Iterator[tuple[int, str]]:
    yield depth, kind.__name__
    for child in kind.__subclasses__():
        yield from written(child, depth + 1)


def test_the_drawn_tree_is_the_tree_of_classes() -> None:
    assert drawn() == list(written(TocsinError))


def test_no_error_of_the_tree_is_declared_elsewhere() -> None:
    names = {name for _, name in written(TocsinError)}
    strays = [
        f"{module_name(path)}.{node.name}"
        for path in python_files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and names & {dotted(base).rpartition(".")[2] for base in node.bases}
    ]
    assert [stray for stray in strays if not stray.startswith("shared.errors.")] == []


def test_every_way_to_fail_a_fetch_has_a_label_of_its_own() -> None:
    kinds = errors.FetchError.__subclasses__()
    assert len({kind.outcome for kind in kinds} | {errors.FetchError.outcome}) == len(kinds) + 1
