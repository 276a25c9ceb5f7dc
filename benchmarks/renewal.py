"""Feed documents that bring news with each poll: as their publishers served them, but for NEWS of their items.

In each version the first NEWS items have another guid, link and title; every other byte is the publisher's.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import feedparser_sgmllib
from reader import Reader, make_reader

from services.poller.identity import Identity, SeenWindow, identify
from services.poller.parse import NotAFeed, parse

NEWS = 3
_ITEM = re.compile(rb"<(item|entry)\b.*?</\1>", re.DOTALL)
# A number may stand at the end of what is written, and of an address in an attribute.
_WRITTEN = re.compile(rb"(?<!\s)\s*(?:\]\]>\s*)?</(?:title|guid|id|link)>")
_ADDRESS = re.compile(rb"""<(?:link|item)\b[^>]*?\b(?:href|rdf:about)=["'][^"']*""")


@dataclass(frozen=True, slots=True)
class Renewable:
    """A document in pieces: between them stands the version's number."""

    pieces: Sequence[bytes]

    @classmethod
    def of(cls, document: bytes, news: int = NEWS) -> "Renewable":
        places: list[int] = []
        for item in list(_ITEM.finditer(document))[:news]:
            places += [found.start() for found in _WRITTEN.finditer(document, item.start(), item.end())]
            places += [found.end() for found in _ADDRESS.finditer(document, item.start(), item.end())]
        return cls([document[start:end] for start, end in pairwise([0, *sorted(places), len(document)])])

    def version(self, number: int) -> bytes:
        return (b"-%d" % number).join(self.pieces)


def open_reader(file: Path, root: Path | None = None) -> Reader:
    # Its copy of feedparser asks for sgmllib, which it does not require; feedparser brings the same by another name.
    sys.modules.setdefault("sgmllib", feedparser_sgmllib)
    return make_reader(str(file), feed_root=str(root) if root else None)


def renewable(corpus: Mapping[str, bytes]) -> dict[str, bytes]:
    """Those documents in which both of us find exactly NEWS new items in the next version, and no fewer known ones."""
    ours = {name: body for name, body in corpus.items() if _brings_us(Renewable.of(body)) == NEWS}
    theirs = _bring_reader({name: Renewable.of(body) for name, body in ours.items()})
    return {name: body for name, body in ours.items() if theirs[name] == NEWS}


def _brings_us(document: Renewable) -> int:
    first, second = (_identities(document.version(number)) for number in (1, 2))
    seen = SeenWindow({}).after(first, today=0)
    told = [identity for identity in second if not seen.knows(identity, today=0) or seen.change(identity)]
    keys, aliases = {identity.key for identity in told}, {identity.alias or identity.key for identity in told}
    return min(len(keys), len(aliases)) if len(second) >= 2 * NEWS else 0


def _identities(body: bytes) -> list[Identity]:
    try:
        return identify(parse(body, "http://feeds.example/").items)
    except NotAFeed:
        return []


def _bring_reader(documents: Mapping[str, Renewable]) -> dict[str, int]:
    """It alone knows what it reads, so it is asked."""
    with TemporaryDirectory() as home, closing(open_reader(Path(home, "reader.sqlite"), Path(home))) as reader:
        for name in documents:
            reader.add_feed(name)
        counts = [_entries(reader, documents, Path(home), number) for number in (1, 2)]
    return {name: counts[1][name] - counts[0][name] for name in documents}


def _entries(reader: Reader, documents: Mapping[str, Renewable], home: Path, number: int) -> dict[str, int]:
    for name, document in documents.items():
        Path(home, name).write_bytes(document.version(number))
    reader.update_feeds(scheduled=False)
    return {name: reader.get_entry_counts(feed=name).total or 0 for name in documents}
