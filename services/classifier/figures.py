"""Counts written in running text: `11,000`, `около 4 тысяч`, `약 1만1천여 명`, `1.1万`, `two`, each with its qualifier.

Years, dates, ordinals, model numbers and measures are not counts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`value`, and where its number stands, in code points. `qualifier` is about, over, up_to or None."""

    value: float
    qualifier: str | None
    start: int
    end: int


_WORDS = {
    "en": "two three four five six seven eight nine ten eleven twelve",
    "uk": "дво(?:х|є|ма) тр(?:ьох|оє|и) чотир(?:ьох|и) п['’]ят(?:ьох|ь|и) шіст(?:ьох|ь|и) с(?:емеро|ім|еми)"
    " в(?:осьми|ісім) дев['’]ят(?:еро|ь|и) десят(?:ьох|ь|и)",
    "ru": "дв(?:ух|ое|а|умя) тр(?:[её]х|ое|и) четыр(?:[её]х|е) пят(?:еро|ь|и) шест(?:еро|ь|и) сем(?:еро|ь|и)"
    " вос(?:емь|ьми) девят(?:еро|ь|и) десят(?:ь|и)",
}
_SMALL = {
    language: [(re.compile(word, re.IGNORECASE), value) for value, word in enumerate(words.split(), start=2)]
    for language, words in _WORDS.items()
}
_NUMBER = r"\d{1,3}(?:[ \u00a0\u2009\u202f,.'’]\d{3})+(?!\d)|\d+(?:[.,]\d+)?"
_THOUSAND = r"thousand|тыс(?:яч[аиу]?|\b\.?)|тис(?:яч[аіу]?|\b\.?)|tys(?:i[ąę]c[ey]?|i[ęe]cy|\b\.?)|tausend|mille?\b"
_PLAIN = rf"(?<![\dA-Za-zА-яіїєё№/-])(?<!\d[.,])(?<!제)(?<!第)(?P<n>{_NUMBER})(?:[ \u00a0-]?(?P<k>{_THOUSAND}))?"
_EASTERN = (
    r"(?<![\d제第])(?<!\d[.,])(?:(?P<m>\d+(?:\.\d+)?)\s?[만万萬](?:\s?(?P<mk>\d)\s?[천千])?(?:\s?(?P<mu>\d{1,4}))?"
    r"|(?P<t>\d(?:\.\d)?)\s?[천千](?:\s?(?P<tu>\d{1,3}))?)"
)
_COUNT = re.compile(f"{_EASTERN}|{_PLAIN}", re.IGNORECASE)

# What follows a number that does not count people: dates, spans of time, ordinals, measures, things.
_NOT_A_COUNT = re.compile(
    r"\s?(?:%|°|-(?:й|го|му|ій|та|th|mm|millimet)|(?:st|nd|rd|th|mm|km|кг|км|мм|км²|kg|mph)\b|㎞"
    r"|[년월일주시개세代年月日週周時时号호차]"
    r"|여?\s?(?:년|개월|주|일|차례|발|대|문|킬로)|percent|per cent|pct|проц|відсот|[- ]?(?:week|day|month|year"
    r"|hour|minute|kilomet|mile"
    r"|metre|meter|shell|round|gun|howitzer|missile|drone|tank|container|piece|bullet|rocket)"
    r"|(?:недел|дн[яеі]|день|мес[ія]|міс[яі]|год[аоу]?\b|лет\b|рок[иіу]|років|тижн|годин|хвилин|минут"
    r"|раз[аи]?\b|снаряд|ракет|танк|дрон"
    r"|орудий|одиниц|гармат|контейнер|километр|кілометр)"
    r"|(?:woche|tag|monat|jahr|semaine|jour|mois|an[sn]?\b|semana|día|mes|año|tygod|dni|lat\b|miesi)"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b|янв|фев|март|апр|ма[йя]\b|июн|июл|авг|сен"
    r"|окт|ноя|дек"
    r"|січ|лют|берез|квіт|трав|черв|лип|серп|верес|жовт|листоп|груд)",
    re.IGNORECASE,
)
_AFTER_MONTH = re.compile(r"\b(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?\s$", re.IGNORECASE)

_BEFORE = (
    (
        "up_to",
        re.compile(
            r"(?:\bup to|\bas many as|\bдо|최대|最多|最大|bis zu|jusqu['’]à|\bhasta|\bnawet)\s*$", re.IGNORECASE
        ),
    ),
    (
        "over",
        re.compile(
            r"(?:more than|\bover|at least|exceed(?:ed|s|ing)?|upwards of|no fewer than|понад|більше(?: ніж)?"
            r"|щонайменше|более|больше"
            r"|свыше|не менее|как минимум|по меньшей мере|минимум|최소|超过|超過|至少|逾|少なくとも|mehr als"
            r"|über|mindestens|plus de"
            r"|au moins|más de|al menos|ponad|co najmniej|przeszło|więcej niż)\s*(?:the\s)?$",
            re.IGNORECASE,
        ),
    ),
    (
        "about",
        re.compile(
            r"(?:about|around|some|roughly|nearly|almost|approximately|estimated|close to|близько|приблизно"
            r"|майже|орієнтовно|около"
            r"|примерно|порядка|почти|приблизительно|약|대략|約|约|大约|大約|およそ|etwa|rund|circa|ungefähr"
            r"|fast|environ|près de"
            r"|quelque|unos|cerca de|alrededor de|około|blisko|prawie)\s*(?:the|of|у|в)?\s*$",
            re.IGNORECASE,
        ),
    ),
)
_AFTER = (
    ("over", re.compile(r"\s?(?:[명人名]|여\s?명)?\s?(?:이상|以上|超|余|余名|多名|or more)")),
    ("about", re.compile(r"\s?(?:여|余|前後|左右|가량|정도|名?左右)")),
)


def read_figures(text: str, language: str | None) -> tuple[Figure, ...]:
    """In order of appearance."""
    found = [*_in_digits(text), *_in_words(text, language)]
    return tuple(sorted(found, key=lambda figure: figure.start))


def _in_digits(text: str) -> Iterator[Figure]:
    for match in _COUNT.finditer(text):
        value = _value(match)
        if value and not _is_date(text, match, value) and not _NOT_A_COUNT.match(text, match.end()):
            yield Figure(value, _qualifier(text, match.start(), match.end()), match.start(), match.end())


def _in_words(text: str, language: str | None) -> Iterator[Figure]:
    numbers = _SMALL.get(language or "", ())
    for word in re.finditer(r"[^\W\d_]+(?:['’][^\W\d_]+)?", text):
        value = next((value for pattern, value in numbers if pattern.fullmatch(word[0])), None)
        if value is None:
            continue
        thousand = re.match(rf"\s(?:{_THOUSAND})", text[word.end() : word.end() + 12], re.IGNORECASE)
        end = word.end() + (thousand.end() if thousand else 0)
        if not _NOT_A_COUNT.match(text, end):
            yield Figure(value * (1000.0 if thousand else 1), _qualifier(text, word.start(), end), word.start(), end)


def _value(match: re.Match[str]) -> float | None:
    """None for a decimal fraction of nothing: `4.25`."""
    if match["m"]:
        return float(match["m"]) * 10_000 + float(match["mk"] or 0) * 1_000 + float(match["mu"] or 0)
    if match["t"]:
        return float(match["t"]) * 1_000 + float(match["tu"] or 0)
    written = match["n"]
    if re.fullmatch(r"\d+[.,]\d{1,2}|\d+[.,]\d{4,}", written):
        return round(float(written.replace(",", ".")) * 1_000, 3) if match["k"] else None
    return float(re.sub(r"\D", "", written)) * (1_000 if match["k"] else 1)


def _is_date(text: str, match: re.Match[str], value: float) -> bool:
    plain = match[0].isdigit()
    year = plain and len(match[0]) == 4 and (1900 <= value < 2000 or 2000 < value < 2100)
    day = plain and value <= 31 and _AFTER_MONTH.search(text, max(0, match.start() - 12), match.start()) is not None
    return year or day


def _qualifier(text: str, start: int, end: int) -> str | None:
    before = text[max(0, start - 24) : start]
    named = (name for name, pattern in _BEFORE if pattern.search(before))
    return next(named, None) or next((name for name, pattern in _AFTER if pattern.match(text, end)), None)
