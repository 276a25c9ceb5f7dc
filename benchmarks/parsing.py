"""Parsing feeds: our ladder and feedparser, over real documents, in turn.

    python -m benchmarks.parsing [--corpus DIR] [--rounds N]

DIR holds one feed a file, as served; without it the demo's feeds are parsed. Once feedparser runs as it comes, once
without the sanitising and the resolving of links that the ladder has switched off, too. Counted is CPU.

Then the items are compared, feed by feed: how many, and what each has for guid, link, title and date. A difference is
printed, and is a mistake of one of the two until somebody has looked at it.
"""

import argparse
import io
from calendar import timegm
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import struct_time
from typing import Any
from urllib.parse import urljoin

import feedparser

from benchmarks.measure import SEEDS, Contestant, Row, in_turn, row, table
from services.poller.parse import MAX_TITLE, Document, Item, NotAFeed, parse, plain
from shared.models.feed import ParsePath

ROUNDS = 3
BASE_URL = "http://corpus.example/feed"
SHOWN_CHARACTERS = 90


@dataclass(frozen=True, slots=True)
class Difference:
    """What the two say of one thing. `place` is the item's number in its feed, or None for the whole feed."""

    feed: str
    place: int | None
    what: str
    ours: object
    theirs: object

    def __str__(self) -> str:
        where = self.feed if self.place is None else f"{self.feed} item {self.place}"
        return f"{where}: {self.what}\n    ours   {_shown(self.ours)}\n    theirs {_shown(self.theirs)}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def read_corpus(directory: Path | None = None) -> dict[str, bytes]:
    """Documents by the names of their files."""
    files = sorted((directory or SEEDS / "demo" / "feeds").iterdir())
    return {file.name: file.read_bytes() for file in files if file.is_file()}


def ours(body: bytes) -> Document | None:
    """None for what is no feed."""
    try:
        return parse(body, BASE_URL)
    except NotAFeed:
        return None


def theirs(body: bytes, **switches: bool) -> Mapping[str, Any]:
    found: Mapping[str, Any] = feedparser.parse(io.BytesIO(body), **switches)
    return found


def measure(corpus: Mapping[str, bytes], rounds: int = ROUNDS) -> list[Row]:
    bodies = list(corpus.values())
    bare = partial(theirs, sanitize_html=False, resolve_relative_uris=False)
    readers: dict[str, Callable[[bytes], object]] = {"ours": ours, "feedparser": theirs, "bare feedparser": bare}
    contestants = {name: Contestant(partial(_all, read, bodies)) for name, read in readers.items()}
    cpu = in_turn(contestants, rounds)
    return [_row(peer, len(bodies), cpu["ours"], cpu[peer]) for peer in contestants if peer != "ours"]


def _all(read: Callable[[bytes], object], bodies: Sequence[bytes]) -> None:
    for body in bodies:
        read(body)


def _row(peer: str, feeds: int, ours: Sequence[float], theirs: Sequence[float]) -> Row:
    meaning = f"For one CPU second our ladder reads {{:.1f}} times as many feeds as {peer}."
    return row(f"parsing: {peer}", "feeds/CPU s", feeds, ours, theirs, meaning)


def differences(name: str, body: bytes) -> Iterator[Difference]:
    """In what the two read a feed differently."""
    document = ours(body)
    mine = [_comparable(item) for item in document.items] if document else []
    peers = [_comparable(_peer_item(entry)) for entry in theirs(body)["entries"]]
    if len(mine) != len(peers):
        yield Difference(name, None, "items", len(mine), len(peers))
        return
    for place, (item, peer) in enumerate(zip(mine, peers, strict=True)):
        for what in ("guid", "url", "title", "published"):
            if getattr(item, what) != getattr(peer, what):
                yield Difference(name, place, what, getattr(item, what), getattr(peer, what))


def _comparable(item: Item) -> Item:
    """To the second, and without a guid that only repeats the link: some parsers make one out of the other."""
    guid = None if item.guid and _absolute(item.guid) == item.url else item.guid
    return replace(item, guid=guid, published=item.published and item.published.replace(microsecond=0))


def _peer_item(entry: Mapping[str, Any]) -> Item:
    """feedparser's item in the ladder's terms: text plain and cut, links absolute."""
    link = entry.get("link")
    date = "updated_parsed" if "updated_parsed" in entry and not entry.get("published_parsed") else "published_parsed"
    return Item(
        guid=entry.get("id") or None,
        url=_absolute(link) if link else None,
        title=plain(entry.get("title", ""))[:MAX_TITLE],
        summary="",
        published=_moment(entry.get(date)),
    )


def _absolute(address: str) -> str:
    try:
        return urljoin(BASE_URL, address)
    except ValueError:
        return address


def _moment(parsed: struct_time | None) -> datetime | None:
    return datetime.fromtimestamp(timegm(parsed), UTC) if parsed else None


def report(corpus: Mapping[str, bytes], shown: int) -> str:
    """How many differences of which kind in how many feeds, and the first ones of each kind."""
    found = [difference for name, body in corpus.items() for difference in differences(name, body)]
    kinds: dict[str, list[Difference]] = defaultdict(list)
    for difference in found:
        kinds[difference.what].append(difference)
    fast = sum(document is not None and document.path is ParsePath.FAST for document in map(ours, corpus.values()))
    lines = [f"{len(corpus)} feeds, {fast} of them by the fast path; {len({d.feed for d in found})} read differently"]
    for what, of_kind in kinds.items():
        lines.append(f"{what}: {len(of_kind)} in {len({d.feed for d in of_kind})} feeds")
        firsts = {d.feed: d for d in reversed(of_kind)}
        lines += [f"  {difference}" for difference in list(reversed(firsts.values()))[:shown]]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="a directory of feed documents, one a file")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--shown", type=int, default=5, help="feeds shown for each kind of difference")
    arguments = parser.parse_args()
    corpus = read_corpus(arguments.corpus)
    print(table(measure(corpus, arguments.rounds)))
    print(report(corpus, arguments.shown))


if __name__ == "__main__":
    main()
