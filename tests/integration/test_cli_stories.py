"""`tocsin stories replay|eval` as a person or a script runs them."""

import json
import os
import pty
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.commands import ROOT, TOPIC, Run, lines
from tests.factories import NOON

WITHDRAWAL = "North Korean troops withdrawn from the front in Kursk, Ukraine says"
# Nearly the same words, so that no weight decides whether they tell one story.
CASUALTIES = "Zelensky says 3,000 North Korean soldiers have been killed in Kursk, where they fight for Russia"
MORE = CASUALTIES.replace("3,000", "4,000")
FIELDS = {
    "id", "relevant", "story_id", "decision", "relation", "derived_from", "similarity", "reason", "alert"
}  # fmt: skip


def told(id_: str, title: str, hours: float = 0, **over: object) -> dict[str, object]:
    at = (NOON + timedelta(hours=hours)).isoformat()
    return {"id": id_, "title": title, "lang": "en", "published": at, "source": f"outlet {id_}"} | over


def by_id(found: list[Any]) -> dict[str, Any]:
    return {line["id"]: line for line in found}


# replay.


def test_entries_become_decisions_in_the_order_of_the_clock(run: Run) -> None:
    ran = run(
        "stories", "replay",
        stdin=lines(told("later", WITHDRAWAL, 3), told("first", WITHDRAWAL), told("none", "Rain is expected", 1)),
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    assert [line["id"] for line in ran.lines] == ["first", "none", "later"]
    assert all(set(line) == FIELDS for line in ran.lines)
    first, none, later = ran.lines
    assert (first["relevant"], first["decision"], first["relation"]) == (True, "new", "independent")
    assert first["alert"] == {
        "type": "created", "revision": 1, "reason": "new_story", "detail": "first told by outlet first"
    }  # fmt: skip
    assert (none["relevant"], none["story_id"], none["decision"], none["reason"]) == (False, None, None, "no_actor")
    assert (later["story_id"], later["decision"], later["alert"]) == (first["story_id"], "exact", None)
    assert (later["relation"], later["derived_from"], later["similarity"]) == ("derived", "outlet first", 1.0)


def test_a_story_is_fresh_by_the_clock_of_its_articles_not_by_ours(run: Run) -> None:
    """A figure that changes rings `updated`, and what is told anew after the story was forgotten is a new one."""
    ran = run(
        "stories", "replay",
        stdin=lines(told("a", CASUALTIES), told("b", MORE, 20, source="outlet a"), told("c", CASUALTIES, 24 * 200)),
    )  # fmt: skip
    a, b, c = ran.lines
    assert (b["story_id"], b["alert"]["type"], b["alert"]["revision"]) == (a["story_id"], "updated", 2)
    assert "3,000 → 4,000" in b["alert"]["detail"]
    assert c["story_id"] != a["story_id"]
    assert c["alert"]["type"] == "created"


def test_the_same_file_is_replayed_the_same_way(run: Run) -> None:
    said = lines(told("a", CASUALTIES), told("b", WITHDRAWAL, 1), told("c", MORE, 30))
    assert run("stories", "replay", stdin=said).out == run("stories", "replay", stdin=said).out


def test_a_second_line_of_an_id_is_a_change_and_an_unchanged_one_tells_nothing(run: Run) -> None:
    changed = told("a", f"{WITHDRAWAL} on Monday", 1)
    ran = run("stories", "replay", stdin=lines(told("a", WITHDRAWAL), changed, told("a", WITHDRAWAL, 2)))
    first, second, third = ran.lines
    assert {line["story_id"] for line in ran.lines} == {first["story_id"]}
    assert (second["decision"], second["derived_from"], second["alert"]) == ("exact", "outlet a", None)
    assert second["reason"] == "the same guid as outlet a's"
    assert (third["decision"], third["relation"], third["alert"]) == ("exact", "derived", None)
    assert third["reason"] == "this entry is in the story already"


def test_the_text_of_a_page_that_comes_later_takes_the_entrys_place(run: Run) -> None:
    page = told("a", WITHDRAWAL, 1, text="Some 3,000 of the North Korean soldiers were killed in Kursk.")
    first, second = run("stories", "replay", stdin=lines(told("a", WITHDRAWAL), page)).lines
    assert (second["story_id"], second["decision"]) == (first["story_id"], "new")


def test_lines_that_name_no_source_are_no_further_one(run: Run) -> None:
    said = [told(str(number), WITHDRAWAL, number, source=None) for number in range(3)]
    found = run("stories", "replay", stdin=lines(*said)).lines
    assert [line["relevant"] for line in found] == [True] * 3
    assert {line["derived_from"] for line in found} == {None, "unnamed source"}


def test_bad_lines_are_told_and_the_others_go_on(run: Run) -> None:
    said = lines({"id": "a"}) + b"nonsense\n\n" + lines(told("b", WITHDRAWAL), told("c", "x", gone="perhaps"))
    ran = run("stories", "replay", stdin=said)
    assert ran.code == 1
    assert [line["id"] for line in ran.lines] == ["b"]
    assert [problem.split(":")[1] for problem in ran.err.splitlines()] == [" line 1", " line 2", " line 5"]
    assert "title: is missing; allowed: text" in ran.err


def test_one_topic_may_be_chosen(run: Run) -> None:
    said = lines(told("a", WITHDRAWAL))
    assert run("stories", "replay", "--topic", "dprk-kursk", stdin=said).lines[0]["relevant"]
    assert not run("stories", "replay", "--topic", "undersea-cables", stdin=said).lines[0]["relevant"]
    ran = run("stories", "replay", "--topic", "elsewhere", stdin=said)
    assert (ran.code, "--topic: no topic `elsewhere`; allowed: " in ran.err) == (2, True)


def test_nothing_of_the_installation_is_touched(
    run: Run, sync_redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOCSIN_REDIS_URL", redis_url)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert run("stories", "replay", stdin=lines(told("a", WITHDRAWAL))).lines[0]["alert"]
    assert sync_redis.dbsize() == 0
    assert not [*tmp_path.glob("tocsin-*")]


def test_progress_is_shown_on_a_terminal_and_nowhere_else(data: Path) -> None:
    environment = os.environ | {
        "TOCSIN_TOPICS_DIR": str(TOPIC.parent),
        "TOCSIN_DATA_DIR": str(data),
        "TERM": "xterm",
    }
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "services.cli", "stories", "replay"]
    said = lines(*(told(str(number), WITHDRAWAL) for number in range(3)))
    ran = subprocess.run(command, cwd=ROOT, input=said, stdout=subprocess.PIPE, stderr=end, env=environment, check=True)
    os.close(end)
    shown = os.read(terminal, 100_000)
    os.close(terminal)
    assert b"replayed" in shown
    assert [json.loads(line)["id"] for line in ran.stdout.splitlines()] == ["0", "1", "2"]


# eval.


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    path = tmp_path / "items.jsonl"
    path.write_bytes(
        lines(
            told("a", CASUALTIES, story="lost", kind="orig"),
            told("b", CASUALTIES, 1, story="lost", kind="synd"),
            told("c", MORE, 20, story="lost", kind="upd", source="outlet a"),
            told("d", WITHDRAWAL, 21, story="gone", kind="orig"),
            told("e", WITHDRAWAL, 22, story="other", kind="orig"),
            told("f", "Rain is expected", 23, story="gone", kind="tr"),
            told("g", "Rain is expected", 23),
        )
    )
    return path


def test_labelled_entries_are_measured(run: Run, labelled: Path) -> None:
    ran = run("stories", "eval", str(labelled))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(
        "6 labelled items: 1 not relevant and not scored, 5 of 3 happenings in 2 stories; 1 without a label\n"
    )
    rows = {line.split()[0]: line.split()[1:] for line in ran.out.splitlines() if line}
    assert rows["B³"] == ["0.800", "1.000", "0.889"]  # (3·1 + 2·1/2) / 5
    assert rows["pairs"] == ["0.750", "1.000", "0.857"]
    assert "rings: 2 created, 1 updated; 0 by what has no label" in ran.out
    assert "never told as new: 1\n  line 5  other orig" in ran.out
    assert "updates: 1\n  line 3  lost upd" in ran.out
    assert "figure_changed: " in ran.out
    assert "with several in one story: 1\n" in ran.out
    assert "not by the first article" not in ran.out


def test_an_evaluation_is_also_told_as_json(run: Run, labelled: Path) -> None:
    found = json.loads(run("stories", "eval", str(labelled), "--topic", "dprk-kursk", "--json").out)
    assert (found["items"], found["scored"], found["unlabelled"], found["stories"]) == (6, 5, 1, 2)
    assert found["b_cubed"] == {"precision": 0.8, "recall": 1.0, "f1": 0.8889}
    assert found["rings"] == {"created": 2, "updated": 1}
    assert found["rings_per_happening"] == {"lost": 2, "gone": 1, "other": 0}
    assert [item["line"] for item in found["not_relevant"]] == [6]
    assert [item["alert"]["reason"] for item in found["updates"]] == ["figure_changed"]
    assert (found["needless"], found["late_updates"], found["splits"]) == ([], [], {})
    ((story, parts),) = found["merges"].items()
    assert story.startswith("st_")
    assert parts == {"gone": [WITHDRAWAL], "other": [WITHDRAWAL]}
    assert [*found["topics"]] == ["dprk-kursk"]


def test_made_files_are_read_by_their_own_key(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    same = {"id": 1, "ev": "E1", "kind": "orig", "lang": "en", "date": "2025-02-03", "title": "A statement"}
    path.write_bytes(
        lines(
            same | {"text": CASUALTIES, "set": "a"},
            same | {"text": WITHDRAWAL, "set": "b", "ev": "E2", "date": "2025-02-13"},
        )
    )
    found = json.loads(run("stories", "eval", "--key", "ev", "--json", str(path)).out)
    assert (found["scored"], found["happenings"], found["stories"]) == (2, 2, 2)


def test_what_cannot_be_evaluated_is_told(run: Run, labelled: Path, tmp_path: Path) -> None:
    assert run("stories", "eval", str(tmp_path / "none")).err.endswith("none: no such file or directory\n")
    ran = run("stories", "eval", "--key", "ev", str(labelled))
    assert (ran.code, f"--key: no line of {labelled} has a `ev`" in ran.err) == (2, True)
    with labelled.open("ab") as file:
        file.write(lines({"story": "x"}) + b"{\n")
    ran = run("stories", "eval", str(labelled))
    assert (ran.code, ran.out) == (2, "")
    assert f"{labelled}:8: title: is missing" in ran.err
    assert f"{labelled}:9: not JSON: " in ran.err
