"""How a mistake deep inside a file is told: through unions, lists, and mappings whose keys are free or have a form."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, StringConstraints, ValidationError

from shared.config.document import parse_document, validate
from shared.errors import ConfigError
from shared.models.base import Model

Name = Annotated[str, StringConstraints(pattern=r"^[a-z]+$")]


class Post(Model):
    type: Literal["post"] = "post"
    street: str


class Mail(Model):
    type: Literal["mail"] = "mail"
    address: Annotated[str, Field(description="with an @ in it", min_length=3)]


class Guest(Model):
    reach: Annotated[Post | Mail, Field(discriminator="type")]
    seats: Annotated[int, Field(ge=1, le=4, description="his")] = 1
    note: int | list[int] = 0


class Party(Model):
    guests: dict[Name, Guest]
    menu: Annotated[dict[str, tuple[Name, ...]], Field(default_factory=dict)]


def told(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        validate(parse_document(Path("p.yaml"), text), Party)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("guest", "problem"),
    [
        ("reach: {type: mial}", "guests.ann.reach: 'mial' is not allowed, did you mean `mail`?; allowed: post, mail"),
        ("reach: {street: x}", "guests.ann.reach.type: is missing; allowed: post or mail"),
        (
            "reach: {type: mail}",
            "guests.ann.reach.address: is missing; allowed: text, at least 3 long (with an @ in it)",
        ),
        (
            "reach: {type: post, street: x, stret: y}",
            "guests.ann.reach.stret: unknown field, did you mean `street`?; allowed: type, street",
        ),
        (
            "{reach: {street: x, type: post}, seats: 5}",
            "guests.ann.seats: should be less than or equal to 4; allowed: whole number, at least 1, at most 4 (his)",
        ),
    ],
)
def test_a_mistake_in_a_union_is_told_with_what_its_member_allows(guest: str, problem: str) -> None:
    assert told(f"guests:\n  ann:\n    {guest}\n") == [f"p.yaml:3: {problem}"]


def test_a_mistake_in_a_list_in_a_mapping_is_told_with_its_line() -> None:
    assert told("guests: {}\nmenu:\n  first:\n    - soup\n    - Fish 9\n") == [
        "p.yaml:5: menu.first[1]: has the wrong form; allowed: text, matching ^[a-z]+$"
    ]


def test_a_key_of_the_wrong_form_is_told_with_the_form() -> None:
    (problem,) = told("guests:\n  Ann: {reach: {type: post, street: x}}\n")
    assert problem == "p.yaml:2: guests.Ann: a key of the wrong form; allowed: ^[a-z]+$"


def test_each_member_of_a_plain_union_says_what_it_wants() -> None:
    problems = told("guests:\n  ann:\n    reach: {type: post, street: x}\n    note: [1, x]\n")
    assert {problem.partition(": should")[0] for problem in problems} == {
        "p.yaml:4: guests.ann.note",
        "p.yaml:4: guests.ann.note[1]",
    }


def test_the_problems_are_those_that_pydantic_found() -> None:
    data: dict[str, object] = {"guests": {"ann": {}}}
    with pytest.raises(ValidationError) as caught:
        Party.model_validate(data)
    assert caught.value.error_count() == len(told("guests: {ann: {}}"))
