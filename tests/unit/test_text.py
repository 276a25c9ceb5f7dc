from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.classifier.text import fold, language_of, languages_of, sentence_at, sentences

# Letters with marks, both Hangul forms, ligatures, invisible characters, stress accents: what feeds really carry.
AWKWARD = st.text(
    alphabet=st.sampled_from("aé\u0301йи\u0306ёЁß ﬁ\u00ad\u200b\ufeff각\u1100\u1161\u11a8北クかが\u3099İ…-—’ .\n9")
)
ANY = st.text() | AWKWARD


@given(ANY)
@example("Курс\u00adька")
def test_every_folded_character_points_at_its_own_original(text: str) -> None:
    folded = fold(text)
    previous = 0
    for index in range(len(folded.text)):
        start, end = folded.original(index, index + 1)
        assert previous <= start < end <= len(text)
        assert folded.text[index] in fold(text[start:end]).text
        previous = start


def test_what_is_ascii_folds_as_it_does_beside_what_is_not() -> None:
    ascii_ = "".join(map(chr, range(128)))
    assert fold(ascii_ + "ж").text == fold(ascii_).text + "ж"


@given(st.text(alphabet=st.characters(max_codepoint=0xD7FF, exclude_categories=["Cs"])))
@example("«Ёлка» — l’été")
def test_common_letters_fold_as_they_do_beside_rare_ones(text: str) -> None:
    assert [fold(char).text for char in text] == [fold(char + "ﬁ").text[:-1] for char in text]


def test_folding_a_heap_of_marks_takes_no_letter_larger_than_a_few() -> None:
    folded = fold("a" + "\u0300\u0323" * 1_000)
    assert max(moved.from_end - moved.from_start for moved in folded.moved) <= 9


@given(st.text(alphabet=st.characters(exclude_categories=["Mn", "Cs"])))
def test_folding_what_is_folded_changes_nothing(text: str) -> None:
    once = fold(text).text
    assert fold(once).text == once


@given(st.text(alphabet=st.characters(categories=["Lu", "Ll", "Lo", "Zs", "Nd"], max_codepoint=0xFFFF)))
@example("آ")
def test_composed_and_decomposed_text_fold_alike(text: str) -> None:
    composed = normalize("NFC", text)
    assert fold(normalize("NFD", composed)).text == fold(composed).text


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Kim’s Troops", "kim's troops"),
        ("Плёхово", "плехово"),
        ("Ку\u0301рск", "курск"),
        ("Kur\u00adsk\u200b", "kursk"),
        ("ＤＰＲＫ", "dprk"),
        ("п’ять", "п'ять"),
        ("Nord‑coréens", "nord-coréens"),
        (normalize("NFD", "북한군"), "북한군"),
    ],
)
def test_spellings_that_look_alike_fold_alike(written: str, folded: str) -> None:
    assert fold(written).text == folded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Title\nFirst. Second!", ["Title", "First.", "Second!"]),
        ("N. Korean troops left. Kyiv agrees.", ["N. Korean troops left.", "Kyiv agrees."]),
        ("On Jan. 31 Col. Petrenko spoke. He left.", ["On Jan. 31 Col. Petrenko spoke.", "He left."]),
        ("Около 4 тыс. Военных нет.", ["Около 4 тыс. Военных нет."]),
        ("About 1.5 million. Then 2.", ["About 1.5 million.", "Then 2."]),
        ("北朝鮮兵が撤退。ウクライナ側が発表した。", ["北朝鮮兵が撤退。", "ウクライナ側が発表した。"]),
        ("철수했다. 그는 말했다.", ["철수했다.", "그는 말했다."]),
        ("“Gone.” He said so? Yes!", ["“Gone.”", "He said so?", "Yes!"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_text_is_cut_into_sentences(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in sentences(text)] == expected


@given(ANY)
def test_sentences_hold_all_that_is_not_space_in_order(text: str) -> None:
    spans = sentences(text)
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())
    assert list(spans) == sorted(spans)
    for index, (start, end) in enumerate(spans):
        assert sentence_at(spans, start) == sentence_at(spans, end - 1) == index


@pytest.mark.parametrize(
    ("text", "declared", "expected"),
    [
        ("Troops have left the front", None, "en"),
        ("Північнокорейських солдатів не видно", None, "uk"),
        ("Северокорейских бойцов не видно", None, "ru"),
        ("Солдаты отошли на восток", "uk", "ru"),
        ("북한군 3주째 안 보여", None, "ko"),
        ("北朝鮮兵が撤退", None, "ja"),
        ("朝鲜军队撤离", None, "zh"),
        ("朝鲜军队撤离 Kursk DPRK", "zh-Hans", "zh"),
        ("Les soldats ont quitté le front avec les chars", None, "fr"),
        ("Die Soldaten sind nicht mehr an der Front", None, "de"),
        ("Żołnierze nie są na froncie od tygodni", None, "pl"),
        ("Las tropas han dejado el frente", None, "es"),
        ("Troops have left the front", "ko", "en"),
        ("Войниците са в Курск", "bg", "bg"),
        ("北, 러에 병력 보낸다", None, "ko"),
        ("Kursk", "de", "de"),
        ("42", None, None),
    ],
)
def test_the_language_is_as_declared_unless_the_script_says_otherwise(
    text: str, declared: str | None, expected: str | None
) -> None:
    assert language_of(text, declared) == expected


@pytest.mark.parametrize(
    ("text", "declared", "expected"),
    [
        ("The troops have left the front", None, ("en",)),
        ("Troops leave front", None, ("de", "en")),
        ("Troops leave front", "en", ("en",)),
        ("Soldaten in Kursk", None, ("de", "en")),
        ("Войниците са в Курск", None, ("bg", "ru", "uk")),
        ("Войска отошли", None, ("bg", "ru", "uk")),
        ("Войска ещё там", None, ("ru",)),
        ("Війська відійшли", None, ("uk",)),
        ("Війська відійшли", "ru", ("uk",)),
        ("朝鲜军队撤离", None, ("ja", "zh")),
        ("朝鲜军队撤离", "zh-Hans", ("zh",)),
        ("北朝鮮兵が撤退", None, ("ja",)),
    ],
)
def test_where_nothing_tells_the_language_each_known_one_of_the_script_may_be_it(
    text: str, declared: str | None, expected: tuple[str, ...]
) -> None:
    assert languages_of(text, declared, {"en", "de", "uk", "ru", "bg", "zh", "ja", "ar"}) == expected


def test_a_language_whose_script_nobody_stated_may_stand_in_any() -> None:
    assert languages_of("Troops leave front", None, {"en", "fi", "ru"}) == ("en", "fi")


@given(ANY, st.sampled_from([None, "en", "uk", "zh-Hant", "fi"]))
def test_a_declared_or_likely_language_is_always_among_those_it_may_be(text: str, declared: str | None) -> None:
    likely = language_of(text, declared)
    assert likely is None or likely in languages_of(text, declared, ["de", "ru"])
