import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.figures import Figure, read_figures, read_numbers
from services.classifier.grammars import Grammars
from services.classifier.lexicon import Lexicon
from services.classifier.times import read_times

GRAMMARS = Grammars()


def figures(text: str, language: str) -> list[Figure]:
    sentence = GRAMMARS.get(language, Lexicon()).read(text, 0, len(text))
    numbers = read_numbers(sentence)
    times = read_times(sentence, numbers, None)
    free = [number for number in numbers if not any(time.start <= number.start < time.end for time in times)]
    return list(read_figures(sentence, free))


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "more than 11,000 soldiers", "11000 over"),
        ("en", "two hundred thousand people, a dozen troops, twenty-five men", "200000, 12, 25"),
        ("en", "one hundred and fifty men, 12k troops, 300 or more", "150, 12000, 300 over"),
        ("en", "hundreds of soldiers and tens of thousands of men", "100 over, 10000 over"),
        ("en", "in 2024, on Jan. 31, for 3 weeks, 45%, $300, K-141, a 120-day mission, 94th brigade, 4.25", ""),
        ("uk", "до 12 тисяч бійців, сотні військових, близько двохсот солдатів", "12000 up_to, 100 over, 200 about"),
        ("uk", "528-й полк, 152 мм, 220 гармат, двадцять п’ять бійців", "25"),
        ("ru", "около 4 тыс. военных, 1,5 тыс. человек, три тысячи солдат", "4000 about, 1500, 3000"),
        ("ru", "тысяча солдат, тысячи солдат", "1000, 1000 over"),
        ("ko", "약 1만1천여 명, 1만1000명 이상, 최대 1천100명", "11000 about, 11000 over, 1100 up_to"),
        ("ko", "제528공병연대, 31일, 10월 중순 이후 3주간, 두 명, 수백 명", "2, 100 over"),
        ("ja", "約4000人、数百人、1万2千人、三千人以上、第528工兵連隊", "4000 about, 100 over, 12000, 3000 over"),
        ("zh", "超过1.1万名士兵，两名士兵，一万两千人，至少300人", "11000 over, 2, 12000, 300 over"),
        ("zh", "3000余名士兵，數千名士兵，第528工兵团，十月", "3000 over, 1000 over"),
        ("de", "rund 3.000 Soldaten, dreitausend Mann, ein Dutzend Kämpfer", "3000 about, 3000, 12"),
        ("fr", "environ 4 000 soldats, une centaine de soldats, des milliers d’hommes", "4000 about, 100, 1000 over"),
        ("pl", "ponad 11 tys. żołnierzy, około dwustu osób, setki żołnierzy", "11000 over, 200 about, 100 over"),
        ("es", "más de 11.000 soldados, tres mil hombres, cientos de militares", "11000 over, 3000, 100 over"),
        ("pt", "cerca de 12 mil militares, duzentos soldados, centenas de homens", "12000 about, 200, 100 over"),
        ("it", "circa 12mila soldati, tremila uomini, centinaia di militari", "12000 about, 3000, 100 over"),
        ("id", "sekitar 12 ribu tentara, tiga ratus prajurit, ratusan tentara", "12000 about, 300, 100 over"),
        ("vi", "ngày 26-10, ngày 26/10", ""),
        ("vi", "khoảng 12 nghìn binh sĩ, ba nghìn quân, hàng trăm lính", "12000 about, 3000, 100 over"),
        ("ar", "نحو ١١٠٠٠ جندي، ثلاثة آلاف جندي، مئات الجنود", "11000 about, 3000, 100 over"),
        ("cs", "asi 12 tisíc vojáků, dva vojáky, stovky vojáků", "12000 about, 2, 100 over"),
        ("sk", "asi 12-tisíc vojakov, dvoch vojakov, stovky vojakov", "12000 about, 2, 100 over"),
        ("bg", "около 12 хил. войници, двама войници, стотици войници", "12000 about, 2, 100 over"),
    ],
)  # fmt: skip
def test_counts_are_read_and_dates_and_measures_are_not(language: str, text: str, expected: str) -> None:
    said = [f"{figure.value:g} {figure.qualifier or ''}".rstrip() for figure in figures(text, language)]
    assert ", ".join(said) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "between 3,000 and 4,000 soldiers"),
        ("en", "3 to 4 thousand men"),
        ("en", "3,000-4,000 troops"),
        ("uk", "від 3 до 4 тисяч солдатів"),
        ("ru", "3–4 тысячи военных"),
        ("ko", "북한군 3천~4천명"),
        ("ja", "3000〜4000人"),
        ("zh", "3000至4000名士兵"),
        ("de", "zwischen 3.000 und 4.000 Soldaten"),
        ("fr", "entre 3 000 et 4 000 soldats"),
        ("pl", "od 3 do 4 tysięcy żołnierzy"),
        ("es", "entre 3.000 y 4.000 soldados"),
        ("pt", "entre 3.000 e 4.000 soldados"),
        ("it", "tra 3.000 e 4.000 soldati"),
        ("id", "antara 3.000 hingga 4.000 tentara"),
        ("vi", "từ 3.000 đến 4.000 binh sĩ"),
        ("ar", "ما بين 3000 و4000 جندي"),
        ("cs", "3 až 4 tisíce vojáků"),
        ("sk", "3 až 4 tisíc vojakov"),
        ("bg", "между 3000 и 4000 войници"),
    ],
)
def test_a_range_is_one_figure_with_two_ends(language: str, text: str) -> None:
    [figure] = figures(text, language)
    assert (figure.value, figure.most) == (3000, 4000)


@given(st.integers(1000, 999_999), st.sampled_from([",", " ", "\u00a0", "."]))
def test_any_grouping_of_thousands_gives_the_same_value(value: int, separator: str) -> None:
    text = f"about {value:,} soldiers".replace(",", separator)
    assert [figure.value for figure in figures(text, "en")] == [value]


@given(
    st.text() | st.text("0123456789., -万千百만천두명人つ three hundred and thousand о сто тысяч"),
    st.sampled_from([*GRAMMARS]),
)
def test_any_text_has_figures_that_stand_where_they_say(text: str, language: str) -> None:
    for figure in figures(text, language):
        assert 0 <= figure.start < figure.end <= len(text)
        assert figure.value > 0
        assert figure.most is None or figure.most > figure.value


def test_a_language_without_a_grammar_still_has_digits() -> None:
    assert [figure.value for figure in figures("hingga 12.000 askari", "sw")] == [12000]
