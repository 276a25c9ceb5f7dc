"""Dates as feeds write them → moments (pure): RFC 822, ISO 8601, and how they are written in other languages."""

import re
from datetime import UTC, datetime, timedelta, timezone
from unicodedata import combining, normalize

MAX_DATE = 100
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# How months begin, without accents: in English, German, Hungarian, French, Spanish, Greek, Russian.
_BEGINNINGS = (
    _MONTHS,
    ("jan", "feb", "mrz", "apr", "mai", "jun", "jul", "aug", "sze", "okt", "nov", "dez"),
    ("jan", "fev", "mar", "avr", "maj", "juin", "juil", "aou", "sep", "oct", "nov", "dec"),
    ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"),
    ("ιαν", "φεβ", "μαρ", "απρ", "μαι", "ιουν", "ιουλ", "αυγ", "σεπ", "οκτ", "νοε", "δεκ"),
    ("янв", "фев", "мар", "апр", "ма", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"),
)
_MONTH_OF = {begins: 1 + number for months in _BEGINNINGS for number, begins in enumerate(months)}
# RFC 822 knows those of North America; the others are met in feeds, and mean one place only.
_ZONES = {
    "west": 1, "bst": 1, "cet": 1, "cest": 2, "met": 1, "mest": 2, "eet": 2, "eest": 3, "msk": 3, "trt": 3,
    "kst": 9, "jst": 9, "hkt": 8, "sgt": 8, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13,
    "ast": -4, "adt": -3, "at": -4, "est": -5, "edt": -4, "et": -5, "cst": -6, "cdt": -5, "ct": -6,
    "mst": -7, "mdt": -6, "mt": -7, "pst": -8, "pdt": -7, "pt": -8, "akst": -9, "akdt": -8, "hst": -10,
}  # fmt: skip
# Nine of ten dates are written so (RFC 822, 5), and need none of the forms below.
_USUAL = re.compile(
    r"(?:[A-Z][a-z]{2}, )?(\d\d?) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):([0-5]\d) (?:GMT|([+-][01]\d)([0-5]\d))"
)
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]|$)")
_OFFSET = re.compile(r"([+-])(\d{1,2}):?(\d{0,2})$")
_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d{1,2})(?:\.\d+)?)?(?:\s*(?P<half>[ap]m)\b)?"
_ZONE = r"(?P<zone>(?:etc/)?[a-z]{1,5}|(?:gmt|utc)?\s*[+-]\d{1,2}:?\d{0,2})"
_REST = rf"(?:,?\s*(?:t|at)?\s*{_TIME}\s*{_ZONE}?)?(?:\s*\([^)]*\))?"
_WEEKDAY = r"(?:[^\W\d_]+\.?(?:,\s*|\s+))?"
_FORMS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})[\s./-]+(?P<month>[^\W\d_]{{3,}})\.?,?[\s./-]+(?P<year>\d{{4}}|\d\d){_REST}",
        rf"{_WEEKDAY}(?P<month>[^\W\d_]{{3,}})\.?\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}}){_REST}",
        rf"{_WEEKDAY}(?P<month>[a-z]{{3}})\s+(?P<day>\d{{1,2}})\s+{_TIME}\s+(?:{_ZONE}\s+)?(?P<year>\d{{4}})",
        rf"{_WEEKDAY}(?P<year>\d{{4}})(?:[-/](?P<month>\d\d?|[^\W\d_]{{3,}})(?:[-/](?P<day>\d\d?))?)?{_REST}",
        rf"(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{{4}}){_REST}",
        rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d){_REST}",
        rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d)t(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?(?P<half>){_ZONE}?",
    )
]
_KOREAN = re.compile(r"(\d{4})(?:년|-)\s*(\d\d?)(?:월|-)\s*(\d\d?)일?\s*(오[전후])?\s*(\d\d?:\d\d(?::\d\d)?)")
_HALVES = {"오전": "AM", "오후": "PM", None: ""}


def moment(text: str | None) -> datetime | None:
    """The UTC second that a date means; one without a zone is taken as UTC. None if it means nothing."""
    text = (text or "").strip()
    if not text or len(text) > MAX_DATE:
        return None
    try:
        found = _iso(text) or _usual(text) or _written(text if text.isascii() else _in_ascii(text))
        return found and found.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None


def _iso(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if _ISO.match(text) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def _usual(text: str) -> datetime | None:
    match = _USUAL.fullmatch(text)
    month = match and _MONTH_OF.get(match[2].lower())
    if not match or not month:
        return None
    hours, minutes = match[7] or "+00", int(match[8] or 0)
    ahead = timedelta(hours=int(hours), minutes=-minutes if hours[0] == "-" else minutes)
    day, year, hour, minute, second = map(int, match.group(1, 3, 4, 5, 6))
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC) - ahead


def _in_ascii(text: str) -> str:
    """Korean dates as ISO 8601, letters without their accents, so far as this makes ASCII of them."""
    if any(word in text for word in ("년", "오전", "오후")):
        return _KOREAN.sub(lambda found: f"{found[1]}-{found[2]}-{found[3]} {found[5]}{_HALVES[found[4]]} +0900", text)
    return "".join(character for character in normalize("NFD", text) if not combining(character))


def _written(text: str) -> datetime | None:
    match = next(filter(None, (form.fullmatch(text) for form in _FORMS)), None)
    if match is None:
        return None
    part = match.groupdict()
    return datetime(
        _year(part["year"]),
        _month(part["month"] or "1"),
        int(part["day"] or 1),
        _hour(int(part["hour"] or 0), part["half"]),
        int(part["minute"] or 0),
        # A leap second is no second of `datetime`.
        59 if part["second"] == "60" else int(part["second"] or 0),
        tzinfo=timezone(_offset((part["zone"] or "").lower())),
    )


def _year(digits: str) -> int:
    """Two digits mean a year in which there were feeds."""
    return int(digits) if len(digits) == 4 else int(digits) + (2000 if digits < "90" else 1900)


def _month(word: str) -> int:
    if word.isdigit():
        return int(word)
    beginnings = (word.lower()[:length] for length in (4, 3, 2))
    found = next((_MONTH_OF[begins] for begins in beginnings if begins in _MONTH_OF), None)
    if found is None:
        raise ValueError(f"{word} is no month")
    return found


def _hour(hour: int, half: str | None) -> int:
    return hour if not half else hour % 12 + 12 * (half.lower() == "pm")


def _offset(zone: str) -> timedelta:
    """An unknown abbreviation is taken as UTC: hours wrong is better than no date."""
    if (match := _OFFSET.search(zone)) is None:
        return timedelta(hours=_ZONES.get(zone.removeprefix("etc/"), 0))
    sign, hours, minutes = match.groups()
    ahead = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return -ahead if sign == "-" else ahead
