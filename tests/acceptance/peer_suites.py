"""Run the peers' own sample feeds through our parser, and count what is lost.

    python tests/acceptance/peer_suites.py --feedparser DIR --gofeed DIR --feed-rs DIR --rome DIR --feedjira DIR
        [--show N]

DIR is a checkout or a bare repository of kurtmckee/feedparser, mmcdole/gofeed, feed-rs/feed-rs, rometools/rome,
feedjira/feedjira. Each sample is parsed as the poller parses: in the killable child, with its deadline. A file passes
when it ends in a Document or NotAFeed, and when each item that feedparser finds in the same bytes, or that gofeed's
expected output holds, stands in ours with the same title, link, id and date, as far as stated.

Compared are texts without markup, blanks and case; ids and links after resolution; moments to the second. Not wanted
are links that are no address on the web, be it `tag:…` or an id taken for a link. Exit code 1 below 99.5 %.
"""

import argparse
import asyncio
import io
import json
import re
import subprocess
import sys
import unicodedata
from calendar import timegm
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import feedparser

from services.poller.parse import Document, Item, NotAFeed, plain
from services.poller.parsing import ParsingPool

DEADLINE_SECONDS = 10.0
TARGET = 0.995
BASE_URL = "http://peer.example/feeds/feed.xml"
_HEADER = re.compile(rb"^Header:[ \t]*([^:\r\n]+):([^\r\n]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a peer reads in an item; what it does not state is None or empty. Any of `dates` will do."""

    peer: str
    title: str = ""
    url: str | None = None
    guid: str | None = None
    dates: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    body: bytes
    url: str = BASE_URL
    charset: str | None = None
    headers: Mapping[str, str] | None = None
    expected: Mapping[str, Any] | None = None


Files = Mapping[str, bytes]
Suite = Callable[[Files], Iterator[Sample]]


def read_files(directory: Path) -> Files:
    """The files of a checkout, or of the newest commit of a bare repository, by path."""
    if not (directory / "HEAD").is_file():
        files = (path for path in directory.rglob("*") if path.is_file() and ".git" not in path.parts)
        return {path.relative_to(directory).as_posix(): path.read_bytes() for path in sorted(files)}
    git = ("git", "-C", str(directory))
    listed = subprocess.run([*git, "ls-tree", "-rz", "HEAD"], check=True, capture_output=True).stdout
    entries = [line.partition("\t") for line in listed.decode().split("\0") if line]
    blobs = [(meta.split()[2], path) for meta, _, path in entries if " blob " in meta]
    asked = "\n".join(name for name, _ in blobs).encode()
    answer = io.BytesIO(
        subprocess.run([*git, "cat-file", "--batch"], input=asked, check=True, capture_output=True).stdout
    )
    return {path: _next_blob(answer) for _, path in blobs}


def _next_blob(answer: io.BytesIO) -> bytes:
    size = int(answer.readline().split()[2])
    blob = answer.read(size)
    answer.read(1)
    return blob


def feedparser_suite(files: Files) -> Iterator[Sample]:
    """Each file says in a comment with which headers it is served."""
    for name, body in _under(files, "tests/", (".xml", ".json")):
        headers = {
            key.decode().lower(): value.decode().strip() for key, value in _HEADER.findall(body.replace(b"\0", b""))
        }
        url = urljoin(BASE_URL, headers.get("content-location", ""))
        url = url if urlsplit(url).scheme == "http" else BASE_URL
        yield Sample(name, body, url, _charset(headers), headers)


def gofeed_suite(files: Files) -> Iterator[Sample]:
    for name, body in _under(files, "testdata/", (".xml",)):
        expected = files.get(name.removesuffix(".xml") + ".json")
        yield Sample(name, body, expected=json.loads(expected) if expected else None)
    for name, body in _under(files, "testdata/", (".json",)):
        if name.removesuffix(".json") + ".xml" not in files and not name.endswith("_expected.json"):
            expected = files.get(name.removesuffix(".json") + "_expected.json")
            yield Sample(name, body, expected=json.loads(expected) if expected else None)


def suite_of(within: str, files: Files) -> Iterator[Sample]:
    """Samples without any words beside them that we could read."""
    for name, body in files.items():
        if within in name and name.endswith((".xml", ".rss", ".json")) and not name.endswith(".serde.json"):
            yield Sample(name, body)


SUITES: Mapping[str, Suite] = {
    "feedparser": feedparser_suite,
    "gofeed": gofeed_suite,
    "feed-rs": partial(suite_of, "feed-rs/fixture/"),
    "rome": partial(suite_of, "/src/test/"),
    "feedjira": partial(suite_of, "spec/sample_feeds/"),
}


def _under(files: Files, prefix: str, endings: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    return ((name, body) for name, body in files.items() if name.startswith(prefix) and name.endswith(endings))


def _charset(headers: Mapping[str, str]) -> str | None:
    message = Message()
    message["content-type"] = headers.get("content-type", "")
    charset = message.get_param("charset")
    return charset.strip("'\" ") if isinstance(charset, str) else None


def feedparser_wants(sample: Sample) -> Iterator[Wanted]:
    headers = {"content-type": "application/xml"} | dict(sample.headers or {}) | {"content-location": sample.url}
    for entry in feedparser.parse(io.BytesIO(sample.body), response_headers=headers).entries:
        moments = [entry.get(f"{kind}_parsed") for kind in ("published", "updated", "created")]
        yield Wanted(
            "feedparser",
            entry.get("title") or "",
            entry.get("link"),
            entry.get("id"),
            tuple(datetime.fromtimestamp(timegm(moment), UTC) for moment in moments if moment),
        )


def gofeed_wants(sample: Sample) -> Iterator[Wanted]:
    """Its three kinds of expected output: of the RSS parser, of the Atom parser, and of the universal translation."""
    expected = sample.expected or {}
    for entry in expected.get("items") or expected.get("entries") or ():
        guid = entry.get("guid") or entry.get("id")
        dates = (entry.get(key) for key in ("publishedParsed", "updatedParsed", "pubDateParsed", "date_published"))
        yield Wanted(
            "gofeed",
            entry.get("title") or "",
            entry.get("link") or entry.get("url") or _alternate(entry.get("links") or ()),
            guid.get("value") if isinstance(guid, dict) else guid,
            tuple(datetime.fromisoformat(date).astimezone(UTC).replace(microsecond=0) for date in dates if date),
        )


def _alternate(links: Sequence[Mapping[str, str] | str]) -> str | None:
    found = (link for link in links if isinstance(link, dict) and link.get("rel") == "alternate")
    return next((link["href"] for link in found if link.get("href")), None)


def lost(sample: Sample, document: Document | None) -> str:
    """The first thing that a peer has and we have not; empty when nothing is."""
    for wanted in ([*feedparser_wants(sample)], [*gofeed_wants(sample)]):
        items = list(document.items) if document else []
        if len(items) < len(wanted):
            return f"{len(items)} of {wanted[0].peer}'s {len(wanted)} items"
        for number, (want, item) in enumerate(zip(wanted, items, strict=False)):
            if missing := _missing(want, item, sample.url):
                return f"item {number}: {want.peer}'s {missing}"
    return ""


def _missing(want: Wanted, item: Item, base_url: str) -> str:
    if not any(_folded(reading) in _folded(item.title) for reading in (want.title, plain(want.title))):
        return f"title {want.title!r}, ours {item.title!r}"
    if want.guid and not {want.guid, plain(want.guid)} & {item.guid, urljoin(base_url, item.guid or "")}:
        return f"id {want.guid!r}, ours {item.guid!r}"
    if _is_page(want, item) and _address(want.url, base_url) != item.url:
        return f"link {want.url!r}, ours {item.url!r}"
    if want.dates and item.published not in want.dates:
        return f"date {want.dates[0]}, ours {item.published}"
    return ""


def _is_page(want: Wanted, item: Item) -> bool:
    """An address on the web; not an id that is taken for one, be it `tag:…` or just `7`."""
    is_id = want.url == want.guid and not (item.guid or "").lower().startswith(("http://", "https://"))
    return bool(want.url) and not is_id and urlsplit(_address(want.url, BASE_URL)).scheme in ("http", "https")


def _address(link: str | None, base_url: str) -> str:
    return urljoin(base_url, (link or "").strip())


def _folded(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


async def judge(pool: ParsingPool, sample: Sample) -> str:
    """Why the sample fails; empty when it passes."""
    try:
        document = await pool.parse(sample.body, sample.url, sample.charset)
    except NotAFeed:
        document = None
    except TimeoutError:
        return f"not done after {DEADLINE_SECONDS:g} s"
    except Exception as error:  # noqa: BLE001  whatever it is, it is a crash
        return f"crash: {error!r}"
    return await asyncio.to_thread(lost, sample, document)


async def run(checkouts: Mapping[str, Path], show: int) -> float:
    files: Counter[str] = Counter()
    failures: dict[str, list[str]] = defaultdict(list)
    async with ParsingPool(2, DEADLINE_SECONDS) as pool:
        for suite, directory in checkouts.items():
            for sample in SUITES[suite](read_files(directory)):
                files[suite] += 1
                if reason := await judge(pool, sample):
                    failures[suite].append(f"{sample.name}: {reason}")
    return report(files, failures, show)


def report(files: Counter[str], failures: Mapping[str, Sequence[str]], show: int) -> float:
    print(f"{'suite':<12}{'files':>7}{'passed':>8}{'failed':>8}{'complete':>10}")
    for suite, count in [*files.items(), ("all", files.total())]:
        failed = sum(map(len, failures.values())) if suite == "all" else len(failures.get(suite, ()))
        print(f"{suite:<12}{count:>7}{count - failed:>8}{failed:>8}{1 - failed / max(1, count):>10.2%}")
    for suite, reasons in failures.items():
        print(f"\n{suite}", *reasons[:show], sep="\n  ")
    return 1 - sum(map(len, failures.values())) / max(1, files.total())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for suite in SUITES:
        parser.add_argument(f"--{suite}", dest=suite, type=Path, metavar="DIR")
    parser.add_argument("--show", type=int, default=50, help="failures to name per suite")
    arguments = parser.parse_args()
    checkouts = {suite: getattr(arguments, suite) for suite in SUITES if getattr(arguments, suite)}
    if not checkouts:
        parser.error("no checkout given")
    return 0 if asyncio.run(run(checkouts, arguments.show)) >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
