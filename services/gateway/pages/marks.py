"""What in a text decided, marked where it stands (pure). Spans are code points, as everywhere in Tocsin."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NEAR = 90  # characters around a mark that are shown of a long text


@dataclass(frozen=True, slots=True)
class Mark:
    """`kind`: evidence, claim or against. `note`: what it was taken for."""

    start: int
    end: int
    kind: str
    note: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text; marked if it has a kind."""

    text: str
    kind: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Marked:
    """An entry as it was read. `text`: of the page what stands around marks, a passage each."""

    title: tuple[Piece, ...]
    summary: tuple[Piece, ...] = ()
    text: tuple[tuple[Piece, ...], ...] = ()


def marked(whole: str, marks: Iterable[Mark]) -> Marked:
    """`whole`: as `Entry.whole` has it, a title, a summary and the text of the page, each beginning a line."""
    apart = _apart(marks, len(whole))
    title, _, rest = whole.partition("\n")
    summary, _, text = rest.partition("\n")
    begin = len(title) + 1 + len(summary) + 1
    return Marked(
        pieces(whole, 0, len(title), apart),
        pieces(whole, len(title) + 1, len(title) + 1 + len(summary), apart),
        tuple(_passage(whole, start, end, apart) for start, end in _windows(begin, begin + len(text), apart)),
    )


def _apart(marks: Iterable[Mark], length: int) -> list[Mark]:
    """Those that lie in the text, without what begins inside another; of two that begin together the longer."""
    found: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: (mark.start, -mark.end)):
        if 0 <= mark.start < mark.end <= length and (not found or mark.start >= found[-1].end):
            found.append(mark)
    return found


def pieces(whole: str, begin: int, end: int, marks: Sequence[Mark]) -> tuple[Piece, ...]:
    """`whole[begin:end]` in pieces; `marks` are in order and apart."""
    found, at = list[Piece](), begin
    for mark in marks:
        if begin <= mark.start and mark.end <= end:
            found += [Piece(whole[at : mark.start]), Piece(whole[mark.start : mark.end], mark.kind, mark.note)]
            at = mark.end
    found.append(Piece(whole[at:end]))
    return tuple(piece for piece in found if piece.text)


def _windows(begin: int, end: int, marks: Iterable[Mark]) -> list[tuple[int, int]]:
    """What is near a mark; windows that touch are one."""
    found: list[tuple[int, int]] = []
    for mark in marks:
        if not begin <= mark.start < mark.end <= end:
            continue
        start, stop = max(begin, mark.start - NEAR), min(end, mark.end + NEAR)
        if found and start <= found[-1][1]:
            start, _ = found.pop()
        found.append((start, stop))
    return found


def _passage(whole: str, start: int, end: int, marks: Sequence[Mark]) -> tuple[Piece, ...]:
    return (Piece("…"), *pieces(whole, start, end, marks), Piece("…"))
