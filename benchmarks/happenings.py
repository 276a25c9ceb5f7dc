"""Invented happenings and what outlets tell of them, as many as wanted: spread as news is, not evenly.

Words, aspects, places, speakers and figures are drawn by Zipf's law, so that a few stand in most stories and most in
few. A word is three syllables, of which no two languages share one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from itertools import accumulate
from random import Random

from shared.models.entry import Entry
from shared.models.topic import Claim, Evidence, TopicMatch

TOPIC = "happenings"
LANGUAGES, VOCABULARY = ("en", "uk", "ru", "ko", "ja", "zh", "de", "fr", "es", "pl"), 20_000
EVENTS, ASPECTS, PLACES, REGIONS, SPEAKERS, CLASSES, OUTLETS = 12, 45, 150, 25, 80, 12, 140
ROLES = ("casualties", "killed", "deployed", "captured", "wounded", "returned")
OWN_WORDS, TITLE_WORDS, LEAD_WORDS = 14, 7, 18
BACKGROUND = 0.3  # of articles, that tell a figure everybody knows
_CONSONANTS, _VOWELS = "bcdfghjklmnpqrstvwxz", "aeiou"


@dataclass(frozen=True, slots=True)
class Happening:
    """`own`: by language, the words that most who tell of it use."""

    event: int
    aspects: Sequence[int]
    place: int
    speaker: int
    role: str
    figure: int
    own: dict[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Report:
    """An entry and the verdict on it."""

    entry: Entry
    match: TopicMatch
    happening: Happening


@dataclass(slots=True)
class Press:
    """Everything follows from the seed."""

    draw: Random
    told: int = 0

    def happening(self) -> Happening:
        return Happening(
            event=self._one(EVENTS),
            aspects=sorted({self._one(ASPECTS) for _ in range(self.draw.randint(1, 3))}),
            place=self._one(PLACES),
            speaker=self._one(SPEAKERS),
            role=ROLES[self._one(len(ROLES))],
            figure=max(2, round(self.draw.lognormvariate(5.0, 1.8))),
            own={},
        )

    def report(self, of: Happening, at: datetime, language: str | None = None) -> Report:
        """In words of the outlet's own, though not in those alone."""
        language = language or LANGUAGES[self._one(len(LANGUAGES))]
        own = of.own.setdefault(language, self._words(language, OWN_WORDS))
        words = self.draw.sample([*own, *self._words(language, TITLE_WORDS + LEAD_WORDS - OWN_WORDS)], k=25)
        title, lead = " ".join(words[:TITLE_WORDS]), " ".join(words[TITLE_WORDS:])
        return self._report(of, language, title, f"{lead}.", at)

    def copy(self, of: Report, at: datetime) -> Report:
        """With another headline, and a dateline before the lead."""
        language = of.match.language or ""
        title = " ".join([*of.entry.title.split()[:-2], *self._words(language, 2)])
        return self._report(of.happening, language, title, f"{self._words(language, 1)[0]} - {of.entry.summary}", at)

    def _report(self, of: Happening, language: str, title: str, summary: str, at: datetime) -> Report:
        self.told += 1
        name = sha256(f"{self.told}".encode()).hexdigest()
        outlet = f"Outlet {self._one(OUTLETS)}"
        entry = Entry(
            id=name[:16],
            feed_id=name[:12],
            source=outlet,
            feed_name=outlet,
            language=language,
            guid=f"urn:{name[:16]}",
            url=f"https://www.{outlet.replace(' ', '-').lower()}.example/world/2026/11/{name[:24]}",
            title=title,
            summary=summary,
            published=at,
            seen_at=at,
        )
        return Report(entry, self._match(of, entry), of)

    def _match(self, of: Happening, entry: Entry) -> TopicMatch:
        speaker = {"attribution": f"Speaker {of.speaker}", "attribution_class": f"class-{of.speaker % CLASSES}"}
        place = {"place": f"place-{of.place}", "region": f"region-{of.place % REGIONS}"}
        kind = {"kind": f"event-{of.event}", **place, **speaker}
        lead = len(entry.title) + 1
        figures = [Claim(**kind, role=of.role, value=of.figure, start=self.draw.choice((0, lead)), end=lead)]
        if self.draw.random() < BACKGROUND:
            figures.append(Claim(kind="event-0", role="deployed", value=11_000, start=lead, end=lead + 9))
        return TopicMatch(
            topic=TOPIC,
            version="1",
            relevant=True,
            score=8.0,
            threshold=5.0,
            event_type=f"event-{of.event}",
            language=entry.language,
            reason="above_threshold",
            aspects=tuple(self._aspect(aspect, lead) for aspect in of.aspects if self.draw.random() < 0.8),
            claims=(Claim(**kind, start=0, end=lead), *figures),
        )

    def _aspect(self, aspect: int, lead: int) -> Evidence:
        at = self.draw.choice((0, lead))
        return Evidence(concept=f"aspect-{aspect}", text="", start=at, end=at)

    def _words(self, language: str, many: int) -> list[str]:
        first = LANGUAGES.index(language) * VOCABULARY
        return [
            _word(first + rank) for rank in self.draw.choices(range(VOCABULARY), cum_weights=_zipf(VOCABULARY), k=many)
        ]

    def _one(self, of: int) -> int:
        return self.draw.choices(range(of), cum_weights=_zipf(of))[0]


@cache
def _zipf(many: int) -> list[float]:
    """Cumulative weights (Mandelbrot's form: the first few ranks are not quite so far ahead)."""
    return list(accumulate(1 / (rank + 2.7) for rank in range(1, many + 1)))


def _word(number: int) -> str:
    syllables = ""
    for _ in range(3):
        number, syllable = divmod(number, len(_CONSONANTS) * len(_VOWELS))
        syllables += _CONSONANTS[syllable // len(_VOWELS)] + _VOWELS[syllable % len(_VOWELS)]
    return syllables
