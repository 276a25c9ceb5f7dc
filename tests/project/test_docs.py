"""What the pages say exists: links, commands, make targets, settings; and decisions are told in full."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.classifier.packs import load_matcher, load_pack
from services.cli.cli import MODULES, app
from services.cli.commands.services import SERVICES
from shared.settings import PREFIX, Settings, variable

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part == "data" for part in path.relative_to(ROOT).parts)
)
TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in PAGES}
DECISIONS = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
SECTIONS = ["Context", "Decision", "Rejected", "Consequence"]

_FENCED = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^(?: {4}|\t)(.*)$", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
# What may stand before a command: a prompt, a container, variables for this call, the environment's directory.
_BEFORE = r"^\s*(?:\$ +)?(?:docker compose exec \S+ +)?(?:[A-Z_]+=\S+ +)*(?:\.venv/bin/)?"

pages = pytest.mark.parametrize("name", TEXTS)


def code(text: str) -> Iterator[str]:
    """Each line of code of a page, fenced, indented or inline; one that is continued is one line."""
    text = re.sub(r" *\\\n *", " ", text)
    for block in _FENCED.finditer(text):
        yield from block[0].splitlines()[1:-1]
    prose = _FENCED.sub("", text)
    yield from (line[1] for line in _INDENTED.finditer(prose))
    yield from (span[1] for span in _INLINE.finditer(prose))


def words_after(program: str, text: str) -> Iterator[list[str]]:
    """The words that follow `program` wherever a line of code begins with it."""
    for line in code(text):
        if found := re.match(rf"{_BEFORE}{program}(?: +([^#>&;]*))?(?:$|[#>&;])", line):
            yield shlex.split(found[1] or "")


def alternatives(words: list[str]) -> Iterator[list[str]]:
    """`feeds list|add` as `feeds list` and `feeds add`."""
    for index, word in enumerate(words):
        if "|" in word.strip("|"):
            for choice in word.split("|"):
                yield from alternatives([*words[:index], choice, *words[index + 1 :]])
            return
    yield words


def is_understood(words: list[str]) -> bool:
    """Whether `tocsin` knows the command and the options; help is shown instead of running it."""
    written = [word for word in words if word not in ("…", "COMMAND")]
    return CliRunner().invoke(app, [*written, "--help"]).exit_code == 0


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as the usual forges make them."""
    headings = _HEADING.findall(_FENCED.sub("", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def linked_from(page: Path) -> set[Path]:
    return {(page.parent / target).resolve() for target in _LINK.findall(page.read_text(encoding="utf-8"))}


@pages
def test_every_link_to_a_file_leads_somewhere(name: str) -> None:
    for target in _LINK.findall(_FENCED.sub("", TEXTS[name])):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        page = (ROOT / name).parent / path if path else ROOT / name
        assert page.exists(), target
        if anchor and page.suffix == ".md":
            assert anchor in anchors(page.read_text(encoding="utf-8")), target


@pages
def test_every_tocsin_command_that_is_named_exists(name: str) -> None:
    for words in words_after("tocsin", TEXTS[name]):
        for line in alternatives(words):
            assert is_understood(line), f"tocsin {' '.join(line)}"


@pages
def test_every_make_target_that_is_named_exists(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for words in words_after("make", TEXTS[name]):
        named = {word for word in words if re.fullmatch(r"[a-z]+", word)}
        assert named <= targets, f"make {' '.join(words)}"


@pages
def test_every_variable_that_is_named_is_a_setting_or_a_secret_by_name(name: str) -> None:
    settings = {variable(field) for field in Settings.model_fields}
    files = [*TEXTS.values(), (ROOT / "seeds/subscriptions.yaml").read_text(encoding="utf-8")]
    secrets = {secret for text in files for secret in re.findall(r"env:([A-Z0-9_]+)", text)}
    named = set(re.findall(rf"\b{PREFIX}[A-Z0-9_]*[A-Z0-9]", TEXTS[name]))
    assert named <= settings | secrets


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_sections_and_fits_on_a_page(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.match(rf"# {int(path.name[:4])}\. \S", text)
    assert re.findall(r"^## (\w+)", text, re.MULTILINE) == SECTIONS
    assert len(text.splitlines()) <= 60


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    assert DECISIONS


def test_every_page_of_the_documentation_is_reached_from_its_index() -> None:
    index = ROOT / "docs/README.md"
    linked = linked_from(index)
    inner = {path for index in linked if index.name == "README.md" for path in linked_from(index)}
    assert {path for path in PAGES if path.is_relative_to(ROOT / "docs")} - {index} <= linked | inner


def test_every_command_is_named_somewhere() -> None:
    named = {words[0] for text in TEXTS.values() for words in words_after("tocsin", text) if words}
    assert {"up", "demo", *MODULES, *SERVICES} <= named


@pytest.mark.parametrize("line", ["feed list", "feeds lisst", "feeds add --nme x", "dead-letters bury"])
def test_a_wrong_command_line_is_noticed(line: str) -> None:
    assert not is_understood(line.split())


RECIPE = TEXTS["docs/how-to/write-a-topic-pack.md"]
PACK = dict(
    zip(
        ("topic.yaml", "places.yaml", "speakers.yaml", "en.yaml"),
        re.findall(r"^```yaml\n(.*?)^```", RECIPE, re.MULTILINE | re.DOTALL),
        strict=True,
    )
)


def test_the_pack_of_the_recipe_loads_and_judges_as_the_page_says(tmp_path: Path) -> None:
    home = tmp_path / "undersea-cables"
    home.mkdir()
    for name, text in PACK.items():
        (home / name).write_text(text, encoding="utf-8")
    matcher = load_matcher(tmp_path)
    tried = re.findall(r'topics test "(.+)"', RECIPE)
    verdicts = [[match.reason for match in matcher.match(headline, "en")] for headline in tried]
    assert verdicts == [["matched"], []]


def test_the_pack_of_the_recipe_is_part_of_the_seed() -> None:
    seed = load_pack(ROOT / "seeds/topics/undersea-cables")
    for name in re.findall(r"^  (\S+): ", PACK["topic.yaml"] + PACK["places.yaml"], re.MULTILINE):
        assert name in {*seed.topic.events, *seed.places, *type(seed.topic.rule).model_fields}
