"""How things are put into words for people (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlsplit

from shared.models.pack import PEOPLE, Place
from shared.models.story import KnownClaim
from shared.models.topic import Certainty, Claim

_QUALIFIERS = {"about": "~", "over": "over ", "up_to": "up to "}
_CERTAINTIES = {
    Certainty.CLAIMED: "unconfirmed",
    Certainty.CONFIRMED: "confirmed",
    Certainty.DENIED: "denied",
    Certainty.POSSIBLE: "possible",
}
# A figure reads "~11,000 withdrawn", and "600 people killed" says no more than "600 killed".
_UNSAID = (None, PEOPLE)
_ENDS = frozenset('.!?…。！？”»")')


@dataclass(frozen=True, slots=True)
class ClaimWords:
    """`~4,000` `casualties`, Kursk Oblast, per Ukraine, unconfirmed. What is not known is empty."""

    figure: str
    what: str
    where: str
    when: str
    who: str
    certainty: str

    def __str__(self) -> str:
        what = f"{self.figure} {self.what}" if self.figure else self.what
        parts = (what, self.where, self.when, f"per {self.who}" if self.who else "", self.certainty)
        return ", ".join(part for part in parts if part)


def claim_words(claim: Claim, places: Mapping[str, Place]) -> ClaimWords:
    return ClaimWords(
        figure=figure_words(claim),
        what=subject(claim),
        where=place_title(claim.place, places),
        when=_when(claim),
        who=speaker(claim),
        certainty=_CERTAINTIES[claim.certainty],
    )


def _when(claim: Claim) -> str:
    """What lasts until the day on which it is said has begun `since` then."""
    first, last = claim.time_start, claim.time_end
    if first and last and first < last and isinstance(claim, KnownClaim) and last >= claim.said_at.date():
        return f"since {day_words(first, first)}"
    return day_words(first, last)


def figure_words(claim: Claim) -> str:
    if claim.value is None:
        return ""
    unit = "" if claim.unit in _UNSAID else f" {spaced(str(claim.unit))}"
    return f"{_QUALIFIERS.get(claim.qualifier or '', '')}{number(claim.value)}{unit}"


def subject(claim: Claim) -> str:
    return spaced(claim.role or claim.kind)


def speaker(claim: Claim) -> str:
    """Who says so; failing that, the outlet that told it first."""
    if claim.attribution:
        return claim.attribution
    return claim.sources[0] if isinstance(claim, KnownClaim) and claim.sources else ""


def place_title(place: str | None, places: Mapping[str, Place]) -> str:
    if place is None:
        return ""
    return places[place].title if place in places else spaced(place).title()


def number(value: float) -> str:
    """`4,000`, `2.5`: without digits that nobody said."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.10g}"


def spaced(label: str) -> str:
    """A label as words: `to_be_sent` is `to be sent`."""
    return label.replace("_", " ").replace("-", " ")


def counted(many: int, thing: str) -> str:
    """`1 source`, `1,200 sources`; a thing whose plural is irregular is given as `story|stories`."""
    one, _, more = thing.partition("|")
    return f"{many:,} {one if many == 1 else more or one + 's'}"


def ended(text: str) -> str:
    """A text that was cut, without its last, broken word, and with a sign of it."""
    if not text or text.rstrip()[-1:] in _ENDS:
        return text
    kept = text.rpartition(" ")[0]
    return f"{(kept or text).rstrip(' ,;:–-')}…"


def moment_words(at: datetime, now: datetime) -> str:
    """`14:05 UTC` today, `3 Feb, 14:05 UTC` before, with the year where that is another."""
    clock = f"{at:%H:%M} UTC"
    if at.date() == now.date():
        return clock
    return f"{_day(at.date(), at.year != now.year)}, {clock}"


def day_words(first: date | None, last: date | None) -> str:
    """`3 Feb 2025`, `1–3 Feb 2025`, `28 Jan – 3 Feb 2025`."""
    if first is None or last is None:
        return ""
    if first == last:
        return _day(last)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{_day(last)}"
    return f"{_day(first, first.year != last.year)} – {_day(last)}"


def _day(day: date, with_year: bool = True) -> str:
    return f"{day.day} {day:%b}" + (f" {day.year}" if with_year else "")


def web_address(url: str | None) -> str | None:
    """A feed may name any address, a `javascript:` one too: that is no link."""
    try:
        return url if urlsplit(url or "").scheme in ("http", "https") else None
    except ValueError:
        return None
