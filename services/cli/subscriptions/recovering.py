"""What `recover` reads and tells."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from services.cli.render import counted, moment
from services.operations.subscriptions.ordering import Recovery
from shared.errors import ConfigError

_AGO = re.compile(r"(\d+)([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def moment_of(text: str, now: datetime) -> datetime:
    """`6h` ago, or a time as in ISO 8601, in UTC unless it says otherwise. Raises ConfigError."""
    if found := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"--since: {text[:60]!r} is no time; allowed: 30m, 6h, 2d, or as 2025-02-03 or 2025-02-03T12:00Z"
        ) from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at > now:
        raise ConfigError(f"--since: {moment(at)} is still to come")
    return at


def lines(recovery: Recovery) -> Iterator[str]:
    yield f"{counted(len(recovery.missed), 'story|stories')} to be told"
    for reason, many in recovery.others.most_common():
        yield f"{counted(many, 'story|stories')} not: {reason.replace('_', ' ')}"
