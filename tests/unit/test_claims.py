from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.figures import read_figures
from services.classifier.match import Matcher
from services.classifier.packs import load_matcher
from shared.models.topic import Certainty, Claim

MATCHER: Matcher = load_matcher(Path(__file__).parents[2] / "seeds" / "topics")


def claims(text: str, language: str) -> tuple[Claim, ...]:
    found = [match for match in MATCHER.match(text, language) if match.relevant]
    assert found, f"not relevant: {text}"
    return found[0].claims


def figures(text: str, language: str) -> set[tuple[str | None, float | None]]:
    return {(claim.role, claim.value) for claim in claims(text, language) if claim.value is not None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("more than 11,000 soldiers", [(11000, "over")]),
        ("close to 4 000 солдат", [(4000, "about")]),
        ("около 4 тыс. военных", [(4000, "about")]),
        ("до 12 тисяч бійців", [(12000, "up_to")]),
        ("1,5 тыс. человек", [(1500, None)]),
        ("약 1만1천여 명", [(11000, "about")]),
        ("1만1000명 이상", [(11000, "over")]),
        ("최대 1천100명", [(1100, "up_to")]),
        ("超过1.1万名士兵", [(11000, "over")]),
        ("約4000人", [(4000, "about")]),
        ("ponad 11 tys. żołnierzy", [(11000, "over")]),
        ("rund 3.000 Soldaten", [(3000, "about")]),
        ("in 2024, on Jan. 31, for 3 weeks, 45%", []),
        ("528-й полк, 제528공병연대, K-141, 152 мм, 31일, 4.25", []),
        ("10월 중순 이후 3주간", []),
    ],
)
def test_counts_are_read_and_dates_and_measures_are_not(text: str, expected: list[tuple[float, str | None]]) -> None:
    assert [(figure.value, figure.qualifier) for figure in read_figures(text, None)] == expected


def test_small_numbers_are_read_in_words() -> None:
    assert [figure.value for figure in read_figures("two soldiers, three thousand men, four weeks", "en")] == [2, 3000]
    assert [figure.value for figure in read_figures("двох солдатів", "uk")] == [2]
    assert [figure.value for figure in read_figures("двух солдат", "ru")] == [2]


@given(st.integers(1000, 999_999), st.sampled_from([",", " ", "\u00a0", "."]))
def test_any_grouping_of_thousands_gives_the_same_value(value: int, separator: str) -> None:
    text = f"about {value:,} soldiers".replace(",", separator)
    assert [figure.value for figure in read_figures(text, "en")] == [value]


@given(st.text())
def test_figures_stand_where_they_say(text: str) -> None:
    for figure in read_figures(text, "en"):
        assert 0 <= figure.start < figure.end <= len(text)


@pytest.mark.parametrize(
    ("language", "title", "lead"),
    [
        ("en", "North Korean soldiers absent from Kursk", "Of some 11,000 men sent, about 4,000 are dead or wounded."),
        (
            "uk",
            "Солдатів КНДР не видно на Курщині",
            "Перекинули близько 11 тис. військових, з них 4 тис. вбито й поранено.",
        ),
        ("ru", "Солдат КНДР не видно под Курском", "Перебросили около 11 тыс. военных, потери составляют 4 тысячи."),
        ("ko", "북한군 쿠르스크서 안 보여", "배치된 북한군은 약 1만1천 명이며 사상자는 약 4천 명이다."),
        ("ja", "北朝鮮兵、クルスクで確認されず", "北朝鮮兵1万1000人が派遣され、約4000人が死傷した。"),
        ("zh", "朝鲜士兵未现身库尔斯克", "约1.1万名朝鲜士兵被部署到库尔斯克，约4000人伤亡。"),
    ],
)
def test_each_figure_keeps_its_own_role(language: str, title: str, lead: str) -> None:
    assert figures(f"{title}\n{lead}", language) == {("deployed", 11000), ("casualties", 4000)}


def test_each_figure_carries_its_qualifier_place_speaker_and_span() -> None:
    text = "North Korean losses grow in Kursk\nMore than 3,000 soldiers were killed or wounded, Zelenskyy said."
    claim = next(claim for claim in claims(text, "en") if claim.value == 3000)
    assert (claim.kind, claim.role, claim.qualifier, claim.unit) == ("casualties", "casualties", "over", "people")
    assert (claim.place, claim.attribution) == ("kursk", "Ukraine's president")
    assert text[claim.start : claim.end] == "3,000"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "North Korean troops withdrew from Kursk, said a spokesman for the Special Operations Forces"),
        ("uk", "Солдатів КНДР відвели з Курщини — ССО"),
        ("ru", "Солдат КНДР отвели от Курска, сообщили в ССО"),
        ("ko", "우크라 특수작전군 '북한군 쿠르스크서 철수'"),
    ],
)
def test_a_speaker_has_one_name_in_every_language(language: str, text: str) -> None:
    assert claims(text, language)[0].attribution == "Ukraine's special operations forces"


def test_a_speaker_is_looked_for_in_the_next_sentence_too() -> None:
    text = "North Korea sends more troops to Russia\nSo says South Korea's spy agency. Rain fell. Putin slept."
    assert claims(text, "en")[0].attribution == "South Korea's NIS"


@pytest.mark.parametrize(
    ("text", "certainty"),
    [
        ("North Korean troops have not been seen in Kursk for weeks", Certainty.CLAIMED),
        ("Moscow denied that North Korean troops are deployed in Kursk", Certainty.DENIED),
        ("Kyiv confirms that North Korean troops withdrew from Kursk", Certainty.CONFIRMED),
        ("North Korean troops may have withdrawn from Kursk", Certainty.POSSIBLE),
        ("North Korean troops have withdrawn from Kursk, and their return may follow", Certainty.CLAIMED),
    ],
)
def test_certainty_is_that_of_the_clause(text: str, certainty: Certainty) -> None:
    assert claims(text, "en")[0].certainty == certainty


def test_guns_are_no_soldiers() -> None:
    text = "North Korea sends troops to Russia\nIt shipped 220 howitzers and 3,000 soldiers to the Kursk front."
    assert figures(text, "en") == {("deployed", 3000)}


def test_figures_beyond_the_lead_are_left_alone() -> None:
    lead = "North Korean soldiers withdrew from Kursk\n" + "They are gone. " * 6
    assert figures(lead + "About 4,000 North Korean soldiers were killed.", "en") == set()
