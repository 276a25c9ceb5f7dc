"""What a publisher says of an article of its own: that it is corrected, or taken back. Pure.

It stands where such notices stand: in the title, the first sentence, or the last line.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from services.classifier.lexicon import Lexicon
from services.classifier.text import Span, language_of, sentences
from shared.models.entry import Entry
from shared.models.topic import Notice

_LAST_LINE = 600  # characters of it
_LABEL = re.compile(r"[(\[【〔<〈《]|[^:：]{2,24}[:：]")


class Note(NamedTuple):
    """`start` is a code point into the text."""

    notice: Notice
    start: int


def read_notice(text: str, spans: Sequence[Span], lexicon: Lexicon) -> Note | None:
    """The first that is found; where both stand together, that the article is taken back."""
    for start, end in dict.fromkeys(_places(text, spans)):
        marks = lexicon.notices.read(text, start, end).marks
        if marks:
            gravest = max(marks, key=lambda mark: mark.value == Notice.RETRACTION)
            return Note(Notice(gravest.value), gravest.start)
    return None


def opens_with_notice(entry: Entry, lexicons: Mapping[str, Lexicon]) -> bool:
    """Whether its title begins as a correction or a retraction does. Cheap, for it is asked of every entry."""
    language = entry.language
    if language is None and _LABEL.match(entry.title):
        language = language_of(entry.title)
    lexicon = lexicons.get(language.split("-")[0]) if language else None
    return lexicon is not None and lexicon.notices.opens(entry.title)


def notice_of(entry: Entry, lexicons: Mapping[str, Lexicon]) -> Notice | None:
    """Of an entry that may be about anything."""
    text = entry.whole
    lexicon = lexicons.get(language_of(text, entry.language) or "")
    note = read_notice(text, sentences(text, titled=True), lexicon) if lexicon else None
    return note.notice if note else None


def _places(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    yield from spans[:2]
    end = len(text.rstrip())
    yield max(text.rfind("\n", 0, end) + 1, end - _LAST_LINE), end
