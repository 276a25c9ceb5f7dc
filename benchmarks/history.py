"""Successive versions of feed documents, from a git repository into which somebody has committed them."""

import subprocess
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from services.poller.document import Document, Item
from services.poller.identity import Identity, identify
from services.poller.parse import parse


@dataclass(frozen=True, slots=True)
class Version:
    """A document from `at` (seconds since 1970) on."""

    at: float
    blob: str


@dataclass(frozen=True)
class Timeline:
    """What one address served, and until when (seconds since 1970) that is known."""

    name: str
    versions: tuple[Version, ...]
    end: float

    @cached_property
    def _times(self) -> list[float]:
        return [version.at for version in self.versions]

    @property
    def begin(self) -> float:
        return self.versions[0].at

    @property
    def seconds(self) -> float:
        return self.end - self.begin

    def at(self, moment: float) -> Version:
        """The version that is served at a moment after the beginning."""
        return self.versions[bisect_right(self._times, moment) - 1]


@dataclass
class Library:
    """The documents by their blob, each read and parsed once."""

    repository: Path
    _bodies: dict[str, bytes] = field(default_factory=dict)
    _documents: dict[str, Document] = field(default_factory=dict)
    _items: dict[Item, Item] = field(default_factory=dict)
    _identities: dict[str, list[Identity]] = field(default_factory=dict)

    def load(self, timelines: list[Timeline]) -> None:
        """Fetch every body in one go."""
        blobs = sorted({version.blob for timeline in timelines for version in timeline.versions})
        told = _git(self.repository, "cat-file", "--batch", given="\n".join(blobs).encode())
        begin = 0
        for blob in blobs:
            end_of_line = told.index(b"\n", begin)
            size = int(told[begin:end_of_line].split()[-1])
            self._bodies[blob] = told[end_of_line + 1 : end_of_line + 1 + size]
            begin = end_of_line + size + 2

    def body(self, blob: str) -> bytes:
        return self._bodies[blob]

    def document(self, blob: str) -> Document:
        if blob not in self._documents:
            document = parse(self._bodies[blob], "https://feeds.example/")
            # Successive versions share most items: kept once, months fit into memory.
            items = tuple(self._items.setdefault(item, item) for item in document.items)
            self._documents[blob] = Document(items, document.path, ttl_seconds=document.ttl_seconds)
        return self._documents[blob]

    def identities(self, blob: str) -> list[Identity]:
        if blob not in self._identities:
            self._identities[blob] = identify(self.document(blob).items)
        return self._identities[blob]


def read_history(repository: Path, begin: float, end: float) -> list[Timeline]:
    """One timeline for each `*.xml` with at least two versions committed between the two moments."""
    found: dict[str, list[Version]] = {}
    ended: dict[str, float] = {}
    last = begin
    for at, name, blob in _commits(repository):
        if not begin <= at < end:
            continue
        last = max(last, at)
        if set(blob) == {"0"}:
            ended[name] = at
        else:
            found.setdefault(name, []).append(Version(at, blob))
            ended.pop(name, None)
    return [
        Timeline(name, tuple(sorted(versions, key=lambda version: version.at)), ended.get(name, last))
        for name, versions in sorted(found.items())
        if len(versions) > 1
    ]


def _commits(repository: Path) -> Iterator[tuple[float, str, str]]:
    """Moment, file and blob of each change, in the order of history; the blob of a removed file is all zeros."""
    form = ("--reverse", "--format=@%ct", "--raw", "--no-renames", "--no-abbrev", "-m", "--first-parent")
    at = 0.0
    for line in _git(repository, "log", *form, "--", "*.xml").decode().splitlines():
        if line.startswith("@"):
            at = float(line[1:])
        elif line:
            facts, name = line.split("\t")
            yield at, name, facts.split()[3]


def _git(repository: Path, *arguments: str, given: bytes | None = None) -> bytes:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout
