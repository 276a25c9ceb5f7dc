"""Dates as feeds write them → moments (pure). The two standard forms here; the many odd ones are feedparser's."""

import re
from datetime import UTC, datetime, timedelta, timezone

from services.poller.lenient import odd_moment

MAX_DATE = 100
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11,
    "dec": 12,
}  # fmt: skip
# RFC 822 knows those of North America; the others are met in feeds, and mean one place only.
_ZONES = {
    "gmt": 0, "utc": 0, "ut": 0, "z": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "cest": 2, "met": 1, "mest": 2,
    "eet": 2, "eest": 3, "msk": 3, "trt": 3, "kst": 9, "jst": 9, "hkt": 8, "sgt": 8, "aest": 10, "aedt": 11,
    "nzst": 12, "nzdt": 13, "ast": -4, "adt": -3, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6,
    "pst": -8, "pdt": -7, "akst": -9, "akdt": -8, "hst": -10,
}  # fmt: skip
_RFC822 = re.compile(
    r"(?:[^\W\d]+\.?,?\s*)?(\d{1,2})[\s-]+([a-z]{3})[a-z]*\.?,?[\s-]+(\d{4}),?\s+"
    r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?\s*([a-z]{1,5}|(?:gmt|utc)?\s*[+-]\d\d:?\d\d)?(?:\s*\([^)]*\))?",
    re.IGNORECASE,
)


def moment(text: str | None) -> datetime | None:
    """The UTC second that a date means; one without a zone is taken as UTC. None if it means nothing."""
    text = (text or "").strip()
    if not any(character.isdigit() for character in text[:MAX_DATE]) or len(text) > MAX_DATE:
        return None
    try:
        found = _iso(text) or _rfc822(text) or odd_moment(text)
        return found and found.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None


def _iso(text: str) -> datetime | None:
    """ISO 8601, RFC 3339."""
    try:
        found = datetime.fromisoformat(text) if text[4:5] == "-" else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def _rfc822(text: str) -> datetime | None:
    """RFC 822 and 5322, with what is commonly left out or put in."""
    if (match := _RFC822.fullmatch(text)) is None:
        return None
    day, month, year, hour, minute, second, zone = match.groups()
    offset = _offset(zone or "gmt")
    if offset is None or month.lower() not in _MONTHS:
        return None
    # A leap second is no second of `datetime`.
    at = (int(hour), int(minute), min(59, int(second or 0)))
    return datetime(int(year), _MONTHS[month.lower()], int(day), *at, tzinfo=timezone(offset))


def _offset(zone: str) -> timedelta | None:
    zone = zone.lower()
    if "+" not in zone and "-" not in zone:
        return timedelta(hours=_ZONES[zone]) if zone in _ZONES else None
    digits = zone[-5:].replace(":", "")[-4:]
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -ahead if "-" in zone else ahead
