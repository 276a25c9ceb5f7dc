from datetime import date

import pytest

from services.classifier.match import Matcher
from shared.models.topic import Certainty, Claim
from tests.packs import installed

MATCHER: Matcher = installed()


PUBLISHED = date(2025, 1, 31)  # a Friday


def claims(text: str, language: str) -> tuple[Claim, ...]:
    found = [match for match in MATCHER.match(text, language, PUBLISHED) if match.relevant]
    assert found, f"not relevant: {text}"
    return found[0].claims


def figures(text: str, language: str) -> set[tuple[str | None, float | None]]:
    return {(claim.role, claim.value) for claim in claims(text, language) if claim.value is not None}


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
    assert claim.attribution_class == "ukrainian"
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "North Korea will send 1,000 sappers and 5,000 builders to Kursk",
            {("to_be_sent", 1000), ("to_be_sent", 5000)},
        ),
        ("North Korea is preparing to deploy 3,000 soldiers to Russia", {("to_be_sent", 3000)}),
        (
            "Between 3,000 and 4,000 North Korean soldiers were killed in Kursk",
            {("killed", 3000), ("killed", 4000)},
        ),
        ("About 200 wounded North Korean soldiers returned home from Kursk", {("returned", 200)}),
        ("The 3,000 North Korean soldiers deployed in Kursk have been killed", {("killed", 3000)}),
        (
            "North Korea sent 3,000 soldiers to Russia, with up to 10,000 expected by December",
            {("deployed", 3000), ("to_be_sent", 10000)},
        ),
        ("About 300 North Korean soldiers were killed and 900 wounded in Kursk", {("killed", 300), ("wounded", 900)}),
        ("About 900 North Korean soldiers died or were wounded in Kursk", {("casualties", 900)}),
        (
            "Some 700 of the 3,000 North Korean soldiers sent to Kursk have been killed",
            {("killed", 700), ("deployed", 3000)},
        ),
        ("Two North Korean brigades and 400 soldiers arrived in Kursk", {("deployed", 400)}),
        ("One North Korean soldier was captured in Kursk", set()),
    ],
)
def test_a_figure_takes_the_role_that_is_meant(text: str, expected: set[tuple[str, float]]) -> None:
    assert figures(text, "en") == expected


def test_the_ends_of_a_range_are_the_least_and_the_most() -> None:
    found = claims("Between 3,000 and 4,000 North Korean soldiers were killed in Kursk", "en")
    ends = [(claim.value, claim.qualifier) for claim in found if claim.value]
    assert ends == [(3000, "over"), (4000, "up_to")]


def test_a_claim_says_when_and_the_day_of_the_report_is_not_that() -> None:
    text = (
        "North Korean losses in Kursk\nAbout 300 North Korean soldiers were killed in Kursk last week,"
        " Zelenskyy said on Thursday. Some 12,000 soldiers have been deployed there since mid-October 2024."
    )
    found = {claim.value: claim for claim in claims(text, "en")}
    killed, deployed = found[300], found[12000]
    assert (killed.time, killed.time_start, killed.time_end) == ("last week", date(2025, 1, 20), date(2025, 1, 26))
    assert killed.time_precision == "week"
    assert (deployed.time_start, deployed.time_end) == (date(2024, 10, 11), PUBLISHED)


def test_without_a_day_of_publication_a_time_stands_as_written() -> None:
    text = "North Korean soldiers killed in Kursk\nAbout 300 North Korean soldiers were killed in Kursk last week."
    [match] = MATCHER.match(text, "en")
    assert {(claim.time, claim.time_start) for claim in match.claims} == {("last week", None)}


@pytest.mark.parametrize(
    ("language", "text", "certainty"),
    [
        ("en", "North Korean troops did not withdraw from Kursk", Certainty.DENIED),
        ("en", "Kyiv did not deny that North Korean troops withdrew from Kursk", Certainty.CLAIMED),
        ("uk", "Війська КНДР, можливо, перекинули в Курську область", Certainty.CLAIMED),
        ("uk", "Росія визнала участь солдатів КНДР у боях на Курщині", Certainty.CONFIRMED),
        ("ru", "Кремль отрицает отправку солдат КНДР в Курскую область", Certainty.DENIED),
        ("ko", "러시아, 북한군 쿠르스크 파병 첫 공식 확인", Certainty.CONFIRMED),
        ("ja", "北朝鮮兵、クルスクから撤退した可能性", Certainty.POSSIBLE),
        ("de", "Moskau dementiert den Einsatz nordkoreanischer Soldaten in Kursk", Certainty.DENIED),
    ],
)
def test_certainty_is_read_in_every_language(language: str, text: str, certainty: Certainty) -> None:
    assert claims(text, language)[0].certainty == certainty


def test_the_source_is_named_rather_than_the_outlet_that_carries_it() -> None:
    text = (
        "North Korean troops killed in Kursk - CNN\n"
        "About 300 North Korean soldiers were killed in Kursk, Zelenskyy told CNN."
    )
    assert {claim.attribution for claim in claims(text, "en")} == {"Ukraine's president"}


def test_the_place_is_that_of_the_clause() -> None:
    text = "North Korean losses near Sudzha\nNorth Korea lost 300 soldiers near Sudzha, and 200 soldiers near Plekhovo."
    assert {claim.value: claim.place for claim in claims(text, "en") if claim.value} == {300: "sudzha", 200: "plekhovo"}


def test_the_most_precise_name_of_a_speaker_is_told() -> None:
    text = (
        "North Korean losses in Kursk grow, Seoul says\n"
        "About 300 North Korean soldiers were killed in Kursk, South Korean officials said, citing the NIS."
    )
    assert {claim.attribution for claim in claims(text, "en")} == {"South Korea's NIS"}


def test_a_claim_that_was_stored_before_times_were_resolved_is_still_read() -> None:
    stored = '{"kind": "casualties", "value": 300, "time": "last week", "attribution": "Ukraine", "start": 0, "end": 3}'
    claim = Claim.model_validate_json(stored)
    assert (claim.time_start, claim.attribution_class) == (None, None)
