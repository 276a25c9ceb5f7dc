from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.grammars import Grammars
from services.classifier.lexicon import Grammar, Lexicon
from shared.errors import ConfigError

LANGUAGES = ["en", "uk", "ru", "ko", "ja", "zh", "de", "fr", "pl", "es", "pt", "it", "id", "vi", "ar", "cs", "sk", "bg"]
NONE = ((),) * 12
LEXICON = Lexicon(
    Grammar.model_validate(
        {
            "language": "xx",
            "months": [*NONE[:4], ["May"], *NONE[5:]],
            "weekdays": NONE[:7],
            "certainty": {"possible": ["may"]},
            "numbers": {2: ["two"], 200: ["two hundred"]},
            "things": ["shell*"],
            "units": {"week": ["周|前"]},
        }
    )
)


def marks(text: str) -> list[tuple[str, str, str]]:
    return [(mark.kind, mark.value, text[mark.start : mark.end]) for mark in LEXICON.read(text, 0, len(text)).marks]


def test_a_form_with_a_capital_stands_for_a_capitalised_word_only() -> None:
    assert ("months", "5", "May") in marks("In May")
    assert marks("They may") == [("certainty", "possible", "may")]


def test_the_longest_form_of_a_kind_is_meant() -> None:
    assert marks("two hundred shells") == [("numbers", "200", "two hundred"), ("things", "things", "shells")]


def test_what_must_follow_a_form_is_no_part_of_it() -> None:
    assert marks("三周前") == [("units", "week", "周")]
    assert marks("三周") == []


def test_a_form_is_found_in_whole_words_and_right_after_a_number() -> None:
    assert marks("dismay, network") == []
    assert marks("220shells") == [("things", "things", "shells")]


@pytest.mark.parametrize(
    "language",
    ["en", "uk", "ru", "ko", "ja", "zh", "de", "fr", "pl", "es", "pt", "it", "id", "vi", "ar", "cs", "sk", "bg"],
)
def test_each_language_has_a_grammar_that_says_all_that_matters(language: str) -> None:
    grammar = Grammars()[language]
    kinds = {form.kind for forms in grammar.forms for form in forms}
    needed = (
        "numbers scales vague before people things clauses certainty said months weekdays days units last ago since"
    )
    assert set(needed.split()) <= kinds


def test_a_mistake_in_a_grammar_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "xx.yaml").write_text("language: xx\nmonths: [[a]]\nweekdays: []\n")
    with pytest.raises(ConfigError, match=r"xx\.yaml:2: months"):
        Grammars(tmp_path)["xx"]


@given(st.text(), st.sampled_from([*Grammars()]))
def test_marks_stand_where_they_say(text: str, language: str) -> None:
    for mark in Grammars()[language].read(text, 0, len(text)).marks:
        assert 0 <= mark.start < mark.end <= len(text)
