"""What an entry states: how many, doing or suffering what, where, when, who says so, how certainly. Pure.

Each figure in the title and the first sentences takes the role word that stands nearest to it, and does not reach past
another figure: in "of 11,000 sent, about 4,000 are dead" each keeps its own.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from services.classifier.attribution import OUTLET, more_precise, speaker_of
from services.classifier.clauses import Clauses, take_apart
from services.classifier.figures import Figure
from services.classifier.intervals import Precision
from services.classifier.lexicon import Lexicon, Mark, Qualifier
from services.classifier.scan import Hit, Kind
from services.classifier.text import Span, sentence_at
from services.classifier.times import Time
from shared.models.pack import TopicPack, TopicRule
from shared.models.topic import Certainty, Claim, Tier

SENTENCES = 5  # the title and four more
_REACH = 2_000  # code points; what stands later in sentences without end is no lead, and would cost its square
_UNIT_REACH = 40  # characters from a number to the noun that it counts
_SAID_REACH = 30  # characters from a word of reporting to who reports, and when
_DATELINE = 20
_MANY = 100  # of fewer it must be said that they are people
_NEGATION_REACH = 12
_UPFRONT = 2  # sentences after the title whose figures are the story's own, when nothing else is said of them
_TOGETHER = 25  # characters between two roles that make a third

_AFTER_DATELINE = re.compile(r"\s?[-–—(]")


@dataclass(frozen=True, slots=True)
class _Lead:
    sentences: Sequence[Clauses]
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
    own = {hit.start for hit in hits if hit.kind is Kind.CONCEPT and hit.name in pack.topic.things}
    read = [
        take_apart(index, lexicon.read(text, *span).counting(own), by_place.get(index, ()), published)
        for index, span in enumerate(lead)
    ]
    known = _Lead(read, pack)
    figures = [claim for sentence in read for claim in _figure_claims(known, sentence, event)]
    return (*_event_claim(known, event), *_with_details(figures, read[0].sentence.end))


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


def _with_details(claims: Sequence[Claim], title_end: int) -> Iterator[Claim]:
    """A figure of the title with what the text says of the same figure."""
    for claim in claims:
        again = next(
            (c for c in claims if c.start >= title_end and (c.role, c.value) == (claim.role, claim.value)), None
        )
        yield claim.model_copy(update=_completed(claim, again)) if again and claim.start < title_end else claim


def _completed(claim: Claim, again: Claim) -> dict[str, object]:
    """What a headline leaves out."""
    update: dict[str, object] = {}
    if claim.certainty is Certainty.CLAIMED and again.certainty is not Certainty.DENIED:
        update["certainty"] = again.certainty
    if again.time and (claim.time is None or _is_finer(again, claim)):
        update |= {name: getattr(again, name) for name in ("time", "time_start", "time_end", "time_precision")}
    if claim.place is None:
        update |= {"place": again.place, "region": again.region}
    weak = claim.attribution_class in (None, OUTLET)
    if again.attribution and (weak or more_precise(again.attribution, claim.attribution)):
        update |= {"attribution": again.attribution, "attribution_class": again.attribution_class}
    return update


def _is_finer(claim: Claim, than: Claim) -> bool:
    """`in January and February` of `this year`."""
    mine, its = (claim.time_start, claim.time_end), (than.time_start, than.time_end)
    return mine != its and None not in (*mine, *its) and max(*mine) <= its[1] and min(*mine) >= its[0]  # type: ignore[type-var,operator]


def _figure_claims(lead: _Lead, read: Clauses, event: str | None) -> Iterator[Claim]:
    topic = lead.pack.topic
    roles = _distinct(read.of(Kind.ROLE), list(topic.roles))
    nouns = [hit for hit in read.of(Kind.CONCEPT) if hit.name in topic.rule.noun + topic.rule.compound]
    counts = _counted(read, [*roles, *nouns])
    # Of one man only what is said: he is too often a part of the story.
    counts = [figure for figure in counts if figure.value > 1 or roles]
    borders = [read.sentence.start, *(f.end for f in counts)], [*(f.start for f in counts), read.sentence.end]
    grounds = [(left, right) for left, right in zip(borders[0], borders[1][1:], strict=False)]
    for figure, ground, role in zip(counts, grounds, _roles(topic, read, counts, grounds, roles), strict=True):
        found = role or _implied(topic, read, figure, event)
        planned = _planned(topic, read, ground, figure, found) if found else None
        if planned or event:
            yield from _figure_claim(lead, read, figure, planned, topic.roles[planned] if planned else event or "")


def _roles(
    topic: TopicRule, read: Clauses, counts: Sequence[Figure], grounds: Sequence[Span], roles: Sequence[Hit]
) -> list[str | None]:
    """Each figure's own, from the ground between its neighbours.

    A figure without one takes what its neighbour leaves over ("4,000 of the 11,000 sent are dead"), or shares the
    neighbour's ("will send 1,000 sappers and 5,000 builders").
    """
    near = [[role for role in roles if left <= role.start and role.end <= right] for left, right in grounds]
    own = [
        _own(topic, read, figure, ground, some, part_named=index > 0 and not near[index - 1])
        for index, (figure, ground, some) in enumerate(zip(counts, grounds, near, strict=True))
    ]
    for index in range(len(counts)):
        if own[index] is None and index and (hit := own[index - 1]) and hit.start < counts[index - 1].start:
            left_over = [role for role in near[index - 1] if role.end <= counts[index - 1].start and role != hit]
            own[index] = left_over[-1] if left_over else hit
    for index in reversed(range(len(counts) - 1)):
        if own[index] is None and (hit := own[index + 1]) and hit.start > counts[index + 1].end:
            left_over = [role for role in near[index + 1] if role.start >= hit.end and role != hit]
            own[index] = left_over[0] if left_over else hit
    return [
        _name(topic, figure, hit, some) if hit else None for figure, hit, some in zip(counts, own, near, strict=True)
    ]


def _own(
    topic: TopicRule, read: Clauses, figure: Figure, ground: Span, near: Sequence[Hit], *, part_named: bool
) -> Hit | None:
    """The nearest, or that to which it gives way in this clause: "the 3,000 soldiers deployed there have been killed".

    `part_named`: a figure before this one has no role in sight, and what is left over will be its own.
    """
    at = figure.start, figure.end
    ranked = sorted(near, key=lambda role: read.distance(at, (role.start, role.end)))
    if part_named or not ranked or ranked[0].name not in topic.incidental:
        return ranked[0] if ranked else None
    yields_to = topic.incidental[ranked[0].name]
    events = [hit for hit in read.of(Kind.EVENT) if topic.implied.get(hit.name) in yields_to]
    implied = [hit._replace(name=topic.implied[hit.name]) for hit in events]
    left, right = read.clause(*at)
    left, right = max(left, ground[0]), min(right, ground[1])
    others = [role for role in (*ranked, *implied) if role.name in yields_to and left <= role.start < right]
    return others[0] if others else ranked[0]


def _name(topic: TopicRule, figure: Figure, role: Hit, near: Sequence[Hit]) -> str:
    """Of two roles side by side, both before the figure or both after it, the one that they make together."""
    beside = {
        other.name
        for other in near
        if max(other.start - role.end, role.start - other.end) <= _TOGETHER
        and (other.start < figure.start) == (role.start < figure.start)
    }
    return next(
        (name for name, parts in topic.together.items() if role.name in parts and beside >= {*parts}), role.name
    )


def _implied(topic: TopicRule, read: Clauses, figure: Figure, event: str | None) -> str | None:
    """That of the nearest event; at the beginning, of the story's, unless it befalls only some of its men."""
    told = [hit for hit in read.of(Kind.EVENT) if hit.name in topic.implied]
    at = figure.start, figure.end
    nearest = min(told, key=lambda hit: read.distance(at, (hit.start, hit.end)), default=None)
    if nearest:
        return topic.implied[nearest.name]
    of_story = topic.implied.get(event or "")
    return of_story if of_story in topic.planned and read.index <= _UPFRONT else None


def _planned(topic: TopicRule, read: Clauses, ground: Span, figure: Figure, role: str) -> str:
    left, right = read.clause(figure.start, figure.end)
    left, right = max(left, ground[0]), min(right, ground[1])
    ahead = any(left <= mark.start and mark.end <= right for mark in read.sentence.of("planned"))
    return topic.planned.get(role, role) if ahead else role


def _figure_claim(lead: _Lead, read: Clauses, figure: Figure, role: str | None, kind: str) -> Iterator[Claim]:
    """A range states two: the least and the most."""
    claim = _claim(lead, read, figure, kind)
    said = {"role": role, "value": figure.value, "qualifier": figure.qualifier, "unit": lead.pack.topic.unit}
    yield claim.model_copy(update=said)
    if figure.most:
        yield claim.model_copy(update=said | {"value": figure.most, "qualifier": Qualifier.UP_TO.value})


def _claim(lead: _Lead, read: Clauses, at: Hit | Figure, kind: str) -> Claim:
    span = at.start, at.end
    place = _place(lead, read, span)
    speaker = speaker_of(lead.sentences, lead.pack.speakers, read, span)
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


def _distinct(roles: Sequence[Hit], order: Sequence[str]) -> list[Hit]:
    """Without those that a longer one covers: "killed" in "killed or wounded". Of one word, the first in order."""
    ranked = sorted(roles, key=lambda role: (role.start - role.end, order.index(role.name)))
    kept: list[Hit] = []
    for role in ranked:
        if not any(role.start < other.end and other.start < role.end for other in kept):
            kept.append(role)
    return sorted(kept, key=lambda role: role.start)


def _counted(read: Clauses, nouns: Sequence[Hit]) -> list[Figure]:
    """Those that count people; after one that does, also those without a noun: "with up to 10,000 expected"."""
    found: list[Figure] = []
    for figure in read.figures:
        if _counts_people(read, figure, nouns) or (
            found and figure.value >= _MANY and not _counts_things(read, figure)
        ):
            found.append(figure)
    return found


def _counts_things(read: Clauses, figure: Figure) -> bool:
    reach = min(read.stretch(figure.end), figure.end + _UNIT_REACH)
    return any(figure.end <= mark.start < reach for mark in read.sentence.of("things", "units"))


def _counts_people(read: Clauses, figure: Figure, nouns: Sequence[Hit]) -> bool:
    """A word for people comes next, before any for things; or the clause ends, and what is counted was named before."""
    if figure.personal:
        return True
    right = read.stretch(figure.end, past_figures=True)
    reach = min(right, figure.end + _UNIT_REACH)
    things = [mark.start for mark in read.sentence.of("things", "units") if figure.end <= mark.start < reach]
    people = [noun.start for noun in nouns if figure.end <= noun.start < reach]
    people += [mark.start for mark in read.sentence.of("people") if figure.end <= mark.start < reach]
    if not people:
        return not things and not read.sentence.text[figure.end : right].strip(" .!?」』”\"'")
    return not things or min(people) < min(things)


def _place(lead: _Lead, read: Clauses, span: Span) -> str | None:
    """Of the clause the nearest, else of the sentence, else the title's first; the topic's own ground before others."""
    near = sorted(read.of(Kind.PLACE), key=lambda hit: read.distance(span, (hit.start, hit.end)))
    named = [hit.name for hit in (*near, *lead.sentences[0].of(Kind.PLACE))]
    core = [name for name in named if lead.pack.places[name].tier is Tier.CORE]
    ours = [name for name in named if lead.pack.places[name].tier]
    return next(iter(core or ours or named), None)


def _time(read: Clauses, span: Span) -> Time | None:
    """The nearest of the clause that does not tell when it was said."""
    left, _ = read.clause(*span)
    right = read.stretch(span[1])
    own = [time for time in read.times if left <= time.start and time.end <= right and not _is_of_saying(read, time)]
    return min(own, key=lambda time: read.distance(span, (time.start, time.end)), default=None)


def _is_of_saying(read: Clauses, time: Time) -> bool:
    """A day in the dateline, or beside a word of reporting or a speaker."""
    if time.interval and time.interval.precision is not Precision.DAY:
        return False
    if time.start - read.sentence.start <= _DATELINE and _AFTER_DATELINE.match(read.sentence.text, time.end):
        return True
    beside: list[Hit | Mark] = [*read.sentence.of("said"), *read.of(Kind.SPEAKER)]
    return any(read.distance((time.start, time.end), (mark.start, mark.end)) <= _SAID_REACH for mark in beside)


def _certainty(read: Clauses, span: Span, *, event: bool) -> Certainty:
    """Of the clause alone: "may be temporary" in the next one says nothing about this."""
    left, right = read.clause(*span)
    marks = [mark for mark in read.sentence.marks if left <= mark.start and mark.end <= right]
    marks = [mark for mark in marks if not any(time.start <= mark.start < time.end for time in read.times)]
    said = {mark.value for mark in marks if mark.kind == "certainty" and not _is_negated(read, mark)}
    if event and _is_negated(read, span):
        return Certainty.DENIED
    return next(
        (c for c in (Certainty.DENIED, Certainty.CONFIRMED, Certainty.POSSIBLE) if c.value in said), Certainty.CLAIMED
    )


def _is_negated(read: Clauses, at: Mark | Span) -> bool:
    """A "not" right before it, and not a part of it: "not been seen" is an event by itself."""
    start, end = (at.start, at.end) if isinstance(at, Mark) else at
    return any(
        mark.end <= start
        and start - mark.end <= _NEGATION_REACH
        and not read.sentence.text[mark.end : start].strip(" ")
        for mark in read.sentence.of("negations")
        if mark.end <= start or mark.start >= end
    )
