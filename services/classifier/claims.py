"""What an entry states: how many, doing or suffering what, where, when, who says so, how certainly. Pure.

Each figure in the title and the first sentences takes the role word that stands nearest to it, and does not reach past
another figure: in "of 11,000 sent, about 4,000 are dead" each keeps its own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.classifier.figures import Figure, read_figures, read_numbers
from services.classifier.lexicon import Lexicon, Mark, Sentence
from services.classifier.scan import Hit, Kind
from services.classifier.text import Span, sentence_at
from services.classifier.times import Precision, Time, read_times
from shared.models.pack import TopicPack
from shared.models.topic import Certainty, Claim, SpeakerClass, Tier

SENTENCES = 5  # the title and four more
_REACH = 3_000  # code points; what stands later in sentences without end is no lead, and would cost its square
_UNIT_REACH = 40  # characters from a number to the noun that it counts
_BREAK = 30  # characters that a clause's end counts for in the distance to a role
_SAID_REACH = 30  # characters from a word of reporting to who reports, and when
_NEGATION_REACH = 12

_PUNCTUATION = re.compile(r"[,;:—–、，；：،؛()]|\s-\s|[\"“”«»](?=\s)")
_HEADLINE_SPEAKER = re.compile(r"\s?[:：]|\s?[\"“«「]|\s?[-–—]\s|、")


@dataclass(frozen=True, slots=True)
class _Read:
    """One sentence with all that stands in it. `breaks` are the ends of clauses."""

    index: int
    sentence: Sentence
    hits: Mapping[Kind, Sequence[Hit]]
    figures: Sequence[Figure]
    times: Sequence[Time]
    breaks: Sequence[Span]

    def of(self, kind: Kind) -> Sequence[Hit]:
        return self.hits.get(kind, ())

    def clause(self, start: int, end: int) -> Span:
        left = max((stop for _, stop in self.breaks if stop <= start), default=self.sentence.start)
        right = min((begin for begin, _ in self.breaks if begin >= end), default=self.sentence.end)
        return left, right

    def distance(self, a: Span, b: Span) -> int:
        """In characters, and more for each clause that ends between the two."""
        low, high = min(a[1], b[1]), max(a[0], b[0])
        return max(0, high - low) + _BREAK * sum(low <= start and stop <= high for start, stop in self.breaks)


@dataclass(frozen=True, slots=True)
class _Lead:
    sentences: Sequence[_Read]
    pack: TopicPack


def read_claims(
    text: str,
    spans: Sequence[Span],
    hits: Sequence[Hit],
    lexicon: Lexicon,
    pack: TopicPack,
    event: str | None,
    published: date | None = None,
) -> tuple[Claim, ...]:
    """First the event itself, then each figure that has a role. `hits` are the topic's, `spans` the sentences."""
    by_place: dict[int, list[Hit]] = {}
    for hit in (hit for hit in hits if hit.end <= _REACH):
        by_place.setdefault(sentence_at(spans, hit.start), []).append(hit)
    lead = [(start, min(end, _REACH)) for start, end in spans[:SENTENCES] if start < _REACH]
    read = [
        _read(index, lexicon.read(text, *span), by_place.get(index, ()), published) for index, span in enumerate(lead)
    ]
    known = _Lead(read, pack)
    figures = [claim for sentence in read for claim in _figure_claims(known, sentence)]
    return (*_event_claim(known, event), *figures)


def _read(index: int, sentence: Sentence, hits: Sequence[Hit], published: date | None) -> _Read:
    numbers = read_numbers(sentence)
    times = read_times(sentence, numbers, published)
    free = [number for number in numbers if not any(time.start <= number.start < time.end for time in times)]
    figures = read_figures(sentence, free)
    by_kind: dict[Kind, list[Hit]] = {}
    for hit in hits:
        by_kind.setdefault(hit.kind, []).append(hit)
    whole = [(hit.start, hit.end) for hit in hits if hit.kind in (Kind.ROLE, Kind.EVENT)]
    whole += [(time.start, time.end) for time in times] + [(figure.start, figure.end) for figure in figures]
    return _Read(index, sentence, by_kind, figures, times, _breaks(sentence, whole, times))


def _breaks(sentence: Sentence, whole: Sequence[Span], times: Sequence[Time]) -> list[Span]:
    """Not inside a figure, a time or "killed and wounded"; not after a time that only opens a clause."""
    found = [found.span() for found in _PUNCTUATION.finditer(sentence.text, sentence.start, sentence.end)]
    found += [(mark.start, mark.end) for mark in sentence.of("clauses")]
    opening = {time.end for time in times if time.start - sentence.start <= 4}
    return sorted(
        (start, end)
        for start, end in found
        if start not in opening and not any(a <= start and end <= b for a, b in whole)
    )


def _event_claim(lead: _Lead, event: str | None) -> tuple[Claim, ...]:
    """Where it is said first; when and how certainly, also where it is said again in the first sentence."""
    said = [(read, hit) for read in lead.sentences for hit in read.of(Kind.EVENT) if hit.name == event]
    if not said or event is None:
        return ()
    claim = _claim(lead, *said[0], event)
    again = next((_claim(lead, read, hit, event) for read, hit in said if read.index > said[0][0].index), None)
    if again and said[0][0].index == 0:
        claim = claim.model_copy(update=_completed(claim, again))
    return (claim,)


def _completed(claim: Claim, again: Claim) -> dict[str, object]:
    """What a headline leaves out."""
    update: dict[str, object] = {}
    if claim.certainty is Certainty.CLAIMED and again.certainty is not Certainty.DENIED:
        update["certainty"] = again.certainty
    if claim.time is None:
        update |= {name: getattr(again, name) for name in ("time", "time_start", "time_end", "time_precision")}
    if claim.place is None:
        update |= {"place": again.place, "region": again.region}
    if claim.attribution_class in (None, SpeakerClass.OUTLET) and again.attribution:
        update |= {"attribution": again.attribution, "attribution_class": again.attribution_class}
    return update


def _figure_claims(lead: _Lead, read: _Read) -> Iterator[Claim]:
    roles = _longest(read.of(Kind.ROLE))
    nouns = [hit for hit in read.of(Kind.CONCEPT) if hit.name in lead.pack.topic.rule.noun + lead.pack.topic.rule.compound]
    counts = [figure for figure in read.figures if _counts_people(read, figure, [*roles, *nouns])]
    borders = [read.sentence.start, *(f.end for f in counts)], [*(f.start for f in counts), read.sentence.end]
    for index, figure in enumerate(counts):
        own = [role for role in roles if borders[0][index] <= role.start and role.end <= borders[1][index + 1]]
        at = figure.start, figure.end
        role = min(own, key=lambda role: read.distance(at, (role.start, role.end)), default=None)
        if role is not None:
            yield _figure_claim(lead, read, figure, role)


def _figure_claim(lead: _Lead, read: _Read, figure: Figure, role: Hit) -> Claim:
    claim = _claim(lead, read, figure, lead.pack.topic.roles[role.name])
    return claim.model_copy(
        update={"role": role.name, "value": figure.value, "qualifier": figure.qualifier, "unit": "people"}
    )


def _claim(lead: _Lead, read: _Read, at: Hit | Figure, kind: str) -> Claim:
    span = at.start, at.end
    place = _place(lead, read, span)
    speaker = _speaker(lead, read, span)
    time = _time(read, span)
    interval = time.interval if time else None
    return Claim(
        kind=kind,
        place=place,
        region=lead.pack.region(place) if place else None,
        time=read.sentence.text[time.start : time.end] if time else None,
        time_start=interval.start if interval else None,
        time_end=interval.end if interval else None,
        time_precision=interval.precision.value if interval else None,
        attribution=speaker,
        attribution_class=lead.pack.speakers.get(speaker) if speaker else None,
        certainty=_certainty(read, span, event=isinstance(at, Hit)),
        start=at.start,
        end=at.end,
    )


def _longest(roles: Sequence[Hit]) -> list[Hit]:
    """Without those inside a longer one: "killed" in "killed or wounded"."""
    return [role for role in roles if not any(role != other and role.within(other) for other in roles)]


def _counts_people(read: _Read, figure: Figure, nouns: Sequence[Hit]) -> bool:
    """A word for people comes next, before any for things; or the clause ends, and what is counted was named before."""
    if figure.personal:
        return True
    left, right = read.clause(figure.start, figure.end)
    reach = min(right, figure.end + _UNIT_REACH)
    things = [mark.start for mark in read.sentence.of("things", "units") if figure.end <= mark.start < reach]
    people = [noun.start for noun in nouns if figure.end <= noun.start < reach]
    people += [mark.start for mark in read.sentence.of("people") if figure.end <= mark.start < reach]
    if not people:
        return not things and not read.sentence.text[figure.end : right].strip(" .!?」』”\"'")
    return not things or min(people) <= min(things)


def _place(lead: _Lead, read: _Read, span: Span) -> str | None:
    """Of the clause the nearest, else of the sentence, else the title's first; the topic's own ground before others."""
    near = sorted(read.of(Kind.PLACE), key=lambda hit: read.distance(span, (hit.start, hit.end)))
    named = [hit.name for hit in (*near, *lead.sentences[0].of(Kind.PLACE))]
    core = [name for name in named if lead.pack.places[name].tier is Tier.CORE]
    ours = [name for name in named if lead.pack.places[name].tier]
    return next(iter(core or ours or named), None)


def _speaker(lead: _Lead, read: _Read, span: Span) -> str | None:
    """Who reports in this sentence; else in those before, the nearest first; else in those after."""
    order = [read, *reversed(lead.sentences[: read.index]), *lead.sentences[read.index + 1 :]]
    if read.index == 0:
        order = [*lead.sentences]
    named = [(found, strength) for sentence in order for found, strength in _speakers(lead, sentence, span)]
    for least in (3, 2, 1):
        if found := next((name for name, strength in named if strength >= least), None):
            return found
    return None


def _speakers(lead: _Lead, read: _Read, span: Span) -> list[tuple[str, int]]:
    """The strongest and nearest first: 3 reports and is no outlet, 2 is an outlet that reports, 1 is only named."""
    here = [hit for hit in read.of(Kind.SPEAKER)]
    ranked = [(hit, _strength(lead, read, hit)) for hit in here]
    ranked.sort(key=lambda found: (-found[1], read.distance(span, (found[0].start, found[0].end))))
    return [(hit.name, strength) for hit, strength in ranked]


def _strength(lead: _Lead, read: _Read, hit: Hit) -> int:
    outlet = lead.pack.speakers.get(hit.name) in (SpeakerClass.OUTLET, None) and bool(lead.pack.speakers)
    return (2 if outlet else 3) if _reports(read, hit) else 1


def _reports(read: _Read, hit: Hit) -> bool:
    text, sentence = read.sentence.text, read.sentence
    if read.index == 0 and (
        _HEADLINE_SPEAKER.match(text, hit.end)
        or re.search(r"[-–—|:]\s$|\s[-–—]$", text[max(0, hit.start - 3) : hit.start])
    ):
        return True
    return any(
        read.distance((hit.start, hit.end), (mark.start, mark.end)) <= _SAID_REACH for mark in sentence.of("said")
    )


def _time(read: _Read, span: Span) -> Time | None:
    """The nearest of the clause that does not tell when it was said."""
    left, right = read.clause(*span)
    own = [time for time in read.times if left <= time.start and time.end <= right and not _is_of_saying(read, time)]
    return min(own, key=lambda time: read.distance(span, (time.start, time.end)), default=None)


def _is_of_saying(read: _Read, time: Time) -> bool:
    """A day beside a word of reporting or a speaker; of longer times, only one right beside the word."""
    daily = time.interval is None or time.interval.precision is Precision.DAY
    reach = _SAID_REACH if daily else 3
    beside: list[Hit | Mark] = [*read.sentence.of("said"), *(read.of(Kind.SPEAKER) if daily else ())]
    return any(read.distance((time.start, time.end), (mark.start, mark.end)) <= reach for mark in beside)


def _certainty(read: _Read, span: Span, *, event: bool) -> Certainty:
    """Of the clause alone: "may be temporary" in the next one says nothing about this."""
    left, right = read.clause(*span)
    marks = [mark for mark in read.sentence.marks if left <= mark.start and mark.end <= right]
    marks = [mark for mark in marks if not any(time.start <= mark.start < time.end for time in read.times)]
    said = {mark.value for mark in marks if mark.kind == "certainty" and not _is_negated(read, mark)}
    if event and _is_negated(read, span):
        return Certainty.DENIED
    return next((c for c in (Certainty.DENIED, Certainty.CONFIRMED, Certainty.POSSIBLE) if c.value in said), Certainty.CLAIMED)


def _is_negated(read: _Read, at: Mark | Span) -> bool:
    """A "not" right before it, and not a part of it: "not been seen" is an event by itself."""
    start, end = (at.start, at.end) if isinstance(at, Mark) else at
    return any(
        mark.end <= start and start - mark.end <= _NEGATION_REACH and not read.sentence.text[mark.end : start].strip(" ")
        for mark in read.sentence.of("negations")
        if mark.end <= start or mark.start >= end
    )
