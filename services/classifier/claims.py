"""What an entry states: how many, doing or suffering what, where, who says so, how certainly. Pure.

Each figure in the title and the first sentences takes the role word that stands nearest to it, and does not reach past
another figure: in "of 11,000 sent, about 4,000 are dead" each keeps its own.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.classifier.figures import Figure, read_figures
from services.classifier.scan import Hit, Kind
from services.classifier.text import Span, sentence_at
from shared.models.pack import TopicPack
from shared.models.topic import Certainty, Claim, Tier

SENTENCES = 5  # the title and four more
_REACH = 3_000  # code points; what stands later in sentences without end is no lead, and would cost its square
_UNIT_REACH = 40  # characters from a number to the noun that it counts
_BREAK = 30  # characters that a clause's end counts for in the distance to a role

_CLAUSE_END = re.compile(
    r"[,;:—–、，；：]|\s-\s|\s(?:and|while|but|и|а|та|й|і|und|et|y|i|oraz)\s|(?:이며|으며|하며|됐고|했고|고)\s"
)
# Directly after a number, these say that it counts what was named before; so does the end of a clause.
_COUNTS_THE_SAME = re.compile(
    r"\s?(?:[명人名]|여\s?명|of (?:them|whom|its|his|the)\b|(?:из|з|із) них|von ihnen|d['’]entre|de ellos|z nich"
    r"|люд[еиі]|чел(?:\.|овек)|чолов|осіб|people|men\b|personnel|persons|osób|personas|personnes|menschen"
    r"|[,.;:!?)»”]|$)",
    re.IGNORECASE,
)
_CERTAINTY = (
    (
        Certainty.DENIED,
        re.compile(
            r"(?<!not )\bden(?:y|ies|ied|ial)\b|\bdismiss(?:es|ed)\b|\brefut|опроверг|отрица|спростув|заперечи"
            r"|заперечує|부인(?:했|하)"
            r"|일축|否认|否認|dementi|bestreite|dément|zaprzecz|desmint|desmient",
            re.IGNORECASE,
        ),
    ),
    (
        Certainty.CONFIRMED,
        re.compile(
            r"\bconfirm(?:s|ed|ing)?\b|\backnowledg|\badmit|\bverified|подтверд|признал|підтверд|визнал|확인했"
            r"|확인됐|공식 확인|첫 확인"
            r"|인정했|인정한|認めた|を確認|证实|證實|承认|承認|bestätig|reconnu|potwierdz|przyzna|reconoci",
            re.IGNORECASE,
        ),
    ),
    (
        Certainty.POSSIBLE,
        re.compile(
            r"\b(?:may|might|could|possibly|probably|likely|appears?|believed)\b|возможно|вероятно|может|могут"
            r"|можливо|ймовірно|може\b"
            r"|можуть|듯|가능성|것으로 보|かもしれ|可能|vermutlich|könnt|pourrai|aurai(?:t|ent)|podría"
            r"|prawdopodobn|mógł|może\b",
            re.IGNORECASE,
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class _Context:
    text: str
    spans: Sequence[Span]
    hits: dict[tuple[Kind, int], list[Hit]]
    pack: TopicPack

    def of(self, kind: Kind, sentence: int) -> list[Hit]:
        return self.hits.get((kind, sentence), [])


def read_claims(
    text: str, spans: Sequence[Span], hits: Sequence[Hit], language: str | None, pack: TopicPack, event: str | None
) -> tuple[Claim, ...]:
    """First the event itself, then each figure that has a role. `hits` are the topic's, `spans` the sentences."""
    by_place: dict[tuple[Kind, int], list[Hit]] = {}
    for hit in (hit for hit in hits if hit.end <= _REACH):
        by_place.setdefault((hit.kind, sentence_at(spans, hit.start)), []).append(hit)
    lead = [(start, min(end, _REACH)) for start, end in spans[:SENTENCES] if start < _REACH]
    context = _Context(text, lead, by_place, pack)
    told = _event_claim(context, event)
    figures = [claim for index in range(len(context.spans)) for claim in _figure_claims(context, index, language)]
    return (*told, *figures)


def _event_claim(context: _Context, event: str | None) -> tuple[Claim, ...]:
    said = (hit for index in range(len(context.spans)) for hit in context.of(Kind.EVENT, index))
    first = next((hit for hit in said if hit.name == event), None)
    if first is None or event is None:
        return ()
    return (_claim(context, event, first.start, first.end),)


def _figure_claims(context: _Context, sentence: int, language: str | None) -> Iterator[Claim]:
    start, end = context.spans[sentence]
    roles = _longest(context.of(Kind.ROLE, sentence))
    figures = [
        Figure(found.value, found.qualifier, found.start + start, found.end + start)
        for found in read_figures(context.text[start:end], language)
    ]
    nouns = [*roles, *_nouns(context, sentence)]
    counts = [figure for figure in figures if _counts_people(context.text, figure, nouns, end)]
    borders = [start, *(figure.end for figure in counts)], [*(figure.start for figure in counts), end]
    for index, figure in enumerate(counts):
        own = [role for role in roles if borders[0][index] <= role.start and role.end <= borders[1][index + 1]]
        role = min(own, key=lambda role: _distance(context.text, figure, role), default=None)
        if role is not None:
            yield _figure_claim(context, figure, role.name)


def _figure_claim(context: _Context, figure: Figure, role: str) -> Claim:
    claim = _claim(context, context.pack.topic.roles[role], figure.start, figure.end)
    return claim.model_copy(
        update={"role": role, "value": figure.value, "qualifier": figure.qualifier, "unit": "people"}
    )


def _claim(context: _Context, kind: str, start: int, end: int) -> Claim:
    sentence = sentence_at(context.spans, start)
    place = _place(context, sentence, start)
    return Claim(
        kind=kind,
        place=place,
        region=context.pack.region(place) if place else None,
        attribution=_speaker(context, sentence, start),
        certainty=_certainty(context, sentence, start, end),
        start=start,
        end=end,
    )


def _longest(roles: Sequence[Hit]) -> list[Hit]:
    """Without those inside a longer one: "killed" in "killed or wounded"."""
    return [role for role in roles if not any(role != other and role.within(other) for other in roles)]


def _nouns(context: _Context, sentence: int) -> list[Hit]:
    rule = context.pack.topic.rule
    return [hit for hit in context.of(Kind.CONCEPT, sentence) if hit.name in rule.noun + rule.compound]


def _counts_people(text: str, figure: Figure, nouns: Sequence[Hit], end: int) -> bool:
    """A noun or a role follows in the same clause, or what follows says that the noun was named before."""
    rest = text[figure.end : min(end, figure.end + _UNIT_REACH)]
    clause = _CLAUSE_END.search(rest)
    reach = figure.end + (clause.start() if clause else len(rest))
    return bool(_COUNTS_THE_SAME.match(rest)) or any(figure.end <= noun.start < reach for noun in nouns)


def _distance(text: str, figure: Figure, role: Hit) -> int:
    between = text[figure.end : role.start] if role.start >= figure.end else text[role.end : figure.start]
    return len(between) + _BREAK * len(_CLAUSE_END.findall(between))


def _place(context: _Context, sentence: int, start: int) -> str | None:
    """The place of the sentence that stands nearest, else the title's first; the topic's own ground before others."""
    near = sorted(context.of(Kind.PLACE, sentence), key=lambda hit: abs(hit.start - start))
    named = [hit.name for hit in (*near, *context.of(Kind.PLACE, 0))]
    core = [name for name in named if context.pack.places[name].tier is Tier.CORE]
    return next(iter(core or named), None)


def _speaker(context: _Context, sentence: int, position: int) -> str | None:
    """The nearest in the sentence; else the last of the sentence before; else the first of the next."""
    beside = context.of(Kind.SPEAKER, sentence)
    if beside:
        return min(beside, key=lambda hit: abs(hit.start - position)).name
    around = context.of(Kind.SPEAKER, sentence - 1)[-1:] + context.of(Kind.SPEAKER, sentence + 1)[:1]
    return around[0].name if around else None


def _certainty(context: _Context, sentence: int, start: int, end: int) -> Certainty:
    """Of the clause alone: "may be temporary" in the next one says nothing about this."""
    first, last = context.spans[sentence]
    ends = [found.span() for found in _CLAUSE_END.finditer(context.text, first, last)]
    left = max((stop for _, stop in ends if stop <= start), default=first)
    right = min((begin for begin, _ in ends if begin >= end), default=last)
    clause = context.text[left:right]
    return next((certainty for certainty, words in _CERTAINTY if words.search(clause)), Certainty.CLAIMED)
