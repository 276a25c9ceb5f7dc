"""All forms of all topic packs in one Aho-Corasick automaton: one pass over a text finds every hit of every topic."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from services.classifier.text import Folded, fold, is_cjk, is_word
from shared.models.pack import Forms, LanguageForms, TopicPack

# More than any article has: what is stuffed with forms is read no further, so that no text takes long.
MOST_HITS = 2_000
MOST_LANGUAGES = 3


class Kind(StrEnum):
    """What a form of a pack stands for."""

    CONCEPT = "concept"
    PLACE = "place"
    EVENT = "event"
    ROLE = "role"
    ASPECT = "aspect"
    SPEAKER = "speaker"
    MASK = "mask"
    NEGATIVE = "negative"

    # Hits are put into sets by the thousand, and that of an enumeration is written in Python.
    __hash__ = str.__hash__


class Hit(NamedTuple):
    """`start` and `end` are code points into the original text."""

    kind: Kind
    name: str
    start: int
    end: int

    def within(self, other: "Hit") -> bool:
        return other.start <= self.start and self.end <= other.end


@dataclass(frozen=True, slots=True)
class _Form:
    """One form of one pack in one language. `key` is what the automaton looks for, `rest` what must follow it."""

    topic: int
    language: str
    kind: Kind
    name: str
    key: str
    rest: re.Pattern[str]


_ByLanguage = dict[str, list[_Form]]


class Scanner:
    def __init__(self, packs: Sequence[TopicPack]) -> None:
        by_key: dict[str, _ByLanguage] = {}
        for topic, pack in enumerate(packs):
            for form in _forms(topic, pack):
                by_key.setdefault(form.key, {}).setdefault(form.language, []).append(form)
        self._forms = list(by_key.values())
        self._automaton = AhoCorasick(
            list(by_key),
            matchkind=MatchKind.Standard,
            store_patterns=False,
            implementation=Implementation.ContiguousNFA,
        )
        actors = [frozenset(pack.topic.rule.actor + pack.topic.rule.alias + pack.topic.rule.compound) for pack in packs]
        self._naming = {index: some for index, key in enumerate(self._forms) if (some := _naming(actors, key))}

    def scan(self, text: str) -> "Scan | None":
        """None when no topic's actor can be named, as in nearly every text: the rest of the work is saved."""
        folded = fold(text)
        found = self._automaton.find_matches_as_indexes(folded.text, overlapping=True)
        spoken = self._spoken(folded, found)
        return Scan(folded, self._forms, found, spoken) if spoken else None

    def _spoken(self, folded: Folded, found: Sequence[tuple[int, int, int]]) -> frozenset[str]:
        """The languages in which an actor is named."""
        spoken = set[str]()
        for index, start, _ in found:
            forms = self._naming.get(index)
            if forms and _begins(folded.text, start):
                new = (form for form in forms if form.language not in spoken)
                spoken.update(form.language for form in new if _verify(form, folded, start))
        return frozenset(spoken)


@dataclass(frozen=True, slots=True)
class Scan:
    """Where the keys of forms stand in a text, whatever its language.

    `found`: the index of a key in `forms`, its start and end. `spoken`: the languages in which an actor is named.
    """

    folded: Folded
    forms: Sequence[_ByLanguage]
    found: Sequence[tuple[int, int, int]]
    spoken: frozenset[str]

    @property
    def languages(self) -> tuple[str, ...]:
        """In which it is worth reading a text that may be in any: the few that have most to say."""
        if len(self.spoken) <= MOST_LANGUAGES:
            return tuple(sorted(self.spoken))
        counts = Counter(index for index, _, _ in self.found)
        said = Counter[str]()
        for index, count in counts.items():
            said.update(dict.fromkeys(self.spoken & self.forms[index].keys(), count))
        return tuple(language for language, _ in said.most_common(MOST_LANGUAGES))

    def hits(self, language: str | None) -> dict[int, tuple[Hit, ...]]:
        """Topic index -> its hits in that language, in order, MOST_HITS for each topic."""
        hits = defaultdict[int, set[Hit]](set)
        for index, start, _ in self.found:
            forms = self.forms[index].get(language or "")
            for form in forms if forms and _begins(self.folded.text, start) else ():
                if len(hits[form.topic]) < MOST_HITS and (hit := _verify(form, self.folded, start)):
                    hits[form.topic].add(hit)
        return {topic: _distinct(of_topic) for topic, of_topic in hits.items() if of_topic}


def _naming(actors: Sequence[frozenset[str]], key: _ByLanguage) -> tuple[_Form, ...]:
    """Those that name the actor of their topic."""
    return tuple(form for forms in key.values() for form in forms if form.name in actors[form.topic])


def _begins(text: str, start: int) -> bool:
    """Not in the middle of a word."""
    return start == 0 or not is_word(text[start - 1]) or not is_word(text[start])


def _verify(form: _Form, folded: Folded, start: int) -> Hit | None:
    """Of what begins there."""
    rest = form.rest.match(folded.text, start + len(form.key))
    return Hit(form.kind, form.name, *folded.original(start, rest.end())) if rest else None


def _distinct(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """Unmasked hits; of those of one name that overlap, the longest."""
    kept: list[Hit] = []
    masked, ends = 0, dict[tuple[Kind, str], int]()
    for hit in sorted(hits, key=lambda hit: (hit.start, hit.kind is not Kind.MASK, -hit.end, hit.name)):
        if hit.kind is Kind.MASK:
            masked = max(masked, hit.end)
        elif hit.end > masked and hit.start >= ends.get((hit.kind, hit.name), 0):
            ends[hit.kind, hit.name] = hit.end
            kept.append(hit)
    return tuple(kept)


def _forms(topic: int, pack: TopicPack) -> Iterator[_Form]:
    for language in pack.languages:
        code = language.language.split("-")[0]
        for kind, name, forms in _named(language):
            for written in forms:
                key, rest = _compile(written)
                yield _Form(topic, code, kind, name, key, rest)


def _named(language: LanguageForms) -> Iterator[tuple[Kind, str, Forms]]:
    by_kind = {
        Kind.CONCEPT: language.concepts,
        Kind.PLACE: language.places,
        Kind.EVENT: language.events,
        Kind.ROLE: language.roles,
        Kind.ASPECT: language.aspects,
        Kind.SPEAKER: language.speakers,
        Kind.MASK: {"mask": language.masks},
        Kind.NEGATIVE: {"negative": language.negatives},
    }
    return ((kind, name, forms) for kind, named in by_kind.items() for name, forms in named.items())


def _compile(written: str) -> tuple[str, re.Pattern[str]]:
    """The literal up to the first `*`, and a pattern for what follows: the rest of words, then a word's end.

    The rest of a word includes an English genitive.
    """
    key, *tails = fold(written).text.split("*")
    ending = "" if is_cjk(written[-1]) or not is_word(written[-1]) else r"(?!\w)"
    # Bounded, so that no text costs more than its length.
    return key, _pattern("".join(rf"\w{{0,24}}(?:'s\b)?{re.escape(tail)}" for tail in tails) + ending)


@cache  # most forms end alike, and there are tens of thousands
def _pattern(written: str) -> re.Pattern[str]:
    return re.compile(written)
