"""The benchmarks run, in the smallest size, and say what they should. Their numbers are nobody's business here."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.measure import row, table
from benchmarks.parsing import differences, read_corpus, report
from services.classifier.likeness import WEIGHTS

ROOT = Path(__file__).parent.parent.parent
RATIO = re.compile(r"(?P<median>\d+\.\d\d) \((?P<least>\d+\.\d\d)–(?P<most>\d+\.\d\d)\)$")
ROWS = [
    "polling unchanged feeds: reader",
    "polling unchanged feeds: aiohttp",
    "polling changed feeds: reader",
    "polling small changed feeds: reader",
    "40 feeds beside 20: a poll in Redis",
    "40 feeds beside 20: memory",
    "queue and classifier: one job an entry",
    "queue and classifier: one forked job an entry",
    "parsing: feedparser",
    "parsing: bare feedparser",
    "classifying: 1 % relevant",
    "classifying: all relevant",
    "classifying: a longer text",
    "60 stories beside 40: a copy",
    "60 stories beside 40: other words",
    "60 stories beside 40: a new happening",
    "60 stories beside 40: memory",
    "2 workers on one topic: one worker",
    "2 workers on one topic: without turns",
    "60 stories beside 40: the newest, p99 by the clock",
    "60 stories beside 40: the newest, p99 of CPU",
    "60 stories beside 40: any page, cold, p99 of CPU",
    "60 stories beside 40: filtered, p99 of CPU",
    "deliveries: a forked RQ job, a client for each",
    "deliveries: an RQ job, a client for each",
    "deliveries: an RQ job, one client",
    "isolation: three that hang",
    "isolation: three that drip",
    "isolation: three that refuse",
]
needs_reader = pytest.mark.skipif(
    find_spec("reader") is None, reason="`reader`, the peer, comes with `make bench` only"
)
needs_sklearn = pytest.mark.skipif(
    find_spec("sklearn") is None, reason="scikit-learn, which fits the odds, comes with `make bench` only"
)


@needs_reader
def test_one_command_measures_each_row() -> None:
    # Not in this process: it forks, and handles signals.
    command = [sys.executable, "-m", "benchmarks.run", "--tiny"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    ratios = {line.split("  ")[0]: found for line in run.stdout.splitlines() if (found := RATIO.search(line))}
    assert list(ratios) == ROWS
    assert all(0 < float(found["least"]) <= float(found["most"]) for found in ratios.values())


def test_alerts_at_a_steady_rate_all_arrive_once() -> None:
    command = [sys.executable, "-m", "benchmarks.holding", "--alerts", "5", "--seconds", "2", "--endpoints", "3"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stderr == ""
    held = json.loads(run.stdout)
    assert (held["deliveries"], held["lost"], held["repeated"]) == (30, 0, 0)


@needs_reader
def test_what_watching_costs_is_measured_on_each_path() -> None:
    sizes = ("--feeds", "5", "--entries", "5", "--deliveries", "10", "--rounds", "1")
    command = [sys.executable, "-m", "benchmarks.observing", *sizes]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    ratios = {line.split("  ")[0]: found for line in run.stdout.splitlines() if (found := RATIO.search(line))}
    assert list(ratios) == ["metrics: polls", "metrics: entries", "metrics: deliveries"]
    assert all(float(found["median"]) > 0 for found in ratios.values())


def test_a_ratio_is_taken_within_its_round() -> None:
    measured = row("work", "pieces/CPU s", 10, ours=[1.0, 2.0, 4.0], peer=[2.0, 6.0, 4.0], meaning="{:.1f} times")
    assert measured.ratios == (2.0, 3.0, 1.0)
    assert (measured.ours, measured.peer) == (5.0, 2.5)
    assert "2.00 (1.00–3.00)\n    2.0 times" in table([measured])


def test_feedparser_and_the_ladder_read_the_demo_alike() -> None:
    assert report(read_corpus(), shown=1) == "10 feeds, 10 of them by the fast path; 0 read differently"


def test_a_feed_that_only_one_of_the_two_reads_is_a_difference() -> None:
    body = b'{"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": [{"id": "1", "title": "A"}]}'
    assert [(found.what, found.ours, found.theirs) for found in differences("a.json", body)] == [("items", 1, 0)]


@needs_sklearn
def test_labelled_stories_choose_odds_and_judge_them_on_stories_that_had_no_part(tmp_path: Path) -> None:
    made = (ROOT / "tests" / "data" / "stories-made.jsonl").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "few.jsonl").write_text("".join(made[:24]), "utf-8")
    command = [sys.executable, "-m", "benchmarks.story_choices", str(tmp_path / "few.jsonl")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert re.findall(r'^ +"(.+)": -?\d+\.\d{3},$', run.stdout, re.MULTILINE) == list(WEIGHTS.odds)
    judged = re.findall(r"^  (\D+?) +B³ .* F1 (\d\.\d{3})$", run.stdout, re.MULTILINE)
    assert [name for name, _ in judged] == ["in force", "fitted to all", "without the story"]
    assert all(0 < float(f1) <= 1 for _, f1 in judged)
    assert len(re.findall(r"^  0\.\d\d 0\.\d ", run.stdout, re.MULTILINE)) > 1


@needs_sklearn
def test_the_odds_of_a_story_come_from_no_pair_of_it() -> None:
    from benchmarks.story_choices import FEATURES, Pair, fit, held_out  # noqa: PLC0415  needs scikit-learn

    def pair(a: str, b: str, shared: float) -> Pair:
        return Pair((shared, *[0.0] * (len(FEATURES) - 1)), (a, b), 1.0)

    others = [pair("b", "b", 1.0), pair("b", "c", 0.0), pair("c", "c", 0.5)]
    misleading = [pair("a", "a", -9.0), pair("a", "b", 9.0), pair("c", "a", 9.0)]
    assert held_out(misleading + others, "abc", 3)["a"] == fit(others) != fit(misleading + others)
