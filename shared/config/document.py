"""A YAML 1.2 file that a person wrote, read so that every mistake in it can be named by line and field.

Aliases, keys that are not plain text, and files over 2 MB are refused: what these files say never needs them, and
an alias is how a few lines become gigabytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.constructor import BaseConstructor
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from shared.config.problems import explain
from shared.errors import ConfigError
from shared.models.allowed import Location

MAX_BYTES = 2_000_000
ALIAS = "an alias (`*name`); write the value out, or quote it if it is text"

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text, its YAML nodes (which know where they stand) and its plain data."""

    path: Path
    text: str
    root: MappingNode
    data: dict[str, object]

    def problem(self, location: Location, text: str, missing: str = "") -> str:
        """One line: `path:line: feeds[3].tier: text`. `missing` names a field that should stand at `location`."""
        place = find(self.root, location)
        field = dotted([*place.steps, missing] if missing else place.steps)
        return f"{self.path}:{place.line}: {field + ': ' if field else ''}{text}"


@dataclass(frozen=True, slots=True)
class Place:
    steps: tuple[int | str, ...]
    line: int
    node: Node


def find(root: Node, location: Location) -> Place:
    """The deepest place of `location`; steps that the file does not have (pydantic's union tags) are passed over."""
    steps: list[int | str] = []
    line, node = root.start_mark.line, root
    for step in location:
        for name, at, child in _children(node):
            if name == step:
                steps.append(step)
                line, node = at, child
                break
    return Place(tuple(steps), line + 1, node)


def load_document(path: Path, model: type[M]) -> M:
    """Read and validate; `ConfigError` holds every problem of the file, a line each."""
    return validate(read_document(path), model)


def validate(document: Document, model: type[M]) -> M:
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        schema, details = model.model_json_schema(), error.errors(include_url=False)
        problems = [explain(detail, schema) for detail in details if not _follows(detail, details)]
        problems.sort(key=lambda problem: find(document.root, problem.location).line)
        raise ConfigError(*(document.problem(at, text, missing) for at, text, missing in problems)) from None


def _follows(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Whether a list has too few items only because those that are wrong were not counted."""
    many, place = len(detail["loc"]), detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > many and other["loc"][:many] == place for other in details
    )


def read_document(path: Path) -> Document:
    """Raises `ConfigError` for a file that is unreadable, not YAML, or not a mapping."""
    return parse_document(path, read_text(path))


def parse_document(path: Path, text: str) -> Document:
    root = _compose(path, text)
    if root is None:
        raise ConfigError(f"{path}:1: the file is empty; a mapping such as `name: value` is needed")
    if not isinstance(root, MappingNode):
        raise ConfigError(f"{path}:{root.start_mark.line + 1}: a mapping such as `name: value` is needed at the top")
    if problems := [f"{path}:{line + 1}: {wrong}" for line, wrong in _structure(root, set())]:
        raise ConfigError(*problems)
    constructor = YAML(typ="safe", pure=True).constructor
    data = {key.value: _plain(path, value, constructor) for key, value in root.value}
    return Document(path, text, root, data)


def dotted(steps: Location) -> str:
    """`("feeds", 3, "tier")` as `feeds[3].tier`, the way yq and jq write it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def read_text(path: Path) -> str:
    """Raises `ConfigError` for a file that is unreadable, too big or not UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES:,} bytes, the most that is read")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text") from None


def _compose(path: Path, text: str) -> Node | None:
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
        return node
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(f"{path}:{mark.line + 1 if mark else 1}: {_syntax(error)}") from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{path}:{line}: a control character; this is not a text file") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None
    except Exception as error:  # noqa: BLE001  # whatever the parser stumbles over is the file's fault
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{path}: not YAML: {reason}") from None


def _syntax(error: MarkedYAMLError) -> str:
    problem = error.problem or "not YAML"
    if "'\\t'" in problem:
        return "a tab; YAML is indented with spaces"
    if "alias" in problem:
        return ALIAS
    if "another document" in problem:
        return "a second document begins here; one file holds one document"
    return f"not YAML: {problem}{_since(error)}; check indentation, colons, quotes and brackets here and just above"


def _since(error: MarkedYAMLError) -> str:
    """Where the quote or bracket stands that was not closed."""
    begun, here = error.context_mark, error.problem_mark
    return f" in what began on line {begun.line + 1}" if begun and here and begun.line != here.line else ""


def _structure(node: Node, seen: set[int]) -> Iterator[tuple[int, str]]:
    """What is YAML but not wanted: duplicate keys, keys that are not text, aliases."""
    if isinstance(node, MappingNode):
        yield from _key_problems(node)
    for _, line, child in _children(node):
        if id(child) in seen:
            yield line if isinstance(node, MappingNode) else node.start_mark.line, ALIAS
            continue
        seen.add(id(child))
        yield from _structure(child, seen)


def _key_problems(node: MappingNode) -> Iterator[tuple[int, str]]:
    first: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line
        if not isinstance(key, ScalarNode):
            yield line, "a key that is not plain text"
        elif key.value in first:
            yield line, f"duplicate key `{key.value}`, first on line {first[key.value] + 1}"
        else:
            first[key.value] = line


def _children(node: Node) -> list[tuple[int | str, int, Node]]:
    """Each child with its key or index and its line, from 0."""
    if isinstance(node, MappingNode):
        return [(key.value, key.start_mark.line, value) for key, value in node.value if isinstance(key, ScalarNode)]
    if isinstance(node, SequenceNode):
        return [(index, item.start_mark.line, item) for index, item in enumerate(node.value)]
    return []


def _plain(path: Path, node: Node, constructor: BaseConstructor) -> object:
    if isinstance(node, MappingNode):
        return {key.value: _plain(path, value, constructor) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [_plain(path, item, constructor) for item in node.value]
    try:
        value: object = constructor.construct_object(node)
        return value
    except Exception:  # noqa: BLE001  # the library lets ValueError, KeyError and others out; the value may be secret
        reason = "an impossible date or number, or an unknown tag; quote it if it is text"
        raise ConfigError(f"{path}:{node.start_mark.line + 1}: {reason}") from None
