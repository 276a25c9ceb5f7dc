"""What an entry is compared by. Pure.

Background paragraphs are repeated by everybody, so what decides stands in the title and the lead.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from zlib import crc32

from services.classifier.text import Span, sentence_at, sentences
from services.classifier.words import PLACES, weighed, words
from shared.models.entry import Entry
from shared.models.story import Fingerprint
from shared.models.topic import Certainty, Claim, TopicMatch

LEAD = 1
POSITION_WEIGHTS = (1.2, 1.0, 0.5)
BACKGROUND_WEIGHT = 0.2
_SHINGLE = 3
SKETCH = 128
_SMALL = 20  # below it a number says little without what it counts


def position(entry: Entry, offset: int) -> int:
    """Where in the entry's text an offset lies: 0 the title, 1 the lead, then the sentences after it."""
    rest = len(entry.title) + 1
    return 0 if offset < rest else 1 + sentence_at(_sentences(entry.whole[rest:]), offset - rest)


@lru_cache(maxsize=4)
def _sentences(text: str) -> tuple[Span, ...]:
    """The same text is asked about again and again, for each statement in it."""
    return sentences(text)


def fingerprint(entry: Entry, match: TopicMatch | None = None) -> Fingerprint:
    """Without a match, by its words alone."""
    told = [word.folded for word in words(_title_and_lead(entry))]
    text = " ".join(told)
    upfront = [claim for claim in match.claims if position(entry, claim.start) <= LEAD] if match else []
    figures: dict[str, set[float]] = {}
    for claim in upfront:
        if claim.value is not None:
            figures.setdefault(claim.role or "", set()).add(claim.value)
    return Fingerprint(
        terms=_terms(entry, match) if match else {},
        figures={role: tuple(sorted(values)) for role, values in figures.items()},
        voices=_sorted(claim.attribution for claim in upfront if _speaks(claim, match)),
        classes=_sorted(claim.attribution_class for claim in upfront if _speaks(claim, match)),
        replies=bool(match and _verdicts(entry, match)),
        grounds=match.grounds if match else (),
        language=_spoken(entry, match),
        words=weighed(_first_sentences(entry, match), _spoken(entry, match) or ""),
        shingles=_sketch(told),
        text_hash=sha256(text.encode()).hexdigest()[:16] if text else "",
    )


def _verdicts(entry: Entry, match: TopicMatch) -> set[str]:
    """How title or lead answer what somebody said before: confirmed, denied, corrected."""
    answers = (Certainty.CONFIRMED, Certainty.DENIED)
    upfront = (claim.certainty for claim in match.claims if position(entry, claim.start) <= LEAD)
    found = {certainty.value for certainty in upfront if certainty in answers}
    return found | ({match.reply.value} if match.reply else set())


def _speaks(claim: Claim, match: TopicMatch | None) -> bool:
    """Who is named only further down speaks of the background, even if nobody else is named."""
    return match is not None and claim.attribution in match.speakers


def figure_term(role: str | None, value: float) -> str:
    """Two digits of it; small numbers with what they count."""
    return f"figure:{role or ''}={value:.2g}" if value < _SMALL else f"figure:{value:.2g}"


def _sorted(names: Iterator[str | None]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name}))


def _spoken(entry: Entry, match: TopicMatch | None) -> str | None:
    language = (match.language if match else None) or entry.language
    return language.split("-")[0] if language else None


def _title_and_lead(entry: Entry) -> str:
    spans = sentences(entry.summary)[:LEAD]
    lead = entry.summary[: spans[-1][1]] if spans else ""
    return f"{entry.title}\n{lead}"


def _first_sentences(entry: Entry, match: TopicMatch | None) -> list[str]:
    """Without what the topic looks for: all its articles say that. After the lead, what makes a claim is left out: it
    is compared by that, and is what everybody repeats."""
    rest = len(entry.title) + 1
    spans = [(rest + start, rest + end) for start, end in sentences(entry.summary)[: len(PLACES) - 1]]
    text, claims = entry.whole, match.claims if match else ()
    for hit in match.evidence if match else ():
        text = text[: hit.start] + " " * (hit.end - hit.start) + text[hit.end :]
    told = [span for span in spans[LEAD:] if not any(span[0] <= claim.start < span[1] for claim in claims)]
    return [text[start:end] for start, end in ((0, rest), *spans[:LEAD], *told)]


def _sketch(words: Sequence[str]) -> tuple[int, ...]:
    """The smallest hashes of all 3-word shingles: a bottom-k sketch (Broder 1997), exact for texts this short."""
    shingles = (" ".join(words[at : at + _SHINGLE]) for at in range(max(1, len(words) - _SHINGLE + 1)))
    return tuple(sorted({crc32(shingle.encode()) for shingle in shingles if shingle})[:SKETCH])


def _terms(entry: Entry, match: TopicMatch) -> dict[str, float]:
    """Each term once, at its most prominent place: many mentions are no news."""
    weights: dict[str, float] = {}
    for term, at in _statements(entry, match):
        place = POSITION_WEIGHTS[at] if at < len(POSITION_WEIGHTS) else BACKGROUND_WEIGHT
        weights[term] = max(weights.get(term, 0.0), place)
    return weights


def _statements(entry: Entry, match: TopicMatch) -> Iterator[tuple[str, int]]:
    if match.event_type:
        yield f"event:{match.event_type}", LEAD
    for event in match.events:
        yield f"event:{event}", LEAD + 1
    yield from ((f"aspect:{verdict}", LEAD) for verdict in _verdicts(entry, match))
    for aspect in match.aspects:
        yield f"aspect:{aspect.concept}", position(entry, aspect.start)
    for claim in match.claims:
        at = position(entry, claim.start)
        yield from ((term, at) for term in _stated(claim))
        if _speaks(claim, match):
            yield f"voice:{claim.attribution_class or claim.attribution}", at


def _stated(claim: Claim) -> Iterator[str]:
    yield f"event:{claim.kind}"
    if claim.value is not None:
        yield figure_term(claim.role, claim.value)
    if claim.region:
        yield f"region:{claim.region}"
    if claim.place and claim.place != claim.region:
        yield f"place:{claim.place}"
