"""Headers that both of our shells read (pure)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def freshness_seconds(headers: Mapping[str, str], now: datetime) -> float:
    """How long an answer holds: max-age less Age, else Expires less Date (RFC 9111, 4.2.1); 0 if nothing is said."""
    control = headers.get("cache-control", "").lower()
    if re.search(r"\bno-(?:cache|store)\b", control):
        return 0.0
    stated = re.search(r"\bmax-age\s*=\s*\"?(\d{1,9})", control)
    if stated:
        age = headers.get("age", "").strip()
        return max(0.0, float(stated[1]) - (float(age) if re.fullmatch(r"\d{1,9}", age) else 0.0))
    expires = _moment(headers.get("expires", ""))
    return max(0.0, (expires - (_moment(headers.get("date", "")) or now)).total_seconds()) if expires else 0.0


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Retry-After in both of its forms (RFC 9110, 10.2.3), as seconds from now; None if absent or unreadable."""
    stated = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", stated):
        return float(stated)
    moment = _moment(stated)
    return max(0.0, (moment - now).total_seconds()) if moment else None


def _moment(stated: str) -> datetime | None:
    """An HTTP date (RFC 9110, 5.6.7)."""
    try:
        moment = parsedate_to_datetime(stated.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
