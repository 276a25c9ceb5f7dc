"""News items out of what others keep: lines of JSON, or a repository that commits feeds, headlines or their like.

Of a repository, every version of every file counts. Where an item stands in a file is guessed: an object of JSON with a
title, an item of a feed, an entry of a Markdown list.
"""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

from lxml.etree import LxmlError

from services.poller.parse import NotAFeed, parse, plain

MOST_TEXT = 2_000
TITLES = ("title", "headline", "news_title", "name")
SUMMARIES = ("summary", "description", "desc", "lead", "excerpt", "snippet", "contentSnippet", "content")
DATES = (
    "published",
    "date_published",
    "pubDate",
    "published_at",
    "publishedAt",
    "pub_date",
    "date",
    "created_at",
    "time",
)
LANGUAGES = ("lang", "language")
# Those that tell most of an item first.
READ = (".json", ".jsonl", ".ndjson", ".xml", ".rss", ".atom", ".md", ".txt")
_LIST_ENTRY = re.compile(r"^\s{0,8}(?:[*+-]|\d{1,4}[.)])\s+(.+)$", re.MULTILINE)
_LINK = re.compile(r"\[(.+?)\]\([^)\s]*\)")
_PRIMARY = re.compile(r"[a-z]{2,3}(?=$|[-_])")


@dataclass(frozen=True, slots=True)
class NewsItem:
    id: str
    title: str
    summary: str = ""
    lang: str | None = None
    published: str | None = None

    @property
    def text(self) -> str:
        return f"{self.title}\n{self.summary}"


class Blob(NamedTuple):
    name: str
    body: bytes


def news_items(source: str) -> Iterator[NewsItem]:
    """Each once, by title and summary; what has no summary, by its title among all.

    Args:
        source: a file of JSON lines, or a checkout or bare repository, as in `DIR` or `DIR:FOLDER`.
    """
    seen = set[bytes]()
    for item in _read(source):
        whole, title = _print(item.text), _print(item.title)
        if whole not in seen and (item.summary or title not in seen):
            yield item
        seen |= {whole, title}


def _print(text: str) -> bytes:
    return blake2b(text.strip().casefold().encode(errors="replace"), digest_size=8).digest()


def _read(source: str) -> Iterator[NewsItem]:
    if Path(source).is_file():
        yield from _of_lines(Path(source))
        return
    repository, _, folder = source.partition(":")
    for blob in _blobs(repository, folder):
        yield from _of_blob(blob)


def _of_lines(path: Path) -> Iterator[NewsItem]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield from _of_objects(json.loads(line), str(number))


def _blobs(repository: str, folder: str) -> Iterator[Blob]:
    """Every version of every file that may hold items; of a partial copy, those that are there."""
    git = ("git", "-C", repository)
    listing = subprocess.run(
        (*git, "rev-list", "--objects", "--all", "--missing=allow-any"), check=True, capture_output=True
    ).stdout.decode(errors="replace")
    names = dict(pair for line in listing.splitlines() if len(pair := line.split(" ", 1)) == 2)
    wanted = [
        key for suffix in READ for key, name in names.items() if name.startswith(folder) and name.endswith(suffix)
    ]
    with subprocess.Popen((*git, "cat-file", "--batch"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        assert cat.stdin
        assert cat.stdout
        for key in wanted:
            cat.stdin.write(f"{key}\n".encode())
            cat.stdin.flush()
            header = cat.stdout.readline().split()
            if header[1:2] == [b"blob"]:
                yield Blob(names[key], cat.stdout.read(int(header[2])))
                cat.stdout.read(1)
        cat.stdin.close()


def _of_blob(blob: Blob) -> Iterator[NewsItem]:
    suffix = Path(blob.name).suffix.lower()
    if suffix in (".md", ".txt"):
        yield from _of_lists(blob)
    elif suffix in (".xml", ".rss", ".atom"):
        yield from _of_feed(blob)
    else:
        for read in _parsed(blob.body.decode("utf-8", errors="replace")):
            yield from _of_objects(read, blob.name)


def _parsed(text: str) -> Iterator[Any]:  # Any: JSON of whatever shape
    """A document, or lines of documents; nothing of what is neither."""
    try:
        yield json.loads(text)
    except ValueError:
        for line in text.splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def _of_objects(read: Any, name: str) -> Iterator[NewsItem]:
    """Without recursion: what a stranger nested may be deep."""
    waiting = [read]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting.extend(reversed(found))
        elif isinstance(found, dict):
            title = _first(found, TITLES)
            if _is_title(title):
                yield _item(title, _first(found, SUMMARIES), name, _first(found, LANGUAGES), _first(found, DATES))
            waiting.extend(reversed([value for value in found.values() if isinstance(value, list | dict)]))


def _first(fields: dict[str, Any], names: Iterable[str]) -> str:
    return next((value for name in names if isinstance(value := fields.get(name), str) and value.strip()), "")


def _of_feed(blob: Blob) -> Iterator[NewsItem]:
    try:
        document = parse(blob.body, "https://news.example/")
    except (NotAFeed, LxmlError, ValueError, RecursionError):
        return
    for item in document.items:
        published = item.published.isoformat() if item.published else ""
        yield _item(item.title, item.summary, blob.name, item.language or document.language or "", published)


def _of_lists(blob: Blob) -> Iterator[NewsItem]:
    for entry in _LIST_ENTRY.findall(blob.body.decode("utf-8", errors="replace")):
        link = _LINK.search(entry)
        title, summary = (link[1], entry[link.end() :].lstrip(" -–—:|")) if link else (entry, "")
        if _is_title(title):
            yield _item(title, summary, blob.name)


def _is_title(text: str) -> bool:
    return len(text) > 8 and not text.startswith("http")


def _item(title: str, summary: str, name: str, lang: str = "", published: str = "") -> NewsItem:
    title, summary = (plain(unescape(text[: 4 * MOST_TEXT]), MOST_TEXT) for text in (title, summary))
    number = blake2b(f"{name}\n{title}\n{summary}".encode(errors="replace"), digest_size=8).hexdigest()
    known = _PRIMARY.match(lang.lower())
    return NewsItem(number, title, "" if summary == title else summary, known and known[0], published or None)
