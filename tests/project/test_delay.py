"""The replay of a feed's history: a small one, made here."""

import os
import random
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.delay import Case, compare, main
from benchmarks.history import Library, Timeline, read_history
from benchmarks.replay import Schedule, adaptive, fixed, listings

BEGIN = datetime(2021, 3, 1, tzinfo=UTC).timestamp()
HOUR = 3600.0
CHANGED = BEGIN + 3 * HOUR
LAST = BEGIN + 12 * HOUR
FEED = """<rss version="2.0"><channel><title>News</title>{}</channel></rss>"""
ITEM = "<item><guid>{0}</guid><title>Story {0}</title><pubDate>Mon, 01 Mar 2021 0{0}:00:00 GMT</pubDate></item>"


def git(repository: Path, *arguments: str, at: float = 0.0) -> None:
    who = {f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    when = {"GIT_AUTHOR_DATE": f"{at:.0f} +0000", "GIT_COMMITTER_DATE": f"{at:.0f} +0000"}
    plain = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    subprocess.run(["git", "-C", str(repository), *arguments], check=True, capture_output=True, env=plain | who | when)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """One story at first; a second one from 03:00; at noon both are gone, and the record ends."""
    git(tmp_path, "init", "-q")
    for at, stories in ((BEGIN, [0]), (CHANGED, [3, 0]), (LAST, [])):
        (tmp_path / "news.xml").write_text(FEED.format("".join(ITEM.format(story) for story in stories)))
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-q", "-m", "latest", at=at)
    return tmp_path


def case(history: Path, faults: float = 0.0) -> Case:
    timelines = read_history(history, BEGIN, BEGIN + 24 * HOUR)
    library = Library(history)
    library.load(timelines)
    return Case(timelines[0], library, listings(timelines[0], library), faults)


def test_versions_are_served_from_their_commit_on(history: Path) -> None:
    timeline: Timeline = case(history).timeline
    assert (timeline.name, timeline.begin, timeline.end) == ("news.xml", BEGIN, LAST)
    assert [version.at for version in timeline.versions] == [BEGIN, CHANGED, LAST]
    assert timeline.at(CHANGED - 1) == timeline.versions[0]
    assert timeline.at(CHANGED) == timeline.versions[1]


def test_only_what_was_listed_later_can_wait(history: Path) -> None:
    (listing,) = case(history).listings.values()
    assert (listing.first, listing.seconds) == (CHANGED, LAST - CHANGED)


@pytest.mark.parametrize(("schedule", "most"), [(adaptive, 1.1 * HOUR), (fixed(900), 900)])
def test_an_entry_is_read_at_the_first_poll_after_its_listing(history: Path, schedule: Schedule, most: float) -> None:
    found = case(history)
    replay = schedule(found.timeline, found.library, random.Random(1), 0.0)
    (entry,) = found.listings
    assert CHANGED <= replay.read[entry] <= CHANGED + most
    assert replay.polls >= 10


def test_what_no_poll_brings_is_missed(history: Path) -> None:
    (compared,) = compare([case(history, faults=1.0)], 0)
    assert compared.adaptive.missed == compared.fixed.missed == [LAST - CHANGED]
    assert compared.adaptive.waits == []


def test_the_fixed_intervals_have_as_many_polls(history: Path) -> None:
    (compared,) = compare([case(history, faults=0.05)], 0)
    assert abs(compared.even.polls - compared.adaptive.polls) <= 1
    assert abs(compared.own.polls - compared.adaptive.polls) <= 1


def test_the_table_names_each_feed(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--history", str(history), "--from", "2021-03-01", "--days", "1", "--rounds", "1"])
    rows = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert rows[:3] == ["adaptive", "feed", "news.xml"]
