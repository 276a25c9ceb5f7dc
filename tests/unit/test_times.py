from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.figures import read_numbers
from services.classifier.grammars import Grammars
from services.classifier.times import Time, read_times

GRAMMARS = Grammars()
PUBLISHED = date(2025, 5, 14)  # a Wednesday


def times(text: str, language: str, published: date | None = PUBLISHED) -> tuple[Time, ...]:
    sentence = GRAMMARS[language].read(text, 0, len(text))
    return read_times(sentence, read_numbers(sentence), published)


def resolved(text: str, language: str) -> list[str]:
    found = [time.interval for time in times(text, language)]
    return [f"{each.start}/{each.end} {each.precision}" for each in found if each]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", "2025-05-14/2025-05-14 day"),
        ("yesterday", "2025-05-13/2025-05-13 day"),
        ("on Friday", "2025-05-09/2025-05-09 day"),
        ("on Wednesday", "2025-05-14/2025-05-14 day"),
        ("last Wednesday", "2025-05-07/2025-05-07 day"),
        ("next Monday", "2025-05-19/2025-05-19 day"),
        ("at the weekend", "2025-05-10/2025-05-11 weekend"),
        ("last week", "2025-05-05/2025-05-11 week"),
        ("three weeks ago", "2025-04-20/2025-04-26 week"),
        ("for about two months", "2025-03-14/2025-05-14 month"),
        ("over the past two weeks", "2025-04-30/2025-05-14 week"),
        ("since mid-October 2024", "2024-10-11/2025-05-14 part"),
        ("in January", "2025-01-01/2025-01-31 month"),
        ("in October", "2024-10-01/2024-10-31 month"),
        ("by December", "2025-12-01/2025-12-31 month"),
        ("between January and March", "2025-01-01/2025-03-31 month"),
        ("from November to January", "2024-11-01/2025-01-31 month"),
        ("in the first week of February", "2025-02-01/2025-02-07 week"),
        ("by the end of the month", "2025-05-21/2025-05-31 part"),
        ("between October 8 and 13", "2024-10-08/2024-10-13 day"),
        ("on May 9, 2025", "2025-05-09/2025-05-09 day"),
        ("last autumn", "2024-09-01/2024-11-30 season"),
        ("in the first quarter", "2025-01-01/2025-03-31 quarter"),
        ("last year", "2024-01-01/2024-12-31 year"),
        ("late last year", "2024-09-01/2024-12-31 part"),
        ("in 2024", "2024-01-01/2024-12-31 year"),
        ("next month", "2025-06-01/2025-06-30 month"),
    ],
)
def test_a_time_is_the_interval_that_a_reader_of_that_day_understands(text: str, expected: str) -> None:
    assert resolved(text, "en") == [expected]


FRIDAY, LAST_WEEK, AGO, SINCE, MONTH, DAY, YESTERDAY, YEAR, NEXT = (
    "2025-05-09/2025-05-09 day",
    "2025-05-05/2025-05-11 week",
    "2025-04-20/2025-04-26 week",
    "2024-10-11/2025-05-14 part",
    "2025-01-01/2025-01-31 month",
    "2025-05-09/2025-05-09 day",
    "2025-05-13/2025-05-13 day",
    "2024-01-01/2024-12-31 year",
    "2025-06-01/2025-06-30 month",
)
EXPECTED = (FRIDAY, LAST_WEEK, AGO, SINCE, MONTH, DAY, YESTERDAY, YEAR, NEXT)
SAID = {
    "en": "on Friday; last week; three weeks ago; since mid-October 2024; in January;"
    " on 9 May; yesterday; last year; next month",
    "uk": "у п’ятницю; минулого тижня; три тижні тому; з середини жовтня 2024 року; у січні;"
    " 9 травня; вчора; торік; наступного місяця",
    "ru": "в пятницу; на прошлой неделе; три недели назад; с середины октября 2024 года; в январе;"
    " 9 мая; вчера; в прошлом году; в следующем месяце",
    "ko": "지난 금요일; 지난주; 3주 전; 지난해 10월 중순부터; 1월;"
    " 5월 9일; 어제; 작년; 다음 달",
    "ja": "先週金曜日; 先週; 3週間前; 昨年10月中旬以降; 1月;"
    " 5月9日; 昨日; 昨年; 来月",
    "zh": "上周五; 上周; 三周前; 自2024年10月中旬以来; 一月;"
    " 5月9日; 昨天; 去年; 下个月",
    "de": "am Freitag; in der vergangenen Woche; vor drei Wochen; seit Mitte Oktober 2024; im Januar;"
    " am 9. Mai; gestern; im vergangenen Jahr; im nächsten Monat",
    "fr": "vendredi; la semaine dernière; il y a trois semaines; depuis la mi-octobre 2024; en janvier;"
    " le 9 mai; hier; l’année dernière; le mois prochain",
    "pl": "w piątek; w zeszłym tygodniu; trzy tygodnie temu; od połowy października 2024 r.; w styczniu;"
    " 9 maja; wczoraj; w ubiegłym roku; w przyszłym miesiącu",
    "es": "el viernes; la semana pasada; hace tres semanas; desde mediados de octubre de 2024; en enero;"
    " el 9 de mayo; ayer; el año pasado; el próximo mes",
    "pt": "na sexta-feira; na semana passada; há três semanas; desde meados de outubro de 2024; em janeiro;"
    " em 9 de maio; ontem; no ano passado; no próximo mês",
    "it": "venerdì; la settimana scorsa; tre settimane fa; da metà ottobre 2024; a gennaio;"
    " il 9 maggio; ieri; l’anno scorso; il mese prossimo",
    "id": "pada Jumat; pekan lalu; tiga pekan lalu; sejak pertengahan Oktober 2024; pada Januari;"
    " 9 Mei; kemarin; tahun lalu; bulan depan",
    "vi": "hôm thứ sáu; tuần trước; ba tuần trước; từ giữa tháng 10 năm 2024; vào tháng 1;"
    " ngày 9 tháng 5; hôm qua; năm ngoái; tháng tới",
    "ar": "يوم الجمعة; الأسبوع الماضي; قبل ثلاثة أسابيع; منذ منتصف أكتوبر 2024; في يناير;"
    " في 9 مايو; أمس; العام الماضي; الشهر المقبل",
    "cs": "v pátek; minulý týden; před třemi týdny; od poloviny října 2024; v lednu;"
    " 9. května; včera; loni; příští měsíc",
    "sk": "v piatok; minulý týždeň; pred tromi týždňami; od polovice októbra 2024; v januári;"
    " 9. mája; včera; vlani; budúci mesiac",
    "bg": "в петък; миналата седмица; преди три седмици; от средата на октомври 2024 г.; през януари;"
    " на 9 май; вчера; миналата година; следващия месец",
}  # fmt: skip


@pytest.mark.parametrize("language", SAID)
def test_every_language_says_the_same_times(language: str) -> None:
    said = [" ".join(resolved(text, language)) for text in SAID[language].split("; ")]
    assert dict(zip(SAID[language].split("; "), said, strict=True)) == dict(
        zip(SAID[language].split("; "), EXPECTED, strict=True)
    )


def test_every_grammar_is_tried() -> None:
    assert set(SAID) == set(GRAMMARS)


@pytest.mark.parametrize(
    "text", ["They may return", "the last soldier", "a 120-day mission", "at first", "31 soldiers"]
)
def test_what_tells_no_time_is_none(text: str) -> None:
    assert times(text, "en") == ()


def test_a_day_that_the_calendar_lacks_is_not_resolved() -> None:
    [time] = times("on February 31", "en")
    assert time.interval is None


def test_without_a_day_of_publication_nothing_is_resolved() -> None:
    [time] = times("last week", "en", None)
    assert time.interval is None


WORDS = sorted(
    {word for said in SAID.values() for word in said.replace(";", " ").split()} | {"1", "31", "999999999", "-", ","}
)
TEXTS = st.text() | st.lists(st.sampled_from(WORDS)).map(" ".join)
DAYS = st.dates() | st.sampled_from([date.min, date.max, date(2024, 2, 29)])


@given(TEXTS, st.sampled_from([*GRAMMARS]), DAYS)
def test_any_text_on_any_day_has_ordered_intervals(text: str, language: str, published: date) -> None:
    for time in times(text, language, published):
        assert 0 <= time.start < time.end <= len(text)
        assert time.interval is None or time.interval.start <= time.interval.end
