"""Who says so: the speaker that reports in the sentence of a statement, else in the sentences around it. Pure."""

import re
from collections.abc import Mapping, Sequence

from services.classifier.clauses import Clauses
from services.classifier.scan import Hit, Kind
from services.classifier.text import Span

OUTLET = "outlet"  # the class of speakers who pass on what others say
_SAID_REACH = 30  # characters from a word of reporting to who reports, and when
_CLOSING_REACH = 12  # characters from the verb that closes a sentence, and tells who reported it, to the end
_HEADLINE_SPEAKER = re.compile(r"\s?[:：]|\s?[\"“«「]|\s?[-–—]\s|、")


def speaker_of(lead: Sequence[Clauses], classes: Mapping[str, str], read: Clauses, span: Span) -> str | None:
    """Who reports in this sentence; else in those before, the nearest first; else in those after."""
    here = _speakers(classes, read, span)
    if here and here[0][1] >= 2 and (here[0][1] >= 3 or read.index):
        return _precisely(here[0][0], here)
    others = [*reversed(lead[: read.index]), *lead[read.index + 1 :]]
    named = [*here, *(found for sentence in others for found in _speakers(classes, sentence, span))]
    for least in (3, 2, 1):
        if found := next((name for name, strength in named if strength >= least), None):
            return _precisely(found, here)
    return None


def more_precise(name: str, than: str | None) -> bool:
    """`South Korea's NIS` is than `South Korea`."""
    return than is not None and name.startswith(f"{than}'s ")


def _precisely(name: str, here: Sequence[tuple[str, int]]) -> str:
    return next((other for other, _ in here if more_precise(other, name)), name)


def _speakers(classes: Mapping[str, str], read: Clauses, span: Span) -> list[tuple[str, int]]:
    """The strongest and nearest first: 3 and 4 report and are no outlets, 2 is an outlet and reports, 1 is named."""
    ranked = [(hit, _strength(classes, read, hit)) for hit in read.of(Kind.SPEAKER)]
    ranked.sort(key=lambda found: (-found[1], read.distance(span, (found[0].start, found[0].end))))
    return [(hit.name, strength) for hit, strength in ranked]


def _strength(classes: Mapping[str, str], read: Clauses, hit: Hit) -> int:
    outlet = classes.get(hit.name) in (OUTLET, None) and bool(classes)
    if not _reports(read, hit):
        return 1
    return 2 if outlet else 3 + _is_beside_said(read, hit)


def _is_beside_said(read: Clauses, hit: Hit) -> bool:
    at = hit.start, hit.end
    return any(read.distance(at, (mark.start, mark.end)) <= 1 for mark in read.sentence.of("said"))


def _reports(read: Clauses, hit: Hit) -> bool:
    text, sentence = read.sentence.text, read.sentence
    if read.index == 0 and (
        _HEADLINE_SPEAKER.match(text, hit.end)
        or re.search(r"[-–—|:]\s$|\s[-–—]$", text[max(0, hit.start - 3) : hit.start])
    ):
        return True
    said = sentence.of("said")
    closing = bool(said) and sentence.end - said[-1].end <= _CLOSING_REACH
    return closing or any(read.distance((hit.start, hit.end), (mark.start, mark.end)) <= _SAID_REACH for mark in said)
