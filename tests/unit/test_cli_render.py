"""What people and scripts are shown."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.render import (
    ahead,
    counted,
    duration,
    facts,
    highlighted,
    moment,
    plain,
    print_json,
    print_table,
    quoted,
)
from tests.factories import NOON, evidence

ESCAPE = "\x1b]0;owned\x07\x1b[2J"


@given(st.text())
def test_plain_text_keeps_its_length_and_loses_what_commands_a_terminal(text: str) -> None:
    shown = plain(text)
    assert len(shown) == len(text)
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in shown)


def test_a_title_cannot_turn_the_direction_of_the_line_or_clear_the_screen() -> None:
    assert plain(f"a\u202eb{ESCAPE}") == "a\ufffdb" + "\ufffd]0;owned\ufffd\ufffd[2J"


def test_what_spoke_for_a_text_is_marked_where_it_stands() -> None:
    text = "North Korean troops\nleave"
    shown = highlighted(
        text, [evidence(start=0, end=12)], [evidence(concept="negative", text="leave", start=20, end=25)]
    )
    assert shown.plain == text
    assert [(span.start, span.end, span.style) for span in shown.spans] == [(0, 12, "bold green"), (20, 25, "bold red")]


def test_evidence_is_quoted_once_and_what_speaks_against_without_a_name() -> None:
    twice = [evidence(), evidence(start=20, end=32), evidence(concept="negative", text="football")]
    assert quoted(twice) == "“North Korean” dprk, “football”"


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0s"), (7, "7s"), (250, "4m 10s"), (3600, "1h"), (183_605, "2d 3h"), (86_405, "1d 5s")]
)
def test_a_duration_is_told_in_its_two_greatest_units(seconds: int, told: str) -> None:
    assert duration(seconds) == told


def test_what_is_due_is_told_from_now() -> None:
    assert ahead(NOON + timedelta(seconds=61), NOON) == "in 1m 1s"
    assert ahead(NOON - timedelta(days=1), NOON) == "now"
    assert ahead(None, NOON) == ""


def test_a_moment_is_told_in_utc() -> None:
    assert moment(datetime(2025, 2, 3, 4, 5, 6, 789, tzinfo=UTC)) == "2025-02-03 04:05:06Z"
    assert moment(None) == ""


def test_things_are_counted_in_words() -> None:
    assert [counted(1, "feed"), counted(1200, "feed"), counted(0, "entry|entries")] == [
        "1 feed",
        "1,200 feeds",
        "0 entries",
    ]


def test_a_pipe_gets_every_cell_whole_and_no_escape(capsys: pytest.CaptureFixture[str]) -> None:
    title = "조선인민군 " * 60
    print_table(("name", "title", "state"), [("[bold]a[/]", title, None), (ESCAPE, "b", 3)], elastic="title")
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split() == ["name", "title", "state"]
    assert first.startswith("[bold]a[/]")
    assert title.strip() in first
    assert "\x1b" not in second


def test_a_table_without_rows_still_has_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "title"), [], elastic="title")
    assert capsys.readouterr().out.split() == ["name", "title"]


def test_empty_facts_are_left_out() -> None:
    assert facts([("a", 1), ("b", None), ("c", ""), ("d", 0)]).row_count == 2


def test_json_is_readable_and_on_one_line_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"title": "북한군"}, indent=None)
    assert capsys.readouterr().out == '{"title": "북한군"}\n'
    print_json([{"title": "북한군"}])
    assert json.loads(capsys.readouterr().out) == [{"title": "북한군"}]
