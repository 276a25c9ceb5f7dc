"""`tocsin topics eval|classify|backtest` as a person or a script runs them."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree

import pytest
from redis import Redis

from shared.models.entry import Entry
from shared.store.entries import EntryStore
from tests.commands import ROOT, TOPIC, Run, lines
from tests.factories import NOON, after, entry
from tests.stores import run_sync

WITHDRAWAL = "North Korean troops withdrawn from the front in Kursk, Ukraine says"


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    path = tmp_path / "items.jsonl"
    path.write_bytes(
        lines(
            {"id": "a", "lang": "en", "label": "positive", "event_type": "withdrawal", "title": WITHDRAWAL},
            {"id": "b", "lang": "en", "label": "positive", "event_type": "casualties", "text": "Rain is expected"},
            {"id": "c", "lang": "en", "label": "negative", "title": WITHDRAWAL, "summary": "x", "other": 1},
            {"id": "d", "lang": "en", "label": "unsure", "title": WITHDRAWAL},
            {"id": "e", "lang": "uk", "label": "negative", "title": "Дощ", "summary": None},
        )
    )
    return path


# eval.


def test_labelled_items_are_measured_with_their_misses(run: Run, labelled: Path) -> None:
    ran = run("topics", "eval", str(labelled))
    assert (ran.code, ran.err) == (0, "")
    assert next(line for line in ran.out.splitlines() if line.startswith("all ")).split()[:4] == [
        "all",
        "4",
        "2",
        "0.500",
    ]
    assert "1 unsure item counted neither way" in ran.out
    assert "line 2  b  en  casualties as not relevant: no actor" in ran.out
    assert "line 3  c  en  withdrawal: matched" in ran.out
    assert "“Kursk” kursk" in ran.out
    assert "event type right in 1 of 1 found" in ran.out


def test_an_evaluation_is_also_told_as_json(run: Run, labelled: Path) -> None:
    told = json.loads(run("topics", "eval", str(labelled), "--topic", "dprk-kursk", "--json").out)
    assert (told["items"], told["unsure"], list(told["topics"])) == (4, 1, ["dprk-kursk"])
    assert (told["quality"]["hits"], told["quality"]["false"], told["quality"]["missed"]) == (1, 1, 1)
    assert told["quality"]["f1"]["low"] < told["quality"]["f1"]["value"] < told["quality"]["f1"]["high"]
    assert told["languages"]["uk"]["precision"] is None
    assert told["confusion"] == {"casualties": {"not relevant": 1}, "withdrawal": {"withdrawal": 1}}
    assert [(miss["line"], miss["id"]) for miss in told["misses"]] == [(2, "b"), (3, "c")]


def test_every_bad_line_is_told_by_file_line_and_field(run: Run, labelled: Path) -> None:
    with labelled.open("ab") as file:
        file.write(lines({"label": "positive", "event_type": "retreat", "text": "x"}, {"title": "x"}) + b"{\n")
    ran = run("topics", "eval", str(labelled))
    assert (ran.code, ran.out) == (2, "")
    assert f"{labelled}:6: event_type: unknown `retreat`; allowed: " in ran.err
    assert f"{labelled}:7: label: is missing; allowed: positive, negative, unsure" in ran.err
    assert f"{labelled}:8: not JSON: " in ran.err


def test_what_cannot_be_evaluated_is_told_in_a_line(run: Run, labelled: Path, tmp_path: Path) -> None:
    assert run("topics", "eval", str(tmp_path / "none")).err.endswith("none: no such file or directory\n")
    ran = run("topics", "eval", str(labelled), "--topic", "kursk")
    assert (ran.code, "--topic: no topic `kursk`; allowed: " in ran.err) == (2, True)


# classify.


def test_entries_become_verdicts_a_line_for_each_and_topic(run: Run) -> None:
    told = lines({"id": "a", "title": WITHDRAWAL, "lang": "en", "url": "https://x.example"}, {"id": 2, "title": "Rain"})
    ran = run("topics", "classify", stdin=told)
    assert (ran.code, ran.err) == (0, "")
    found = [line for line in ran.lines if line["topic"] == "dprk-kursk"]
    fields = {"id", "topic", "relevant", "score", "event_type", "tier", "severity", "lang", "evidence", "claims"}
    assert all(set(line) == fields for line in ran.lines)
    assert [(line["id"], line["relevant"], line["event_type"], line["tier"]) for line in found] == [
        ("a", True, "withdrawal", "core"),
        ("2", False, None, None),
    ]
    assert all(WITHDRAWAL[hit["start"] : hit["end"]] == hit["text"] for hit in found[0]["evidence"])
    assert (found[0]["lang"], found[0]["claims"][0]["kind"]) == ("en", "withdrawal")


def test_bad_lines_are_told_and_the_others_go_on(run: Run) -> None:
    told = lines({"id": "a"}) + b"nonsense\n\n" + lines({"id": "b", "title": WITHDRAWAL, "summary": None, "lang": ""})
    ran = run("topics", "classify", stdin=told)
    assert ran.code == 1
    assert {line["id"] for line in ran.lines} == {"b"}
    assert [problem.split(":")[1] for problem in ran.err.splitlines()] == [" line 1", " line 2"]
    assert "title: is missing; allowed: text" in ran.err


def test_the_text_below_the_summary_is_read_too(run: Run) -> None:
    told = {"id": "a", "lang": "en", "title": "A statement", "summary": "Kyiv spoke.", "text": WITHDRAWAL}
    found = next(line for line in run("topics", "classify", stdin=lines(told)).lines if line["topic"] == "dprk-kursk")
    whole = f"A statement\nKyiv spoke.\n{WITHDRAWAL}"
    assert found["relevant"]
    assert all(whole[hit["start"] : hit["end"]] == hit["text"] for hit in found["evidence"])


def test_progress_is_shown_on_a_terminal_and_nowhere_else(data: Path) -> None:
    environment = os.environ | {
        "TOCSIN_TOPICS_DIR": str(TOPIC.parent),
        "TOCSIN_DATA_DIR": str(data),
        "TERM": "xterm",
    }
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "services.cli", "topics", "classify"]
    told = lines(*({"id": number, "title": "Rain"} for number in range(3)))
    ran = subprocess.run(command, cwd=ROOT, input=told, stdout=subprocess.PIPE, stderr=end, env=environment, check=True)
    os.close(end)
    shown = os.read(terminal, 100_000)
    os.close(terminal)
    assert b"classified" in shown
    assert b"\x1b" not in ran.stdout
    assert len({json.loads(line)["id"] for line in ran.stdout.splitlines()}) == 3


# backtest.


@pytest.fixture
def kept(sync_redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Entry]:
    """Stores an entry, seen so many days ago."""
    monkeypatch.setenv("TOCSIN_REDIS_URL", redis_url)

    def keep(title: str, days: float = 0) -> Entry:
        made = entry(title=title, seen_at=datetime.now(UTC) - timedelta(days=days))
        run_sync(sync_redis, EntryStore(sync_redis, retention_seconds=60).save_commands([made]))
        return made

    return keep


def test_a_changed_pack_is_tried_on_what_is_kept(run: Run, kept: Callable[..., Entry], tmp_path: Path) -> None:
    home = tmp_path / "mine" / "dprk-kursk"
    copytree(TOPIC, home)
    rule = (home / "topic.yaml").read_text(encoding="utf-8")
    kept(WITHDRAWAL)
    kept("Rain is expected")
    kept("North Korean soldiers leave Kursk, seen long ago", days=9)
    same = run("topics", "backtest", "--topic", str(home), "--days", "3")
    assert (same.code, same.err) == (0, "")
    assert same.out.startswith("2 entries: 1 found, 1 of them also in force\nnew: 0\nlost: 0\n")
    for path in home.glob("*.yaml"):  # a threshold that nothing reaches meets no example
        text = path.read_text(encoding="utf-8")
        if "\nexamples:" in text:
            path.write_text(text.split("\nexamples:")[0] + "\n", encoding="utf-8")
    (home / "topic.yaml").write_text(rule.replace("\nthreshold: ", "\nthreshold: 9"), encoding="utf-8")
    told = json.loads(run("topics", "backtest", "--topic", str(home), "--days", "3", "--json").out)
    assert (told["entries"], told["found"], told["both"], told["new"]) == (2, 0, 0, [])
    assert [lost["title"] for lost in told["lost"]] == [WITHDRAWAL]
    assert told["versions"]["changed"] != told["versions"]["in_force"]


def test_a_topic_by_name_and_one_that_is_not_there(run: Run, kept: Callable[..., Entry]) -> None:
    kept(WITHDRAWAL)
    assert "1 entry: 1 found" in run("topics", "backtest", "--topic", "dprk-kursk").out
    ran = run("topics", "backtest", "--topic", "elsewhere")
    assert (ran.code, "--topic: no topic `elsewhere`; allowed: " in ran.err) == (2, True)


def test_entries_are_found_by_when_they_were_seen_however_many(sync_redis: Redis) -> None:
    store = EntryStore(sync_redis, retention_seconds=60)
    made = [entry(title=str(number), seen_at=after(number)) for number in range(1_200)]
    run_sync(sync_redis, store.save_commands(made))
    assert {found.id for found in store.since(NOON)} == {one.id for one in made}
    assert {found.id for found in store.since(after(1_150))} == {one.id for one in made[1_150:]}
