"""What a language says numbers, times, reports and doubts with: one automaton per language, one pass per sentence.

A form is written as in a topic pack: `word`, `stem*`, a phrase. Two things more: a form with a capital stands only for
a capitalised word (May, but not may), and `form|ahead` only where `ahead` follows, which is not part of it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind
from pydantic import Field

from services.classifier.text import fold, is_cjk, is_word
from shared.models.base import Model
from shared.models.feed import LanguageCode
from shared.models.pack import Forms
from shared.models.topic import Certainty, Notice

_LONGEST_PREFIX = 4
_OPENING = 4
_NOTICES = frozenset({"notices"})
_MOST = 48  # forms of a kind in a sentence; what has more is a list


class Qualifier(StrEnum):
    ABOUT = "about"
    OVER = "over"
    UP_TO = "up_to"


class Unit(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Season(StrEnum):
    SPRING = "spring"
    SUMMER = "summer"
    AUTUMN = "autumn"
    WINTER = "winter"


class Part(StrEnum):
    BEGIN = "begin"
    MID = "mid"
    END = "end"


class Grammar(Model):
    """`grammar/<language>.yaml`. Every field is optional: a language says what it can."""

    language: LanguageCode
    prefixes: Annotated[Forms, Field(description="what may be glued before any form, as Arabic's `wa`")] = ()
    links: Annotated[Forms, Field(description="small words that may stand inside a time or before a number")] = ()

    numbers: Mapping[int, Forms] = Field(default_factory=dict, description="value → words")
    plus: Annotated[Forms, Field(description="inside a number: one hundred *and* fifty")] = ()
    scales: Mapping[int, Forms] = Field(default_factory=dict, description="factor → words: thousand")
    vague: Mapping[int, Forms] = Field(default_factory=dict, description="the least that is meant → words: hundreds")
    before: Mapping[Qualifier, Forms] = Field(default_factory=dict, description="qualifiers before a number")
    after: Mapping[Qualifier, Forms] = Field(default_factory=dict, description="qualifiers after a number")
    to: Annotated[Forms, Field(description="between the ends of a range")] = ()
    people: Annotated[Forms, Field(description="right after a number: it counts people")] = ()
    things: Annotated[Forms, Field(description="right after a number: it counts no people")] = ()
    ordinal_before: Forms = ()
    ordinal_after: Forms = ()

    clauses: Annotated[Forms, Field(description="where a clause ends, beside punctuation")] = ()
    certainty: Mapping[Certainty, Forms] = Field(default_factory=dict, description="confirmed, denied, … → words")
    planned: Annotated[Forms, Field(description="what is said in this clause has not happened yet")] = ()
    negations: Annotated[Forms, Field(description="right before an event: it is denied")] = ()
    said: Annotated[Forms, Field(description="words of reporting")] = ()
    notices: Mapping[Notice, Forms] = Field(
        default_factory=dict, description="how a title begins, or an article's note reads, that corrects or takes back"
    )

    months: Annotated[tuple[Forms, ...], Field(min_length=12, max_length=12)]
    weekdays: Annotated[tuple[Forms, ...], Field(min_length=7, max_length=7, description="from Monday")]
    days: Mapping[int, Forms] = Field(default_factory=dict, description="days from today → words: -1 is yesterday")
    units: Mapping[Unit, Forms] = Field(default_factory=dict, description="with a number, a length of time")
    calendar: Mapping[Unit, Forms] = Field(default_factory=dict, description="beside a number, its name: `10月`")
    relative: Mapping[str, Forms] = Field(default_factory=dict, description="`-1 year` → one word for it: vlani")
    seasons: Mapping[Season, Forms] = Field(default_factory=dict)
    weekend: Forms = ()
    parts: Mapping[Part, Forms] = Field(default_factory=dict, description="begin, mid, end → words")
    ordinals: Mapping[int, Forms] = Field(default_factory=dict, description="first, second … week or quarter")
    last: Annotated[Forms, Field(description="beside a unit, weekday or season: the one before")] = ()
    this: Forms = ()
    next: Forms = ()
    ago: Forms = ()
    since: Forms = ()
    until: Forms = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A form in a text. `kind` is the field of `Grammar`, `value` its key or place there (months from 1)."""

    kind: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text[start:end]`, with its marks in order; all positions are code points into `text`."""

    text: str
    start: int
    end: int
    by_kind: Mapping[str, tuple[Mark, ...]]

    def of(self, *kinds: str) -> Sequence[Mark]:
        if len(kinds) == 1:
            return self.by_kind.get(kinds[0], ())
        return sorted((mark for kind in kinds for mark in self.by_kind.get(kind, ())), key=lambda mark: mark.start)

    @property
    def marks(self) -> list[Mark]:
        return sorted((mark for marks in self.by_kind.values() for mark in marks), key=lambda mark: mark.start)

    def counting(self, nouns: Set[int]) -> "Sentence":
        """Where these begin stands what the topic counts, be it people or not."""
        things = self.by_kind.get("things", ())
        if nouns.isdisjoint(mark.start for mark in things):
            return self
        others = tuple(mark for mark in things if mark.start not in nouns)
        return replace(self, by_kind={**self.by_kind, "things": others})

    def between(self, end: int, start: int) -> str:
        return self.text[end:start]


@dataclass(frozen=True, slots=True)
class _Form:
    kind: str
    value: str
    key: str
    rest: re.Pattern[str]
    capital: bool


class Lexicon:
    """A grammar, compiled: all of it, or some `kinds`. Without one, only digits and punctuation are understood.

    `notices`: the lexicon of these alone, which is the cheaper to read with.
    """

    def __init__(self, grammar: Grammar | None = None, kinds: Set[str] = frozenset(Grammar.model_fields)) -> None:
        self.prefixes = frozenset(grammar.prefixes if grammar else ())
        by_key: dict[str, list[_Form]] = {}
        for form in _forms(grammar, kinds) if grammar else ():
            by_key.setdefault(form.key, []).append(form)
        self.forms = list(by_key.values())
        self._openings = frozenset(key[:_OPENING] for key in by_key)
        self.notices = Lexicon(grammar, _NOTICES) if kinds > _NOTICES else self
        self._automaton = AhoCorasick(
            list(by_key), matchkind=MatchKind.Standard, store_patterns=False, implementation=Implementation.DFA
        )

    def read(self, text: str, start: int, end: int) -> Sentence:
        part = text[start:end]
        folded = fold(part)
        marks: list[Mark] = []
        for index, at, _ in self._automaton.find_matches_as_indexes(folded.text, overlapping=True):
            if not self._begins(folded.text, at):
                continue
            for form in self.forms[index]:
                rest = form.rest.match(folded.text, at + len(form.key))
                if rest is None:
                    continue
                first, last = folded.original(at, max(at + 1, rest.end()))
                if not form.capital or part[first].isupper():
                    marks.append(Mark(form.kind, form.value, start + first, start + last))
        kept: dict[str, list[Mark]] = {}
        for mark in _longest(marks):
            of_kind = kept.setdefault(mark.kind, [])
            if len(of_kind) < _MOST:
                of_kind.append(mark)
        by_kind = {kind: tuple(marks) for kind, marks in kept.items()}
        return Sentence(text, start, end, by_kind)

    def opens(self, title: str) -> bool:
        """Whether it begins with a form, capitals aside. Cheap, for it is asked of every title."""
        head = title[:_OPENING].lower()
        head = head if head.isascii() or head.replace(" ", "").isalpha() else fold(head).text
        if self._openings.isdisjoint((head[:2], head[:3], head)):
            return False
        told = fold(title).text
        found = (form for forms in self.forms for form in forms if told.startswith(form.key))
        return any(form.rest.match(told, len(form.key)) for form in found)

    def _begins(self, text: str, at: int) -> bool:
        if at == 0 or not (is_word(text[at]) and is_word(text[at - 1])):
            return True
        if not self.prefixes or text[at - 1].isdigit():
            return text[at - 1].isdigit() != text[at].isdigit()
        before = text[max(0, at - _LONGEST_PREFIX) : at]
        return re.split(r"\W", before)[-1] in self.prefixes


def _longest(marks: list[Mark]) -> Iterator[Mark]:
    """In order; of one kind, none inside another: `hundred` in `hundred thousand`."""
    ends: dict[str, int] = {}
    for mark in sorted(marks, key=lambda mark: (mark.start, -mark.end)):
        if mark.end > ends.get(mark.kind, -1):
            ends[mark.kind] = mark.end
            yield mark


def _forms(grammar: Grammar, kinds: Set[str]) -> Iterator[_Form]:
    for kind in Grammar.model_fields:
        held = getattr(grammar, kind)
        if kind in ("language", "prefixes") or kind not in kinds:
            continue
        if isinstance(held, Mapping):
            named = [(str(getattr(name, "value", name)), forms) for name, forms in held.items()]
        elif kind in ("months", "weekdays"):
            named = [(str(place), forms) for place, forms in enumerate(held, start=1)]
        else:
            named = [(kind, held)]
        for value, forms in named:
            yield from (_compile(kind, value, written) for written in forms)


def _compile(kind: str, value: str, written: str) -> _Form:
    body, _, ahead = written.partition("|")
    key, *tails = fold(body).text.split("*")
    ending = "" if is_cjk(body[-1]) or not is_word(body[-1]) else r"(?!\w)" if body[-1].isdigit() else r"(?![^\W\d])"
    follows = f"(?={re.escape(fold(ahead).text)})" if ahead else ""
    # Bounded, so that no text costs more than its length.
    rest = "".join(rf"\w{{0,24}}{re.escape(tail)}" for tail in tails) + ending + follows
    return _Form(kind, value, key, re.compile(rest), body[0].isupper())
