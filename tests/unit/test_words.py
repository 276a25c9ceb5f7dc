"""By which words two articles are compared, and what each counts."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.classifier.fingerprint import fingerprint
from services.classifier.likeness import Corpus, likeness
from tests.factories import entry, evidence, match
from tests.unit.tellings import figure, told_by


def words(title: str, summary: str = "", language: str = "en") -> dict[str, float]:
    return fingerprint(entry(title=title, summary=summary, language=language)).words


def alike(a: tuple[str, str], b: tuple[str, str], language: str = "en") -> float:
    one, other = (fingerprint(entry(title=title, summary=text, language=language)) for title, text in (a, b))
    return likeness(one, other, timedelta(), Corpus().rarity()).value


def test_a_word_counts_by_its_best_place_and_nothing_far_down() -> None:
    found = words("flooding", "A dam broke. The valley suffers flooding. Rescue came. Nobody slept.")
    assert found["flood"] > found["broke"] > found["valle"] == found["rescu"] > 0
    assert "nobod" not in found


def test_a_name_counts_more_than_another_word_of_its_place() -> None:
    found = words("A court frees banker Ivanov and editor")
    assert found["ivano"] > found["banke"] == found["edito"]


def test_the_first_word_of_a_sentence_is_no_name_by_its_capital() -> None:
    assert words("Prices rise in winter")["price"] == words("Winter prices rise")["rise"]


def test_in_a_headline_in_capitals_only_acronyms_stand_out() -> None:
    found = words("Engine Fault Prompts Costly GM Recall")
    assert found["gm"] > found["engin"] == found["recal"] == found["costl"]


def test_a_headline_all_in_capitals_has_no_acronyms() -> None:
    assert set(words("FAULT PROMPTS COSTLY RECALL OF CARS").values()) == {words("fault")["fault"]}


def test_two_letters_tell_something_only_as_an_acronym() -> None:
    assert words("The UK says so").keys() == {"uk", "says"}


def test_figures_are_kept_whole_and_endings_are_not() -> None:
    assert {"120000", "17"} <= words("120000 people, 17 hours").keys()
    assert words("выборах президента", language="ru").keys() == words("выборы президенту", language="ru").keys()


def test_what_the_topic_looks_for_and_later_sentences_that_make_a_claim_are_left_out() -> None:
    told = told_by("herald", "Soldiers vanish", "Nobody saw them. Officials counted 4,000 casualties. Snow fell.")
    verdict = match(
        evidence=(evidence(start=0, end=len("Soldiers")),), claims=(figure(told, "4,000", "killed", 4_000),)
    )
    assert fingerprint(told, verdict).words.keys() == {"vanis", "nobod", "saw", "them", "snow", "fell"}


def test_signs_that_cannot_be_seen_make_no_other_word() -> None:
    assert words("Bürger\u00admeister, Cafe\u0301") == words("Bürgermeister, Café")


def test_of_scripts_without_spaces_pairs_of_characters_are_compared() -> None:
    assert words("北朝鮮兵", language="ja").keys() == {"北朝", "朝鮮", "鮮兵"}


def test_what_stands_in_the_title_weighs_more_than_what_comes_after_it() -> None:
    told = "Dam breaks above Derna", "Hundreds are missing."
    same_title = "Dam breaks near Derna", "Officials visited schools."
    same_lead = "Football season opens", "Hundreds are missing."
    assert alike(told, same_title) > alike(told, same_lead) > 0


def test_another_place_in_the_same_frame_is_another_happening() -> None:
    told = "Погода на выходные", "Синоптики обещают дождь в Бресте."
    again = "Прогноз погоды", "В Бресте синоптики ждут дождь."
    elsewhere = "Прогноз погоды", "В Гомеле синоптики ждут дождь."
    assert alike(told, again, "ru") > alike(told, elsewhere, "ru") > 0


@given(st.text(max_size=200), st.text(max_size=400), st.text(max_size=200), st.text(max_size=400))
def test_likeness_lies_between_none_and_all_and_knows_no_order(a: str, more: str, b: str, rest: str) -> None:
    told = alike((a, more), (b, rest))
    assert 0 <= told <= 1 + 1e-9
    assert abs(told - alike((b, rest), (a, more))) < 1e-9
