from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.config.document import MAX_BYTES, Document, load_document, parse_document
from shared.errors import ConfigError
from shared.models.base import Model


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Lamp(Model):
    name: str
    colour: Colour = Colour.RED
    key: SecretStr | None = None


class House(Model):
    lamps: tuple[Lamp, ...]
    country: str | None = None


def load(tmp_path: Path, content: str | bytes) -> House:
    path = tmp_path / "house.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_document(path, House)


def problems(tmp_path: Path, content: str | bytes) -> list[str]:
    """The problems of a file with `content`, the directory's name left out."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, content)
    return [problem.removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


def test_a_good_file_becomes_the_model(tmp_path: Path) -> None:
    house = load(tmp_path, "lamps:\n  - name: hall  # above the stairs\n    colour: green\ncountry: NO\n")
    assert house == House(lamps=(Lamp(name="hall", colour=Colour.GREEN),), country="NO")


def test_it_is_yaml_1_2_where_no_and_on_are_words(tmp_path: Path) -> None:
    assert [lamp.name for lamp in load(tmp_path, "lamps: [{name: no}, {name: on}]").lamps] == ["no", "on"]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufefflamps:\r\n  - name: a\r\n").lamps[0].name == "a"


def test_all_problems_of_a_file_are_told_at_once_in_the_order_of_its_lines(tmp_path: Path) -> None:
    content = "lamps:\n  - name: a\n    colour: gren\n  - colour: red\n    naem: b\n  - 5\nroof: flat\n"
    assert problems(tmp_path, content) == [
        "house.yaml:3: lamps[0].colour: 'gren' is not allowed, did you mean `green`?; allowed: red, green",
        "house.yaml:4: lamps[1].name: is missing; allowed: text",
        "house.yaml:5: lamps[1].naem: unknown field, did you mean `name`?; allowed: name, colour, key",
        "house.yaml:6: lamps[2]: is not a mapping; allowed: mapping",
        "house.yaml:7: roof: unknown field; allowed: lamps, country",
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "house.yaml:1: the file is empty"),
        ("# nothing but a comment\n", "house.yaml:1: the file is empty"),
        ("- a\n- b\n", "house.yaml:1: a mapping such as `name: value` is needed at the top"),
        ("lamps:\n\t- name: a\n", "house.yaml:2: a tab"),
        ("lamps:\n  - name: a\n   colour: red\n", "house.yaml:3: not YAML"),
        ("lamps: [\n", "house.yaml:2: not YAML"),
        (
            "lamps:\n  - name: 'a\n\n\n",
            "house.yaml:5: not YAML: found unexpected end of stream in what began on line 2",
        ),
        ("lamps: []\n---\nlamps: []\n", "house.yaml:2: a second document"),
        ("lamps: []\ncountry: a\ncountry: b\n", "house.yaml:3: duplicate key `country`, first on line 2"),
        ("{lamps: [], country: a, country: b}", "house.yaml:1: duplicate key `country`, first on line 1"),
        ("lamps: []\n? [a]\n: b\n", "house.yaml:2: a key that is not plain text"),
        ("lamps: &all []\ncountry: *all\n", "house.yaml:2: an alias"),
        ("lamps: []\ncountry: *nobody\n", "house.yaml:2: an alias"),
        ("lamps: []\ncountry: 2024-99-99\n", "house.yaml:2: an impossible date"),
        ("lamps: []\ncountry: !mine x\n", "house.yaml:2: an impossible date or number, or an unknown tag"),
        (b"lamps: []\ncountry: \xff\xfe\n", "house.yaml:2: not UTF-8 text"),
        (b"\x7fELF\x00\x01", "house.yaml:1: a control character"),
        ("lamps: " + "[" * 1_000, "house.yaml: nested too deeply"),
        ("lamps: []\n" + "#" * MAX_BYTES, "house.yaml: larger than 2,000,000 bytes"),
    ],
)
def test_what_is_no_such_file_is_refused_with_its_line(tmp_path: Path, content: str | bytes, problem: str) -> None:
    (told,) = problems(tmp_path, content)
    assert told.startswith(problem)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file or directory"):
        load_document(tmp_path / "none.yaml", House)


def test_a_few_lines_of_aliases_do_not_become_gigabytes(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    assert "house.yaml:2: an alias" in problems(tmp_path, "\n".join(lines))[0]


@pytest.mark.parametrize(
    "lines",
    [
        "key: [hunter2]",
        "key: hunter2\n    key: hunter2",
        "key: !hunter2 x",
        "key: *hunter2",
        "key: !!int hunter2",
        "key: !!binary hunter2",
        "key: {hunter2: 1}",
        'key: "hunter2',
    ],
)
def test_the_value_of_a_secret_is_never_told(tmp_path: Path, lines: str) -> None:
    told = problems(tmp_path, f"lamps:\n  - name: a\n    {lines}\n")
    assert "hunter2" not in "\n".join(told)


MARKS = [
    ": ",
    ":",
    "\n",
    "  ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "? ",
    "|",
    ">-",
    "'",
    '"',
    "#",
    "---\n",
    "...",
    "\t",
    "\r",
]
WORDS = ["a", "name", "&a", "*a", "!!int", "!t ", "%YAML 1.1\n", "<<", "1", "0o7", "2024-01-01", "\\x", "é", "\u2028"]
FRAGMENTS = st.sampled_from([*MARKS, *WORDS])


def outcome(text: str) -> Document | ConfigError:
    try:
        return parse_document(Path("x.yaml"), text)
    except ConfigError as error:
        return error


@given(st.lists(FRAGMENTS, max_size=25).map("".join) | st.text(max_size=60))
@example("lamps: [{name: a}]")
def test_any_text_is_a_document_or_a_clear_error(text: str) -> None:
    result = outcome(text)
    if isinstance(result, ConfigError):
        assert result.problems
        assert all(problem.startswith("x.yaml:") for problem in result.problems)
    else:
        assert all(isinstance(key, str) for key in result.data)
